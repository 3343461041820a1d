//! When to push: each interval, and later than that after a failure or when the collector says so. Pure.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::backoff::Backoff;

/// The longest pause that is of our own making; figures that are older are of no use to a chart.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A collector that wants a longer pause is asked again after this.
const LONGEST_WISH: Duration = Duration::from_hours(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    due: Instant,
    backoff: Backoff,
}

impl Schedule {
    /// The first push comes after one interval: before that little was seen.
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self { every, due: now + every, backoff: Backoff::new(every, LONGEST_PAUSE.max(every)) }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// The collector took it, or refused it for good, which the next figures need not be.
    pub(super) fn done(&mut self, now: Instant) {
        self.backoff.reset();
        // On the grid; a stall is one missed slot.
        self.due = if self.due + self.every > now { self.due + self.every } else { now + self.every };
    }

    /// It could not take it now; it may have said until when.
    pub(super) fn later(&mut self, now: Instant, wish: Option<Duration>, rng: &mut impl Rng) {
        let pause = self.backoff.next(rng);
        self.due = now + wish.map_or(pause, |wish| wish.min(LONGEST_WISH).max(pause));
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn it_is_due_each_interval_and_a_stall_is_one_missed_slot() {
        let now = crate::clock::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut schedule = Schedule::new(Duration::from_secs(10), now);
        assert!(!schedule.is_due(at(9)) && schedule.is_due(at(10)));
        schedule.done(at(12));
        assert!(!schedule.is_due(at(19)) && schedule.is_due(at(20)), "the grid stays");
        schedule.done(at(65));
        assert!(!schedule.is_due(at(74)) && schedule.is_due(at(75)));
    }

    #[test]
    fn a_collector_that_wants_a_pause_gets_it_and_one_that_is_away_is_tried_ever_more_rarely() {
        let (now, mut rng) = (crate::clock::now(), SmallRng::seed_from_u64(1));
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut schedule = Schedule::new(Duration::from_secs(10), now);
        schedule.later(at(10), Some(Duration::from_mins(2)), &mut rng);
        assert!(!schedule.is_due(at(129)) && schedule.is_due(at(130)));
        schedule.later(at(130), Some(Duration::MAX), &mut rng);
        assert!(schedule.is_due(at(130 + 3_600)), "however long it wants");
        for _ in 0..10 {
            schedule.later(at(4_000), None, &mut rng);
        }
        assert!(!schedule.is_due(at(4_029)) && schedule.is_due(at(4_060)), "never more than a minute");
        schedule.done(at(4_060));
        assert!(schedule.is_due(at(4_070)));
    }
}
