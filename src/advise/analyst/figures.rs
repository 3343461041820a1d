//! Which figures are followed over time, from which movement on that matters, and how people call them. Pure.

use crate::model::history::{FIGURES, figure_at};

/// A figure that is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Followed {
    /// Its path.
    pub(super) path: &'static str,
    /// As people say it.
    pub(super) name: &'static str,
    /// Less than this nobody needs to know, in its unit.
    pub(super) matters: f64,
    /// Of several changes at once, how much this one is the one to tell.
    pub(super) weight: f64,
}

const fn followed(path: &'static str, name: &'static str, matters: f64, weight: f64) -> Followed {
    Followed { path, name, matters, weight }
}

/// The figures; what clients feel weighs most.
pub(super) const FOLLOWED: [Followed; 22] = [
    followed("queryPerformance.averageQueryTime", "average query time", 0.2, 5.0),
    followed("connectionPool.averageWaitTime", "wait for a connection", 1.0, 5.0),
    followed("queryPerformance.errorRate", "error rate", 0.005, 5.0),
    followed("queryPerformance.slowQueryRate", "share of slow queries", 0.01, 4.0),
    followed("connectionPool.waitingClients", "waiting clients", 1.0, 4.0),
    followed("vitals.replication.upstream.lagSeconds", "replication lag", 2.0, 4.0),
    followed("queryPerformance.averageActiveSessions", "active sessions", 0.5, 3.0),
    followed("connectionPool.utilization", "use of the connections", 0.05, 3.0),
    followed("reachability.viaPooler.acquire", "time to get a connection from the pooler", 2.0, 3.0),
    followed("database.cacheHitRatio", "cache hits", 0.02, 3.0),
    followed("waits.lock", "sessions waiting for locks", 0.5, 3.0),
    followed("waits.io", "sessions waiting for input and output", 0.5, 3.0),
    followed("waits.lwlock", "sessions waiting for internal locks", 0.5, 2.0),
    followed("vitals.host.cpuBusy", "use of the processors", 0.1, 3.0),
    followed("queryPerformance.queriesPerSecond", "queries per second", 1.0, 2.0),
    followed("connectionPool.totalConnections", "connections", 2.0, 2.0),
    followed("connectionPool.idleInTransaction", "sessions idle in transaction", 1.0, 2.0),
    followed("reachability.phases.tcp", "time to reach the server", 1.0, 2.0),
    followed("reachability.phases.auth", "time to log in", 2.0, 2.0),
    followed("reachability.phases.firstQuery", "time of a trivial query", 1.0, 2.0),
    followed("vitals.upkeep.walBytesPerSecond", "WAL written", 1e5, 1.0),
    followed("vitals.upkeep.tempBytesPerSecond", "temporary files written", 1e5, 2.0),
];

impl Followed {
    /// Where it stands among the figures that are kept.
    pub(super) fn figure(&self) -> Option<usize> {
        figure_at(self.path)
    }

    /// A value of it as people read it.
    pub(super) fn said(&self, value: f64) -> String {
        said(value, self.unit())
    }

    /// How much it moved.
    pub(super) fn moved(&self, by: f64) -> String {
        moved(by, self.unit())
    }

    fn unit(&self) -> &'static str {
        self.figure().map_or("1", |at| FIGURES[at].unit)
    }
}

/// How much a value moved as people read it: a share that went from 10% to 30% rose by 20 points, and threefold.
pub(super) fn moved(by: f64, unit: &str) -> String {
    if unit == "share" { format!("{} points", short(by * 100.0)) } else { said(by, unit) }
}

/// A value in its unit as people read it: `3.1 ms`, `41%`, `1.5 GiB`.
pub(super) fn said(value: f64, unit: &str) -> String {
    match unit {
        "ms" if value.abs() >= 1_000.0 => format!("{} s", short(value / 1_000.0)),
        "ms" => format!("{} ms", short(value)),
        "seconds" => format!("{} s", short(value)),
        "share" => format!("{}%", short(value * 100.0)),
        "1/s" => format!("{}/s", short(value)),
        "bytes" => bytes(value),
        "bytes/s" => format!("{}/s", bytes(value)),
        _ => short(value),
    }
}

/// Three digits are what a person keeps in mind.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.1} million", value / 1e6),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => trimmed(&format!("{value:.1}")),
        size if size >= 0.1 => trimmed(&format!("{value:.2}")),
        0.0 => "0".into(),
        _ => trimmed(&format!("{value:.3}")),
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bytes(value: f64) -> String {
    let mut value = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value.abs() < 1_024.0 {
            return format!("{} {unit}", short(value));
        }
        value /= 1_024.0;
    }
    format!("{} TiB", short(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_that_is_followed_is_kept() {
        for followed in FOLLOWED {
            assert!(followed.figure().is_some(), "{followed:?}");
        }
    }

    #[test]
    fn values_are_short() {
        for (value, unit, text) in [
            (3.17, "ms", "3.17 ms"),
            (1_234.0, "ms", "1.23 s"),
            (0.4132, "share", "41.3%"),
            (311.2, "1/s", "311/s"),
            (41.0, "connections", "41"),
            (0.0, "connections", "0"),
            (1.5 * 1_073_741_824.0, "bytes", "1.5 GiB"),
            (2.2e8, "age", "220.0 million"),
            (2_048.0, "bytes/s", "2 KiB/s"),
        ] {
            assert_eq!(said(value, unit), text);
        }
        assert_eq!((moved(0.22, "share"), moved(40.2, "ms")), ("22 points".into(), "40.2 ms".into()));
    }
}
