//! The aggregator: takes batches, keeps the world, tells its subscribers.

mod subscriber;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient};
use arc_swap::ArcSwap;

use subscriber::Subscriber;

use super::{Blindness, blind, status, trend::Trends};
use crate::{
    clock,
    model::{
        RegionName, Report, Status, TargetId, Timestamp,
        report::Batch,
        sample::Missing,
        world::{Region, Target, World, WorldChange},
    },
};

/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The world is published at least this often, so that everybody knows that it is kept.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Batches that may wait: one of each of a dozen regions four times over. More are refused, and the next one heals it.
const MAILBOX: usize = 64;

/// A look that is later than this is a gap.
const STOOD_STILL: Duration = Duration::from_secs(2);

/// See the module.
pub struct Aggregator {
    world: Arc<ArcSwap<World>>,
    subscribers: Vec<Subscriber>,
    blindness: Blindness,
    published: Instant,
    /// When it looked for silence last.
    looked: Instant,
    /// Since when it has looked without a gap.
    listening: Instant,
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

impl Entry {
    fn new() -> Self {
        Self { region: Region::unseen(), trends: HashMap::new(), configured: (clock::now(), clock::wall()) }
    }

    fn take(&mut self, now: Instant, batch: &Batch) {
        self.region.heard = Some(now);
        self.region.heard_at = Some(clock::wall());
        if let Some(roster) = &batch.roster {
            self.region.roster = roster.clone();
        }
        for report in &batch.reports {
            let trends = self.trends.entry(report.id()).or_default();
            let known = self.region.targets.get(&report.sample.target);
            let seen = match known {
                Some(known) if !trends.add(now, &report.sample) => Arc::clone(&known.trends),
                _ => Arc::new(trends.trends()),
            };
            let target = Target { report: report.clone(), node: batch.node.clone(), heard: now, trends: seen };
            self.region.targets.insert(report.sample.target.clone(), Arc::new(target));
        }
        for id in &batch.removed {
            self.trends.remove(id);
            self.region.targets.remove(&id.target);
        }
    }

    /// Judges the region, whose silence counts while somebody listened; tells whether anything changed. The targets of a region that went blind become unknown: their last
    /// samples say how they were, not how they are.
    fn judge(&mut self, now: Instant, listening: Instant, rule: Blindness) -> bool {
        let counts = |(at, wall): (Instant, Timestamp)| (at.max(listening), wall);
        let heard = self.region.heard.zip(self.region.heard_at).map(counts);
        let blind = blind::judge(heard, counts(self.configured), now, rule);
        let was = (self.region.status, self.region.reasons.len());
        if let Some(reason) = &blind {
            self.region.targets.values_mut().for_each(|target| forget(target, &reason.message));
        }
        let targets = self.region.targets.values();
        let status = status::region(targets.map(|target| (target.report.sample.status, target.report.critical)));
        self.region.status = if blind.is_some() { Status::Unknown } else { status };
        self.region.reasons = blind.into_iter().filter(|_| rule.enabled).collect();
        was != (self.region.status, self.region.reasons.len())
    }
}

/// Makes a target unknown that nobody reports any more.
fn forget(target: &mut Arc<Target>, cause: &str) {
    if target.report.sample.status == Status::Unknown {
        return;
    }
    let target = Arc::make_mut(target);
    let sample = Arc::make_mut(&mut target.report.sample);
    sample.status = Status::Unknown;
    sample.probe.missing.push(Missing { field: "status".to_owned(), cause: cause.to_owned(), fix: None });
    target.report.transitions.clear();
}

impl Aggregator {
    /// An aggregator of these regions that publishes to `world` and tells `subscribers`.
    pub fn new(
        regions: Vec<RegionName>,
        world: Arc<ArcSwap<World>>,
        subscribers: Vec<Recipient<WorldChange>>,
        blindness: Blindness,
    ) -> Self {
        let regions = regions.into_iter().map(|name| (name, Entry::new())).collect();
        let (updated_at, published) = (clock::wall(), clock::now());
        let (looked, listening) = (published, published);
        let subscribers = subscribers.into_iter().map(Subscriber::new).collect();
        Self { world, subscribers, blindness, published, looked, listening, regions, updated_at }
    }

    /// Publishes the world, with the maps of the regions that changed made anew, and tells the subscribers.
    fn publish(&mut self, changed: &[RegionName], reports: &[Report], removed: &[TargetId]) {
        let before = self.world.load();
        let region = |(name, entry): (&RegionName, &Entry)| {
            let kept = before.regions.get(name).filter(|_| !changed.contains(name));
            (name.clone(), kept.cloned().unwrap_or_else(|| Arc::new(entry.region.clone())))
        };
        self.published = clock::now();
        let world = Arc::new(World {
            status: status::world(self.regions.values().map(|entry| entry.region.status)),
            updated_at: self.updated_at,
            judged: self.published,
            cut_off: std::collections::BTreeSet::new(),
            regions: self.regions.iter().map(region).collect(),
        });
        self.world.store(Arc::clone(&world));
        for subscriber in &mut self.subscribers {
            subscriber.tell(&world, reports, removed);
        }
    }

    fn look_for_silence(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look_for_silence);
        let (now, rule) = (clock::now(), self.blindness);
        let stood = now.saturating_duration_since(self.looked);
        self.looked = now;
        if stood > STOOD_STILL {
            // The process was stopped, or the machine under it: what nobody could hear is no silence.
            tracing::warn!(seconds = stood.as_secs(), "this process stood still");
            self.listening = now;
        }
        let listening = self.listening;
        let changed: Vec<RegionName> =
            self.regions.iter_mut().filter_map(|(name, entry)| entry.judge(now, listening, rule).then(|| name.clone())).collect();
        if !changed.is_empty() {
            self.publish(&changed, &[], &[]);
        } else if now.saturating_duration_since(self.published) >= PUBLISH_EVERY {
            let blind = self.regions.iter().filter(|(_, entry)| !entry.region.reasons.is_empty());
            let blind: Vec<RegionName> = blind.map(|(name, _)| name.clone()).collect();
            self.publish(&blind, &[], &[]);
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
        entry.judge(now, self.listening, self.blindness);
        self.updated_at = batch.reports.iter().map(|report| report.sample.timestamp).max().unwrap_or(self.updated_at);
        self.publish(&[batch.region], &batch.reports, &batch.removed);
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
