//! What fails, by cause, without reading a log.

use serde::{Deserialize, Serialize};

/// Failures over the last statements interval, by cause. Their sum over the transactions is the error rate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Errors {
    /// Transactions that ended, one way or the other.
    pub transactions: u64,
    /// Rolled back, deadlocks, conflicts and cancelled statements among them.
    pub rollbacks: u64,
    /// Of those, by a deadlock.
    pub deadlocks: u64,
    /// Of those, cancelled by recovery.
    pub conflicts: u64,
    /// Sessions that an administrator ended.
    pub sessions_killed: u64,
    /// Sessions that a fatal error ended.
    pub sessions_fatal: u64,
    /// Sessions whose client vanished; these do not count as failures of the database.
    pub sessions_abandoned: u64,
    /// Isobar's own clients that did not get in, by cause.
    pub connections: Vec<ConnectionErrors>,
    /// What the poolers counted as errors.
    pub pooler: u64,
}

/// Failed attempts to connect with the same end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionErrors {
    /// `direct` or the pooler's `host:port`.
    pub path: String,
    /// How they ended.
    pub outcome: crate::model::Outcome,
    /// How many in the interval.
    pub count: u64,
}
