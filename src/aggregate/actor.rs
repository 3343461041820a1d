//! The aggregator: takes batches, keeps the world, tells its subscribers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient};
use arc_swap::ArcSwap;

use super::{blind, status, trend::Trends};
use crate::{
    clock,
    model::{
        RegionName, Report, Status, TargetId, Timestamp,
        report::Batch,
        world::{Region, Target, World, WorldChange},
    },
};

/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Batches that may wait: one of each of a dozen regions four times over. More are refused, and the next one heals it.
const MAILBOX: usize = 64;

/// See the module.
pub struct Aggregator {
    world: Arc<ArcSwap<World>>,
    subscribers: Vec<Recipient<WorldChange>>,
    blind_after: Duration,
    regions: BTreeMap<RegionName, Entry>,
    updated_at: Timestamp,
}

/// One region as it is kept.
struct Entry {
    region: Region,
    trends: HashMap<TargetId, Trends>,
    configured: (Instant, Timestamp),
}

/// The regions of a new configuration; those that are gone are forgotten.
#[derive(Debug)]
pub struct Reconfigure {
    /// All of them.
    pub regions: Vec<RegionName>,
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

impl Entry {
    fn new() -> Self {
        Self { region: Region::unseen(), trends: HashMap::new(), configured: (clock::now(), clock::wall()) }
    }

    fn take(&mut self, now: Instant, batch: &Batch) {
        self.region.heard = Some(now);
        self.region.heard_at = Some(clock::wall());
        self.region.roster = batch.roster.clone();
        for report in &batch.reports {
            let trends = self.trends.entry(report.id()).or_default();
            let known = self.region.targets.get(&report.sample.target);
            let seen = match known {
                Some(known) if !trends.add(now, &report.sample) => Arc::clone(&known.trends),
                _ => Arc::new(trends.trends()),
            };
            let target = Target { report: report.clone(), trends: seen };
            self.region.targets.insert(report.sample.target.clone(), Arc::new(target));
        }
        for id in &batch.removed {
            self.trends.remove(id);
            self.region.targets.remove(&id.target);
        }
    }

    /// Judges the region; tells whether anything changed.
    fn judge(&mut self, now: Instant, blind_after: Duration) -> bool {
        let heard = self.region.heard.zip(self.region.heard_at);
        let blind = blind::judge(heard, self.configured, now, blind_after);
        let targets = self.region.targets.values();
        let status = if blind.is_some() {
            Status::Unknown
        } else {
            status::region(targets.map(|target| (target.report.sample.status, target.report.critical)))
        };
        let changed = status != self.region.status || blind.is_some() == self.region.reasons.is_empty();
        self.region.status = status;
        self.region.reasons = blind.into_iter().collect();
        changed
    }
}

impl Aggregator {
    /// An aggregator of these regions that publishes to `world` and tells `subscribers`.
    pub fn new(
        regions: Vec<RegionName>,
        world: Arc<ArcSwap<World>>,
        subscribers: Vec<Recipient<WorldChange>>,
        blind_after: Duration,
    ) -> Self {
        let regions = regions.into_iter().map(|name| (name, Entry::new())).collect();
        Self { world, subscribers, blind_after, regions, updated_at: clock::wall() }
    }

    /// Publishes the world, with the maps of the regions that changed made anew, and tells the subscribers.
    fn publish(&self, changed: &[RegionName], reports: &[Report], removed: &[TargetId]) {
        let before = self.world.load();
        let region = |(name, entry): (&RegionName, &Entry)| {
            let kept = before.regions.get(name).filter(|_| !changed.contains(name));
            (name.clone(), kept.cloned().unwrap_or_else(|| Arc::new(entry.region.clone())))
        };
        let world = Arc::new(World {
            status: status::world(self.regions.values().map(|entry| entry.region.status)),
            updated_at: self.updated_at,
            regions: self.regions.iter().map(region).collect(),
        });
        self.world.store(Arc::clone(&world));
        for subscriber in &self.subscribers {
            let change = WorldChange { world: Arc::clone(&world), reports: reports.to_vec(), removed: removed.to_vec() };
            if subscriber.try_send(change).is_err() {
                tracing::debug!("a subscriber is too slow; it will see the next change");
            }
        }
    }

    fn look_for_silence(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look_for_silence);
        let now = clock::now();
        let blind_after = self.blind_after;
        let changed = self.regions.iter_mut().filter_map(|(name, entry)| entry.judge(now, blind_after).then(|| name.clone()));
        let changed: Vec<_> = changed.collect();
        if !changed.is_empty() {
            self.publish(&changed, &[], &[]);
        }
    }
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

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
        let now = clock::now();
        // A batch of a region that the configuration no longer has was already on its way.
        let Some(entry) = self.regions.get_mut(&batch.region) else { return };
        entry.take(now, &batch);
        entry.judge(now, self.blind_after);
        self.updated_at = batch.reports.iter().map(|report| report.sample.timestamp).fold(self.updated_at, Timestamp::max);
        self.publish(&[batch.region], &batch.reports, &batch.removed);
    }
}

impl Handler<Subscribers> for Aggregator {
    type Result = ();

    fn handle(&mut self, new: Subscribers, _: &mut Self::Context) {
        self.subscribers = new.0;
    }
}

impl Handler<Reconfigure> for Aggregator {
    type Result = ();

    fn handle(&mut self, new: Reconfigure, _: &mut Self::Context) {
        let gone = |region: &RegionName| !new.regions.contains(region);
        let removed: Vec<TargetId> = self
            .regions
            .iter()
            .filter(|(name, _)| gone(name))
            .flat_map(|(name, entry)| {
                entry.region.targets.keys().map(|target| TargetId { region: name.clone(), target: target.clone() })
            })
            .collect();
        self.regions.retain(|name, _| !gone(name));
        for name in new.regions {
            self.regions.entry(name).or_insert_with(Entry::new);
        }
        self.publish(&[], &[], &removed);
    }
}

#[cfg(test)]
mod tests;
