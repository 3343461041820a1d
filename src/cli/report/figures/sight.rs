//! When a target was not seen: nothing was kept of it, or what was kept says that nobody knew.

use std::time::Duration;

use serde::Serialize;

use super::super::gather::{Gathered, STATUS};
use crate::model::{
    Status, Timestamp,
    history::{Point, Series},
};

/// How a status that nobody knows is kept.
const UNKNOWN: f64 = 3.0;

/// Listed one by one.
const LISTED: usize = 5;

/// A bucket that lacks less than this share is whole: clocks and beats are not that even.
const WHOLE: f64 = 0.05;

/// What happened just now may still be on its way into the history.
const LATEST: Duration = Duration::from_secs(5);

/// What was seen of one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sight {
    /// Region and target.
    pub place: String,
    /// How long it was not seen, seconds; none where the node tells no history, so that nobody knows.
    pub unseen_seconds: Option<f64>,
    /// When, the longest first, some of them.
    pub gaps: Vec<Gap>,
    /// All of them, for plots.
    #[serde(skip)]
    pub all_gaps: Vec<Gap>,
    /// Whether nobody sees it now.
    pub is_unseen_now: bool,
}

/// A time without sight, as exact as the buckets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// When the past begins, where that is later than the report does: before it, nobody can have seen anything.
pub(super) fn begins(gathered: &Gathered) -> Option<Timestamp> {
    let firsts = gathered.pasts.values().filter_map(|past| Some(past.series.get(STATUS)?.points.first()?.at));
    firsts.min().filter(|first| first.since(gathered.scope.from) > LATEST)
}

/// Of every target, those least seen first.
pub(super) fn of(gathered: &Gathered) -> Vec<Sight> {
    let from = begins(gathered).unwrap_or(gathered.scope.from);
    let mut all: Vec<Sight> = gathered
        .samples
        .iter()
        .map(|sample| {
            let id = crate::model::TargetId { region: sample.region.clone(), target: sample.target.clone() };
            let kept = gathered.pasts.get(&id).and_then(|past| past.series.get(STATUS));
            let is_unseen_now = sample.status == Status::Unknown;
            let (unseen_seconds, all_gaps) = match kept {
                None => (None, Vec::new()),
                Some(series) => {
                    let (seconds, gaps) = unseen(series, from, gathered.scope.to.before(LATEST));
                    (Some(seconds), gaps)
                }
            };
            let mut gaps = all_gaps.clone();
            gaps.sort_by_key(|gap| (std::cmp::Reverse(gap.to.since(gap.from)), gap.from));
            gaps.truncate(LISTED);
            Sight { place: id.to_string(), unseen_seconds, gaps, all_gaps, is_unseen_now }
        })
        .collect();
    let least = |sight: &Sight| sight.unseen_seconds.unwrap_or(0.0) + f64::from(u8::from(sight.is_unseen_now));
    all.sort_by(|one, other| least(other).total_cmp(&least(one)).then_with(|| one.place.cmp(&other.place)));
    all
}

/// How long nothing was known, and between when.
pub(super) fn unseen(series: &Series, from: Timestamp, to: Timestamp) -> (f64, Vec<Gap>) {
    let step = Duration::from_millis(series.step_ms.max(1));
    // The part of a bucket that is within the report's time, in seconds.
    let length = |point: &Point| point.at.after(step).min(to).since(point.at.max(from)).as_secs_f64();
    // Who samples every ten seconds has a tenth of the seconds and sees all the same.
    let full = series.points.iter().filter(|point| length(point) >= 1.0).map(|point| f64::from(point.count) / length(point));
    let full = full.fold(0.0, f64::max).min(1.0);
    let (mut seconds, mut gaps, mut until) = (0.0, Vec::<Gap>::new(), from);
    let mut add = |from: Timestamp, to: Timestamp| match gaps.last_mut() {
        Some(last) if last.to >= from => last.to = to.max(last.to),
        _ => gaps.push(Gap { from, to }),
    };
    for point in &series.points {
        let (begins, ends) = (point.at.max(from), point.at.after(step).min(to));
        if ends <= begins {
            continue;
        }
        if begins > until {
            seconds += begins.since(until).as_secs_f64();
            add(until, begins);
        }
        let seen = if full > 0.0 { (f64::from(point.count) / length(point) / full).min(1.0) } else { 0.0 };
        let lacks = 1.0 - seen * (1.0 - unknown(point));
        if lacks > WHOLE {
            seconds += lacks * length(point);
            add(begins, ends);
        }
        until = until.max(ends);
    }
    if to > until {
        seconds += to.since(until).as_secs_f64();
        add(until, to);
    }
    (seconds, gaps)
}

/// The largest share of a bucket that may have been unknown, by its mean: never less than it was.
fn unknown(point: &Point) -> f64 {
    if point.max < UNKNOWN {
        0.0
    } else if point.min >= UNKNOWN {
        1.0
    } else {
        ((point.mean - point.min) / (UNKNOWN - point.min)).clamp(0.0, 1.0)
    }
}
