//! Statements over the last interval, from the deltas of `pg_stat_statements`: the detail behind `/queries` and the
//! evidence of the query rules.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One statement over the last interval.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// Query id as text (64-bit numbers do not survive JavaScript).
    pub query_id: String,
    /// Role name.
    pub user: String,
    /// Redacted text; null until it was fetched or when it may not be read.
    pub text: Option<String>,
    /// Calls in the interval.
    pub calls: u64,
    /// Mean execution time in the interval, milliseconds.
    pub mean_ms: f64,
    /// Standard deviation of the single executions in the interval, milliseconds; null where the server does not tell.
    #[serde(default)]
    pub stddev_ms: Option<f64>,
    /// Execution time in the interval, milliseconds.
    pub total_ms: f64,
    /// Its share of all execution time of the target in the interval, 0..1.
    pub share: f64,
    /// Rows in the interval.
    pub rows: u64,
    /// Buffer hits / (hits + reads) in the interval, 0..1.
    pub cache_hit_ratio: Option<f64>,
    /// Whether its mean is above the slow limit.
    pub slow: bool,
    /// Calls since the statistics' reset (a counter).
    pub calls_total: u64,
    /// Execution time since the statistics' reset, seconds (a counter).
    pub seconds_total: f64,
    /// Rows since the statistics' reset (a counter).
    pub rows_total: u64,
}

/// The statements of one target over the last interval.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queries {
    /// Length of the interval, milliseconds; null before the second reading.
    pub interval_ms: Option<f64>,
    /// When it ended.
    pub taken_at: Option<Timestamp>,
    /// Calls in it.
    pub calls: u64,
    /// Calls of slow statements in it.
    pub slow_calls: u64,
    /// Execution time in it, milliseconds.
    pub total_ms: f64,
    /// Calls since the statistics' reset, all statements.
    pub calls_total: u64,
    /// When the statistics were last reset, where the server tells (14 and later).
    pub reset_at: Option<Timestamp>,
    /// How often entries were evicted since the reset because `pg_stat_statements.max` was reached (14 and later).
    pub evictions: Option<u64>,
    /// The largest by execution time, at most [`Queries::MOST_STATEMENTS`].
    pub statements: Vec<Statement>,
}

impl Queries {
    /// As many as a person reads and a scrape should carry.
    pub const MOST_STATEMENTS: usize = 100;

    /// Mean execution time in the interval, milliseconds.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.total_ms / self.calls as f64)
    }
}
