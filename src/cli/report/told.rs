//! What a node tells of a target beside its samples, read leniently: a node that is older tells less, one that is newer tells more.

use serde::Deserialize;
use serde_json::Value;

use crate::model::Timestamp;

/// `/api/databases/{region}/{target}/trends`, as far as a report needs it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Trends {
    pub trends: Vec<Trend>,
    pub forecasts: Vec<Forecast>,
}

/// How a figure moves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Trend {
    pub metric: String,
    /// For people; older nodes tell none.
    pub sentence: Option<String>,
}

/// When something runs out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Forecast {
    pub metric: String,
    pub sentence: Option<String>,
    pub limit: Option<f64>,
    pub at: Option<Timestamp>,
    pub earliest: Option<Timestamp>,
    pub latest: Option<Timestamp>,
}

/// `/api/databases/{region}/{target}/queries`, as far as a report needs it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Queries {
    pub regressions: Vec<Regression>,
}

/// A query that became slower.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Regression {
    pub query_id: String,
    pub user: Option<String>,
    pub text: Option<String>,
    pub sentence: Option<String>,
}

/// `/api/recommendations`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Advice {
    pub recommendations: Vec<Recommendation>,
    pub unknown: Vec<Unknown>,
    pub score: Option<Value>,
}

/// What to change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Recommendation {
    pub region: String,
    pub target: String,
    pub subject: String,
    pub title: String,
    pub change: Change,
    pub predicted: Option<Predicted>,
    pub confidence: Option<f64>,
    pub caution: String,
    pub outcome: Option<Outcome>,
}

/// How to change it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Change {
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
