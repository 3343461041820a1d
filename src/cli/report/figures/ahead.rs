//! What became slower, where figures go, what runs out, and what to do about it.

use serde::Serialize;
use serde_json::Value;

use super::super::{
    gather::Gathered,
    told::{self, Predicted},
    words,
};
use crate::model::Timestamp;

/// A sentence about a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Sentence {
    /// Region and target.
    pub place: String,
    /// What is said.
    pub text: String,
}

/// A query that became slower.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Regression {
    /// Region and target.
    pub place: String,
    /// Query id as text.
    pub query_id: String,
    /// Role name.
    pub user: Option<String>,
    /// Redacted text, when it is known.
    pub text: Option<String>,
    /// By how much, since when.
    pub said: String,
}

/// When something runs out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Forecast {
    /// Region and target.
    pub place: String,
    /// The figure's path.
    pub metric: String,
    /// What it runs into, in the figure's unit.
    pub limit: Option<f64>,
    /// When; none when it does not.
    pub at: Option<Timestamp>,
    /// Hardly before.
    pub earliest: Option<Timestamp>,
    /// Hardly after; none when it may never.
    pub latest: Option<Timestamp>,
    /// For people.
    pub said: String,
}

/// What to change.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Advised {
    /// Region and target.
    pub place: String,
    /// What it is about.
    pub subject: String,
    /// In a sentence.
    pub title: String,
    /// What to write or run.
    pub command: Option<String>,
    /// How to undo that.
    pub undo: Option<String>,
    /// What that would bring.
    pub predicted: Option<String>,
    /// How sure that is, 0..1.
    pub confidence: Option<f64>,
    /// When not to.
    pub caution: String,
    /// What came of it.
    pub outcome: Option<String>,
}

pub(super) fn regressions(gathered: &Gathered) -> Vec<Regression> {
    let of = |(id, past): (&crate::model::TargetId, &super::super::gather::Past)| {
        let place = id.to_string();
        past.queries.regressions.iter().map(move |it| regression(place.clone(), it)).collect::<Vec<_>>()
    };
    gathered.pasts.iter().flat_map(of).collect()
}

fn regression(place: String, it: &told::Regression) -> Regression {
    let said = it.sentence.clone().unwrap_or_else(|| "it became slower".to_owned());
    Regression { place, query_id: it.query_id.clone(), user: it.user.clone(), text: it.text.clone(), said }
}

pub(super) fn sentences(gathered: &Gathered) -> Vec<Sentence> {
    let of = |(id, past): (&crate::model::TargetId, &super::super::gather::Past)| {
        let said = past.trends.trends.iter().filter_map(|trend| trend.sentence.clone());
        said.map(|text| Sentence { place: id.to_string(), text }).collect::<Vec<_>>()
    };
    gathered.pasts.iter().flat_map(of).collect()
}

/// The first to run out first; what does not run out last.
pub(super) fn forecasts(gathered: &Gathered) -> Vec<Forecast> {
    let mut all: Vec<Forecast> = Vec::new();
    for (id, past) in &gathered.pasts {
        all.extend(past.trends.forecasts.iter().map(|it| forecast(id.to_string(), it)));
    }
    all.sort_by_key(|it| (it.at.is_none(), it.at));
    all
}

fn forecast(place: String, it: &told::Forecast) -> Forecast {
    let plain = || {
        let at = it.at.map_or_else(|| "not as far as can be seen".to_owned(), |at| format!("about {}", words::day(at)));
        let bounds = match (it.earliest, it.latest) {
            (Some(from), Some(to)) => format!(", between {} and {}", words::day(from), words::day(to)),
            (Some(from), None) => format!(", hardly before {}", words::day(from)),
            _ => String::new(),
        };
        format!("{} reaches its limit {at}{bounds}", it.metric)
    };
    Forecast {
        place,
        metric: it.metric.clone(),
        limit: it.limit,
        at: it.at,
        earliest: it.earliest,
        latest: it.latest,
        said: it.sentence.clone().unwrap_or_else(plain),
    }
}

pub(super) fn advised(gathered: &Gathered) -> Vec<Advised> {
    let of = |it: &told::Recommendation| Advised {
        place: format!("{}/{}", it.region, it.target),
        subject: it.subject.clone(),
        title: it.title.clone(),
        command: it.change.command.clone(),
        undo: it.change.undo.clone(),
        predicted: it.predicted.as_ref().and_then(predicted),
        confidence: it.confidence,
        caution: it.caution.clone(),
        outcome: it.outcome.as_ref().map(outcome),
    };
    gathered.advice.recommendations.iter().map(of).collect()
}

fn predicted(it: &Predicted) -> Option<String> {
    let mean = it.mean_wait_ms?;
    let bounds = it.low.zip(it.high).map(|(low, high)| format!(" ({} to {})", words::ms(low), words::ms(high)));
    let p95 = it.p95_wait_ms.map(|p95| format!(", 95 of 100 within {}", words::ms(p95)));
    let busy = it.utilization.map(|share| format!(", {} in use", words::percent(share)));
    let rest = [bounds, p95, busy].into_iter().flatten().collect::<String>();
    Some(format!("a mean wait of {}{rest}", words::ms(mean)))
}

fn outcome(it: &told::Outcome) -> String {
    let taken = it.taken_at.map(|at| format!("taken {}: ", words::minute(at))).unwrap_or_default();
    let was = it.mean_wait_ms.map(|wait| format!("a mean wait of {} since", words::ms(wait)));
    let should = it.predicted.as_ref().and_then(|predicted| predicted.mean_wait_ms);
    let should = should.map(|wait| format!(", {} was predicted", words::ms(wait)));
    let verdict = match it.verdict.as_str() {
        "" => String::new(),
        verdict => format!(" ({})", verdict.replace('_', " ")),
    };
    format!("{taken}{}{}{verdict}", was.unwrap_or_else(|| "being measured".to_owned()), should.unwrap_or_default())
}

pub(super) fn without(gathered: &Gathered) -> Vec<Sentence> {
    let of = |it: &told::Unknown| Sentence {
        place: format!("{}/{}", it.region, it.target),
        text: format!("{}: {}", it.subject, it.cause),
    };
    gathered.advice.unknown.iter().map(of).collect()
}

/// How good advice has been: a sentence, or figures by name.
pub(super) fn score(told: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    text(told).or_else(|| text(&told["sentence"])).or_else(|| {
        let parts = told.as_object()?.iter().filter_map(|(name, value)| Some(format!("{name} {}", text(value)?)));
        Some(parts.collect::<Vec<_>>().join(", ")).filter(|said| !said.is_empty())
    })
}
