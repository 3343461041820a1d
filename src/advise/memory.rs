//! What was advised, what of it was taken and what came of that: kept over restarts, as JSON. Pure.

use serde::{Deserialize, Serialize};

use super::{bound::Contention, demand::Demand, look::PoolKey, outcome::Taken};
use crate::model::{Timestamp, advice::Recommendation};

/// A change this long after the advice is not because of it, milliseconds.
const FRESH: i64 = 24 * 3_600 * 1_000;
/// What came of advice is shown for so long.
const SHOWN: i64 = 90 * 24 * 3_600 * 1_000;
/// And no more than so many.
const MOST: usize = 200;

/// The newest advice about a pool's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Given {
    pool: PoolKey,
    at: Timestamp,
    recommendation: Recommendation,
    before: Demand,
}

/// A change, and whose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Change {
    pool: PoolKey,
    taken: Taken,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    given: Vec<Given>,
    /// Oldest first.
    changes: Vec<Change>,
}

impl Memory {
    /// As it was kept; empty when it cannot be read: what came of old advice is no reason not to give new.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As it is kept.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Advice about a pool's size was given.
    pub(super) fn give(&mut self, pool: &PoolKey, recommendation: Recommendation, before: Demand, at: Timestamp) {
        self.given.retain(|given| given.pool != *pool && age(given.at, at) <= FRESH);
        self.given.push(Given { pool: pool.clone(), at, recommendation, before });
    }

    /// A pool has this size. Whether that is a change after advice.
    pub(super) fn see(&mut self, pool: &PoolKey, size: u32, now: Timestamp) -> bool {
        let changed = self.given.iter().position(|given| given.pool == *pool && given.before.size != size);
        let Some(Given { pool, at, recommendation, before }) = changed.map(|at| self.given.swap_remove(at)) else { return false };
        if age(at, now) > FRESH {
            return false;
        }
        for change in self.changes.iter_mut().filter(|change| change.pool == pool) {
            change.taken.give_up();
        }
        self.changes.push(Change { pool, taken: Taken::new(recommendation, before, size, now) });
        self.changes.retain(|change| age(change.taken.at(), now) <= SHOWN);
        let over = self.changes.len().saturating_sub(MOST);
        self.changes.drain(..over);
        true
    }

    /// What clients want of a pool now. Whether that settles what came of a change.
    pub(super) fn measure(&mut self, pool: &PoolKey, demand: &Demand) -> bool {
        let mut is_settled = false;
        for change in self.changes.iter_mut().filter(|change| change.pool == *pool) {
            is_settled |= change.taken.measure(demand);
        }
        is_settled
    }

    /// What the newest enlargement of a pool did to its service.
    pub(super) fn contention(&self, pool: &PoolKey) -> Option<Contention> {
        self.changes.iter().rev().find(|change| change.pool == *pool)?.taken.contention()
    }

    /// Newest first.
    pub(super) fn past(&self) -> Vec<Recommendation> {
        self.changes.iter().rev().map(|change| change.taken.told()).collect()
    }
}

fn age(of: Timestamp, now: Timestamp) -> i64 {
    now.unix_ms().saturating_sub(of.unix_ms())
}
