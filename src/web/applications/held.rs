//! What is remembered of one pool. Pure.
//!
//! A sum that starts anew or goes backward is an application that started anew: all that it holds came since. The first sum of a pool makes no
//! mean, since it may hold days. **A pool that stands still shows no waits**: nobody gets a connection, so no wait has ended. While
//! requests wait, none is served and none gives up, the time since that began is the wait, and it is one of those who wait now. Who tells
//! differences falls silent about waits then, so silence of who told of them before means the same.
//!
//! Some never tell of waits, as node-postgres, and a pool that has stood still from its first request cannot have. What can be known of
//! those is for how long each telling has shown requests that wait and nothing free; whether somebody was served in between it does not say.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    book::{Draft, SAME_TELLING},
    names::Says,
    points::Grown,
};
use crate::model::{Timestamp, vitals::ApplicationPool};

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) pool: ApplicationPool,
    pub(super) heard: Instant,
    /// The newest cumulative sums, by what they say.
    sums: BTreeMap<u8, Grown>,
    /// Since when requests wait and none is served.
    stuck: Option<Instant>,
    /// Since when requests wait and nothing is free, whether or not some are served.
    queued: Option<Instant>,
    /// Whether it has ever told of waits.
    tells_waits: bool,
    /// Whether it has told of waits since it last told how many requests wait: the two may come in different requests of one telling.
    told_waits: bool,
}

impl Held {
    /// A pool that nothing is known of yet.
    pub(super) fn new(
        service: String,
        instance: Option<String>,
        pool: String,
        interval: Duration,
        now: Instant,
        told_at: Timestamp,
    ) -> Self {
        let pool = ApplicationPool {
            service,
            instance,
            pool,
            told_at,
            interval_ms: interval.as_millis() as u64,
            used: None,
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
        };
        let sums = BTreeMap::new();
        Self { pool, heard: now, sums, stuck: None, queued: None, tells_waits: false, told_waits: false }
    }

    /// Takes what a request says of it.
    pub(super) fn take(&mut self, draft: &Draft, now: Instant) {
        let small = |number: Option<u64>| number.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let number = |says: Says| draft.numbers.get(&(says as u8)).copied();
        let pool = &mut self.pool;
        pool.used = small(draft.used).or(pool.used);
        pool.idle = small(draft.idle).or(pool.idle);
        pool.max = small(number(Says::Max)).or(pool.max);
        pool.idle_max = small(number(Says::IdleMax)).or(pool.idle_max);
        pool.pending = small(number(Says::Pending)).or(pool.pending);
        if draft.used.is_some() || draft.idle.is_some() {
            let all = draft.used.unwrap_or_default().saturating_add(draft.idle.unwrap_or_default());
            pool.peak = small(Some(all)).max(pool.peak);
        }
        let before = pool.timeouts;
        pool.timeouts = match draft.gave_up {
            Some(more) => Some(before.unwrap_or_default().saturating_add(more)),
            None => number(Says::Timeouts).or(before),
        };
        let gave_up = before.is_some_and(|before| pool.timeouts.is_some_and(|now| now != before));
        self.pool.mean_use_ms = self.mean(draft, Says::Use).after(self.pool.mean_use_ms);
        self.pool.mean_create_ms = self.mean(draft, Says::Create).after(self.pool.mean_create_ms);
        self.waits(draft, gave_up, now);
    }

    fn waits(&mut self, draft: &Draft, gave_up: bool, now: Instant) {
        let says_pending = draft.numbers.contains_key(&(Says::Pending as u8));
        let wait = self.wait(draft, says_pending);
        let waits = self.pool.pending.is_some_and(|pending| pending > 0);
        let is_served = matches!(wait, Mean::First | Mean::Of(_));
        if !waits || gave_up {
            self.stuck = None;
        } else if is_served || (says_pending && self.stuck.is_none()) {
            self.stuck = Some(now);
        }
        let lasts = |since: Option<Instant>| since.map(|since| now.saturating_duration_since(since));
        let ms = |lasted: Duration| lasted.as_secs_f64() * 1_000.0;
        match wait {
            Mean::Unsaid => {}
            Mean::First => self.pool.mean_wait_ms = None,
            Mean::OfNone => self.pool.mean_wait_ms = lasts(self.stuck).map(ms).filter(|since| *since > 0.0),
            Mean::Of(mean) => self.pool.mean_wait_ms = Some(mean),
        }
        let queues = waits && self.pool.idle.unwrap_or_default() == 0;
        self.queued = if queues { self.queued.or(Some(now)) } else { None };
        self.pool.queued_ms = lasts(self.queued).filter(|lasted| *lasted > SAME_TELLING).map(ms);
    }

    /// What is said of waits, silence included.
    fn wait(&mut self, draft: &Draft, says_pending: bool) -> Mean {
        let mut wait = self.mean(draft, Says::Wait);
        if !matches!(wait, Mean::Unsaid) {
            (self.tells_waits, self.told_waits) = (true, true);
        } else if says_pending && self.tells_waits && !self.told_waits {
            wait = Mean::OfNone;
        }
        self.told_waits &= !says_pending;
        wait
    }

    /// The mean over what came since the last telling, milliseconds.
    fn mean(&mut self, draft: &Draft, says: Says) -> Mean {
        let says = says as u8;
        let came = match (draft.delta.get(&says), draft.cumulative.get(&says)) {
            (Some(came), _) => *came,
            (None, Some(all)) => match self.sums.insert(says, *all) {
                None => return Mean::First,
                Some(before) if before.start != all.start || before.count > all.count || before.sum > all.sum => *all,
                Some(before) => Grown { start: 0, count: all.count - before.count, sum: all.sum - before.sum },
            },
            (None, None) => return Mean::Unsaid,
        };
        if came.count > 0 { Mean::Of(came.sum / came.count as f64) } else { Mean::OfNone }
    }
}

/// A mean since the last telling.
enum Mean {
    /// Nothing was said of it.
    Unsaid,
    /// A sum was said for the first time, and nobody knows since when it grew.
    First,
    /// Nothing happened.
    OfNone,
    Of(f64),
}

impl Mean {
    /// What stands now when this stood before.
    fn after(self, before: Option<f64>) -> Option<f64> {
        match self {
            Self::Unsaid => before,
            Self::First | Self::OfNone => None,
            Self::Of(mean) => Some(mean),
        }
    }
}
