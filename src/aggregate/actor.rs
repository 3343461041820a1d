//! The aggregator: takes batches, keeps the world, tells its subscribers.

mod subscriber;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient};
use arc_swap::ArcSwap;

use subscriber::Subscriber;

use super::{
    Blindness,
    ledger::{Ledger, Moment, Terms},
    status,
};
use crate::{
    clock,
    model::{
        RegionName, Report, TargetId, Timestamp,
        cluster::BusState,
        report::Batch,
        world::{World, WorldChange},
    },
};

/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The world is published at least this often, so that everybody knows that it is kept.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Samples that come within this are published together; part of the 500 ms to the live stream.
const TOGETHER: Duration = Duration::from_millis(25);
/// The same for what changes a judgement: it waits only while a storm of others comes.
const AT_ONCE: Duration = Duration::from_millis(3);
/// Publishing takes at most this share of the time: in a world so large that it takes long, it is done less often.
const SHARE: u32 = 8;
/// Batches that may wait: with a bus each node of each region sends some a second. More are refused, and the next one heals it.
const MAILBOX: usize = 1_024;

/// A look that is later than this is a gap.
const STOOD_STILL: Duration = Duration::from_secs(2);

/// See the module.
pub struct Aggregator {
    world: Arc<ArcSwap<World>>,
    /// How well the buses are heard; none without one.
    bus: Option<Arc<ArcSwap<BusState>>>,
    subscribers: Vec<Subscriber>,
    blindness: Blindness,
    published: Instant,
    /// How long the last publishing took.
    took: Duration,
    /// When the next one is due that is already arranged.
    due: Option<Instant>,
    /// When it looked for silence last.
    looked: Instant,
    /// Since when it has looked without a gap.
    listening: Instant,
    regions: BTreeMap<RegionName, Ledger>,
    updated_at: Timestamp,
}

/// The regions of a new configuration; those that are gone are forgotten.
#[derive(Debug)]
pub struct Reconfigure {
    /// All of them.
    pub regions: Vec<RegionName>,
    /// When one of them is blind.
    pub blindness: Blindness,
}

impl Message for Reconfigure {
    type Result = ();
}

/// Who is to be told of changes from now on.
#[derive(Debug)]
pub struct Subscribers(pub Vec<Recipient<WorldChange>>);

impl Message for Subscribers {
    type Result = ();
}

fn moment() -> Moment {
    Moment { at: clock::now(), wall: clock::wall() }
}

impl Aggregator {
    /// An aggregator of these regions that publishes to `world` and tells `subscribers`.
    pub fn new(
        regions: Vec<RegionName>,
        world: Arc<ArcSwap<World>>,
        subscribers: Vec<Recipient<WorldChange>>,
        blindness: Blindness,
    ) -> Self {
        let now = moment();
        let regions = regions.into_iter().map(|name| (name.clone(), Ledger::new(name, now))).collect();
        let (updated_at, published) = (now.wall, now.at);
        let (looked, listening, took) = (published, published, Duration::ZERO);
        let subscribers = subscribers.into_iter().map(Subscriber::new).collect();
        Self { world, bus: None, subscribers, blindness, published, took, due: None, looked, listening, regions, updated_at }
    }

    /// The same, told how well the buses are heard: a silent region whose bus cannot be reached is cut off from here.
    #[must_use]
    pub fn with_bus(self, bus: Option<Arc<ArcSwap<BusState>>>) -> Self {
        Self { bus, ..self }
    }

    /// Publishes now, or soon when it was done a moment ago.
    fn publish_soon(&mut self, ctx: &mut Context<Self>, urgent: bool) {
        let gap = (if urgent { AT_ONCE } else { TOGETHER }).max(self.took * SHARE);
        let (now, due) = (clock::now(), self.published + gap);
        if due <= now {
            self.publish(now, false);
        } else if self.due.is_none_or(|arranged| arranged > due) {
            self.due = Some(due);
            ctx.run_later(due - now, move |aggregator, _| {
                if aggregator.due == Some(due) {
                    aggregator.publish(clock::now(), false);
                }
            });
        }
    }

    /// Settles what has news, publishes the world and tells the subscribers. `all`: the messages of blind regions, which count seconds.
    fn publish(&mut self, began: Instant, all: bool) {
        let now = moment();
        let state = self.bus.as_ref().map(|bus| bus.load());
        let (mut reports, mut removed, mut changed): (Vec<Report>, Vec<TargetId>, Vec<RegionName>) = Default::default();
        for (name, ledger) in &mut self.regions {
            let counts_seconds = all && !ledger.region.reasons.is_empty();
            if !ledger.is_dirty() && !counts_seconds {
                continue;
            }
            let settled = ledger.settle(now, terms(state.as_deref(), name, self.blindness, self.listening));
            reports.extend(settled.reports);
            removed.extend(settled.removed);
            if settled.changed {
                changed.push(name.clone());
            }
        }
        self.tell(began, &changed, &reports, &removed);
    }

    fn tell(&mut self, began: Instant, changed: &[RegionName], reports: &[Report], removed: &[TargetId]) {
        let before = self.world.load();
        let region = |(name, ledger): (&RegionName, &Ledger)| {
            let kept = before.regions.get(name).filter(|_| !changed.contains(name));
            (name.clone(), kept.cloned().unwrap_or_else(|| Arc::new(ledger.region.clone())))
        };
        let cut_off = |(name, ledger): (&RegionName, &Ledger)| ledger.cut_off.then(|| name.clone());
        let world = Arc::new(World {
            status: status::world(self.regions.values().map(|ledger| ledger.region.status)),
            updated_at: self.updated_at,
            judged: began,
            cut_off: self.regions.iter().filter_map(cut_off).collect(),
            regions: self.regions.iter().map(region).collect(),
        });
        self.world.store(Arc::clone(&world));
        for subscriber in &mut self.subscribers {
            subscriber.tell(&world, reports, removed);
        }
        self.published = clock::now();
        self.took = self.published.saturating_duration_since(began);
        self.due = None;
    }

    fn look_for_silence(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look_for_silence);
        let now = moment();
        let stood = now.at.saturating_duration_since(self.looked);
        self.looked = now.at;
        if stood > STOOD_STILL {
            // The process was stopped, or the machine under it: what nobody could hear is no silence.
            tracing::warn!(seconds = stood.as_secs(), "this process stood still");
            self.listening = now.at;
        }
        let state = self.bus.as_ref().map(|bus| bus.load());
        let mut is_news = false;
        for (name, ledger) in &mut self.regions {
            is_news |= ledger.look(now, terms(state.as_deref(), name, self.blindness, self.listening));
        }
        drop(state);
        let is_due = now.at.saturating_duration_since(self.published) >= PUBLISH_EVERY;
        if is_news || is_due {
            self.publish(now.at, is_due);
        }
    }
}

fn terms<'a>(state: Option<&'a Arc<BusState>>, region: &RegionName, rule: Blindness, listening: Instant) -> Terms<'a> {
    let link = state.and_then(|state| state.links.get(region));
    Terms { rule, listening, trouble: link.and_then(|link| link.trouble.as_deref()) }
}

impl Actor for Aggregator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.look_for_silence(ctx);
    }
}

impl Handler<Batch> for Aggregator {
    type Result = ();

    fn handle(&mut self, mut batch: Batch, ctx: &mut Self::Context) {
        let now = moment();
        for (id, view) in std::mem::take(&mut batch.views) {
            if let Some(ledger) = self.regions.get_mut(&id.region) {
                ledger.view(now, &id.target, view);
            }
        }
        // A batch of a region that the configuration no longer has was already on its way.
        let Some(ledger) = self.regions.get_mut(&batch.region) else { return };
        let newest = batch.reports.iter().map(|report| report.sample.timestamp);
        let newest = newest.chain(batch.figures.iter().map(|figures| figures.timestamp)).max();
        // Never in the future, whatever a node's clock says.
        self.updated_at = newest.map_or(self.updated_at, |newest| newest.max(self.updated_at).min(now.wall));
        let urgent = ledger.take(now, batch);
        self.publish_soon(ctx, urgent);
    }
}

impl Handler<Subscribers> for Aggregator {
    type Result = ();

    fn handle(&mut self, new: Subscribers, _: &mut Self::Context) {
        self.subscribers = new.0.into_iter().map(Subscriber::new).collect();
    }
}

impl Handler<Reconfigure> for Aggregator {
    type Result = ();

    fn handle(&mut self, new: Reconfigure, _: &mut Self::Context) {
        self.blindness = new.blindness;
        let gone = |region: &RegionName| !new.regions.contains(region);
        let removed: Vec<TargetId> =
            self.regions.iter().filter(|(name, _)| gone(name)).flat_map(|(_, ledger)| ledger.leave()).collect();
        self.regions.retain(|name, _| !gone(name));
        let now = moment();
        for name in new.regions {
            self.regions.entry(name.clone()).or_insert_with(|| Ledger::new(name, now));
        }
        self.tell(now.at, &[], &[], &removed);
    }
}

#[cfg(test)]
mod tests;
