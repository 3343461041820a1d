//! Who copies from whom, and how far behind.

use serde::{Deserialize, Serialize};

/// What a server is among its copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It takes writes.
    #[default]
    Primary,
    /// It follows another one.
    Replica,
}

/// The server's replication at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Replication {
    /// Primary or replica.
    pub role: Role,
    /// It goes up with each promotion.
    pub timeline: Option<u32>,
    /// Where a replica gets its changes from.
    pub upstream: Option<Upstream>,
    /// Who follows it, the furthest behind first.
    pub replicas: Vec<Replica>,
    /// Its replication slots, the one that retains most first.
    pub slots: Vec<Slot>,
    /// `max_slot_wal_keep_size` in bytes; null when there is no limit.
    pub slot_limit_bytes: Option<u64>,
    /// Queries that recovery cancelled since the statistics' reset; on a replica.
    pub conflicts: Option<u64>,
}

/// What a replica follows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upstream {
    /// Whether it receives now.
    pub streaming: bool,
    /// Received and not replayed yet.
    pub lag_bytes: Option<u64>,
    /// How old the newest replayed change is, seconds; 0 when all that was received is replayed, so an idle primary is no lag.
    pub lag_seconds: Option<f64>,
    /// Whether somebody paused the replay.
    pub paused: bool,
}

/// One follower, as its sender sees it (`pg_stat_replication`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Replica {
    /// `application_name`.
    pub application: String,
    /// Where it connects from.
    pub address: Option<String>,
    /// `streaming`, `catchup`, ...
    pub state: String,
    /// `async`, `sync`, `quorum`, `potential`.
    pub sync_state: String,
    /// Not sent yet.
    pub send_lag_bytes: Option<u64>,
    /// Not replayed yet.
    pub replay_lag_bytes: Option<u64>,
    /// `replay_lag`, seconds; null while nothing is written.
    pub replay_lag_seconds: Option<f64>,
}

/// One replication slot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// `physical` or `logical`.
    pub kind: String,
    /// The database of a logical one.
    pub database: Option<String>,
    /// Whether somebody reads it now.
    pub active: bool,
    /// WAL that it keeps the server from removing, bytes.
    pub retained_bytes: Option<u64>,
    /// What may still be written before it is lost, bytes (`safe_wal_size`).
    pub safe_bytes: Option<i64>,
    /// `reserved`, `extended`, `unreserved`, `lost`.
    pub wal_status: Option<String>,
}
