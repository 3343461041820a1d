//! The machine below a database, and its provider's services.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// The machine at one moment, from its provider's metrics.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// How old the figures are, seconds: providers measure by the minute.
    pub age_seconds: f64,
    /// Free bytes of the data's disk.
    pub disk_free_bytes: Option<u64>,
    /// Its size.
    pub disk_size_bytes: Option<u64>,
    /// Share of the processors at work over the last interval, 0..1.
    pub cpu_busy: Option<f64>,
    /// Memory that programs could have, bytes.
    pub memory_available_bytes: Option<u64>,
    /// All memory.
    pub memory_bytes: Option<u64>,
    /// Of a replica, what its provider says of its upstream; told with the replication.
    #[serde(skip)]
    pub follows: Option<Follows>,
}

/// How a replica follows, as its provider measures it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Follows {
    /// How far behind it is, seconds.
    pub lag_seconds: Option<f64>,
    /// Whether it receives.
    pub connected: Option<bool>,
    /// Whether somebody paused the replay.
    pub paused: Option<bool>,
}

/// One service of a provider, as that says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// `db`, `pooler`, `auth`, ...
    pub name: String,
    /// As the provider says: `ACTIVE_HEALTHY`, `COMING_UP`, `UNHEALTHY`.
    pub status: String,
    /// What it says of the trouble.
    pub error: Option<String>,
    /// When it was asked.
    pub checked_at: Timestamp,
}

impl Service {
    /// The status of one that works.
    pub const HEALTHY: &str = "ACTIVE_HEALTHY";
}
