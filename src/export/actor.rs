//! The timer around a push, and the only one that knows how the last one ended. One push is under way at a time.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use rand::{SeedableRng, rngs::SmallRng};
use tokio::runtime::Handle;

use super::{
    Settings,
    collector::{Collector, Ended},
    figures::{self, Speaker},
    schedule::Schedule,
};
use crate::{
    clock,
    model::{
        NodeName,
        world::{Pushes, World},
    },
};

/// How often it is looked whether a push is due; the shortest interval is a second.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What an exporter is joined to.
#[derive(Debug, Clone)]
pub struct Links {
    /// This node.
    pub node: NodeName,
    /// Isobar's version.
    pub version: &'static str,
    /// The newest picture.
    pub world: Arc<ArcSwap<World>>,
    /// Where it says how it goes.
    pub pushes: Arc<ArcSwap<Pushes>>,
    /// Where calls are made.
    pub io: Handle,
}

/// From now on it pushes there, or nowhere.
#[derive(Debug, Clone)]
pub struct PushTo(pub Option<Settings>);

impl Message for PushTo {
    type Result = ();
}

/// See the module.
pub struct Exporter {
    links: Links,
    settings: Option<Settings>,
    collector: Option<(Collector, Schedule)>,
    /// Counts settings: what was pushed with others says nothing of these.
    round: u64,
    under_way: bool,
    rng: SmallRng,
}

impl Exporter {
    /// One that pushes there, or nowhere.
    pub fn new(links: Links, settings: Option<Settings>) -> Self {
        let mut exporter =
            Self { links, settings: None, collector: None, round: 0, under_way: false, rng: SmallRng::from_os_rng() };
        exporter.change(settings);
        exporter
    }

    fn change(&mut self, settings: Option<Settings>) {
        self.round += 1;
        self.under_way = false;
        let made = settings.as_ref().map(|settings| (Collector::new(settings), Schedule::new(settings.every, clock::now())));
        self.settings = settings;
        self.collector = match made {
            Some((Ok(collector), schedule)) => Some((collector, schedule)),
            Some((Err(why), _)) => {
                self.note(|pushes| pushes.failed += 1, Some(why));
                None
            }
            None => None,
        };
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look);
        let now = clock::now();
        let Some((collector, schedule)) = &self.collector else { return };
        if self.under_way || !schedule.is_due(now) {
            return;
        }
        self.under_way = true;
        let speaker = Speaker { node: &self.links.node, version: self.links.version };
        let (wall, round) = (clock::wall(), self.round);
        let export = figures::export(&self.links.world.load(), &speaker, &self.links.pushes.load(), now, wall);
        let collector = collector.clone();
        let pushed = self.links.io.spawn(async move { collector.push(&export, wall).await });
        ctx.spawn(pushed.into_actor(self).map(move |ended, exporter, _| {
            let ended = ended.unwrap_or_else(|_| Ended::Later { why: "its call panicked".to_owned(), after: None });
            if round == exporter.round {
                exporter.ended(ended);
            }
        }));
    }

    fn ended(&mut self, ended: Ended) {
        self.under_way = false;
        let (now, rng) = (clock::now(), &mut self.rng);
        let Some((_, schedule)) = &mut self.collector else { return };
        match &ended {
            Ended::Later { after, .. } => schedule.later(now, *after, rng),
            Ended::Taken { .. } | Ended::Refused(_) => schedule.done(now),
        }
        match ended {
            Ended::Taken { rejected: 0, .. } => self.note(|pushes| pushes.taken += 1, None),
            Ended::Taken { rejected, why } => {
                let count = |pushes: &mut Pushes| {
                    pushes.taken += 1;
                    pushes.rejected_points += rejected;
                };
                self.note(count, Some(format!("it did not take some points: {why}")));
            }
            Ended::Later { why, .. } | Ended::Refused(why) => self.note(|pushes| pushes.failed += 1, Some(why)),
        }
    }

    /// Counts it, and says in the log when it begins to go wrong and when it goes well again.
    fn note(&self, count: impl FnOnce(&mut Pushes), trouble: Option<String>) {
        let mut pushes = Pushes::clone(&self.links.pushes.load());
        count(&mut pushes);
        match (&pushes.trouble, &trouble) {
            (None, Some(why)) => tracing::warn!(why, "the collector of [otlp] does not take all figures"),
            (Some(_), None) => tracing::info!("the collector of [otlp] takes all figures again"),
            _ => {}
        }
        pushes.trouble = trouble;
        self.links.pushes.store(Arc::new(pushes));
    }
}

impl Actor for Exporter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<PushTo> for Exporter {
    type Result = ();

    fn handle(&mut self, to: PushTo, _: &mut Self::Context) {
        if to.0 != self.settings {
            self.change(to.0);
        }
    }
}
