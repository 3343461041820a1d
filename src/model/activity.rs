//! What the sessions of a target do at one moment: the detail behind `/activity` and the evidence of the pool rules.
//! From `pg_stat_activity`; background processes and Isobar's own sessions are left out of all of it except
//! [`Server::client_backends`], where a slot is a slot.

use serde::{Deserialize, Serialize};

/// The server's slots.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// All client backends of the server, Isobar's too.
    pub client_backends: u32,
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections`.
    pub reserved_connections: u32,
    /// Server version, e.g. `15.18`.
    pub version: String,
    /// Whether it is a standby.
    pub in_recovery: bool,
}

/// Sessions of the target by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct States {
    /// All of them, those that are still being started too.
    pub total: u32,
    /// `active` (and fast-path calls).
    pub active: u32,
    /// `idle`.
    pub idle: u32,
    /// `idle in transaction`, aborted ones included.
    pub idle_in_transaction: u32,
    /// State not visible (no grant, or `track_activities` off).
    pub hidden: u32,
}

/// Sessions in state active that wait for the same thing; `CPU` when they wait for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitCount {
    /// `Lock`, `LWLock`, `IO`, `Client`, ... or `CPU`.
    pub wait_event_type: String,
    /// The event, empty for `CPU`.
    pub wait_event: String,
    /// Mean number of active sessions over the last second.
    pub sessions: f64,
}

/// Active sessions that run the same statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryActivity {
    /// Query id as text; null below PostgreSQL 14 or without `compute_query_id`.
    pub query_id: Option<String>,
    /// Mean number of active sessions over the last second.
    pub sessions: f64,
}

/// Who holds connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// `application_name`.
    pub application: String,
    /// Role name.
    pub user: String,
    /// Connections in each state.
    pub states: States,
    /// Its oldest transaction, milliseconds.
    pub oldest_transaction_ms: Option<f64>,
}

/// One session that is not idle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Backend process id.
    pub pid: i32,
    /// Role name.
    pub user: String,
    /// `application_name`.
    pub application: String,
    /// `active`, `idle in transaction`, ...
    pub state: String,
    /// Wait event type, when it waits.
    pub wait_event_type: Option<String>,
    /// Wait event, when it waits.
    pub wait_event: Option<String>,
    /// Query id as text.
    pub query_id: Option<String>,
    /// Age of its transaction, milliseconds.
    pub transaction_ms: Option<f64>,
    /// Age of its query, milliseconds; for an active session the running one.
    pub query_ms: Option<f64>,
    /// Time since its state last changed, milliseconds.
    pub state_ms: Option<f64>,
    /// The sessions that block it directly.
    pub blocked_by: Vec<i32>,
}

/// The sessions of one target at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// The whole server's slots.
    pub server: Server,
    /// By state.
    pub states: States,
    /// Mean number of sessions in state active over the last second.
    pub average_active_sessions: f64,
    /// What active sessions wait for, most first.
    pub waits: Vec<WaitCount>,
    /// What active sessions run, most first.
    pub running: Vec<QueryActivity>,
    /// Who holds connections, most first; at most [`Activity::MOST_HOLDERS`].
    pub holders: Vec<Holder>,
    /// Sessions that are not idle, oldest transaction first; at most [`Activity::MOST_SESSIONS`].
    pub sessions: Vec<Session>,
    /// Sessions left out of `sessions`.
    pub sessions_left_out: u32,
    /// Active sessions waiting for a lock, and for how long the longest has waited, milliseconds.
    pub blocked: u32,
    /// See `blocked`.
    pub longest_blocked_ms: Option<f64>,
    /// Age of the oldest transaction, milliseconds.
    pub oldest_transaction_ms: Option<f64>,
    /// How long the longest idle-in-transaction session has been so, milliseconds.
    pub oldest_idle_in_transaction_ms: Option<f64>,
}

impl Activity {
    /// As many holders as a person can read; the rest is in the totals.
    pub const MOST_HOLDERS: usize = 50;
    /// Bounds a report's size on a server with many thousands of busy sessions; rules count within it.
    pub const MOST_SESSIONS: usize = 2_000;
}
