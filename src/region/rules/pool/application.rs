//! Waiting inside an application: its own pool is full, and neither the server nor a pooler sees any of it. One pool of one instance is
//! judged at a time, since its requests can use no other's connections.

use super::super::{Breach, Finding, above, count, percent, span, worst};
use crate::{
    model::{Evidence, vitals::ApplicationPool},
    region::{seen::Seen, thresholds::Thresholds},
};

/// Requests wait for a connection for longer than clients of a pooler may. A wait that is over tells nothing of now, so only while some wait.
/// Where nothing is known of waits, for how long there has been a queue is judged, which is never critical: it may move.
pub(super) fn waiting(seen: &Seen, limits: &Thresholds) -> Finding {
    let judge = |pool: &ApplicationPool| {
        let Some(pending) = pool.pending.filter(|pending| *pending > 0) else { return Finding::Clear };
        let Some(wait) = pool.mean_wait_ms.or(pool.queued_ms) else { return Finding::Clear };
        above(wait, limits.pool_wait_clear_ms, limits.pool_wait_ms, || {
            let critical = pool.mean_wait_ms.is_some() && wait > limits.pool_wait_critical_ms;
            let threshold = if critical { limits.pool_wait_critical_ms } else { limits.pool_wait_ms };
            let long = span(wait);
            let how_long = match pool.mean_wait_ms {
                Some(_) => format!(", a wait takes {long}"),
                None => format!("; each time it told in the last {long} some did, and none was free"),
            };
            let message = format!(
                "{} {} for a connection from {}{how_long}{}.",
                count(pending, "request"),
                if pending == 1 { "waits" } else { "wait" },
                named(pool),
                used(pool),
            );
            breach(pool, critical, wait, threshold, message)
        })
    };
    of_all(seen, judge)
}

/// A pool is nearly full. One that does not tell its maximum grows and shrinks as it likes, so it is full only while requests queue.
pub(super) fn full(seen: &Seen, limits: &Thresholds) -> Finding {
    let judge = |pool: &ApplicationPool| {
        let told = pool.max.filter(|max| *max > 0);
        let max = told.or_else(|| pool.peak.filter(|peak| *peak > 0 && pool.queued_ms.is_some()));
        let (Some(used), Some(max)) = (pool.used, max) else { return Finding::Clear };
        let share = f64::from(used) / f64::from(max);
        above(share, limits.pool_utilization_clear, limits.pool_utilization, || {
            let critical = share > limits.pool_utilization_critical;
            let threshold = if critical { limits.pool_utilization_critical } else { limits.pool_utilization };
            let most = if told.is_some() { "" } else { ", the most it was seen with" };
            let message =
                format!("{} is {} full: {used} of {max} connections in use{most}.", capital(&named(pool)), percent(share));
            breach(pool, critical, share, threshold, message)
        })
    };
    of_all(seen, judge)
}

fn of_all(seen: &Seen, judge: impl Fn(&ApplicationPool) -> Finding) -> Finding {
    let Some(pools) = seen.applications.fresh() else { return Finding::Clear };
    worst(pools.iter().map(judge))
}

fn breach(pool: &ApplicationPool, critical: bool, value: f64, threshold: f64, message: String) -> Breach {
    let evidence = Evidence { pooler: Some(format!("{} {}", pool.service, pool.pool)), ..Evidence::default() };
    Breach { critical, value: Some(value), threshold: Some(threshold), message, evidence, ..Breach::default() }
}

fn named(pool: &ApplicationPool) -> String {
    let at = pool.instance.as_ref().map_or_else(String::new, |instance| format!(" at {instance}"));
    format!("the pool {} of application {}{at}", pool.pool, pool.service)
}

fn used(pool: &ApplicationPool) -> String {
    match (pool.used, pool.max) {
        (Some(used), Some(max)) => format!("; {used} of {max} connections in use"),
        (Some(used), None) => format!("; {} in use", count(used, "connection")),
        _ => String::new(),
    }
}

fn capital(text: &str) -> String {
    text.replacen("the", "The", 1)
}

#[cfg(test)]
mod tests;
