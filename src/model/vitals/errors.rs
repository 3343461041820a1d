//! What fails, by cause, without reading a log.

use serde::{Deserialize, Serialize};

/// Failures over the last statements interval, and since this target was first watched by the node that tells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Errors {
    /// Over the last statements interval. Rollbacks, killed and fatal sessions and the poolers' errors over the transactions are the
    /// error rate.
    pub lately: Failures,
    /// Since the beginning; from 0 again when another node takes the target over.
    pub total: Failures,
}

/// Failures of some time, by cause; null where that cannot be known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Failures {
    /// Transactions that ended, one way or the other.
    pub transactions: Option<u64>,
    /// Rolled back, deadlocks, conflicts and cancelled statements among them.
    pub rollbacks: Option<u64>,
    /// Of those, by a deadlock.
    pub deadlocks: Option<u64>,
    /// Of those, cancelled by recovery.
    pub conflicts: Option<u64>,
    /// Sessions that an administrator ended; PostgreSQL 14 and later.
    pub sessions_killed: Option<u64>,
    /// Sessions that a fatal error ended; PostgreSQL 14 and later.
    pub sessions_fatal: Option<u64>,
    /// Sessions whose client vanished; these do not count as failures of the database. PostgreSQL 14 and later.
    pub sessions_abandoned: Option<u64>,
    /// Isobar's own clients that did not get in, by cause.
    pub connections: Vec<ConnectionErrors>,
    /// What the poolers counted as errors; PgCat and PgDog do.
    pub pooler: Option<u64>,
}

/// Failed attempts to connect with the same end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionErrors {
    /// `direct` or the pooler's `host:port`.
    pub path: String,
    /// How they ended.
    pub outcome: crate::model::Outcome,
    /// How many.
    pub count: u64,
}
