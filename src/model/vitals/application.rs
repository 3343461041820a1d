//! The pools inside applications, as they tell of themselves (OpenTelemetry `db.client.connection.*`).

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// One pool of one instance of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPool {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`, when it says.
    pub instance: Option<String>,
    /// `db.client.connection.pool.name`.
    pub pool: String,
    /// When it told last.
    pub told_at: Timestamp,
    /// Connections in use.
    pub used: Option<u32>,
    /// Connections that are free.
    pub idle: Option<u32>,
    /// The most there may be.
    pub max: Option<u32>,
    /// Requests that wait for a connection now.
    pub pending: Option<u32>,
    /// Requests that gave up waiting, since the application's start.
    pub timeouts: Option<u64>,
    /// Mean wait for a connection over the last interval, milliseconds.
    pub mean_wait_ms: Option<f64>,
    /// Mean time a connection was held, milliseconds.
    pub mean_use_ms: Option<f64>,
}
