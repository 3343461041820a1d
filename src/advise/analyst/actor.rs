//! The timer around the analyst: one target's past at a time, on a thread of its own, since the store may take some milliseconds; then as
//! long a pause as its share of a core asks for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient};
use arc_swap::ArcSwap;

use super::{Analyst, Settings};
use crate::{
    clock,
    model::{RegionName, history::Past, insight::Insights, outlook::Outlooks, world::World},
};

/// How soon it looks again when there is nothing to do, at the latest; targets come and go.
const IDLE: Duration = Duration::from_secs(1);
/// Between two looks at least, so that many targets come evenly.
const BREATH: Duration = Duration::from_millis(5);
/// A store that fails is asked again after this.
const TROUBLE: Duration = Duration::from_secs(10);

/// Who judges the targets of each region, and is told what their past says of their present.
#[derive(Debug, Clone, Default)]
pub struct TellTo(pub BTreeMap<RegionName, Recipient<Outlooks>>);

impl Message for TellTo {
    type Result = ();
}

/// See the module.
pub struct AnalystActor {
    world: Arc<ArcSwap<World>>,
    past: Option<Arc<dyn Past>>,
    insights: Arc<ArcSwap<Insights>>,
    settings: Settings,
    analyst: Analyst,
    judges: BTreeMap<RegionName, Recipient<Outlooks>>,
    failing: bool,
}

impl AnalystActor {
    /// One that looks at these targets' past and publishes there; without a past it has nothing to say.
    pub fn new(
        world: Arc<ArcSwap<World>>,
        past: Option<Arc<dyn Past>>,
        insights: Arc<ArcSwap<Insights>>,
        settings: Settings,
    ) -> Self {
        Self { world, past, insights, settings, analyst: Analyst::new(settings), judges: BTreeMap::new(), failing: false }
    }

    fn turn(&mut self, ctx: &mut Context<Self>) {
        let pause = self.look();
        ctx.run_later(pause, Self::turn);
    }

    /// Looks at whoever's turn it is; tells when to look again.
    fn look(&mut self) -> Duration {
        let Some(past) = &self.past else { return IDLE };
        let (now, world) = (clock::now(), self.world.load_full());
        let Some((id, due)) = self.analyst.next(now, &world) else { return IDLE };
        if due > Duration::ZERO {
            return due.min(IDLE);
        }
        let Some(target) = world.target(id.region.as_str(), id.target.as_str()) else { return BREATH };
        let looked = self.analyst.look(target, past.as_ref(), now, clock::wall());
        if let Err(error) = &looked
            && !self.failing
        {
            tracing::warn!(target = %id, %error, "the past cannot be read; trends stay as they were");
        }
        self.failing = looked.is_err();
        if self.failing {
            return TROUBLE;
        }
        self.insights.store(Arc::new(self.analyst.insights()));
        if let Some((judge, outlook)) = self.judges.get(&id.region).zip(self.analyst.outlook(&id)) {
            // Who is too busy to hear of it hears the next one.
            let _ = judge.try_send(Outlooks(vec![(id.clone(), outlook)]));
        }
        // One target never takes longer to come than a full look at all would: they are spread over the time between two looks.
        let spent = clock::now().saturating_duration_since(now);
        BREATH.max(spent.mul_f64(1.0 / self.settings.duty.clamp(0.001, 1.0) - 1.0))
    }
}

impl Actor for AnalystActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.turn(ctx);
    }
}

impl Handler<TellTo> for AnalystActor {
    type Result = ();

    fn handle(&mut self, TellTo(judges): TellTo, _: &mut Self::Context) {
        self.judges = judges;
    }
}
