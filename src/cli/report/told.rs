//! What a node tells of a target beside its samples, read leniently: a node that is older tells less, one that is newer tells more.

use serde::Deserialize;
use serde_json::Value;

use crate::model::Timestamp;

/// `/api/databases/{region}/{target}/trends`, as far as a report needs it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Trends {
    /// The most of it in a sentence; older nodes tell none.
    pub sentence: Option<String>,
    /// When it was looked at; none before, and then nothing of it is known.
    pub looked_at: Option<Timestamp>,
    pub changes: Vec<Change>,
    pub slopes: Vec<Slope>,
    pub forecasts: Vec<Forecast>,
}

/// A figure that is another than it was.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Change {
    pub sentence: String,
    /// Whether it is so still.
    pub holds: bool,
}

/// A figure that rises or falls.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Slope {
    pub metric: String,
    /// `hour` or `day`.
    pub per: String,
    #[serde(rename = "slope")]
    pub pace: f64,
    pub low: f64,
    pub high: f64,
}

/// When something runs out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Forecast {
    pub what: String,
    pub subject: Option<String>,
    pub runs_out_at: Option<Timestamp>,
    pub earliest: Option<Timestamp>,
    pub latest: Option<Timestamp>,
    pub sentence: String,
}

/// `/api/databases/{region}/{target}/queries`, as far as a report needs it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Queries {
    /// Older nodes tell none.
    pub regressions: Option<Vec<Regression>>,
    pub queries: Option<Last>,
}

/// The last interval.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Last {
    pub statements: Vec<Statement>,
}

/// A statement of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Statement {
    pub query_id: String,
    pub text: Option<String>,
}

/// A query that is other than it was.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Regression {
    /// `new`, `slower` or `storm`.
    pub kind: String,
    pub query_id: String,
    pub user: String,
    pub text: Option<String>,
    pub since: Option<Timestamp>,
    pub sentence: String,
}

/// `/api/recommendations`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Advice {
    pub recommendations: Vec<Recommendation>,
    pub unknown: Vec<Unknown>,
    /// What was taken, with what came of it.
    pub past: Vec<Recommendation>,
    pub score: Option<Score>,
}

/// How well it predicted so far.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Score {
    pub compared: u64,
    pub within_bounds: u64,
}

/// What to change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Recommendation {
    pub region: String,
    pub target: String,
    pub subject: String,
    pub title: String,
    pub change: Setting,
    pub predicted: Option<Predicted>,
    pub confidence: Option<f64>,
    pub caution: String,
    pub outcome: Option<Outcome>,
}

/// How to change it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Setting {
    pub command: Option<String>,
    pub undo: Option<String>,
}

/// What that would bring.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Predicted {
    pub mean_wait_ms: Option<f64>,
    pub p95_wait_ms: Option<f64>,
    pub utilization: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// What it brought.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Outcome {
    pub taken_at: Option<Timestamp>,
    pub predicted: Option<Predicted>,
    pub mean_wait_ms: Option<f64>,
    pub verdict: String,
}

/// A pool of which nothing can be said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Unknown {
    pub region: String,
    pub target: String,
    pub subject: String,
    pub cause: String,
}

/// An answer, or what can be made of it: a part in a form that nobody here knows is left out.
pub(super) fn leniently<T: for<'de> Deserialize<'de> + Default>(answer: &Value) -> T {
    let known = |value: &Value| T::deserialize(value).ok();
    known(answer).unwrap_or_else(|| {
        // One part that has another form should not cost the others.
        let parts = answer.as_object().into_iter().flatten();
        let kept = parts.filter(|(key, value)| known(&serde_json::json!({ key.as_str(): value })).is_some());
        known(&Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())).unwrap_or_default()
    })
}
