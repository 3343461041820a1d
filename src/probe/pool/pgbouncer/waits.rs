//! How long clients waited for a server, from counters: `avg_wait_time` is a minute old and changed its meaning in 1.23, and
//! `maxwait` forgets a queue as soon as it is gone.
//!
//! ```text
//!  reading   ·    ·    ·    ·    ·       mean = Δ total wait / Δ server assignments
//!            └─────── 1 s ───────┘       over the last second, or the last interval when readings are further apart
//! ```
//! Assignments are counted by PgBouncer since 1.23. Before, in transaction and statement mode they are what arrived less the
//! growth of the queue, which is exact, since PgBouncer counts a transaction when its client asks, not when it is served. In
//! session mode nothing counts them, so it is the sessions seen to leave the queue or to take a server. At least one, when the
//! total wait moved. A counter that goes backwards starts the window anew.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::tables::{PoolRow, Totals};
use crate::model::counters::PoolerCounters;

/// Long enough for a mean of several transactions, short enough to follow a queue.
const WINDOW: Duration = Duration::from_secs(1);

/// What happened to one database in the window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Waited {
    /// Milliseconds that assigned clients had waited, summed.
    pub(super) wait_ms: f64,
    /// Times that a server was given to a client.
    pub(super) assignments: u64,
}

/// One database at one reading.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    wait_ms: f64,
    assignments: Option<u64>,
    arrived: u64,
    servers_active: u32,
    clients_waiting: u32,
    session_mode: bool,
}

/// The readings of the last second, by database.
#[derive(Debug, Default)]
pub(super) struct Waits {
    last: Option<Instant>,
    marks: BTreeMap<String, VecDeque<(Instant, Mark)>>,
}

impl Waits {
    /// Takes a reading in, and says what happened in the window that ends with it. A database that has only been seen once is
    /// left out, unless an earlier reading had no such database: then it started from nothing.
    pub(super) fn step(&mut self, now: Instant, totals: &[Totals], pools: &[PoolRow]) -> BTreeMap<String, Waited> {
        let before = self.last.replace(now);
        let counters = || totals.iter().map(|row| &row.counters);
        self.marks.retain(|name, _| counters().any(|row| row.database == *name));
        counters()
            .filter_map(|row| {
                let mark = Mark::of(row, row.wait_seconds?, pools);
                let marks = self.marks.entry(row.database.clone()).or_insert_with(|| {
                    let nothing = Mark { assignments: mark.assignments.map(|_| 0), ..Mark::default() };
                    before.map(|at| (at, nothing)).into_iter().collect()
                });
                if marks.back().is_some_and(|(_, last)| mark.restarted_since(last)) {
                    marks.clear();
                }
                marks.push_back((now, mark));
                // The oldest that stays is the newest of those that are a window old.
                while marks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
                    marks.pop_front();
                }
                (marks.len() > 1).then(|| (row.database.clone(), waited(marks)))
            })
            .collect()
    }
}

fn waited(marks: &VecDeque<(Instant, Mark)>) -> Waited {
    let steps = marks.iter().zip(marks.iter().skip(1)).map(|((_, from), (_, to))| to.since(from));
    steps.fold(Waited::default(), |sum, step| Waited {
        wait_ms: sum.wait_ms + step.wait_ms,
        assignments: sum.assignments + step.assignments,
    })
}

impl Mark {
    fn of(row: &PoolerCounters, wait_seconds: f64, pools: &[PoolRow]) -> Self {
        let pools = || pools.iter().filter(|pool| pool.database == row.database);
        let mode = |mode: &str| pools().any(|pool| pool.mode == mode);
        Self {
            wait_ms: wait_seconds * 1e3,
            assignments: row.server_assignments,
            arrived: if mode("statement") { row.queries } else { row.transactions },
            servers_active: pools().map(|pool| pool.servers_active).sum(),
            clients_waiting: pools().map(|pool| pool.clients_waiting).sum(),
            session_mode: mode("session"),
        }
    }

    fn restarted_since(&self, last: &Self) -> bool {
        self.wait_ms < last.wait_ms || self.arrived < last.arrived || self.assignments < last.assignments
    }

    fn since(&self, from: &Self) -> Waited {
        let wait_ms = self.wait_ms - from.wait_ms;
        let growth = |now: u32, then: u32| i64::from(now) - i64::from(then);
        let served = growth(from.clients_waiting, self.clients_waiting);
        let counted = match (self.assignments, from.assignments) {
            (Some(now), Some(then)) => now - then,
            _ if self.session_mode => served.max(growth(self.servers_active, from.servers_active)).max(0) as u64,
            _ => (self.arrived - from.arrived).saturating_add_signed(served),
        };
        Waited { wait_ms, assignments: counted.max(u64::from(wait_ms > 0.0)) }
    }
}
