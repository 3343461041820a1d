//! Which statements are other than they were: this hour against their own last day, in buckets of five minutes. Pure.
//!
//! The past keeps the statements that cost most in each five minutes, so one that is missing from some of them was cheap there, and counts as
//! unknown. A statement's usual is the median of its own buckets, and what it did yesterday at this hour is usual too: a nightly report is no
//! regression. New is told only when the past is long enough to have shown it.

use std::{collections::BTreeMap, time::Duration};

use super::{figures::said, words};
use crate::{
    model::{
        Timestamp,
        history::StatementBucket,
        insight::{Regression, RegressionKind},
    },
    trend::quantile::{median, quantile},
};

/// The length of a bucket, seconds.
const BUCKET: f64 = 300.0;
/// What is held against the rest.
const LATELY: Duration = Duration::from_mins(65);
/// Yesterday at this hour: so far from 24 hours ago.
const YESTERDAY: f64 = 5_400.0;
/// Fewer buckets of its own are no past.
const FEWEST: usize = 6;
/// With a shorter past than this, everything would be new.
const SHOWN_BEFORE: f64 = 3.0 * 3_600.0;
/// Two buckets in a row are no chance.
const IN_A_ROW: usize = 2;
/// A mean that many times as long is another plan, or other data.
const SLOWER: f64 = 1.5;
/// Calls that many times as many are a storm.
const STORM: f64 = 3.0;
/// Less of the load nobody needs to know of; of a new one, which has no past that would make it sure, more.
const SHARE: f64 = 0.02;
const SHARE_NEW: f64 = 0.05;
/// As many as a person reads.
const MOST: usize = 20;

/// One statement in one bucket.
struct Bucket {
    at: f64,
    calls: f64,
    total_ms: f64,
}

impl Bucket {
    fn mean(&self) -> f64 {
        self.total_ms / self.calls
    }
}

/// The regressions among the buckets of the last day, largest share of the load first.
pub(super) fn regressions(buckets: &[StatementBucket], now: Timestamp) -> Vec<Regression> {
    let lately = seconds(now.before(LATELY));
    let ended = seconds(now) - BUCKET;
    let mut statements: BTreeMap<(&str, &str), Vec<Bucket>> = BTreeMap::new();
    let (mut first, mut load) = (f64::INFINITY, 0.0);
    for bucket in buckets.iter().filter(|bucket| bucket.calls > 0 && seconds(bucket.at) <= ended) {
        let taken = Bucket { at: seconds(bucket.at), calls: bucket.calls as f64, total_ms: bucket.total_ms };
        first = first.min(taken.at);
        load += if taken.at >= lately { taken.total_ms } else { 0.0 };
        statements.entry((&bucket.query_id, &bucket.user)).or_default().push(taken);
    }
    if load <= 0.0 {
        return Vec::new();
    }
    let known_for = lately - first;
    let found = statements.into_iter().filter_map(|((query_id, user), buckets)| {
        let split = buckets.partition_point(|bucket| bucket.at < lately);
        let (past, recent) = buckets.split_at(split);
        let share = recent.iter().map(|bucket| bucket.total_ms).sum::<f64>() / load;
        let told = match past {
            [] if known_for >= SHOWN_BEFORE && share >= SHARE_NEW && recent.len() >= IN_A_ROW => new(recent),
            past if past.len() >= FEWEST && share >= SHARE => slower(past, recent, ended).or_else(|| storm(past, recent, ended)),
            _ => None,
        };
        told.map(|told| told.regression(query_id, user, share))
    });
    let mut found: Vec<Regression> = found.collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    found.truncate(MOST);
    found
}

struct Told {
    kind: RegressionKind,
    since: f64,
    /// Mean and calls per second, when they are known.
    before: Option<(f64, f64)>,
    after: (f64, f64),
}

impl Told {
    fn regression(self, query_id: &str, user: &str, share: f64) -> Regression {
        let since = words::timestamp(self.since);
        let of_load = format!("{:.0}% of the load", share * 100.0);
        let (mean, calls) = (said(self.after.0, "ms"), said(self.after.1, "1/s"));
        let at = words::clock(since);
        let sentence = match (self.kind, self.before) {
            (RegressionKind::New, _) | (_, None) => format!("New since {at}: {mean} a call, {calls}, {of_load}."),
            (RegressionKind::Slower, Some((was, often))) => {
                let kept = (0.5..=2.0).contains(&(self.after.1 / often));
                let why = if kept {
                    format!("while its calls stayed at about {calls}, as when a plan changes")
                } else {
                    format!("and its calls went from {} to {calls}", said(often, "1/s"))
                };
                format!("Each call takes {mean} instead of {} since {at}, {why}; it is {of_load}.", said(was, "ms"))
            }
            (RegressionKind::Storm, Some((_, often))) => {
                format!("Called {calls} instead of {} since {at}, {mean} each; it is {of_load}.", said(often, "1/s"))
            }
        };
        Regression {
            kind: self.kind,
            query_id: query_id.into(),
            user: user.into(),
            since,
            before_mean_ms: self.before.map(|before| before.0),
            after_mean_ms: self.after.0,
            before_calls_per_second: self.before.map(|before| before.1),
            after_calls_per_second: self.after.1,
            share,
            sentence,
        }
    }
}

fn new(recent: &[Bucket]) -> Option<Told> {
    Some(Told { kind: RegressionKind::New, since: recent.first()?.at, before: None, after: both(recent)? })
}

fn slower(past: &[Bucket], recent: &[Bucket], ended: f64) -> Option<Told> {
    let run = above(past, recent, ended, Bucket::mean, SLOWER)?;
    Some(Told { kind: RegressionKind::Slower, since: run.first()?.at, before: Some(both(past)?), after: both(run)? })
}

fn storm(past: &[Bucket], recent: &[Bucket], ended: f64) -> Option<Told> {
    let run = above(past, recent, ended, |bucket| bucket.calls, STORM)?;
    Some(Told { kind: RegressionKind::Storm, since: run.first()?.at, before: Some(both(past)?), after: both(run)? })
}

/// The newest buckets in a row that are far above what is usual; none when they are too few, or over already.
fn above<'a>(
    past: &[Bucket],
    recent: &'a [Bucket],
    ended: f64,
    figure: impl Fn(&Bucket) -> f64,
    times: f64,
) -> Option<&'a [Bucket]> {
    let mut values: Vec<f64> = past.iter().map(&figure).collect();
    let usual = median(&mut values)?;
    let often = quantile(&mut values, 0.95)?;
    let is_yesterday = |bucket: &&Bucket| (ended - bucket.at - 86_400.0).abs() <= YESTERDAY;
    let yesterday = past.iter().filter(is_yesterday).map(&figure).fold(0.0, f64::max);
    let limit = (usual * times).max(often * 1.2).max(yesterday * 1.1);
    // A statement that left the costliest is not known to go on.
    recent.last().filter(|last| ended - last.at <= 2.0 * BUCKET)?;
    let count = recent.iter().rev().take_while(|bucket| figure(bucket) > limit).count();
    (count >= IN_A_ROW).then(|| &recent[recent.len() - count..])
}

/// The usual mean and calls per second.
fn both(buckets: &[Bucket]) -> Option<(f64, f64)> {
    let mean = median(&mut buckets.iter().map(Bucket::mean).collect::<Vec<_>>())?;
    let calls = median(&mut buckets.iter().map(|bucket| bucket.calls).collect::<Vec<_>>())?;
    Some((mean, calls / BUCKET))
}

/// What one statement is of a movement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// Which.
    pub(super) query_id: String,
    /// Of all that moved, 0..1.
    pub(super) share: f64,
}

/// What is added up over statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// Time per call, of all calls.
    MeanTime,
    /// Calls per second.
    Calls,
    /// Time per second: sessions at work.
    Time,
}

/// The statement that is the largest part of what moved since then, when it is a large one: the hour before against the time since.
pub(super) fn cause(buckets: &[StatementBucket], since: Timestamp, sum: Sum) -> Option<Part> {
    let since = seconds(since);
    // A bucket that the moment is in says nothing of either side.
    let side = |at: f64| match at {
        at if at >= since => Some(1),
        at if at + BUCKET <= since + 60.0 && at >= since - 3_600.0 => Some(0),
        _ => None,
    };
    let mut parts: BTreeMap<&str, [(f64, f64); 2]> = BTreeMap::new();
    let (mut calls, mut times) = ([0.0; 2], [Vec::new(), Vec::new()]);
    for bucket in buckets {
        let at = seconds(bucket.at);
        let Some(side) = side(at) else { continue };
        let part = &mut parts.entry(&bucket.query_id).or_default()[side];
        part.0 += bucket.calls as f64;
        part.1 += bucket.total_ms;
        calls[side] += bucket.calls as f64;
        if times[side].last() != Some(&at) {
            times[side].push(at);
        }
    }
    let lasted = [0, 1].map(|side| times[side].len() as f64);
    if lasted[0] == 0.0 || lasted[1] == 0.0 || calls[0] == 0.0 || calls[1] == 0.0 {
        return None;
    }
    let of = |part: &[(f64, f64); 2], side: usize| match sum {
        Sum::MeanTime => part[side].1 / calls[side],
        Sum::Calls => part[side].0 / lasted[side],
        Sum::Time => part[side].1 / lasted[side],
    };
    let moved: Vec<(&str, f64)> = parts.iter().map(|(id, part)| (*id, of(part, 1) - of(part, 0))).collect();
    let all: f64 = moved.iter().map(|moved| moved.1).sum();
    let (query_id, most) = moved.into_iter().max_by(|a, b| (a.1 * all.signum()).total_cmp(&(b.1 * all.signum())))?;
    let share = if all == 0.0 { 0.0 } else { (most / all).min(1.0) };
    (share >= 0.3).then(|| Part { query_id: query_id.into(), share })
}

pub(super) fn seconds(at: Timestamp) -> f64 {
    at.unix_ms() as f64 / 1e3
}

#[cfg(test)]
mod tests;
