//! When to send, how much at once, and what becomes of a batch by how its request ended. Pure.
//!
//! | answer | the batch | next |
//! | --- | --- | --- |
//! | taken, wholly or in part | is sent | at once, a moment later |
//! | later (429, 5xx, no answer) | waits | when it was told, or after a growing, jittered pause |
//! | too big | waits, to be halved | at once |
//! | refused (400) | is dropped: it would be refused again and hold up what comes after it | at once |
//! | closed (401, 403, 404) | waits | after ten minutes, or with other settings |

use std::time::{Duration, Instant};

use rand::Rng;

use crate::backoff::Backoff;

/// Four requests a second are a fraction of what a data source takes, and clear a full spool of the usual size within seconds.
const GAP: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A longer wish is asked about after this.
const LONGEST_WISH: Duration = Duration::from_hours(1);
/// What somebody must mend may be mended at Tinybird, which tells nobody.
const CLOSED: Duration = Duration::from_mins(10);
/// A tenth of what a request may have.
const LARGEST: usize = 1 << 20;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Taken, but for so many rows, which were put aside.
    Taken {
        /// Rows that are there now.
        successful: Option<u64>,
        /// Rows that do not fit the data source.
        quarantined: u64,
    },
    /// Taken, but something behind the data source failed; it must not be sent again.
    Partly(String),
    /// Not now; not before that time when it was told.
    Later {
        /// Why.
        why: String,
        /// For how long not.
        after: Option<Duration>,
    },
    /// The request was too big.
    TooBig,
    /// These rows never.
    Refused(String),
    /// None, until somebody mends what is told here.
    Closed(String),
}

/// What becomes of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    Waits,
    Dropped,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Courier {
    due: Instant,
    most: usize,
    backoff: Backoff,
}

impl Courier {
    pub(super) const fn new(now: Instant) -> Self {
        Self { due: now, most: LARGEST, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Bytes of a batch.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Takes how the request with so many rows and bytes ended.
    pub(super) fn ended(&mut self, ended: &Ended, rows: usize, bytes: usize, now: Instant, rng: &mut impl Rng) -> Fate {
        let (fate, pause) = match ended {
            Ended::Taken { .. } | Ended::Partly(_) => (Fate::Sent, GAP),
            Ended::TooBig if rows > 1 => {
                self.most = (bytes / 2).max(1);
                (Fate::Waits, GAP)
            }
            Ended::TooBig | Ended::Refused(_) => (Fate::Dropped, GAP),
            Ended::Closed(_) => (Fate::Waits, CLOSED.mul_f64(rng.random_range(1.0..1.1))),
            Ended::Later { after, .. } => {
                let pause = self.backoff.next(rng);
                // Never sooner than it was told, and not all of those who were told the same at the same moment.
                let told = after.map(|wish| wish.min(LONGEST_WISH).mul_f64(rng.random_range(1.0..1.1)));
                (Fate::Waits, told.map_or(pause, |told| told.max(pause)))
            }
        };
        if !matches!(ended, Ended::Later { .. }) {
            self.backoff.reset();
        }
        self.due = now + pause;
        fate
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn later(after: Option<u64>) -> Ended {
        Ended::Later { why: String::new(), after: after.map(Duration::from_secs) }
    }

    #[test]
    fn what_it_is_told_is_obeyed_and_otherwise_it_tries_ever_more_rarely() {
        let (now, mut rng) = (crate::clock::now(), SmallRng::seed_from_u64(1));
        let at = |ms| now + Duration::from_millis(ms);
        let mut courier = Courier::new(now);
        assert!(courier.is_due(now));
        assert_eq!(courier.ended(&later(Some(30)), 5, 100, now, &mut rng), Fate::Waits);
        assert!(!courier.is_due(at(29_999)) && courier.is_due(at(33_000)));
        for _ in 0..10 {
            courier.ended(&later(None), 5, 100, now, &mut rng);
        }
        assert!(!courier.is_due(at(29_999)) && courier.is_due(at(60_000)), "never more than a minute");
        courier.ended(&later(Some(1)), 5, 100, now, &mut rng);
        assert!(!courier.is_due(at(29_999)), "a short wish is no reason to hurry");
        courier.ended(&later(Some(u64::MAX)), 5, 100, now, &mut rng);
        assert!(courier.is_due(at(3_600_000 * 11 / 10)), "however long it wants");
        let taken = Ended::Taken { successful: Some(5), quarantined: 0 };
        assert_eq!(courier.ended(&taken, 5, 100, now, &mut rng), Fate::Sent);
        assert!(!courier.is_due(at(249)) && courier.is_due(at(250)));
        courier.ended(&later(None), 5, 100, now, &mut rng);
        assert!(courier.is_due(at(1_000)), "a success begins anew");
    }

    #[test]
    fn a_batch_that_is_too_big_is_halved_down_to_one_row() {
        let (now, mut rng) = (crate::clock::now(), SmallRng::seed_from_u64(1));
        let mut courier = Courier::new(now);
        assert_eq!(courier.most(), 1 << 20);
        assert_eq!(courier.ended(&Ended::TooBig, 1_000, 700_000, now, &mut rng), Fate::Waits);
        assert_eq!(courier.most(), 350_000);
        assert_eq!(courier.ended(&Ended::TooBig, 2, 1_400, now, &mut rng), Fate::Waits);
        assert_eq!(courier.ended(&Ended::TooBig, 1, 700, now, &mut rng), Fate::Dropped);
        assert_eq!(courier.most(), 700);
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let (now, mut rng) = (crate::clock::now(), SmallRng::seed_from_u64(1));
        let mut courier = Courier::new(now);
        assert_eq!(courier.ended(&Ended::Refused(String::new()), 5, 100, now, &mut rng), Fate::Dropped);
        assert_eq!(courier.ended(&Ended::Partly(String::new()), 5, 100, now, &mut rng), Fate::Sent);
        assert_eq!(courier.ended(&Ended::Closed(String::new()), 5, 100, now, &mut rng), Fate::Waits);
        assert!(!courier.is_due(now + Duration::from_secs(599)) && courier.is_due(now + Duration::from_mins(11)));
    }
}
