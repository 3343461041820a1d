//! The pools inside applications, each as it told last, from whichever node it came. Whoever is silent for three of its own intervals is
//! gone: it ended, or its exporter did, and either way nothing is known of it any more.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::stays;
use crate::{model::vitals::ApplicationPool, region::seen::Signal};

/// More than one database could serve; what is beyond is left out.
const MOST_POOLS: usize = 2_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Applications {
    pools: BTreeMap<(String, Option<String>, String), (Instant, ApplicationPool)>,
}

impl Applications {
    /// Takes what some of them told.
    pub(super) fn tell(&mut self, now: Instant, pools: Vec<ApplicationPool>) {
        for pool in pools {
            let key = (pool.service.clone(), pool.instance.clone(), pool.pool.clone());
            let known = self.pools.get(&key);
            let is_older = known.is_some_and(|(_, known)| known.told_at > pool.told_at);
            if !is_older && (known.is_some() || self.pools.len() < MOST_POOLS) {
                self.pools.insert(key, (now, pool));
            }
        }
    }

    /// Forgets whoever fell silent; tells whether anybody did.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        let before = self.pools.len();
        self.pools.retain(|_, (at, pool)| is_fresh(now, *at, pool));
        self.pools.len() < before
    }

    /// Those that are there.
    pub(super) fn signal(&self, now: Instant) -> Signal<Vec<ApplicationPool>> {
        let fresh: Vec<_> =
            self.pools.values().filter(|(at, pool)| is_fresh(now, *at, pool)).map(|(_, pool)| pool.clone()).collect();
        if fresh.is_empty() { Signal::Absent } else { Signal::Fresh(fresh) }
    }
}

fn is_fresh(now: Instant, at: Instant, pool: &ApplicationPool) -> bool {
    now.saturating_duration_since(at) <= stays(Duration::from_millis(pool.interval_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(instance: &str, second: i64, used: u32) -> ApplicationPool {
        let told_at = crate::model::Timestamp(chrono::DateTime::from_timestamp(second, 0).expect("a moment"));
        ApplicationPool {
            service: "shop".into(),
            instance: Some(instance.into()),
            pool: "p".into(),
            told_at,
            interval_ms: 10_000,
            used: Some(used),
            idle: None,
            max: None,
            idle_max: None,
            peak: None,
            pending: None,
            queued_ms: None,
            timeouts: None,
            mean_wait_ms: None,
            mean_use_ms: None,
            mean_create_ms: None,
        }
    }

    fn used(of: &Applications, now: Instant) -> Vec<Option<u32>> {
        of.signal(now).fresh().map(|pools| pools.iter().map(|pool| pool.used).collect()).unwrap_or_default()
    }

    #[test]
    fn the_newest_word_of_each_instance_counts_whatever_order_they_come_in() {
        let (mut all, now) = (Applications::default(), crate::clock::now());
        assert!(matches!(all.signal(now), Signal::Absent));
        all.tell(now, vec![pool("a", 20, 2), pool("b", 20, 7)]);
        all.tell(now, vec![pool("a", 10, 1)]);
        assert_eq!(used(&all, now), [Some(2), Some(7)]);
        all.tell(now, vec![pool("a", 30, 3)]);
        assert_eq!(used(&all, now), [Some(3), Some(7)]);
    }

    #[test]
    fn who_is_silent_for_three_intervals_is_gone() {
        let (mut all, now) = (Applications::default(), crate::clock::now());
        all.tell(now, vec![pool("a", 20, 2), pool("b", 20, 7)]);
        let later = now + Duration::from_secs(25);
        all.tell(later, vec![pool("b", 45, 8)]);
        assert!(!all.forget(later), "both are there still");
        let last = now + Duration::from_secs(32);
        assert_eq!(used(&all, last), [Some(8)]);
        assert!(all.forget(last) && !all.forget(last), "it is said once");
        assert!(all.forget(last + Duration::from_mins(1)));
        assert!(matches!(all.signal(last), Signal::Absent));
    }

    #[test]
    fn no_flood_of_names_fills_the_memory() {
        let (mut all, now) = (Applications::default(), crate::clock::now());
        all.tell(now, (0..MOST_POOLS + 10).map(|number| pool(&number.to_string(), 1, 1)).collect());
        assert_eq!(used(&all, now).len(), MOST_POOLS);
    }
}
