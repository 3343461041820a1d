//! Who copies from whom, and how far behind.

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, sample::Missing};

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

impl Role {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// The server's replication at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Replication {
    /// Primary or replica.
    pub role: Role,
    /// The system's identifier, the same for all copies.
    pub system: Option<String>,
    /// It goes up with each promotion.
    pub timeline: Option<u32>,
    /// Where its WAL ends, bytes since the beginning: written on a primary, received on a replica.
    pub wal_end: Option<u64>,
    /// Its own address, as who connected by one sees it.
    pub address: Option<String>,
    /// The newest change of either, if one was seen: a promotion, or another server behind the same address.
    pub change: Option<Change>,
    /// Where a replica gets its changes from.
    pub upstream: Option<Upstream>,
    /// Who follows it, the furthest behind first.
    pub replicas: Vec<Replica>,
    /// Its replication slots, the one that retains most first.
    pub slots: Vec<Slot>,
    /// What a slot may retain, bytes: `max_slot_wal_keep_size`, or `wal_keep_size` when that is more; null when there is no limit.
    pub slot_limit_bytes: Option<u64>,
    /// Queries of the database that recovery cancelled since the statistics' reset; on a replica.
    pub conflicts: Option<u64>,
    /// The same by cause.
    pub conflict_causes: Option<Conflicts>,
    /// What of this the role may not see; told among what is missing of the sample.
    #[serde(skip)]
    pub missing: Option<Missing>,
}

/// What a server was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When the change was seen.
    pub at: Timestamp,
    /// Its role until then.
    pub role: Role,
    /// Its timeline until then.
    pub timeline: Option<u32>,
    /// Whether it is another system altogether, not a copy of the one before.
    pub other_system: bool,
}

/// Queries of a database that recovery cancelled, by what they were in the way of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Conflicts {
    /// A tablespace was dropped.
    pub tablespace: u64,
    /// A lock was to be taken.
    pub lock: u64,
    /// Rows that they still saw were to be removed.
    pub snapshot: u64,
    /// A page was pinned.
    pub bufferpin: u64,
    /// Deadlocks.
    pub deadlock: u64,
    /// A logical slot lost what it needed; PostgreSQL 16 on.
    pub logical_slot: Option<u64>,
}

impl Conflicts {
    /// All of them.
    pub fn total(&self) -> u64 {
        let causes =
            [self.tablespace, self.lock, self.snapshot, self.bufferpin, self.deadlock, self.logical_slot.unwrap_or_default()];
        causes.into_iter().fold(0, u64::saturating_add)
    }
}

/// What a replica follows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upstream {
    /// Whether it receives now.
    pub streaming: bool,
    /// Received and not replayed yet.
    pub lag_bytes: Option<u64>,
    /// How old the newest replayed change is, seconds; 0 when all that was received is replayed, so an idle primary is no lag. While nothing
    /// is received: for how long the primary has been ahead, as far as it is seen; if it is not, for how long nothing came.
    pub lag_seconds: Option<f64>,
    /// The primary's `host:port`, as the replica has it.
    pub sender: Option<String>,
    /// The slot that it holds there.
    pub slot: Option<String>,
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
    /// `write_lag`, seconds: the network's part.
    pub write_lag_seconds: Option<f64>,
    /// `flush_lag`, seconds: with its disk's.
    pub flush_lag_seconds: Option<f64>,
    /// `replay_lag`, seconds; null while nothing is written.
    pub replay_lag_seconds: Option<f64>,
    /// The slot that it reads.
    pub slot: Option<String>,
    /// Whether it is watched too, and so judged as a target of its own.
    pub watched: bool,
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
    /// Why it is of no more use; PostgreSQL 17 on.
    pub invalidation: Option<String>,
}
