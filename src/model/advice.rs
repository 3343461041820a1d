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
    /// What was advised and then changed, with what came of it, newest first.
    pub past: Vec<Recommendation>,
}

/// How well it predicted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Changes of which what came could be compared with what was predicted.
    pub compared: u32,
    /// Of those, the mean wait came within the bounds of the prediction.
    pub within_bounds: u32,
    /// Of those, the verdict is [`Verdict::AsPredicted`].
    pub as_predicted: u32,
}

impl Score {
    /// Of these.
    pub fn of<'a>(past: impl IntoIterator<Item = &'a Recommendation>) -> Self {
        past.into_iter().filter_map(|one| one.outcome.as_ref()).fold(Self::default(), |score, outcome| {
            let Some(is_within) = outcome.within_bounds else { return score };
            Self {
                compared: score.compared + 1,
                within_bounds: score.within_bounds + u32::from(is_within),
                as_predicted: score.as_predicted + u32::from(outcome.verdict == Verdict::AsPredicted),
            }
        })
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Most of what a crowded pool is busy with is one application's.
    FixFirst,
    /// A role's statements run on and on while others wait.
    StatementTimeout,
    /// A role's sessions wait long for locks.
    LockTimeout,
    /// Clients wait longer for a server connection than anybody who asked.
    QueryWaitTimeout,
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
            Self::FixFirst => "fix_first",
            Self::StatementTimeout => "statement_timeout",
            Self::LockTimeout => "lock_timeout",
            Self::QueryWaitTimeout => "query_wait_timeout",
        }
    }
}

/// What to do, and how to undo it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// For how long a transaction held its server connection before, milliseconds.
    pub service_before_ms: f64,
    /// The same since; none while it is measured. Longer: a larger pool shares something.
    pub service_ms: Option<f64>,
    /// Whether the wait came within the prediction's bounds; none while it is measured, or when it cannot be compared.
    pub within_bounds: Option<bool>,
    /// How the two compare.
    pub verdict: Verdict,
}

/// How what came compares with what was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
