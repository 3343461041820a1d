//! The timer around the analyst: one target's past at a time, on a thread of its own, since the store may take some milliseconds; then as
//! long a pause as its share of a core asks for.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient};
use arc_swap::ArcSwap;

use super::{Analyst, Settings};
use crate::{
    clock,
    model::{RegionName, history::Past, insight::Insights, outlook::Outlooks, world::World},
};

/// How soon it looks again when there is nothing to do, at the latest; targets come and go.
const IDLE: Duration = Duration::from_secs(1);
/// A store that fails is asked again after this.
const TROUBLE: Duration = Duration::from_secs(10);
/// The target whose turn it was is gone: the next one's comes at once.
const NEXT: Duration = Duration::from_millis(5);
/// What was found is published about so often: it is the whole map each time, so with many targets once for some of them.
const PUBLISHED: Duration = Duration::from_secs(1);

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
    /// Whether something was found since that was published, and when that was.
    is_new: bool,
    published: Option<Instant>,
}

impl AnalystActor {
    /// One that looks at these targets' past and publishes there; without a past it has nothing to say.
    pub fn new(
        world: Arc<ArcSwap<World>>,
        past: Option<Arc<dyn Past>>,
        insights: Arc<ArcSwap<Insights>>,
        settings: Settings,
    ) -> Self {
        let (analyst, judges) = (Analyst::new(settings), BTreeMap::new());
        Self { world, past, insights, settings, analyst, judges, failing: false, is_new: false, published: None }
    }

    fn turn(&mut self, ctx: &mut Context<Self>) {
        let pause = self.look();
        self.publish(clock::now(), pause);
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
        let Some(target) = world.target(id.region.as_str(), id.target.as_str()) else { return NEXT };
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
        self.is_new = true;
        if let Some((judge, outlook)) = self.judges.get(&id.region).zip(self.analyst.outlook(&id)) {
            // Who is too busy to hear of it hears the next one.
            let _ = judge.try_send(Outlooks(vec![(id.clone(), outlook)]));
        }
        self.settings.pause(clock::now().saturating_duration_since(now))
    }

    /// Publishes what is new, unless that can wait for the next look.
    fn publish(&mut self, now: Instant, pause: Duration) {
        let is_due = |at: Instant| now.saturating_duration_since(at) + pause >= PUBLISHED;
        if self.is_new && self.published.is_none_or(is_due) {
            self.insights.store(Arc::new(self.analyst.insights()));
            (self.is_new, self.published) = (false, Some(now));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TargetId, insight::Insight};

    #[test]
    fn what_is_found_is_published_for_many_targets_at_once_and_within_a_second() {
        let insights: Arc<ArcSwap<Insights>> = Arc::default();
        let world = Arc::new(ArcSwap::from_pointee(World::unseen([], clock::wall(), clock::now())));
        let mut actor = AnalystActor::new(world, None, Arc::clone(&insights), Settings::default());
        let start = clock::now();
        // Whether a look that ends then, before such a pause, is published.
        let mut is_published = |at: u64, pause: u64, is_new: bool| {
            let unheard = Insights { targets: [(TargetId::new("r", "t"), Arc::new(Insight::default()))].into() };
            insights.store(Arc::new(unheard));
            actor.is_new |= is_new;
            actor.publish(start + Duration::from_millis(at), Duration::from_millis(pause));
            insights.load().targets.is_empty()
        };
        assert!(is_published(0, 5, true), "the first at once");
        assert!(!is_published(10, 5, true) && !is_published(500, 300, true), "others soon");
        assert!(is_published(850, 300, true), "the next look comes too late for it");
        assert!(!is_published(900, 10_000, false), "nothing is new");
        assert!(!is_published(1_000, 5, true));
        assert!(is_published(1_005, 1_000, false), "nothing else is to come");
    }
}
