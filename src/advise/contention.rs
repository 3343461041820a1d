//! How much longer a transaction takes for each one beside it, from a window in which the load varied. Pure.
//!
//! ```text
//!  S(n) = s (1 + σ (n − 1))          with n at work at once: the contention term of Gunther's Universal Scalability Law
//!  n / S(n)  →  1 / (σ s)            more than that no number of connections gives
//!  1 / S = 1 / s − σ (1 − 1/m) X     what steps show: X transactions a second, m the most that can be at work
//! ```
//! The last line is the first one in the mean of a step. By Little's law X S are at work, and a transaction finds (1 − 1/m) X S others there: as
//! many as are at work when few of many come at random, m − 1 when all m always work.
//!
//! **Why over X.** Concurrency is X S, so it contains the service: a step that a checkpoint makes slow has a larger concurrency at the same
//! load, and looks like contention though there is none. Over X such a step is noise; when clients wait for their answers, or the
//! pool is full, it has a smaller X, which hides contention and makes none up. And 1 / S is a straight line over X, so its slope is σ.
//!
//! **What else may look like it** is asked for. The load moved enough, and there and back, since with a single rise anything may have begun.
//! No dearer statements came with it (`mix`). The slope is surely below 0 (Theil and Sen, with the likeness of neighbours in
//! time), and what it means for the service is worth a word. Otherwise nothing is said, and all is as if transactions did not meet.
//!
//! Source: N. J. Gunther, Guerrilla Capacity Planning (2007), chapters 4 to 6.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    look::{Counts, Look},
    mix::{self, Mix},
};
use crate::trend::{
    quantile::{correlation, inflation, median, quantile},
    slope::{Slope, bounded, slope},
};

/// Fewer steps have no slope worth telling.
const FEWEST_STEPS: usize = 8;
/// The mean of fewer transactions is mostly chance.
const FEWEST: u64 = 20;
/// The steps with much load, and those with little: one in ten beyond, so that a single one is not the range.
const ENDS: (f64, f64) = (0.1, 0.9);
/// So many times as much load.
const RANGE: f64 = 1.5;
/// There and back.
const TURNS: usize = 2;
/// How sure the slope is.
const SURE: f64 = 0.95;
/// A service that grows by less from little to much load is not worth a word, and other things do that too.
const WORTH: f64 = 1.1;
/// When dearer statements explain so much of it, how much of the rest is theirs is not known either.
const EXPLAINED: f64 = 0.3;

/// What a window shows of it. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Scaling {
    /// σ: by this part of what it takes alone a transaction takes longer for each one beside it; 0 to 1.
    pub(super) sigma: f64,
    /// Hardly less.
    pub(super) low: f64,
    /// Hardly more.
    pub(super) high: f64,
    /// With little load.
    pub(super) little: Seen,
    /// With much.
    pub(super) much: Seen,
}

/// Where the line is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Transactions per second.
    pub(super) rate: f64,
    /// What one takes.
    pub(super) service: f64,
}

impl Seen {
    /// Connections at work, in the mean.
    pub(super) fn at_work(self) -> f64 {
        self.rate * self.service
    }
}

impl Scaling {
    /// The same with another σ.
    pub(super) fn with(self, sigma: f64) -> Self {
        Self { sigma, ..self }
    }
}

/// How many times as long as alone a transaction takes with so many at work.
pub(super) fn longer(sigma: f64, at_work: f64) -> f64 {
    sigma.mul_add((at_work - 1.0).max(0.0), 1.0)
}

/// What share so many connections give of all that any number of them could: n / S(n) by its limit 1 / (σ s).
pub(super) fn reached(sigma: f64, connections: u32) -> f64 {
    let connections = f64::from(connections.max(1));
    sigma * connections / longer(sigma, connections)
}

/// What happened between two looks.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    rate: f64,
    service: f64,
    statements: f64,
    mix: &'a Mix,
}

/// What these looks show of it; none where they do not show it surely. `most` can be at work at once.
pub(super) fn scaling(looks: &VecDeque<Look>, most: u32) -> Option<Scaling> {
    let steps: Vec<Step> = looks.iter().zip(looks.iter().skip(1)).filter_map(|(from, to)| step(from, to)).collect();
    if steps.len() < FEWEST_STEPS || most < 2 {
        return None;
    }
    let rates: Vec<f64> = steps.iter().map(|step| step.rate).collect();
    let (little, much) = (quantile(&mut rates.clone(), ENDS.0)?, quantile(&mut rates.clone(), ENDS.1)?);
    if much < RANGE * little || turns(&rates, little, much) < TURNS {
        return None;
    }
    let faster: Vec<f64> = steps.iter().map(|step| 1.0 / step.service).collect();
    let line = line(&rates, &faster)?;
    let at = |rate: f64| Seen { rate, service: 1.0 / (line.level + line.per_second * (rate - line.end)) };
    let (little, much) = (at(little), at(much));
    let is_there = line.high < 0.0 && much.service > WORTH * little.service;
    if !is_there || dearer(&steps, &rates) > EXPLAINED * relative(line.per_second, &faster) {
        return None;
    }
    let sigma = |slope: f64| (-slope / (1.0 - 1.0 / f64::from(most))).clamp(0.0, 1.0);
    Some(Scaling { sigma: sigma(line.per_second), low: sigma(line.high), high: sigma(line.low), little, much })
}

/// None where its counters do not tell of this pool alone, or not for how long transactions work.
fn step<'a>(from: &Look, to: &'a Look) -> Option<Step<'a>> {
    if to.counts != Counts::Transactions || to.part.is_some() {
        return None;
    }
    let seconds = to.at.duration_since(from.at).as_secs_f64();
    let count = to.transactions.checked_sub(from.transactions).filter(|count| *count >= FEWEST)? as f64;
    let worked = to.transaction_seconds - from.transaction_seconds - (to.wait_seconds? - from.wait_seconds?);
    let statements = to.queries.checked_sub(from.queries)? as f64 / count;
    (seconds > 0.0 && worked > 0.0).then_some(Step {
        rate: count / seconds,
        service: worked / count,
        statements,
        mix: to.mix.as_ref()?,
    })
}

/// How often the load went from the lower third of its range to the upper, or back.
fn turns(rates: &[f64], little: f64, much: f64) -> usize {
    let third = (much - little) / 3.0;
    let ends = rates.iter().filter_map(|rate| {
        let is_much = *rate >= much - third;
        (is_much || *rate <= little + third).then_some(is_much)
    });
    let ends: Vec<bool> = ends.collect();
    ends.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Values over rates, both in order of time. What is left of the values beside the line says less when it resembles its neighbours in
/// time, and the rates do so too.
fn line(rates: &[f64], values: &[f64]) -> Option<Slope> {
    let mut points: Vec<(f64, f64)> = rates.iter().copied().zip(values.iter().copied()).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let first = bounded(&points, SURE, Some(1.0))?;
    let rest = rates.iter().zip(values).map(|(rate, value)| value - first.per_second * (rate - first.end) - first.level);
    let clipped: Vec<f64> = rest.map(|rest| rest.clamp(-3.0 * first.noise, 3.0 * first.noise)).collect();
    let middle = median(&mut rates.to_vec())?;
    let moved: Vec<f64> = rates.iter().map(|rate| rate - middle).collect();
    let count = rates.len() as f64;
    // A line follows its points, which hides some of their likeness.
    let alike = (count.mul_add(correlation(&clipped), 2.0) / (count - 4.0)).clamp(0.0, 0.95);
    bounded(&points, SURE, Some(inflation(alike * correlation(&moved).max(0.0), rates.len())))
}

/// How much dearer the mix is for each transaction a second more, as a part of what it is; 0 when it is not.
fn dearer(steps: &[Step], rates: &[f64]) -> f64 {
    let mixes: Vec<&Mix> = steps.iter().map(|step| step.mix).collect();
    let dear = mix::dearness(&mixes).into_iter().zip(steps).map(|(dear, step)| dear * step.statements.max(1.0));
    let faster: Vec<f64> = dear.map(|dear| 1.0 / dear).collect();
    let mut points: Vec<(f64, f64)> = rates.iter().copied().zip(faster.iter().copied()).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    slope(&points, SURE).map_or(0.0, |slope| relative(slope.per_second, &faster))
}

/// How fast what is told by its inverse rises.
fn relative(slope: f64, inverses: &[f64]) -> f64 {
    median(&mut inverses.to_vec()).filter(|middle| *middle > 0.0).map_or(0.0, |middle| -slope / middle)
}

#[cfg(test)]
mod tests;
