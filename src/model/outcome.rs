//! What became of an attempt to connect and ask: the phase it got to and the cause it failed for. The classifier in
//! `probe/classify.rs` makes these from SQLSTATEs and I/O errors; rules, API and page read the same enum.

use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Connected and answered.
    Ok,
    /// The host name did not resolve.
    DnsFailed,
    /// The host answered that nothing listens there.
    TcpRefused,
    /// No answer to the TCP handshake in time: a black hole, a dead host or a full accept queue.
    TcpTimeout,
    /// The connection was closed or reset under us.
    Lost,
    /// TLS could not be agreed on, or the certificate did not hold.
    TlsFailed,
    /// Password, user, or pg_hba refused.
    AuthFailed,
    /// The database does not exist there.
    NoSuchDatabase,
    /// All connection slots are taken (server), or the client limit is reached (pooler).
    TooManyConnections,
    /// The server is starting up.
    StartingUp,
    /// The server is shutting down, or an administrator ended the session.
    ShuttingDown,
    /// The server is in crash recovery, or a standby that takes no connections yet.
    InRecovery,
    /// TCP was accepted, but start-up or the trivial query got no answer in time.
    Unresponsive,
    /// A query was cancelled by our own timeout.
    QueryTimeout,
    /// The pooler is paused or disabled for this database.
    PoolerPaused,
    /// The pooler had no server connection to give in time.
    PoolExhausted,
    /// The role may not read what was asked for.
    PermissionDenied,
    /// The other side speaks something we do not understand, or refused an option.
    Protocol,
    /// Any other error; the message says which.
    Other,
}

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Resolving the host name.
    Dns,
    /// TCP handshake.
    Tcp,
    /// TLS handshake.
    Tls,
    /// Start-up message, authentication, until ready for queries.
    Auth,
    /// The first trivial query.
    FirstQuery,
    /// A query on a session that was already established.
    Query,
}

impl Phase {
    /// The phase in words, for messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Auth => "authentication",
            Self::FirstQuery => "first query",
            Self::Query => "query",
        }
    }
}

/// How long each phase took, in milliseconds; `null` for a phase that was not reached or not used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phases {
    /// Resolving the name.
    pub dns: Option<f64>,
    /// TCP handshake.
    pub tcp: Option<f64>,
    /// TLS handshake; null without TLS.
    pub tls: Option<f64>,
    /// Start-up and authentication.
    pub auth: Option<f64>,
    /// The first trivial query.
    pub first_query: Option<f64>,
}

impl Phases {
    /// The time to acquire a usable connection: everything before the first query.
    pub fn acquire(&self) -> f64 {
        [self.dns, self.tcp, self.tls, self.auth].iter().flatten().sum()
    }
}

impl Outcome {
    /// The cause in words, for messages: "connection refused".
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::DnsFailed => "the host name does not resolve",
            Self::TcpRefused => "connection refused",
            Self::TcpTimeout => "no answer to the TCP handshake",
            Self::Lost => "the connection was lost",
            Self::TlsFailed => "TLS failed",
            Self::AuthFailed => "authentication failed",
            Self::NoSuchDatabase => "no such database",
            Self::TooManyConnections => "too many connections",
            Self::StartingUp => "the server is starting up",
            Self::ShuttingDown => "the server is shutting down",
            Self::InRecovery => "the server is in recovery",
            Self::Unresponsive => "accepts TCP but does not answer",
            Self::QueryTimeout => "the query timed out",
            Self::PoolerPaused => "the pooler is paused",
            Self::PoolExhausted => "the pooler has no server connection to give",
            Self::PermissionDenied => "permission denied",
            Self::Protocol => "unexpected protocol answer",
            Self::Other => "failed",
        }
    }
}
