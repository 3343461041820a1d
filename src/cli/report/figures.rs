//! From what a node told to what a person should know. Pure: the same answers give the same report.

mod ahead;
mod incidents;
mod pools;
mod sight;
mod summary;
#[cfg(test)]
pub(super) mod tests;

use serde::Serialize;

use super::{
    gather::{Gathered, Tells},
    words::minute,
};
use crate::model::Timestamp;
pub(super) use ahead::{Advised, Forecast, Regression, Sentence};
pub(super) use incidents::{ByChannel, ByRule, Incident, Incidents};
pub(super) use pools::{Cost, PoolTime};
pub(super) use sight::{Gap, Sight};

/// A stretch of time, told.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Only this region.
    pub region: Option<String>,
    /// Only targets of this name.
    pub target: Option<String>,
    /// What a tired person should know: what happened, what hurts, what to do next.
    pub summary: [String; 3],
    /// Targets that are watched.
    pub targets: usize,
    /// What was in breach.
    pub incidents: Incidents,
    /// Pools, the worst first.
    pub pools: Vec<PoolTime>,
    /// Queries that became slower.
    pub regressions: Vec<Regression>,
    /// How figures move, in sentences.
    pub trends: Vec<Sentence>,
    /// What runs out, the first to do so first.
    pub forecasts: Vec<Forecast>,
    /// What to change, most valuable first.
    pub advice: Vec<Advised>,
    /// What was advised and then done, with what came of it.
    pub taken: Vec<Advised>,
    /// How good advice has been, as the node says it.
    pub score: Option<String>,
    /// Pools of which nothing can be advised, and why.
    pub without_advice: Vec<Sentence>,
    /// What Isobar costs the servers.
    pub cost: Vec<Cost>,
    /// When targets were not seen, those least seen first.
    pub sight: Vec<Sight>,
    /// What the node tells at all: what it does not is not known, rather than fine.
    pub tells: Tells,
    /// What the node does not tell, and why.
    pub lacks: Vec<String>,
}

impl Report {
    /// Of what was gathered.
    pub(super) fn of(gathered: &Gathered) -> Self {
        let scope = &gathered.scope;
        let mut report = Self {
            from: scope.from,
            to: scope.to,
            region: scope.region.clone(),
            target: scope.target.clone(),
            summary: Default::default(),
            targets: gathered.samples.len(),
            incidents: Incidents::of(gathered),
            pools: pools::worst(gathered),
            regressions: ahead::regressions(gathered),
            trends: ahead::sentences(gathered),
            forecasts: ahead::forecasts(gathered),
            advice: ahead::advised(&gathered.advice.recommendations),
            taken: ahead::advised(&gathered.advice.past),
            score: gathered.advice.score.as_ref().and_then(ahead::score),
            without_advice: ahead::without(gathered),
            cost: pools::costs(gathered),
            sight: sight::of(gathered),
            tells: gathered.tells,
            lacks: gathered.lacks.iter().cloned().collect(),
        };
        report.lacks.extend(incidents::forgotten(scope));
        report
            .lacks
            .extend(sight::begins(gathered).map(|begins| format!("before {}: nothing is kept of that time", minute(begins))));
        report.summary = summary::of(&report);
        report
    }

    /// How long it is about, seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.to.since(self.from).as_secs_f64()
    }
}

/// The value in the middle; none of none.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[last.div_ceil(2)]))
}
