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
    /// Since when it is beyond the critical level.
    critical: Option<Instant>,
    /// Since when it is not.
    milder: Option<Instant>,
    /// Since when it is clear.
    calm: Option<Instant>,
    /// Since when it is judged here, when another node found it.
    resumed: Option<Instant>,
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
            let second = self.thresholds.rule(reason.rule).critical_severity;
            let critical = (second == Some(reason.severity)).then_some(now);
            let reason = reason.clone();
            let episode = Episode {
                firing: true,
                held: Some(now),
                critical,
                milder: None,
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
        let says_why =
            |reason: &Reason| matches!(reason.rule, Rule::DatabaseDown | Rule::DatabaseUnresponsive | Rule::DatabaseRejecting);
        let explained = seen.attempts_fresh && reasons.iter().any(says_why);
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
        let critical = breach.critical.then_some(now);
        let Breach { lasted, value, threshold, message, evidence, .. } = breach;
        let severity = settings.critical_severity.filter(|_| critical.is_some()).unwrap_or(settings.severity);
        let reason = Reason { rule, severity, value, threshold, since: wall, message, evidence };
        let firing = lasted >= settings.for_;
        tell(if firing { Firing } else { Pending }, &reason);
        Self { reason, firing, held: Some(now), critical, milder: None, calm: None, resumed: None }
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
                self.critical = None;
                self.milder = None;
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
        self.note_level(now, breach.critical);
        let Breach { lasted, value, threshold, message, evidence, .. } = breach;
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

    fn note_level(&mut self, now: Instant, critical: bool) {
        if critical {
            self.critical.get_or_insert(now);
            self.milder = None;
        } else {
            self.critical = None;
            self.milder.get_or_insert(now);
        }
    }

    /// The severity that its level calls for, once it has been there long enough; the one it has until then.
    fn severity(&self, now: Instant, settings: RuleSettings) -> Severity {
        let first = settings.severity;
        let Some(second) = settings.critical_severity else { return first };
        match (self.critical, self.milder) {
            (Some(at), _) if since(now, at) >= settings.for_ => second,
            (None, Some(at)) if !self.firing || since(now, at) >= settings.hold => first,
            _ if self.firing => self.reason.severity,
            _ => first,
        }
    }

    fn change_severity(&mut self, now: Instant, settings: RuleSettings, tell: &mut impl FnMut(TransitionKind, &Reason)) {
        let severity = self.severity(now, settings);
        if severity != self.reason.severity {
            self.reason.severity = severity;
            tell(SeverityChanged, &self.reason);
        }
    }
}

fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}

#[cfg(test)]
mod tests;
