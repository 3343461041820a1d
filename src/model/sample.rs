//! All that is known of a target at one moment, exactly as the API shows it. A value that cannot be known is `None`, shown
//! as `null`, with its cause in [`ProbeInfo::missing`]; it is never 0.

use serde::{Deserialize, Serialize};

use super::{Outcome, Phase, Phases, Reason, RegionName, Severity, Status, TargetName, Timestamp};

/// One target at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When the newest part of it was measured.
    pub timestamp: Timestamp,
    /// Region.
    pub region: RegionName,
    /// Target.
    pub target: TargetName,
    /// The judgement.
    pub status: Status,
    /// Every rule now in breach, worst first.
    pub reasons: Vec<Reason>,
    /// Connections.
    pub connection_pool: ConnectionPool,
    /// Statements and transactions.
    pub query_performance: QueryPerformance,
    /// The database itself.
    pub database: Database,
    /// The poolers in front of it.
    pub poolers: Vec<Pooler>,
    /// Whether a client gets in.
    pub reachability: Reachability,
    /// How this was measured.
    pub probe: ProbeInfo,
}

impl Pool {
    /// Clients waiting now, as far as that is told.
    pub fn queue(&self) -> u32 {
        self.clients_waiting.unwrap_or_default()
    }

    /// All its server connections; none where the pooler does not tell.
    pub fn servers(&self) -> Option<u32> {
        let others = self.servers_idle?.saturating_add(self.servers_other.unwrap_or_default());
        Some(self.servers_active?.saturating_add(others))
    }
}

impl Sample {
    /// How bad it is, to compare with others: by status, then by the worst reason, then by how many there are.
    pub fn badness(&self) -> (Status, Option<Severity>, usize) {
        (self.status, self.reasons.iter().map(|reason| reason.severity).max(), self.reasons.len())
    }
}

/// Connections: the server side of the poolers when there are any, the server's own client backends otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionPool {
    /// All connections.
    pub total_connections: Option<u32>,
    /// Working for a client now.
    pub active_connections: Option<u32>,
    /// Free.
    pub idle_connections: Option<u32>,
    /// Sessions idle in transaction (from the server, with a pooler too).
    pub idle_in_transaction: Option<u32>,
    /// Clients that wait for a connection now.
    pub waiting_clients: Option<u32>,
    /// Mean wait per server assignment over the last interval, milliseconds.
    pub average_wait_time: Option<f64>,
    /// Age of the oldest waiter now, milliseconds.
    pub max_wait_time: Option<f64>,
    /// The larger of server fullness and the fullest pool, 0..1.
    pub utilization: Option<f64>,
    /// Configured size: of the pools, or of the server without a pooler.
    pub pool_size: Option<u32>,
}

/// Statements and transactions over the last statements interval.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryPerformance {
    /// Mean execution time, milliseconds; null when nothing was called.
    pub average_query_time: Option<f64>,
    /// Calls of statements whose mean in the interval was above the limit.
    pub slow_queries: Option<u64>,
    /// Calls since the statistics' reset.
    pub total_queries: Option<u64>,
    /// Failed share of the transactions, 0..1.
    pub error_rate: Option<f64>,
    /// Slow share of the calls, 0..1.
    pub slow_query_rate: Option<f64>,
    /// Calls per second.
    pub queries_per_second: Option<f64>,
    /// Mean number of sessions in state active over the last second.
    pub average_active_sessions: Option<f64>,
}

/// The database itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Size in MiB.
    pub size: Option<f64>,
    /// Size in bytes.
    pub size_bytes: Option<u64>,
    /// Sessions of this database in state active.
    pub active_connections: Option<u32>,
    /// The server's `max_connections`.
    pub max_connections: Option<u32>,
    /// Buffer hits / (hits + reads) over the last interval with reads, 0..1.
    pub cache_hit_ratio: Option<f64>,
    /// Growth as a fraction per day; null until there is enough history.
    pub growth_per_day: Option<f64>,
}

/// Which pooler software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolerKind {
    /// PgBouncer.
    Pgbouncer,
    /// Supavisor, self-hosted.
    Supavisor,
    /// Supabase, hosted.
    Supabase,
    /// PgCat.
    Pgcat,
    /// Odyssey.
    Odyssey,
    /// PgDog.
    Pgdog,
}

/// One pooler in front of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pooler {
    /// Which software.
    pub kind: PoolerKind,
    /// `host:port`.
    pub name: String,
    /// Whether its console answers and clients get in; null where nothing tells: its metrics cannot be read, and no client tries it.
    pub up: Option<bool>,
    /// Why not, when it is not; null when that is not known.
    pub outcome: Option<Outcome>,
    /// The pools that lead to this target.
    pub pools: Vec<Pool>,
}

/// One pool of a pooler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// The database name clients ask the pooler for.
    pub database: String,
    /// The user.
    pub user: String,
    /// `session`, `transaction` or `statement`.
    pub mode: String,
    /// Configured size.
    pub size: Option<u32>,
    /// Clients linked to a server connection or idle.
    pub clients_active: u32,
    /// Clients waiting now; null where the pooler does not tell (Supavisor).
    pub clients_waiting: Option<u32>,
    /// Server connections working for a client; null where the pooler does not tell.
    pub servers_active: Option<u32>,
    /// Server connections free at once; null where the pooler does not tell.
    pub servers_idle: Option<u32>,
    /// Server connections in use, tested or logging in, which are not free yet; null where the pooler does not tell.
    pub servers_other: Option<u32>,
    /// Age of the oldest waiter now, milliseconds; null where the pooler does not tell.
    pub max_wait_time: Option<f64>,
    /// Whether an administrator paused or disabled it.
    pub paused: bool,
}

/// Whether a client gets in: directly, and through the pooler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reachability {
    /// How the newest direct attempt ended; null before the first.
    pub outcome: Option<Outcome>,
    /// The phase it failed in.
    pub failed_phase: Option<Phase>,
    /// What was said, without secrets.
    pub message: Option<String>,
    /// When that was.
    pub checked_at: Option<Timestamp>,
    /// Time per phase, milliseconds.
    pub phases: Phases,
    /// The same through the pooler; null without one.
    pub via_pooler: Option<ViaPooler>,
    /// How it looks from other regions; left out when none of them looks. Each node adds what it heard: a sample on its way has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<super::cluster::View>,
    /// What its own region and the others say together; left out when no other region looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What several regions say of one target together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In a word.
    pub kind: VerdictKind,
    /// In a sentence: who reaches it and who does not.
    pub message: String,
}

/// See [`Verdict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// All who look reach it.
    Up,
    /// Its own region does not reach it, and nobody else does.
    Down,
    /// Some reach it and some do not: a way there is broken, not the database.
    Path,
    /// Its own region does not say.
    Blind,
}

/// A client's way through the pooler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViaPooler {
    /// How the newest attempt ended.
    pub outcome: Outcome,
    /// The phase it failed in.
    pub failed_phase: Option<Phase>,
    /// What was said, without secrets.
    pub message: Option<String>,
    /// When that was.
    pub checked_at: Timestamp,
    /// Time from the first packet until the trivial query was answered, milliseconds.
    pub acquire: Option<f64>,
    /// Time per phase, milliseconds.
    pub phases: Phases,
}

/// How the sample was measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeInfo {
    /// What Isobar costs the server now, as a share of one core.
    pub impact: Option<f64>,
    /// The fast interval in force, milliseconds; longer than configured when the governor slows down.
    pub interval_ms: u64,
    /// Resident connections that Isobar holds on the server.
    pub connections: u32,
    /// The server's version, e.g. `15.18`.
    pub server_version: Option<String>,
    /// Why the governor slows down, when it does.
    pub throttled: Option<String>,
    /// What could not be measured, and why.
    pub missing: Vec<Missing>,
}

/// A value that could not be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The field's path in the sample, e.g. `queryPerformance.averageQueryTime`, or a whole part, e.g. `queryPerformance`.
    pub field: String,
    /// Why.
    pub cause: String,
    /// What to run or set, when something can be done.
    pub fix: Option<String>,
}
