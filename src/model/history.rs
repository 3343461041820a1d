//! The past of a target: which of its figures are kept, and what is answered about them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, Sample, Status, TargetId, Timestamp, activity::Activity, vitals::Vitals, world::Target};

/// A figure that is kept.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its path in the sample, or beside it (`waits.lock`, `vitals.upkeep.xidAge`).
    pub path: &'static str,
    /// Its unit: `ms`, `bytes`, `1/s`, `connections`, `share` (0..1), `seconds`, `age`, or `status` (0 healthy to 3 unknown).
    pub unit: &'static str,
    /// Whether it is a time that clients feel, so that percentiles are kept of it.
    pub is_latency: bool,
    /// Its value now; none when it is not known.
    pub of: fn(&Seen<'_>) -> Option<f64>,
}

/// All that figures are taken from.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The sample.
    pub sample: &'a Sample,
    /// Sessions, when they are seen.
    pub activity: Option<&'a Activity>,
    /// Slow signals.
    pub vitals: &'a Vitals,
}

impl<'a> Seen<'a> {
    /// What is seen of a target now.
    pub fn of(target: &'a Target) -> Self {
        Self { sample: &target.report.sample, activity: target.report.activity.as_deref(), vitals: &target.vitals }
    }

    /// All figures, in the order of [`FIGURES`].
    pub fn figures(&self) -> [Option<f64>; FIGURES.len()] {
        FIGURES.map(|figure| (figure.of)(self).filter(|value| value.is_finite()))
    }
}

const fn figure(path: &'static str, unit: &'static str, of: fn(&Seen<'_>) -> Option<f64>) -> Figure {
    Figure { path, unit, is_latency: false, of }
}

const fn latency(path: &'static str, of: fn(&Seen<'_>) -> Option<f64>) -> Figure {
    Figure { path, unit: "ms", is_latency: true, of }
}

/// What is kept. Their order is that of the file: new ones come last, and none is ever taken out or moved.
pub const FIGURES: [Figure; 41] = [
    figure("status", "status", |seen| Some(status(seen.sample.status))),
    figure("connectionPool.totalConnections", "connections", |seen| seen.sample.connection_pool.total_connections.map(f64::from)),
    figure("connectionPool.activeConnections", "connections", |seen| {
        seen.sample.connection_pool.active_connections.map(f64::from)
    }),
    figure("connectionPool.idleConnections", "connections", |seen| seen.sample.connection_pool.idle_connections.map(f64::from)),
    figure("connectionPool.idleInTransaction", "connections", |seen| {
        seen.sample.connection_pool.idle_in_transaction.map(f64::from)
    }),
    figure("connectionPool.waitingClients", "connections", |seen| seen.sample.connection_pool.waiting_clients.map(f64::from)),
    latency("connectionPool.averageWaitTime", |seen| seen.sample.connection_pool.average_wait_time),
    latency("connectionPool.maxWaitTime", |seen| seen.sample.connection_pool.max_wait_time),
    figure("connectionPool.utilization", "share", |seen| seen.sample.connection_pool.utilization),
    figure("connectionPool.poolSize", "connections", |seen| seen.sample.connection_pool.pool_size.map(f64::from)),
    latency("queryPerformance.averageQueryTime", |seen| seen.sample.query_performance.average_query_time),
    figure("queryPerformance.slowQueries", "1", |seen| seen.sample.query_performance.slow_queries.map(|calls| calls as f64)),
    figure("queryPerformance.slowQueryRate", "share", |seen| seen.sample.query_performance.slow_query_rate),
    figure("queryPerformance.errorRate", "share", |seen| seen.sample.query_performance.error_rate),
    figure("queryPerformance.queriesPerSecond", "1/s", |seen| seen.sample.query_performance.queries_per_second),
    figure("queryPerformance.averageActiveSessions", "connections", |seen| seen.sample.query_performance.average_active_sessions),
    figure("database.sizeBytes", "bytes", |seen| seen.sample.database.size_bytes.map(|bytes| bytes as f64)),
    figure("database.activeConnections", "connections", |seen| seen.sample.database.active_connections.map(f64::from)),
    figure("database.maxConnections", "connections", |seen| seen.sample.database.max_connections.map(f64::from)),
    figure("database.cacheHitRatio", "share", |seen| seen.sample.database.cache_hit_ratio),
    latency("reachability.phases.dns", |seen| seen.sample.reachability.phases.dns),
    latency("reachability.phases.tcp", |seen| seen.sample.reachability.phases.tcp),
    latency("reachability.phases.tls", |seen| seen.sample.reachability.phases.tls),
    latency("reachability.phases.auth", |seen| seen.sample.reachability.phases.auth),
    latency("reachability.phases.firstQuery", |seen| seen.sample.reachability.phases.first_query),
    latency("reachability.viaPooler.acquire", |seen| seen.sample.reachability.via_pooler.as_ref()?.acquire),
    figure("reachability.reached", "share", |seen| Some(f64::from(u8::from(seen.sample.reachability.outcome? == Outcome::Ok)))),
    figure("probe.impact", "share", |seen| seen.sample.probe.impact),
    figure("waits.cpu", "connections", |seen| waits(seen, "CPU")),
    figure("waits.lock", "connections", |seen| waits(seen, "Lock")),
    figure("waits.lwlock", "connections", |seen| waits(seen, "LWLock")),
    figure("waits.io", "connections", |seen| waits(seen, "IO")),
    figure("waits.client", "connections", |seen| waits(seen, "Client")),
    figure("waits.ipc", "connections", |seen| waits(seen, "IPC")),
    figure("waits.other", "connections", |seen| waits_of(seen, |kind| !NAMED_WAITS.contains(&kind))),
    figure("vitals.replication.upstream.lagSeconds", "seconds", |seen| {
        seen.vitals.replication.as_ref()?.upstream.as_ref()?.lag_seconds
    }),
    figure("vitals.upkeep.xidAge", "age", |seen| seen.vitals.upkeep.as_ref()?.xid_age.map(|age| age as f64)),
    figure("vitals.upkeep.walBytesPerSecond", "bytes/s", |seen| seen.vitals.upkeep.as_ref()?.wal_bytes_per_second),
    figure("vitals.upkeep.tempBytesPerSecond", "bytes/s", |seen| seen.vitals.upkeep.as_ref()?.temp_bytes_per_second),
    figure("vitals.host.diskFreeBytes", "bytes", |seen| seen.vitals.host.as_ref()?.disk_free_bytes.map(|bytes| bytes as f64)),
    figure("vitals.host.cpuBusy", "share", |seen| seen.vitals.host.as_ref()?.cpu_busy),
];

/// Wait events with a figure of their own; `Lock`, `LWLock`, ... or `CPU`.
const NAMED_WAITS: [&str; 6] = ["CPU", "Lock", "LWLock", "IO", "Client", "IPC"];

fn waits(seen: &Seen<'_>, kind: &str) -> Option<f64> {
    waits_of(seen, |other| other == kind)
}

fn waits_of(seen: &Seen<'_>, is_meant: impl Fn(&str) -> bool) -> Option<f64> {
    let of_kind = seen.activity?.waits.iter().filter(|wait| is_meant(&wait.wait_event_type));
    // The sum of nothing is a negative zero.
    Some(of_kind.map(|wait| wait.sessions).sum::<f64>() + 0.0)
}

const fn status(status: Status) -> f64 {
    match status {
        Status::Healthy => 0.0,
        Status::Degraded => 1.0,
        Status::Unhealthy => 2.0,
        Status::Unknown => 3.0,
    }
}

/// Where a figure stands in [`FIGURES`], by its path.
pub fn figure_at(path: &str) -> Option<usize> {
    FIGURES.iter().position(|figure| figure.path == path)
}

/// How closely the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// As sampled, at most once a second.
    #[serde(rename = "raw")]
    Raw,
    /// Ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
}

impl Resolution {
    /// The length of one of its buckets.
    pub const fn length(self) -> Duration {
        match self {
            Self::Raw => Duration::from_secs(1),
            Self::TenSeconds => Duration::from_secs(10),
            Self::FiveMinutes => Duration::from_mins(5),
            Self::Hour => Duration::from_hours(1),
        }
    }
}

/// A question about figures of one target: what is read once tells of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose.
    pub target: TargetId,
    /// Which figures: their places in [`FIGURES`], each once.
    pub figures: Vec<usize>,
    /// From when.
    pub from: Timestamp,
    /// Until when, this moment not included.
    pub to: Timestamp,
    /// The length of a bucket of the answer; none: as fits some hundred points.
    pub step: Option<Duration>,
    /// Whether percentiles are wanted, where they are kept: they take as long to read as all else.
    pub percentiles: bool,
}

/// The answer: buckets in order; those of which nothing is known are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// The figure's path.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The length of a bucket, milliseconds.
    pub step_ms: u64,
    /// What it was answered from.
    pub resolution: Resolution,
    /// Bucket by bucket.
    pub points: Vec<Point>,
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When it began.
    pub at: Timestamp,
    /// The smallest value.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean, each second alike.
    pub mean: f64,
    /// The last.
    pub last: f64,
    /// Seconds of which something is known.
    pub count: u32,
    /// Percentiles of the values, where they are kept: of latencies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percentiles: Option<Percentiles>,
}

/// Percentiles of a bucket's values, each within two in a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of the values are not above it.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

/// What a statement cost a target in five minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementBucket {
    /// When they began.
    pub at: Timestamp,
    /// Query id as text.
    pub query_id: String,
    /// Role name.
    pub user: String,
    /// Calls.
    pub calls: u64,
    /// Execution time, milliseconds.
    pub total_ms: f64,
    /// Rows.
    pub rows: u64,
}

/// Who can be asked about the past: any thread, and the answer may take some milliseconds.
pub trait Past: Send + Sync + std::fmt::Debug {
    /// Figures over a time, in the order in which they were asked for.
    ///
    /// # Errors
    /// What is wrong with the store, in words.
    fn series(&self, question: &Question) -> Result<Vec<Series>, String>;

    /// The statements that cost most in each five minutes of a time, in order of time.
    ///
    /// # Errors
    /// What is wrong with the store, in words.
    fn statements(&self, target: &TargetId, from: Timestamp, to: Timestamp) -> Result<Vec<StatementBucket>, String>;
}

/// Small things that a stage wants to know again after a restart.
pub trait Notes: Send + Sync + std::fmt::Debug {
    /// What was written under that name last; none when nothing was, or it cannot be read.
    fn read(&self, name: &str) -> Option<String>;

    /// Keeps it, soon, without waiting; what cannot be kept is said in the log.
    fn write(&self, name: &'static str, text: String);
}

/// How keeping the past goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keeping {
    /// Whether anything is to be kept.
    pub is_on: bool,
    /// Seconds that are on disk, written since the start.
    pub writes: u64,
    /// Attempts to write that failed.
    pub errors: u64,
    /// Bytes of the file and what belongs to it.
    pub file_bytes: u64,
    /// Blocks that wait in memory, since they could not be written.
    pub rows_pending: u64,
    /// Blocks that were given up, since too many waited.
    pub rows_lost: u64,
    /// Time that was spent writing since the start, microseconds.
    pub busy_us: u64,
    /// What is wrong, when something is.
    pub trouble: Option<String>,
}
