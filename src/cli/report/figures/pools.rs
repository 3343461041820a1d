//! Pools by how long they were too full and how long clients waited, and what Isobar itself cost.

use serde::Serialize;

use super::super::gather::{Gathered, IMPACT, Past, UTILIZATION, WAIT, WAITING};
use crate::{
    model::{
        Rule, Sample, TargetId, Timestamp,
        history::{Point, Series},
    },
    region::thresholds::Thresholds,
};

/// One target's pool.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolTime {
    /// Region and target.
    pub place: String,
    /// The share that counts as too full, 0..1.
    pub threshold: f64,
    /// Whether that is the usual one; another shows only in an incident.
    pub threshold_is_default: bool,
    /// For about how long it was above it, seconds.
    pub seconds_above: f64,
    /// How long it was seen, seconds.
    pub seconds_seen: f64,
    /// The mean share in use, 0..1.
    pub utilization_mean: f64,
    /// The largest share in use, 0..1.
    pub utilization_max: f64,
    /// Most clients waiting at a time.
    pub most_waiting: Option<f64>,
    /// What clients waited all together, seconds.
    pub client_seconds: Option<f64>,
    /// 95 of 100 waits were not longer, in the worst bucket, milliseconds.
    pub wait_p95_ms: Option<f64>,
    /// When that was.
    pub wait_p95_at: Option<Timestamp>,
    /// How long a bucket is, seconds.
    pub bucket_seconds: Option<f64>,
}

/// What Isobar costs one server.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    /// Region and target.
    pub place: String,
    /// Mean share of one core.
    pub mean: f64,
    /// Largest share of one core.
    pub max: f64,
    /// Why it slows down now, when it does.
    pub throttled: Option<String>,
}

/// All pools of which the past is known, the worst first.
pub(super) fn worst(gathered: &Gathered) -> Vec<PoolTime> {
    let mut pools: Vec<PoolTime> = gathered.pasts.iter().filter_map(|(id, past)| pool(id, past, gathered)).collect();
    let badness = |pool: &PoolTime| {
        // A second above is a second; what clients waited counts beside it.
        let waited = pool.client_seconds.unwrap_or_default();
        (pool.seconds_above + waited, pool.wait_p95_ms.unwrap_or_default(), pool.utilization_max)
    };
    pools.sort_by(|one, other| {
        let (one_is, other_is) = (badness(one), badness(other));
        let order = other_is.0.total_cmp(&one_is.0).then(other_is.1.total_cmp(&one_is.1)).then(other_is.2.total_cmp(&one_is.2));
        order.then_with(|| one.place.cmp(&other.place))
    });
    pools
}

fn pool(id: &TargetId, past: &Past, gathered: &Gathered) -> Option<PoolTime> {
    let fullness = known(past, UTILIZATION)?;
    let (threshold, threshold_is_default) = threshold(id, gathered);
    let (waiting, wait) = (known(past, WAITING), known(past, WAIT));
    let p95 = |point: &Point| Some((point.percentiles?.p95, point.at));
    let worst_wait = wait.and_then(|series| series.points.iter().filter_map(p95).max_by(|one, other| one.0.total_cmp(&other.0)));
    Some(PoolTime {
        place: id.to_string(),
        threshold,
        threshold_is_default,
        seconds_above: fullness.points.iter().map(|point| above(point, threshold) * f64::from(point.count)).sum(),
        seconds_seen: fullness.points.iter().map(|point| f64::from(point.count)).sum(),
        utilization_mean: mean(fullness)?,
        utilization_max: most(fullness)?,
        most_waiting: waiting.and_then(most),
        client_seconds: waiting.map(|series| series.points.iter().map(|point| point.mean * f64::from(point.count)).sum()),
        wait_p95_ms: worst_wait.map(|(p95, _)| p95),
        wait_p95_at: worst_wait.map(|(_, at)| at),
        bucket_seconds: wait.map(|series| series.step_ms as f64 / 1_000.0),
    })
}

fn known<'a>(past: &'a Past, figure: &str) -> Option<&'a Series> {
    past.series.get(figure).filter(|series| series.points.iter().any(|point| point.count > 0))
}

fn mean(series: &Series) -> Option<f64> {
    let seconds: f64 = series.points.iter().map(|point| f64::from(point.count)).sum();
    let sum: f64 = series.points.iter().map(|point| point.mean * f64::from(point.count)).sum();
    (seconds > 0.0).then(|| sum / seconds)
}

fn most(series: &Series) -> Option<f64> {
    series.points.iter().map(|point| point.max).reduce(f64::max)
}

/// The share of a bucket that was above a level. Of a mixed one nobody knows; as if all of it were at its smallest or its largest value is
/// between what can be at least and at most.
pub(super) fn above(point: &Point, level: f64) -> f64 {
    if point.min > level {
        1.0
    } else if point.max <= level {
        0.0
    } else {
        ((point.mean - point.min) / (point.max - point.min)).clamp(0.0, 1.0)
    }
}

/// The level of `pool_saturated`: as its incidents tell it, the usual one where there was none.
fn threshold(id: &TargetId, gathered: &Gathered) -> (f64, bool) {
    let own = |alert: &&crate::model::alert::Alert| {
        alert.rule == Rule::PoolSaturated && alert.region == id.region && alert.target.as_ref() == Some(&id.target)
    };
    let told = gathered.alerts.iter().filter(own).filter_map(|alert| alert.threshold).filter(|level| *level > 0.0);
    let usual = Thresholds::default().pool_utilization;
    told.reduce(f64::min).map_or((usual, true), |level| (level, (level - usual).abs() < f64::EPSILON))
}

/// What Isobar costs, the dearest first; as it is now where the past is not known.
pub(super) fn costs(gathered: &Gathered) -> Vec<Cost> {
    let mut costs: Vec<Cost> = gathered.samples.iter().filter_map(|sample| cost(sample, gathered)).collect();
    costs.sort_by(|one, other| other.mean.total_cmp(&one.mean).then_with(|| one.place.cmp(&other.place)));
    costs
}

fn cost(sample: &Sample, gathered: &Gathered) -> Option<Cost> {
    let id = TargetId { region: sample.region.clone(), target: sample.target.clone() };
    let past = gathered.pasts.get(&id).and_then(|past| known(past, IMPACT)).and_then(|series| mean(series).zip(most(series)));
    let (mean, max) = past.or_else(|| sample.probe.impact.map(|impact| (impact, impact)))?;
    Some(Cost { place: id.to_string(), mean, max, throttled: sample.probe.throttled.clone() })
}
