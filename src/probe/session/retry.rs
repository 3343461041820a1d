//! When a lane may try to connect again.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::SmallRng};

use crate::backoff::Backoff;

/// Reconnects of a lane: soon at first, so that a restart is hardly missed, and never rarer than recovery must be noticed.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));

/// See the module.
#[derive(Debug)]
pub(super) struct Retry {
    backoff: Backoff,
    rng: SmallRng,
    not_before: Option<Instant>,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self { backoff: RETRY, rng: SmallRng::from_os_rng(), not_before: None }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| now >= at)
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.next(&mut self.rng));
    }

    pub(super) const fn succeeded(&mut self) {
        self.backoff.reset();
        self.not_before = None;
    }
}
