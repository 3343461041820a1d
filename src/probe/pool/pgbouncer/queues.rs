//! For how long a queue has not moved, where the console does not tell how long clients wait.
//!
//! While somebody waits and no transaction of the database ends, those who wait are the same ones: the oldest has waited at least
//! since the queue was first seen so. A queue that moves starts anew, so the figure is never too high.

use std::{collections::BTreeMap, time::Instant};

use super::tables::{PoolRow, Totals};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queues(BTreeMap<(String, String), (Instant, u64)>);

impl Queues {
    /// Takes a reading in, and writes into its pools how long their queues have stood still.
    pub(super) fn step(&mut self, now: Instant, pools: &mut [PoolRow], totals: &[Totals]) {
        let before = std::mem::take(&mut self.0);
        for pool in pools.iter_mut().filter(|pool| pool.clients_waiting > 0) {
            let ended =
                totals.iter().find(|row| row.counters.database == pool.database).map_or(0, |row| row.counters.transactions);
            let key = (pool.database.clone(), pool.user.clone());
            let since = before.get(&key).filter(|(_, then)| *then == ended).map_or(now, |(since, _)| *since);
            pool.max_wait_ms = now.saturating_duration_since(since).as_secs_f64() * 1e3;
            self.0.insert(key, (since, ended));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{clock, model::counters::PoolerCounters};

    #[test]
    fn a_queue_that_stands_still_grows_old_and_one_that_moves_does_not() {
        let (start, mut queues) = (clock::now(), Queues::default());
        let mut ages = Vec::new();
        for (nth, (waiting, transactions)) in (0..).zip([(0, 5), (2, 5), (2, 5), (3, 5), (3, 6), (1, 6), (0, 6), (1, 6)]) {
            let mut pools = [PoolRow { database: "app".into(), clients_waiting: waiting, ..PoolRow::default() }];
            let counters = PoolerCounters { database: "app".into(), transactions, ..PoolerCounters::default() };
            queues.step(start + Duration::from_secs(nth), &mut pools, &[Totals { counters, errors: None }]);
            ages.push(pools[0].max_wait_ms);
        }
        assert_eq!(ages, [0.0, 0.0, 1e3, 2e3, 0.0, 1e3, 0.0, 0.0]);
    }
}
