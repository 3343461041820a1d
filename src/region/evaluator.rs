//! From what is seen to what is said: a state machine per rule.
//!
//! ```text
//!            condition holds            held for `for`
//!   quiet ──────────────────► pending ────────────────► firing ◄─┐ severity rises after `for`, falls after `hold`
//!     ▲  ◄─ condition ended ─────┘                        │  └───┘
//!     └──────────── beyond the clear level for `hold` ────┘
//! ```
//! Some figures tell themselves how long the trouble lasts, as the wait of the oldest client does: that counts as held too.
//!
//! A figure that cannot be seen moves nothing: a pending rule does not come nearer to firing, a firing one does not clear. The
//! target's status follows from the firing rules; without sight it is unknown, which is never healthy.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    rules::{self, Breach, Finding},
    seen::Seen,
    thresholds::{RuleSettings, Thresholds},
};
use crate::model::{
    Reason, Rule, Severity, Status, Timestamp, Transition,
    health::TransitionKind::{self, Cleared, Firing, Pending, SeverityChanged, Withdrawn},
};

/// What another node found goes on here; until everything was read once, to find nothing is no recovery, though not for longer than this:
/// a few of the slowest usual interval.
const LEARNING: Duration = Duration::from_secs(30);

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// How the target is.
    pub status: Status,
    /// The rules in breach, worst first.
    pub reasons: Vec<Reason>,
    /// What changed with this step.
    pub transitions: Vec<Transition>,
}

/// The rules of one target and how far each of them is.
#[derive(Debug)]
pub struct Evaluator {
    thresholds: Thresholds,
    episodes: BTreeMap<Rule, Episode>,
}

/// One rule's way from its first breach to its clearing.
#[derive(Debug)]
struct Episode {
    reason: Reason,
    firing: bool,
    /// Since when its condition held without a gap in sight; none in the dark.
    held: Option<Instant>,
    /// Of a rule with three levels: the one between.
    high: Level,
    /// The critical one.
    critical: Level,
    /// Since when it is clear.
    calm: Option<Instant>,
    /// Since when it is judged here, when another node found it.
    resumed: Option<Instant>,
}

/// Since when a figure is beyond a level, or is not; neither in the dark.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    beyond: Option<Instant>,
    below: Option<Instant>,
}

impl Evaluator {
    /// Nothing in breach yet.
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, episodes: BTreeMap::new() }
    }

    /// Judges by other levels from the next step on; what fires goes on until it clears by them.
    pub fn reconfigure(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// Goes on from what another node found: it fires since when that says, and clears by the usual rules. Nothing is told of it, since
    /// nothing has changed.
    pub fn resume(&mut self, now: Instant, reasons: &[Reason]) {
        for reason in reasons.iter().filter(|reason| rules::is_judged(reason.rule)) {
            let settings = self.thresholds.rule(reason.rule);
            let at = |severity: Option<Severity>| Level::since(now, severity == Some(reason.severity));
            let reason = reason.clone();
            let episode = Episode {
                firing: true,
                held: Some(now),
                high: at(settings.high_severity),
                critical: at(settings.critical_severity),
                calm: None,
                resumed: Some(now),
                reason: reason.clone(),
            };
            self.episodes.insert(reason.rule, episode);
        }
    }

    /// The levels in force.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Judges what is seen now.
    pub fn step(&mut self, now: Instant, wall: Timestamp, seen: &Seen) -> Judgement {
        let mut transitions = Vec::new();
        for rule in Rule::ALL {
            let settings = self.thresholds.rule(*rule);
            let finding = if settings.enabled { rules::find(*rule, seen, &self.thresholds) } else { Some(Finding::Clear) };
            let Some(finding) = finding else { continue };
            let mut tell = |kind: TransitionKind, reason: &Reason| {
                transitions.push(Transition { kind, at: wall, reason: reason.clone() });
            };
            match self.episodes.get_mut(rule) {
                Some(episode) => {
                    let finding = episode.unless_to_come(now, finding, seen);
                    if episode.step(now, finding, settings, &mut tell) {
                        self.episodes.remove(rule);
                    }
                }
                None => {
                    if let Finding::Breach(breach) = finding {
                        self.episodes.insert(*rule, Episode::open(*rule, now, wall, breach, settings, &mut tell));
                    }
                }
            }
        }
        let mut reasons: Vec<_> = self.episodes.values().filter(|it| it.firing).map(|it| it.reason.clone()).collect();
        reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.severity), reason.rule));
        Judgement { status: Self::status(seen, &reasons), reasons, transitions }
    }

    fn status(seen: &Seen, reasons: &[Reason]) -> Status {
        // Only a rule that says why nothing is seen, by attempts that go on, knows more than that nothing is seen.
        let explained = seen.attempts_fresh && reasons.iter().any(|reason| reason.rule.is_server_away());
        if seen.activity.fresh().is_none() && !explained {
            return Status::Unknown;
        }
        match reasons.first().map(|worst| worst.severity) {
            Some(Severity::Critical | Severity::High) => Status::Unhealthy,
            Some(Severity::Medium | Severity::Low) => Status::Degraded,
            None => Status::Healthy,
        }
    }
}

impl Episode {
    fn open(
        rule: Rule,
        now: Instant,
        wall: Timestamp,
        breach: Breach,
        settings: RuleSettings,
        tell: &mut impl FnMut(TransitionKind, &Reason),
    ) -> Self {
        let Breach { critical, high, lasted, value, threshold, message, evidence } = breach;
        let severity = settings.critical_severity.filter(|_| critical).or(settings.high_severity.filter(|_| high));
        let severity = severity.unwrap_or(settings.severity);
        let reason = Reason { rule, severity, value, threshold, since: wall, message, evidence };
        let firing = lasted >= settings.for_;
        tell(if firing { Firing } else { Pending }, &reason);
        let [high, critical] = [high, critical].map(|it| Level::since(now, it));
        Self { reason, firing, held: Some(now), high, critical, calm: None, resumed: None }
    }

    /// What is found, unless it is found for want of a reading that is to come.
    fn unless_to_come(&self, now: Instant, finding: Finding, seen: &Seen) -> Finding {
        let learns = self.resumed.is_some_and(|at| since(now, at) < LEARNING);
        match finding {
            Finding::Clear if learns && seen.is_to_come(self.reason.rule) => Finding::Unseen,
            finding => finding,
        }
    }

    /// Returns whether the episode is over.
    fn step(
        &mut self,
        now: Instant,
        finding: Finding,
        settings: RuleSettings,
        tell: &mut impl FnMut(TransitionKind, &Reason),
    ) -> bool {
        let breach = match finding {
            Finding::Unseen => {
                self.held = None;
                self.calm = None;
                self.high = Level::default();
                self.critical = Level::default();
                return false;
            }
            Finding::Clear | Finding::Between(_) if !self.firing => {
                tell(Withdrawn, &self.reason);
                return true;
            }
            Finding::Clear => {
                let calm = *self.calm.get_or_insert(now);
                let over = !settings.enabled || since(now, calm) >= settings.hold;
                if over {
                    tell(Cleared, &self.reason);
                }
                return over;
            }
            Finding::Between(breach) | Finding::Breach(breach) => breach,
        };
        self.calm = None;
        let held = *self.held.get_or_insert(now);
        let Breach { critical, high, lasted, value, threshold, message, evidence } = breach;
        self.high.note(now, high || critical);
        self.critical.note(now, critical);
        self.reason = Reason { value, threshold, message, evidence, ..self.reason.clone() };
        if self.firing {
            self.change_severity(now, settings, tell);
        } else if since(now, held).max(lasted) >= settings.for_ {
            self.firing = true;
            self.reason.severity = self.severity(now, settings);
            tell(Firing, &self.reason);
        }
        false
    }

    /// The severity that its level calls for, once it has been there long enough; the one it has until then.
    fn severity(&self, now: Instant, settings: RuleSettings) -> Severity {
        let first = settings.severity;
        let levels = [(self.critical, settings.critical_severity), (self.high, settings.high_severity)];
        let levels = levels.into_iter().filter_map(|(level, severity)| Some((level, severity?)));
        let reached = |level: Level| level.beyond.is_some_and(|at| since(now, at) >= settings.for_);
        let left = |level: Level| level.below.is_some_and(|at| since(now, at) >= settings.hold);
        let up = levels.clone().find(|(level, _)| reached(*level)).map_or(first, |(_, severity)| severity);
        if !self.firing {
            return up;
        }
        let down = levels.clone().find(|(level, _)| !left(*level)).map_or(first, |(_, severity)| severity);
        self.reason.severity.min(down.max(first)).max(up)
    }

    fn change_severity(&mut self, now: Instant, settings: RuleSettings, tell: &mut impl FnMut(TransitionKind, &Reason)) {
        let severity = self.severity(now, settings);
        if severity != self.reason.severity {
            self.reason.severity = severity;
            tell(SeverityChanged, &self.reason);
        }
    }
}

impl Level {
    fn since(now: Instant, beyond: bool) -> Self {
        Self { beyond: beyond.then_some(now), below: None }
    }

    fn note(&mut self, now: Instant, beyond: bool) {
        if beyond {
            self.beyond.get_or_insert(now);
            self.below = None;
        } else {
            self.beyond = None;
            self.below.get_or_insert(now);
        }
    }
}

fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}

#[cfg(test)]
mod tests;
