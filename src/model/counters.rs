//! Counters of the database and of its poolers as they stand, for metrics; and their rates over the last interval, for rules.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One row of `pg_stat_database`, as it stands. Counters since the statistics' reset.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the columns' own names, documented by PostgreSQL
pub struct DatabaseCounters {
    pub datid: u32,
    pub datname: String,
    pub numbackends: u32,
    pub xact_commit: u64,
    pub xact_rollback: u64,
    pub blks_read: u64,
    pub blks_hit: u64,
    pub tup_returned: u64,
    pub tup_fetched: u64,
    pub tup_inserted: u64,
    pub tup_updated: u64,
    pub tup_deleted: u64,
    pub conflicts: u64,
    pub temp_files: u64,
    pub temp_bytes: u64,
    pub deadlocks: u64,
    /// Milliseconds.
    pub blk_read_time: f64,
    /// Milliseconds.
    pub blk_write_time: f64,
    /// Milliseconds; 14 and later.
    pub active_time: Option<f64>,
    /// Milliseconds; 14 and later.
    pub idle_in_transaction_time: Option<f64>,
    /// 14 and later.
    pub sessions: Option<u64>,
    /// 14 and later.
    pub sessions_abandoned: Option<u64>,
    /// 14 and later.
    pub sessions_fatal: Option<u64>,
    /// 14 and later.
    pub sessions_killed: Option<u64>,
    pub stats_reset: Option<Timestamp>,
}

/// What happened in the last interval, from deltas of [`DatabaseCounters`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseRates {
    /// Length of the interval, milliseconds.
    pub interval_ms: f64,
    /// Committed.
    pub commits: u64,
    /// Rolled back.
    pub rollbacks: u64,
    /// Sessions ended by an administrator; 14 and later.
    pub sessions_killed: Option<u64>,
    /// Sessions ended by a fatal error; 14 and later.
    pub sessions_fatal: Option<u64>,
    /// Clients that vanished; 14 and later.
    pub sessions_abandoned: Option<u64>,
    /// Deadlocks.
    pub deadlocks: u64,
    /// Statements cancelled by recovery.
    pub conflicts: u64,
    /// Buffer hits.
    pub blocks_hit: u64,
    /// Buffer reads.
    pub blocks_read: u64,
    /// Temporary bytes written.
    pub temp_bytes: u64,
}

/// Counters of one database in a pooler (`SHOW STATS_TOTALS` and the like), as they stand; base units.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PoolerCounters {
    pub database: String,
    pub server_assignments: Option<u64>,
    pub transactions: u64,
    pub queries: u64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub transaction_seconds: f64,
    pub query_seconds: f64,
    /// Null where the pooler does not count it (Odyssey).
    pub wait_seconds: Option<f64>,
}

/// One row of `SHOW DATABASES`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PoolerDatabase {
    pub name: String,
    pub host: String,
    pub port: u16,
    pub database: String,
    pub force_user: Option<String>,
    pub pool_size: u32,
    pub reserve_pool: u32,
    pub max_connections: u32,
    pub current_connections: u32,
    pub paused: bool,
    pub disabled: bool,
}

/// The detail of one pooler behind the sample's summary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolerDetail {
    /// `host:port`.
    pub name: String,
    /// Version, e.g. `1.18.0`.
    pub version: Option<String>,
    /// `max_client_conn`.
    pub max_client_connections: Option<u32>,
    /// Clients in use now (`SHOW LISTS`).
    pub used_clients: Option<u32>,
    /// Mean wait per server assignment over the last interval, milliseconds; null when nothing was assigned.
    pub mean_wait_ms: Option<f64>,
    /// Server assignments that the mean is of; 0 while it is the age of the queue.
    pub assignments: u64,
    /// Counters of the databases that lead to this target.
    pub counters: Vec<PoolerCounters>,
    /// The pooler's databases that lead to this target.
    pub databases: Vec<PoolerDatabase>,
}
