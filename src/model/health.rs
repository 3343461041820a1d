//! Status, severity, rules, and why: every judgement carries its reason, and tests, logs, API and page read the same one.

use serde::{Deserialize, Serialize};

use super::{Outcome, Timestamp};

/// How something is. `Unknown` means that we cannot see, and is never shown as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No rule is in breach.
    Healthy,
    /// A rule of severity medium or low is in breach.
    Degraded,
    /// We cannot see.
    Unknown,
    /// A rule of severity high or critical is in breach.
    Unhealthy,
}

/// How bad a breach is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look today.
    Medium,
    /// Somebody should look now.
    High,
    /// Users are hurt now.
    Critical,
}

/// What kind of trouble an alert is about, as the original interface names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertType {
    /// Connections: pools, queues, leaks.
    ConnectionPool,
    /// Queries: slow, failing, blocked.
    QueryPerformance,
    /// Size, growth, and what runs out.
    DatabaseSize,
    /// Up, down, blind.
    RegionHealth,
}

macro_rules! rules {
    (judged { $($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident;)* }
     own { $($(#[$own_doc:meta])* $own_name:ident = $own_text:literal, $own_kind:ident;)* }) => {
        /// The rules that samples are judged by, and what Isobar tells of itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Rule { $($(#[$doc])* $name,)* $($(#[$own_doc])* $own_name,)* }

        impl Rule {
            /// Every rule that samples are judged by, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The rule's name in configuration, JSON and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* $(Self::$own_name => $own_text,)* }
            }

            /// The type its alerts carry.
            pub const fn alert_type(self) -> AlertType {
                match self { $(Self::$name => AlertType::$kind,)* $(Self::$own_name => AlertType::$own_kind,)* }
            }
        }
    };
}

rules! {
    judged {
        /// Connection refused, reset or lost, and a fresh attempt fails too.
        DatabaseDown = "database_down", RegionHealth;
        /// Accepts TCP but answers no trivial query.
        DatabaseUnresponsive = "database_unresponsive", RegionHealth;
        /// Fresh connections are refused.
        DatabaseRejecting = "database_rejecting", RegionHealth;
        /// The pooler refuses, or clients get no connection from it.
        PoolerDown = "pooler_down", ConnectionPool;
        /// No report from any node of the region.
        RegionBlind = "region_blind", RegionHealth;
        /// The pool or the server is nearly full.
        PoolSaturated = "pool_saturated", ConnectionPool;
        /// Clients wait for a connection.
        PoolWaiting = "pool_waiting", ConnectionPool;
        /// Sessions idle in transaction hold connections or block others.
        ConnectionLeak = "connection_leak", ConnectionPool;
        /// Sessions wait for locks.
        BlockingChain = "blocking_chain", QueryPerformance;
        /// Queries take too long on average.
        QuerySlow = "query_slow", QueryPerformance;
        /// Too large a share of the calls is slow.
        SlowQueryRate = "slow_query_rate", QueryPerformance;
        /// Too many transactions fail.
        ErrorRate = "error_rate", QueryPerformance;
        /// The cache misses too often.
        CacheHitLow = "cache_hit_low", QueryPerformance;
        /// The database grows too fast.
        SizeGrowth = "size_growth", DatabaseSize;
        /// A replica lags, or a slot retains too much.
        ReplicationLag = "replication_lag", RegionHealth;
        /// Transaction ids run out.
        XidWraparound = "xid_wraparound", DatabaseSize;
        /// A figure is unusual for the time of day.
        Anomaly = "anomaly", QueryPerformance;
    }
    own {
        /// Isobar could not deliver a message through a channel; raised by the alert stage itself.
        DeliveryFailing = "delivery_failing", RegionHealth;
    }
}

impl Rule {
    /// What one target's server is away by; on one target only the first of them shows.
    pub const SERVER_AWAY: [Self; 3] = [Self::DatabaseDown, Self::DatabaseUnresponsive, Self::DatabaseRejecting];

    /// Whether it says that nobody gets to the server.
    pub fn is_server_away(self) -> bool {
        Self::SERVER_AWAY.contains(&self)
    }
}

/// A session named as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEvidence {
    /// Backend process id.
    pub pid: i32,
    /// Role name.
    pub user: String,
    /// `application_name`.
    pub application: String,
    /// `active`, `idle in transaction`, ...
    pub state: String,
    /// Wait event as `Type:Event`, when it waits.
    pub wait: Option<String>,
    /// Query id as text (64-bit numbers do not survive JavaScript).
    pub query_id: Option<String>,
    /// Age of what is held against it (transaction, state or query), milliseconds.
    pub age_ms: f64,
    /// How many sessions wait behind it, directly or not.
    pub blocks: u32,
}

/// Connections of one application and user, named as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderEvidence {
    /// `application_name`.
    pub application: String,
    /// Role name.
    pub user: String,
    /// Connections held.
    pub connections: u32,
    /// Of those, idle in transaction.
    pub idle_in_transaction: u32,
}

/// A statement named as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryEvidence {
    /// Query id as text.
    pub query_id: String,
    /// Redacted text, when it is known.
    pub text: Option<String>,
    /// Calls in the interval.
    pub calls: u64,
    /// Mean time in the interval, milliseconds.
    pub mean_ms: f64,
    /// Its share of all execution time in the interval, 0..1.
    pub share: f64,
}

/// Who or what causes a breach.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The cause of a failed connection.
    pub cause: Option<Outcome>,
    /// What the server or the pooler said, without secrets or literals.
    pub detail: Option<String>,
    /// Failed attempts so far.
    pub attempts: Option<u32>,
    /// The pooler it is about, and its fullest pool as `database/user`.
    pub pooler: Option<String>,
    /// Sessions to look at, worst first.
    pub sessions: Vec<SessionEvidence>,
    /// Who holds the connections, most first.
    pub holders: Vec<HolderEvidence>,
    /// Statements to look at, largest share first.
    pub queries: Vec<QueryEvidence>,
}

/// A rule in breach, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Which rule.
    pub rule: Rule,
    /// How bad.
    pub severity: Severity,
    /// The measured value, in the unit of the threshold; null when the rule has none.
    pub value: Option<f64>,
    /// The threshold it passed.
    pub threshold: Option<f64>,
    /// When the breach began.
    pub since: Timestamp,
    /// One sentence for a person.
    pub message: String,
    /// Who or what causes it.
    pub evidence: Evidence,
}

/// What happened to a rule of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// The condition holds, its `for` runs.
    Pending,
    /// The condition ended before its `for` did.
    Withdrawn,
    /// In breach.
    Firing,
    /// Still in breach, with another severity.
    SeverityChanged,
    /// Below the clear level.
    Cleared,
}

/// A step of a rule from one state to the next; alerts are made from these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// When.
    pub at: Timestamp,
    /// The reason as it stands at this step.
    pub reason: Reason,
}

impl Severity {
    /// The severity in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Status {
    /// The status in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}
