//! What is written to the cache and when: a target's health at once when its status changed, at most once a second, and at least each
//! interval as long as it is probed here. Pure.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::model::{Report, Sample, Status, TargetId};

/// The worst of the world, for readers who only have Redis.
pub const WORST: &str = "database:health:latest";
/// No key is written more often.
const AT_MOST: Duration = Duration::from_secs(1);
/// What was heard longer ago is not this node's to write any more.
const FRESH: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct Cache {
    every: Duration,
    entries: BTreeMap<TargetId, Entry>,
    worst: Option<(Instant, Status)>,
}

#[derive(Debug)]
struct Entry {
    sample: Arc<Sample>,
    arrived: Instant,
    written: Option<(Instant, Status)>,
}

/// Whether a key is to be written now.
fn is_due(written: Option<(Instant, Status)>, status: Status, every: Duration, now: Instant) -> bool {
    written.is_none_or(|(at, was)| {
        let age = now.saturating_duration_since(at);
        age >= every || (was != status && age >= AT_MOST)
    })
}

impl Cache {
    /// A cache that is written at least each `every`.
    pub const fn new(every: Duration) -> Self {
        Self { every, entries: BTreeMap::new(), worst: None }
    }

    /// Takes what a probe of this node said.
    pub fn take(&mut self, report: &Report, now: Instant) {
        let sample = Arc::clone(&report.sample);
        match self.entries.get_mut(&report.id()) {
            Some(entry) => (entry.sample, entry.arrived) = (sample, now),
            None => drop(self.entries.insert(report.id(), Entry { sample, arrived: now, written: None })),
        }
    }

    /// A target that the configuration no longer has.
    pub fn remove(&mut self, id: &TargetId) {
        self.entries.remove(id);
    }

    /// Whether a target's status changed, and may be written now.
    pub fn is_urgent(&self, now: Instant) -> bool {
        self.entries.values().any(|entry| {
            let changed = entry.written.is_none_or(|(_, status)| status != entry.sample.status);
            changed && is_due(entry.written, entry.sample.status, self.every, now)
        })
    }

    /// The keys to write now, each with its sample, which counts as written.
    pub fn due(&mut self, now: Instant) -> Vec<(String, Arc<Sample>)> {
        self.entries.retain(|_, entry| now.saturating_duration_since(entry.arrived) < FRESH);
        let every = self.every;
        let due = |(id, entry): (&TargetId, &mut Entry)| {
            is_due(entry.written, entry.sample.status, every, now).then(|| {
                entry.written = Some((now, entry.sample.status));
                (format!("{WORST}:{}:{}", id.region, id.target), Arc::clone(&entry.sample))
            })
        };
        self.entries.iter_mut().filter_map(due).collect()
    }

    /// The worst of the world, when it is to be written now; to be asked by the region's leader alone.
    pub fn worst<'a>(&mut self, samples: impl Iterator<Item = &'a Arc<Sample>>, now: Instant) -> Option<(String, Arc<Sample>)> {
        let worst = samples.reduce(|worst, next| if next.badness() > worst.badness() { next } else { worst })?;
        is_due(self.worst, worst.status, self.every, now).then(|| {
            self.worst = Some((now, worst.status));
            (WORST.to_owned(), Arc::clone(worst))
        })
    }

    /// The last write failed: everything is due again.
    pub fn lost(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.written = None);
        self.worst = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::fixtures::{REGION, report},
        clock,
        model::Status::{Degraded, Healthy, Unhealthy, Unknown},
    };

    /// Milliseconds and what a probe says then; `+` is written at that moment, `-` is not.
    fn script(steps: &[(u64, Option<Status>)], expected: &str) {
        let (start, mut cache) = (clock::now(), Cache::new(Duration::from_secs(3)));
        let written: String = steps
            .iter()
            .map(|(ms, status)| {
                let now = start + Duration::from_millis(*ms);
                if let Some(status) = status {
                    cache.take(&report("orders", *status, 1), now);
                }
                let urgent = cache.is_urgent(now);
                let due = cache.due(now);
                assert!(!urgent || !due.is_empty(), "{ms} ms");
                if due.is_empty() { '-' } else { '+' }
            })
            .collect();
        assert_eq!(written, expected, "{steps:?}");
    }

    #[test]
    fn a_change_is_written_at_once_and_the_rest_each_interval() {
        let said = Some;
        script(&[(0, said(Healthy)), (250, said(Healthy)), (2_900, said(Healthy)), (3_000, said(Healthy))], "+--+");
        script(&[(0, said(Healthy)), (1_100, said(Unhealthy)), (1_200, said(Healthy)), (2_100, None)], "++-+");
        script(&[(0, said(Healthy)), (200, said(Unhealthy)), (999, None), (1_000, None)], "+--+");
    }

    #[test]
    fn what_another_node_probes_now_is_not_written_any_more() {
        script(&[(0, Some(Healthy)), (3_000, None), (6_000, None), (20_000, None)], "++--");
    }

    #[test]
    fn after_a_failed_write_everything_is_due_again() {
        let (now, mut cache) = (clock::now(), Cache::new(Duration::from_secs(3)));
        cache.take(&report("orders", Healthy, 1), now);
        let keys: Vec<String> = cache.due(now).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [format!("database:health:latest:{REGION}:orders")]);
        cache.lost();
        assert_eq!(cache.due(now).len(), 1);
    }

    #[test]
    fn the_worst_of_the_world_is_the_one_with_the_worst_status() {
        let (now, mut cache) = (clock::now(), Cache::new(Duration::from_secs(3)));
        let world = [Healthy, Unknown, Unhealthy, Degraded].map(|status| report(status.as_str(), status, 1).sample);
        let (key, worst) = cache.worst(world.iter(), now).expect("it is due");
        assert_eq!((key.as_str(), worst.status), (WORST, Unhealthy));
        assert!(cache.worst(world.iter(), now).is_none(), "it was written");
        assert!(cache.worst([].iter(), now).is_none());
    }
}
