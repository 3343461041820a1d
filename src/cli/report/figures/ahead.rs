//! What became slower, where figures go, what runs out, and what to do about it.

use serde::Serialize;

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

/// A query that is other than it was.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Regression {
    /// Region and target.
    pub place: String,
    /// `new`, `slower` or `storm`.
    pub kind: String,
    /// Query id as text.
    pub query_id: String,
    /// Role name.
    pub user: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Redacted text, when it is known.
    pub text: Option<String>,
    /// In words.
    pub said: String,
}

/// When something runs out.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Forecast {
    /// Region and target.
    pub place: String,
    /// What: `disk`, `connections`, ...
    pub what: String,
    /// Which, where there are several.
    pub subject: Option<String>,
    /// Most likely then.
    pub runs_out_at: Option<Timestamp>,
    /// Hardly sooner.
    pub earliest: Option<Timestamp>,
    /// Hardly later.
    pub latest: Option<Timestamp>,
    /// In words.
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
    let mut all = Vec::new();
    for (id, past) in &gathered.pasts {
        let statements = past.queries.queries.iter().flat_map(|last| &last.statements);
        let text = |it: &told::Regression| {
            let found = statements.clone().find(|statement| statement.query_id == it.query_id);
            it.text.clone().or_else(|| found?.text.clone())
        };
        all.extend(past.queries.regressions.iter().flatten().map(|it| Regression {
            place: id.to_string(),
            kind: it.kind.clone(),
            query_id: it.query_id.clone(),
            user: it.user.clone(),
            since: it.since,
            text: text(it),
            said: it.sentence.clone(),
        }));
    }
    all
}

/// Of each target the most in a sentence, then what else changed and is so still; those of which something changed come first.
pub(super) fn sentences(gathered: &Gathered) -> Vec<Sentence> {
    let mut all: Vec<(bool, Sentence)> = Vec::new();
    for (id, past) in &gathered.pasts {
        let main = past.trends.sentence.as_deref().unwrap_or_default();
        let changes: Vec<&str> =
            past.trends.changes.iter().filter(|change| change.holds).map(|change| change.sentence.as_str()).collect();
        let is_calm = changes.is_empty();
        // The sentence says the largest of them, and then perhaps what it is made of.
        let others = changes.into_iter().filter(|change| !main.contains(change.trim_end_matches('.')));
        let texts = std::iter::once(main).chain(others).filter(|text| !text.is_empty());
        all.extend(texts.map(|text| (is_calm, Sentence { place: id.to_string(), text: text.to_owned() })));
    }
    all.sort_by_key(|(is_calm, _)| *is_calm);
    all.into_iter().map(|(_, sentence)| sentence).collect()
}

/// The first to run out first.
pub(super) fn forecasts(gathered: &Gathered) -> Vec<Forecast> {
    let mut all: Vec<Forecast> = Vec::new();
    for (id, past) in &gathered.pasts {
        all.extend(past.trends.forecasts.iter().map(|it| Forecast {
            place: id.to_string(),
            what: it.what.clone(),
            subject: it.subject.clone(),
            runs_out_at: it.runs_out_at,
            earliest: it.earliest,
            latest: it.latest,
            said: bounded(it),
        }));
    }
    all.sort_by_key(|it| (it.runs_out_at.is_none(), it.runs_out_at));
    all
}

/// The node's sentence; with the bounds, where it does not say them itself.
fn bounded(it: &told::Forecast) -> String {
    let said = it.sentence.trim();
    let (Some(earliest), Some(latest)) = (it.earliest, it.latest) else { return said.to_owned() };
    let (earliest, latest) = (words::day(earliest), words::day(latest));
    if said.contains(&earliest) && said.contains(&latest) {
        return said.to_owned();
    }
    format!("{} (hardly before {earliest}, hardly after {latest})", said.trim_end_matches('.'))
}

pub(super) fn advised(recommendations: &[told::Recommendation]) -> Vec<Advised> {
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
    recommendations.iter().map(of).collect()
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

/// How good advice has been; none while nothing could be compared.
pub(super) fn score(told: &told::Score) -> Option<String> {
    let told::Score { compared, within_bounds } = told;
    let changes = words::count(usize::try_from(*compared).ok()?, "change");
    (*compared > 0).then(|| format!("of {changes} that could be compared, {within_bounds} came within the predicted bounds"))
}
