//! How often a target was unhealthy lately, and what the worst of it was: what comes and goes is no change of a level, and hurts all the same.

use super::{STEP, Seen};
use crate::model::{history::Point, insight::Episodes};

const STATUS: &str = "status";
const WAITING: &str = "connectionPool.waitingClients";
const WAIT: &str = "connectionPool.maxWaitTime";
const IDLE: &str = "connectionPool.idleInTransaction";
const QUERY: &str = "queryPerformance.averageQueryTime";
/// What is looked at.
pub(super) const FIGURES: [&str; 5] = [STATUS, WAITING, WAIT, IDLE, QUERY];
/// As the history keeps a status: unhealthy, and what nobody knows.
const UNHEALTHY: f64 = 2.0;
const UNKNOWN: f64 = 3.0;
/// What comes back so soon was not over.
const APART: std::time::Duration = std::time::Duration::from_secs(30);

/// Of the last two hours; none when it was never unhealthy.
pub(super) fn episodes(seen: &Seen) -> Option<Episodes> {
    let all = seen.points(STATUS);
    let (first, last) = (all.first()?, all.last()?);
    let bad: Vec<&Point> = all.iter().filter(|point| (UNHEALTHY..UNKNOWN).contains(&point.max)).collect();
    let mut last_at = bad.first()?.at;
    let mut count = 1;
    for pair in bad.windows(2) {
        if pair[1].at.since(pair[0].at.after(STEP)) > APART {
            (count, last_at) = (count + 1, pair[1].at);
        }
    }
    let worst = |path: &str| {
        let most = seen.points(path).iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max);
        (most > 0.0).then_some(most)
    };
    Some(Episodes {
        count,
        seconds: bad.len() as f64 * STEP.as_secs_f64(),
        last_at,
        over_seconds: (last.at.after(STEP)).since(first.at).as_secs_f64(),
        most_waiting: worst(WAITING),
        longest_wait_ms: worst(WAIT),
        most_idle_in_transaction: worst(IDLE),
        slowest_query_ms: worst(QUERY),
    })
}
