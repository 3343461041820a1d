//! A sum over the last minutes, in a bounded number of buckets.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::model::counters::DatabaseRates;

/// What the windows add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Committed and rolled back.
    pub transactions: u64,
    /// Rolled back.
    pub rollbacks: u64,
    /// Of those, by a deadlock.
    pub deadlocks: u64,
    /// Of those, cancelled by recovery.
    pub conflicts: u64,
    /// Sessions that an administrator ended.
    pub killed: u64,
    /// Sessions that a fatal error ended.
    pub fatal: u64,
    /// Sessions whose client vanished.
    pub abandoned: u64,
    /// What poolers counted as errors.
    pub pooler: u64,
    /// Blocks found in the cache.
    pub hits: u64,
    /// Blocks read from outside it.
    pub reads: u64,
}

impl Sums {
    /// What failed: rolled back, killed and fatal, and the poolers' own errors.
    pub const fn failed(&self) -> u64 {
        self.rollbacks.saturating_add(self.killed).saturating_add(self.fatal).saturating_add(self.pooler)
    }

    /// Failed share of the transactions, 0..1; none without either. Where nothing gets through to the server at all, all of it failed.
    pub fn error_rate(&self) -> Option<f64> {
        let failed = self.failed();
        (self.transactions > 0 || failed > 0).then(|| (failed as f64 / self.transactions.max(1) as f64).min(1.0))
    }

    /// Share of the blocks that came from the cache, 0..1; none without any.
    pub fn cache_hit_ratio(&self) -> Option<f64> {
        let all = self.hits + self.reads;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }

    /// Adds what else happened.
    pub fn add(&mut self, other: Self) {
        let sum = |mine: &mut u64, others: u64| *mine = mine.saturating_add(others);
        sum(&mut self.transactions, other.transactions);
        sum(&mut self.rollbacks, other.rollbacks);
        sum(&mut self.deadlocks, other.deadlocks);
        sum(&mut self.conflicts, other.conflicts);
        sum(&mut self.killed, other.killed);
        sum(&mut self.fatal, other.fatal);
        sum(&mut self.abandoned, other.abandoned);
        sum(&mut self.pooler, other.pooler);
        sum(&mut self.hits, other.hits);
        sum(&mut self.reads, other.reads);
    }
}

impl From<&DatabaseRates> for Sums {
    fn from(rates: &DatabaseRates) -> Self {
        Self {
            transactions: rates.commits.saturating_add(rates.rollbacks),
            rollbacks: rates.rollbacks,
            deadlocks: rates.deadlocks,
            conflicts: rates.conflicts,
            killed: rates.sessions_killed.unwrap_or(0),
            fatal: rates.sessions_fatal.unwrap_or(0),
            abandoned: rates.sessions_abandoned.unwrap_or(0),
            pooler: 0,
            hits: rates.blocks_hit,
            reads: rates.blocks_read,
        }
    }
}

/// The sums of the last `length`.
#[derive(Debug, Clone)]
pub struct Window {
    length: Duration,
    buckets: VecDeque<(Instant, Sums)>,
}

impl Window {
    /// How finely a window slides: its edge is wrong by at most this share of it.
    const BUCKETS: u32 = 60;

    /// An empty window of that length.
    pub fn new(length: Duration) -> Self {
        Self { length, buckets: VecDeque::new() }
    }

    /// Adds what happened in the interval that ended at `at`.
    pub fn add(&mut self, at: Instant, sums: Sums) {
        match self.buckets.back_mut() {
            Some((began, bucket)) if at.saturating_duration_since(*began) < self.length / Self::BUCKETS => bucket.add(sums),
            _ => self.buckets.push_back((at, sums)),
        }
        while self.buckets.front().is_some_and(|(began, _)| at.saturating_duration_since(*began) >= self.length) {
            self.buckets.pop_front();
        }
    }

    /// The sums of the window that ends at `now`; none when nothing was added within it.
    pub fn sums(&self, now: Instant) -> Option<Sums> {
        let within = self.buckets.iter().filter(|(at, _)| now.saturating_duration_since(*at) < self.length);
        within.fold(None, |total, (_, sums)| {
            let mut total = total.unwrap_or_default();
            total.add(*sums);
            Some(total)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_window_forgets_what_is_older_than_it_and_stays_small() {
        let start = clock::now();
        let mut window = Window::new(Duration::from_secs(10));
        assert_eq!(window.sums(start), None);
        for tenth in 0..1_000 {
            window.add(start + Duration::from_millis(100 * tenth), Sums { transactions: 1, ..Sums::default() });
        }
        let now = start + Duration::from_millis(99_900);
        let sum = window.sums(now).expect("something happened").transactions;
        assert!((98..=100).contains(&sum), "{sum}");
        assert!(window.buckets.len() <= 60);
        assert_eq!(window.sums(now + Duration::from_secs(11)), None);
    }
}
