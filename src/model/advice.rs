//! What to change, why, and what that would bring: the answer of `/api/recommendations`.

use serde::{Deserialize, Serialize};

use super::{RegionName, TargetName, Timestamp};

/// All that is advised now, most valuable first.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// What to change.
    pub recommendations: Vec<Recommendation>,
    /// The pools of which nothing can be said, and why.
    pub unknown: Vec<Unknown>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// The same as long as it is the same advice, over restarts and on every node.
    pub id: String,
    /// Where.
    pub region: RegionName,
    /// For which target.
    pub target: TargetName,
    /// Of what kind.
    pub kind: Kind,
    /// What it is about: a pool, a role, the server.
    pub subject: String,
    /// In a sentence.
    pub title: String,
    /// What to do.
    pub change: Change,
    /// What was measured, with units.
    pub evidence: Vec<Fact>,
    /// What the change would bring; none where no model says.
    pub predicted: Option<Predicted>,
    /// How sure that is, 0..1.
    pub confidence: f64,
    /// Why not surer, or why so sure.
    pub confidence_reason: String,
    /// When not to.
    pub caution: String,
    /// What came of it, after it was taken.
    pub outcome: Option<Outcome>,
    /// By what they are sorted: about how many clients or connections it frees.
    #[serde(skip)]
    pub value: f64,
}

/// Kinds of advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Clients wait for more server connections.
    EnlargePool,
    /// Clients wait, and more server connections would not help.
    DoNotEnlargePool,
    /// Most of the pool was never needed.
    ShrinkPool,
    /// An application holds transactions open and does nothing.
    IdleInTransaction,
    /// Idle clients hold server connections, since the pool gives one to each.
    TransactionMode,
    /// The server has hardly a connection left.
    ConnectionsNearlyUsed,
}

impl Kind {
    /// As the API says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EnlargePool => "enlarge_pool",
            Self::DoNotEnlargePool => "do_not_enlarge_pool",
            Self::ShrinkPool => "shrink_pool",
            Self::IdleInTransaction => "idle_in_transaction",
            Self::TransactionMode => "transaction_mode",
            Self::ConnectionsNearlyUsed => "connections_nearly_used",
        }
    }
}

/// What to do, and how to undo it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The setting, by its own name.
    pub setting: String,
    /// What it is; none where that is not known.
    pub from: Option<String>,
    /// What it should be; none where it should stay.
    pub to: Option<String>,
    /// What to write or run; none where nothing should be changed.
    pub command: Option<String>,
    /// How to undo that.
    pub undo: Option<String>,
}

/// One figure of the evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// What was measured.
    pub what: String,
    /// How much.
    pub value: f64,
    /// In what: `1/s`, `ms`, `connections`, ...
    pub unit: String,
}

/// What a change would bring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicted {
    /// Mean wait for a server connection, milliseconds.
    pub mean_wait_ms: f64,
    /// All but one in twenty wait no longer, milliseconds.
    pub p95_wait_ms: f64,
    /// Share of the pool's connections at work, 0..1.
    pub utilization: f64,
    /// Server connections of the pool.
    pub server_connections: u32,
    /// The mean wait is hardly below this, milliseconds.
    pub low: f64,
    /// The mean wait is hardly above this, milliseconds.
    pub high: f64,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// When the change was seen.
    pub taken_at: Timestamp,
    /// What the setting is now.
    pub to: u32,
    /// What was predicted for that, made before the change.
    pub predicted: Option<Predicted>,
    /// The mean wait since, milliseconds; none while it is measured.
    pub mean_wait_ms: Option<f64>,
    /// Share of the pool's connections at work since; none while it is measured.
    pub utilization: Option<f64>,
    /// How the two compare.
    pub verdict: Verdict,
}

/// How what came compares with what was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not enough has been seen since.
    Measuring,
    /// Within half, or 3 ms.
    AsPredicted,
    /// Less wait than predicted.
    Better,
    /// More wait than predicted.
    Worse,
    /// The load is another than it was, or nothing was predicted.
    NotComparable,
}

/// A pool of which nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// Where.
    pub region: RegionName,
    /// Of which target.
    pub target: TargetName,
    /// Which pool.
    pub subject: String,
    /// Why.
    pub cause: String,
}
