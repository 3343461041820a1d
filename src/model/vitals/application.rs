//! The pools inside applications, as they tell of themselves (OpenTelemetry `db.client.connection.*`).

use serde::{Deserialize, Serialize};

use crate::model::{TargetId, Timestamp};

/// One pool of one instance of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPool {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`, or what else tells the instances apart, when it says.
    pub instance: Option<String>,
    /// `db.client.connection.pool.name`.
    pub pool: String,
    /// When it told last.
    pub told_at: Timestamp,
    /// How often it tells, milliseconds; after three of these in silence it is gone.
    #[serde(default)]
    pub interval_ms: u64,
    /// Connections in use.
    pub used: Option<u32>,
    /// Connections that are free.
    pub idle: Option<u32>,
    /// The most there may be.
    pub max: Option<u32>,
    /// The most of them that may be free.
    #[serde(default)]
    pub idle_max: Option<u32>,
    /// The most connections, used and free, that it was seen with.
    #[serde(default)]
    pub peak: Option<u32>,
    /// Requests that wait for a connection now.
    pub pending: Option<u32>,
    /// For how long each telling has shown requests that wait and nothing free, milliseconds; over two tellings at least. Some may be served
    /// meanwhile.
    #[serde(default)]
    pub queued_ms: Option<f64>,
    /// Requests that gave up waiting, since the application's start; since it was first heard when it tells differences.
    pub timeouts: Option<u64>,
    /// Mean wait for a connection over the last interval, milliseconds. While requests wait and none is served: for how long that has been so.
    pub mean_wait_ms: Option<f64>,
    /// Mean time a connection was held, milliseconds.
    pub mean_use_ms: Option<f64>,
    /// Mean time it took to make a connection, milliseconds.
    #[serde(default)]
    pub mean_create_ms: Option<f64>,
}

/// Pools that have just told of their target: from the web to whoever watches it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Which target they lead to.
    pub target: TargetId,
    /// They; others that told before stay as they are.
    pub pools: Vec<ApplicationPool>,
}

impl actix::Message for Told {
    type Result = ();
}

/// Where applications find a target: the server itself, or a pooler in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Which target.
    pub target: TargetId,
    /// Host, or the directory of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The database that is asked for there.
    pub database: String,
}
