//! Rules on trial: what a target shows, written down as series of figures, goes through the real [`Evaluator`], and what it says is
//! compared with what was expected. Pure, so that ten minutes of a slow growth take a millisecond.
//!
//! ```text
//!  series ──► scene: what is seen at each step ──► evaluator ──► transitions ──┐
//!                                                        expectations ─────────┴──► compare: same, missing, unexpected
//! ```
//! Expectations are complete: a transition that nobody expected fails the test as well as one that does not come. Only what leads to a
//! breach, or did not after all (`pending`, `withdrawn`), is left out as long as no expectation of the test names it.

pub mod scene;
pub mod series;

use std::time::{Duration, Instant};

use super::{evaluator::Evaluator, thresholds::Thresholds};
use crate::model::{Rule, Severity, Timestamp, health::TransitionKind};
use scene::{Scene, Series};

/// One test.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// The levels, all layers applied.
    pub thresholds: Thresholds,
    /// From one step to the next.
    pub interval: Duration,
    /// What is seen.
    pub series: Series,
    /// What is to be said of it.
    pub expect: Vec<Expectation>,
}

/// A transition that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// When, from the first step on.
    pub at: Duration,
    /// Of which rule.
    pub rule: Rule,
    /// What happens to it.
    pub event: TransitionKind,
    /// How bad it is then; none: any.
    pub severity: Option<Severity>,
}

/// A transition that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, from the first step on.
    pub at: Duration,
    /// Of which rule.
    pub rule: Rule,
    /// What happened to it.
    pub event: TransitionKind,
    /// How bad it was then.
    pub severity: Severity,
    /// What it said.
    pub message: String,
}

/// One line of the comparison, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It came as expected.
    Same(Event),
    /// It did not come.
    Missing(Expectation),
    /// Nobody expected it.
    Unexpected(Event),
}

impl Verdict {
    const fn at(&self) -> Duration {
        match self {
            Self::Same(event) | Self::Unexpected(event) => event.at,
            Self::Missing(expected) => expected.at,
        }
    }
}

/// The names of what can happen to a rule.
pub const EVENTS: [(&str, TransitionKind); 5] = [
    ("pending", TransitionKind::Pending),
    ("withdrawn", TransitionKind::Withdrawn),
    ("firing", TransitionKind::Firing),
    ("severity_changed", TransitionKind::SeverityChanged),
    ("cleared", TransitionKind::Cleared),
];

/// The name of what happened.
pub fn event_name(event: TransitionKind) -> &'static str {
    EVENTS.iter().find(|(_, kind)| *kind == event).map_or("", |(name, _)| name)
}

/// What the rules say of the series, step by step from `start` on.
pub fn play(case: &Case, start: Instant, wall: Timestamp) -> Vec<Event> {
    let mut evaluator = Evaluator::new(case.thresholds.clone());
    let mut scene = Scene::new(&case.series, &case.thresholds);
    let mut events = Vec::new();
    let mut at = Duration::ZERO;
    for step in 0..case.series.steps() {
        let judged = evaluator.step(start + at, wall, &scene.at(step, start + at, wall));
        events.extend(judged.transitions.into_iter().map(|transition| {
            let reason = transition.reason;
            Event { at, rule: reason.rule, event: transition.kind, severity: reason.severity, message: reason.message }
        }));
        at += case.interval;
    }
    events
}

/// Sets what came against what was expected.
pub fn compare(expected: &[Expectation], events: Vec<Event>) -> Vec<Verdict> {
    let leads = |event: TransitionKind| matches!(event, TransitionKind::Pending | TransitionKind::Withdrawn);
    let all = expected.iter().any(|expected| leads(expected.event));
    let mut open: Vec<_> = expected.to_vec();
    let mut verdicts = Vec::new();
    for event in events.into_iter().filter(|event| all || !leads(event.event)) {
        let meets = |expected: &Expectation| {
            (expected.at, expected.rule, expected.event) == (event.at, event.rule, event.event)
                && expected.severity.is_none_or(|severity| severity == event.severity)
        };
        match open.iter().position(meets) {
            Some(place) => {
                open.remove(place);
                verdicts.push(Verdict::Same(event));
            }
            None => verdicts.push(Verdict::Unexpected(event)),
        }
    }
    // What is missing stands before what came instead of it.
    let mut all: Vec<_> = open.into_iter().map(Verdict::Missing).chain(verdicts).collect();
    all.sort_by_key(Verdict::at);
    all
}

#[cfg(test)]
mod tests;
