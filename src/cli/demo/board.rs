//! The demo's terminal: a table of all targets, a line per target, as they stand.

use std::fmt::Write as _;

use crate::model::{Sample, world::World};

/// The world as text.
pub(super) fn board(world: &World) -> String {
    let mut text = format!(
        "{:<26} {:<10} {:>9} {:>7} {:>9} {:>7} {:>8} {:>9} {:>7} {:>9}\n",
        format!("{} {}", &world.updated_at.to_string()[11..19], world.status.as_str()),
        "status",
        "pool",
        "waiting",
        "wait ms",
        "active",
        "calls/s",
        "mean ms",
        "errors",
        "size MiB"
    );
    for target in world.regions.values().flat_map(|region| region.targets.values()) {
        line(&mut text, &target.report.sample);
    }
    text
}

fn line(text: &mut String, sample: &Sample) {
    let (pool, queries) = (&sample.connection_pool, &sample.query_performance);
    let used = match (pool.active_connections, pool.pool_size) {
        (Some(active), Some(size)) => format!("{active}/{size}"),
        _ => UNKNOWN.to_owned(),
    };
    let _ = writeln!(
        text,
        "{:<26} {:<10} {used:>9} {:>7} {:>9} {:>7} {:>8} {:>9} {:>7} {:>9}",
        format!("{}/{}", sample.region, sample.target),
        sample.status.as_str(),
        pool.waiting_clients.map_or_else(|| UNKNOWN.to_owned(), |clients| clients.to_string()),
        figure(pool.average_wait_time, 1),
        figure(queries.average_active_sessions, 1),
        figure(queries.queries_per_second, 0),
        figure(queries.average_query_time, 2),
        figure(queries.error_rate.map(|rate| rate * 100.0), 1) + "%",
        figure(sample.database.size, 1),
    );
    for reason in &sample.reasons {
        let _ = writeln!(text, "    {} {}: {}", reason.severity.as_str(), reason.rule.as_str(), reason.message);
    }
}

/// What cannot be known is no zero.
const UNKNOWN: &str = "-";

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.digits$}"))
}
