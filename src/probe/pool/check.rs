//! When a fresh client, or a knock, comes next: on a slow schedule, sooner while something is suspicious. Pure.

use std::time::{Duration, Instant};

/// While something is suspicious, fresh clients try this often.
pub(super) const SUSPICIOUS_EVERY: Duration = Duration::from_millis(500);

/// When a fresh client tries next.
pub(super) struct Check {
    pub(super) running_since: Option<Instant>,
    pub(super) due: Instant,
    pub(super) last: Option<Instant>,
    pub(super) ok: bool,
}

impl Check {
    pub(super) const fn new(due: Instant) -> Self {
        Self { running_since: None, due, last: None, ok: true }
    }

    /// Brings the next one forward, though no sooner than a moment after the last.
    pub(super) fn hurry(&mut self, now: Instant) {
        let soonest = self.last.map_or(now, |last| now.max(last + SUSPICIOUS_EVERY));
        self.due = self.due.min(soonest);
    }

    pub(super) fn start(&mut self, now: Instant) {
        self.running_since = Some(now);
        self.last = Some(now);
    }

    pub(super) fn end(&mut self, ok: bool, now: Instant, interval: Duration) {
        self.running_since = None;
        self.ok = ok;
        self.due = now + if ok { interval } else { SUSPICIOUS_EVERY };
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.running_since.is_none() && now >= self.due
    }
}
