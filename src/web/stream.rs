//! The live stream: whoever subscribes is told everything once (`snapshot`), then only what changes; an alert that changes is told whole.
//!
//! ```text
//!  World ──► what differs from what was told ──► frames (one per target) ──► per filter: one chunk ──► subscribers
//!  AlertChange ──────────────────────────────────► (one per alert) └─► ring of recent frames ──► who comes back with Last-Event-ID
//! ```
//! The hub compares each world with what it has told, region by region and sample by sample, by pointer first: a lost
//! mail heals with the next. A frame is encoded once; a chunk is put together once per filter and shared. Nothing waits for a
//! reader: one that leaves its queue full is marked as lagging, gets nothing more, and starts over with a snapshot when it has
//! room again; one that takes nothing for a minute is let go. While nobody looks, nothing is encoded and nothing kept.

pub(super) mod actor;
pub(super) mod patch;
mod ring;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use super::{
    alerts,
    views::{self, Filter},
};
use crate::model::{
    RegionName, Sample, Status, TargetName,
    alert::{Alert, AlertBook},
    world::{Region, World},
};
use ring::{Ring, Scope};

/// Chunks that a subscriber may leave unread: some seconds of a busy world.
const QUEUE: usize = 64;

/// A subscriber that takes nothing for this long is let go.
const PATIENCE: Duration = Duration::from_mins(1);

/// A comment this often keeps proxies from closing a quiet stream, and tells a page that it is alive.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// How long changes are kept for nobody, so that the last subscriber may come back after a broken connection.
const RESUME_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Subscriber {
    filter: Filter,
    to: Sender<Bytes>,
    lagging_since: Option<Instant>,
}

/// What was told of one region.
#[derive(Debug)]
struct Told {
    region: Arc<Region>,
    samples: BTreeMap<TargetName, (Arc<Sample>, Value)>,
}

/// The stream's state.
#[derive(Debug)]
pub(super) struct Hub {
    world: Arc<World>,
    alerts: Arc<ArcSwap<AlertBook>>,
    told: BTreeMap<RegionName, Told>,
    told_status: Status,
    told_cut_off: BTreeSet<RegionName>,
    ring: Ring,
    subscribers: Vec<Subscriber>,
    /// When somebody last looked; none while nothing is kept.
    looked: Option<Instant>,
    comment_due: Instant,
}

impl Hub {
    /// A hub that nobody watches yet. `boot` tells this process's events from those of the one before.
    pub(super) fn new(now: Instant, boot: i64, world: Arc<World>, alerts: Arc<ArcSwap<AlertBook>>) -> Self {
        Self {
            told_status: world.status,
            told_cut_off: world.cut_off.clone(),
            world,
            alerts,
            told: BTreeMap::new(),
            ring: Ring::new(boot),
            subscribers: Vec::new(),
            looked: None,
            comment_due: now + COMMENT_EVERY,
        }
    }

    /// A new subscriber's queue: the events it missed when it names the last it saw and they are still known, a snapshot otherwise.
    pub(super) fn subscribe(&mut self, now: Instant, filter: Filter, last_event: Option<&str>) -> Receiver<Bytes> {
        if self.looked.is_none() {
            self.wake();
        }
        self.looked = Some(now);
        let missed = last_event.and_then(|id| self.ring.missed(&filter, id));
        // A browser that loses the stream comes back after this many milliseconds.
        let first = missed.unwrap_or_else(|| self.snapshot(&filter));
        let first = [b"retry: 1000\n\n".as_slice(), &first].concat();
        let (to, queue) = channel(QUEUE);
        let _ = to.try_send(first.into());
        self.subscribers.push(Subscriber { filter, to, lagging_since: None });
        queue
    }

    /// Tells what is new in this world.
    pub(super) fn change(&mut self, now: Instant, world: Arc<World>) {
        self.world = world;
        if self.looked.is_none() {
            return;
        }
        let from = self.ring.newest;
        self.tell_status();
        self.tell_samples();
        if self.ring.newest > from {
            self.deliver(now, from);
        }
        self.ring.trim();
    }

    /// Tells what happened to alerts.
    pub(super) fn tell_alerts(&mut self, now: Instant, changed: &[(&'static str, Arc<Alert>)]) {
        if self.looked.is_none() {
            return;
        }
        let from = self.ring.newest;
        for (event, alert) in changed {
            let data = json!({
                "event": event, "at": alert.timestamp, "region": alert.region, "target": alert.target, "alert": alert,
            });
            self.ring.push(Scope::Alert(alert.clone()), "alert", &data);
        }
        if self.ring.newest > from {
            self.deliver(now, from);
        }
        self.ring.trim();
    }

    /// The passing of time, about once a second: comments, laggards, and rest when nobody looks.
    pub(super) fn tick(&mut self, now: Instant) {
        let comment = now >= self.comment_due;
        if comment {
            self.comment_due = now + COMMENT_EVERY;
        }
        self.subscribers.retain(|subscriber| {
            let gave_up = subscriber.lagging_since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
            !gave_up && !subscriber.to.is_closed()
        });
        self.deliver(now, self.ring.newest);
        if comment {
            for subscriber in &self.subscribers {
                // A full queue needs no proof of life.
                let _ = subscriber.to.try_send(Bytes::from_static(b": still here\n\n"));
            }
        }
        match self.looked {
            Some(_) if !self.subscribers.is_empty() => self.looked = Some(now),
            Some(last) if now.saturating_duration_since(last) >= RESUME_WITHIN => self.rest(),
            _ => {}
        }
    }

    /// The regions that subscribers ask for by name, or by a target's name.
    pub(super) fn looked_at(&self) -> BTreeSet<RegionName> {
        let filters: HashSet<&Filter> = self.subscribers.iter().map(|subscriber| &subscriber.filter).collect();
        let narrow = filters.into_iter().filter(|filter| **filter != Filter::default());
        narrow.flat_map(|filter| filter.targets(&self.world).map(|target| target.report.sample.region.clone())).collect()
    }

    /// Ends every stream.
    pub(super) fn close(&mut self) {
        self.subscribers.clear();
        self.rest();
    }

    fn wake(&mut self) {
        self.told_status = self.world.status;
        self.told_cut_off.clone_from(&self.world.cut_off);
        let told = self.world.regions.iter().map(|(name, region)| {
            let samples = region.targets.iter().map(|(name, target)| {
                let sample = target.report.sample.clone();
                let value = patch::value(&sample);
                (name.clone(), (sample, value))
            });
            (name.clone(), Told { region: region.clone(), samples: samples.collect() })
        });
        self.told = told.collect();
    }

    fn rest(&mut self) {
        self.looked = None;
        self.told.clear();
        self.ring.forget();
    }

    /// A region that is cut off, or is so no longer, is news of it even when its status is the same.
    fn tell_status(&mut self) {
        let mut regions: BTreeMap<RegionName, Option<Status>> = BTreeMap::new();
        for (name, region) in &self.world.regions {
            let is_told = self.told.get(name).is_some_and(|told| told.region.status == region.status);
            if !is_told || self.told_cut_off.contains(name) != self.world.cut_off.contains(name) {
                regions.insert(name.clone(), Some(region.status));
            }
        }
        for name in self.told.keys().filter(|name| !self.world.regions.contains_key(*name)) {
            regions.insert(name.clone(), None);
        }
        if regions.is_empty() && self.told_status == self.world.status && self.told_cut_off == self.world.cut_off {
            return;
        }
        self.told_status = self.world.status;
        self.told_cut_off.clone_from(&self.world.cut_off);
        for (name, status) in &regions {
            let filter = Filter { region: Some(name.clone()), target: None };
            let data = json!({
                "status": status.unwrap_or(Status::Unknown), "regions": { name.as_str(): status }, "cutOff": self.cut_off(&filter),
            });
            self.ring.push(Scope::Region(name.clone()), "status", &data);
        }
        let cut_off = self.cut_off(&Filter::default());
        self.ring.push(Scope::World, "status", &json!({ "status": self.world.status, "regions": regions, "cutOff": cut_off }));
    }

    fn cut_off(&self, filter: &Filter) -> Vec<RegionName> {
        self.world.cut_off.iter().filter(|region| filter.takes_region(region)).cloned().collect()
    }

    fn tell_samples(&mut self) {
        let world = self.world.clone();
        let mut told = std::mem::take(&mut self.told);
        told.retain(|name, told| {
            let known = world.regions.contains_key(name);
            if !known {
                told.samples.keys().for_each(|target| self.push_removed(name, target));
            }
            known
        });
        for (name, region) in &world.regions {
            let told =
                told.entry(name.clone()).or_insert_with(|| Told { region: Region::unseen().into(), samples: BTreeMap::new() });
            if Arc::ptr_eq(&told.region, region) {
                continue;
            }
            told.region = region.clone();
            told.samples.retain(|target, _| {
                let known = region.targets.contains_key(target);
                if !known {
                    self.push_removed(name, target);
                }
                known
            });
            for (target, state) in &region.targets {
                let sample = &state.report.sample;
                let before = told.samples.get(target);
                if before.is_some_and(|(before, _)| Arc::ptr_eq(before, sample)) {
                    continue;
                }
                let value = patch::value(sample);
                let update = patch::update(before.map(|(_, value)| value), &value);
                self.ring.push(Scope::Target(name.clone(), target.clone()), "update", &update);
                told.samples.insert(target.clone(), (sample.clone(), value));
            }
        }
        self.told = told;
    }

    fn push_removed(&mut self, region: &RegionName, target: &TargetName) {
        self.ring.push(Scope::Target(region.clone(), target.clone()), "removed", &json!({ "region": region, "target": target }));
    }

    fn snapshot(&self, filter: &Filter) -> Bytes {
        let regions: BTreeMap<_, _> = self
            .world
            .regions
            .iter()
            .filter(|(name, _)| filter.takes_region(name))
            .map(|(name, region)| (name, region.status))
            .collect();
        let status =
            filter.region.as_ref().map_or(self.world.status, |only| regions.get(only).copied().unwrap_or(Status::Unknown));
        let targets: Vec<_> = filter.targets(&self.world).collect();
        let book = self.alerts.load();
        let data = json!({
            "status": status, "regions": regions, "cutOff": self.cut_off(filter), "databases": views::samples(&targets),
            "alerts": alerts::open(&book, filter),
        });
        self.ring.event("snapshot", &data).into()
    }

    /// Hands the frames after `after` to everybody they concern; who was lagging and has room again starts over.
    fn deliver(&mut self, now: Instant, after: u64) {
        let mut subscribers = std::mem::take(&mut self.subscribers);
        let mut chunks: HashMap<Filter, Option<Bytes>> = HashMap::new();
        let mut snapshots: HashMap<Filter, Bytes> = HashMap::new();
        subscribers.retain_mut(|subscriber| {
            let filter = &subscriber.filter;
            let chunk = if subscriber.lagging_since.is_some() {
                // With half the queue free again it will not fall behind at once.
                if subscriber.to.capacity() < QUEUE / 2 {
                    return true;
                }
                Some(snapshots.entry(filter.clone()).or_insert_with(|| self.snapshot(filter)).clone())
            } else {
                chunks.entry(filter.clone()).or_insert_with(|| self.ring.chunk(filter, after)).clone()
            };
            let Some(chunk) = chunk else { return true };
            match subscriber.to.try_send(chunk) {
                Ok(()) => subscriber.lagging_since = None,
                Err(TrySendError::Full(_)) => subscriber.lagging_since = Some(subscriber.lagging_since.unwrap_or(now)),
                Err(TrySendError::Closed(_)) => return false,
            }
            true
        });
        self.subscribers = subscribers;
    }
}

#[cfg(test)]
mod tests;
