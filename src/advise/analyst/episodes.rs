//! How often a target was unhealthy lately, and what the worst of it was: what comes and goes is no change of a level, and hurts all the same.

use super::{Asked, RECENT, STEP};
use crate::model::{history::Point, insight::Episodes};

/// As the history keeps a status: unhealthy, and what nobody knows.
const UNHEALTHY: f64 = 2.0;
const UNKNOWN: f64 = 3.0;
/// What comes back so soon was not over.
const APART: std::time::Duration = std::time::Duration::from_secs(30);

/// Of the last two hours; none when it was never unhealthy.
pub(super) fn episodes(asked: &Asked<'_>) -> Result<Option<Episodes>, String> {
    let all = asked.series("status", RECENT, STEP)?;
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(None) };
    let bad: Vec<&Point> = all.iter().filter(|point| (UNHEALTHY..UNKNOWN).contains(&point.max)).collect();
    let Some(mut last_at) = bad.first().map(|point| point.at) else { return Ok(None) };
    let mut count = 1;
    for pair in bad.windows(2) {
        if pair[1].at.since(pair[0].at.after(STEP)) > APART {
            (count, last_at) = (count + 1, pair[1].at);
        }
    }
    let worst = |path: &str| -> Result<Option<f64>, String> {
        let points = asked.series(path, RECENT, STEP)?;
        let most = points.iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max);
        Ok((most > 0.0).then_some(most))
    };
    Ok(Some(Episodes {
        count,
        seconds: bad.len() as f64 * STEP.as_secs_f64(),
        last_at,
        over_seconds: (last.at.after(STEP)).since(first.at).as_secs_f64(),
        most_waiting: worst("connectionPool.waitingClients")?,
        longest_wait_ms: worst("connectionPool.maxWaitTime")?,
        most_idle_in_transaction: worst("connectionPool.idleInTransaction")?,
        slowest_query_ms: worst("queryPerformance.averageQueryTime")?,
    }))
}
