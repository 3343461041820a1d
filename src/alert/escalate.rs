//! Whom to tell when: the steps of an incident's policy, reminders, and an acknowledgement that expires.
//!
//! ```text
//!  started ──after──► step 1 ──► step 2 ──► ...   a round; acknowledged: none of it goes on
//!     ▲                  └─ remind_every ─► reminder to all who know
//!     └── an acknowledgement expired: the next round, from the first step
//! ```
//! The policies are frozen into an incident when it opens, so that a change of the configuration at night does not lose who is to be
//! called. A rising severity starts the policy of the new one; a falling one leaves it, since who was called stays called.

use std::{collections::BTreeMap, time::Duration};

use super::{
    desk::Ways,
    incident::{Acknowledgement, Escalation},
    settings::{Policy, PolicyStep},
};
use crate::model::{Severity, Timestamp, alert::AlertEvent};

/// A step that is decided later than this after it was due is late, and says so.
const LATE: Duration = Duration::from_secs(5);

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// A step of the policy, counted from 0.
    Step {
        /// Which.
        index: usize,
        /// When it was due.
        due: Timestamp,
    },
    /// Telling again.
    Remind {
        /// When it was due.
        due: Timestamp,
    },
}

/// The policies of a new incident, by rising severity and delay; without any, everybody at once for everything.
pub(super) fn freeze(configured: &[Policy], ways: &Ways) -> Vec<Policy> {
    if configured.is_empty() {
        let everybody = PolicyStep { after: Duration::ZERO, channels: ways.keys().cloned().collect() };
        return vec![Policy { severity: Severity::Low, steps: vec![everybody], remind_every: None, ack_expires: None }];
    }
    let mut frozen = configured.to_vec();
    frozen.sort_by_key(|policy| policy.severity);
    for policy in &mut frozen {
        policy.steps.sort_by_key(|step| step.after);
    }
    frozen
}

impl Escalation {
    /// The policy that it follows; none covers so low a severity.
    pub(super) fn policy(&self) -> Option<&Policy> {
        self.policies.iter().rev().find(|policy| policy.severity <= self.severity)
    }

    /// Follows the policy of a severity that rose; tells whether that is another one.
    pub(super) fn rise(&mut self, now: Timestamp, severity: Severity) -> bool {
        let before = self.policy().map(|policy| policy.severity);
        self.severity = self.severity.max(severity);
        let is_other = self.policy().map(|policy| policy.severity) != before;
        if is_other && self.started.is_some() {
            (self.started, self.taken) = (Some(now), 0);
        }
        is_other
    }

    /// Begins anew: the next round.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.round += 1;
        self.taken = 0;
        self.started = self.started.map(|_| now);
    }

    /// What is due, while somebody may be told. What could not be told before `released` was not due before it.
    pub(super) fn due(&self, now: Timestamp, released: Option<Timestamp>) -> Vec<Move> {
        let (Some(started), Some(policy)) = (self.started, self.policy()) else { return Vec::new() };
        let not_before = |due: Timestamp| released.map_or(due, |released| due.max(released));
        let steps = policy.steps.iter().enumerate().skip(self.taken);
        let mut moves: Vec<Move> = steps
            .map(|(index, step)| (index, started.after(step.after)))
            .take_while(|(_, due)| *due <= now)
            .map(|(index, due)| Move::Step { index, due: not_before(due) })
            .collect();
        if let Some(due) = self.remind().filter(|due| *due <= now && moves.is_empty()) {
            moves.push(Move::Remind { due: not_before(due) });
        }
        moves
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let started = self.started?;
        let step = self.policy()?.steps.get(self.taken).map(|step| started.after(step.after));
        step.into_iter().chain(self.remind()).min()
    }

    fn remind(&self) -> Option<Timestamp> {
        let every = self.policy()?.remind_every?;
        Some(self.reminded.filter(|_| self.taken > 0)?.after(every))
    }

    /// What tells two steps apart, in the keys of what is told.
    pub(super) fn level(&self, index: usize) -> String {
        let severity = self.policy().map_or(self.severity, |policy| policy.severity);
        format!("{}-r{}s{}", severity.as_str(), self.round, index + 1)
    }

    /// What a step says to a channel that knows already.
    pub(super) const fn again(&self) -> AlertEvent {
        if self.round > 0 { AlertEvent::Reminder } else { AlertEvent::Escalation }
    }

    /// Where to turn when a channel fails: the next one of the policy that was not told, else any other.
    pub(super) fn instead(
        &self,
        failing: &str,
        told: &BTreeMap<String, Severity>,
        may: impl Fn(&str) -> bool,
        ways: &Ways,
    ) -> Option<String> {
        let of_policy: Vec<&String> =
            self.policy().into_iter().flat_map(|policy| &policy.steps).flat_map(|step| &step.channels).collect();
        let at = of_policy.iter().position(|name| *name == failing).unwrap_or_default();
        let next = of_policy.iter().skip(at).chain(of_policy.iter().take(at)).copied();
        next.chain(ways.keys())
            .find(|name| *name != failing && !told.contains_key(*name) && ways.contains_key(*name) && may(name))
            .cloned()
    }
}

impl Acknowledgement {
    /// Whether it has ended.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// By how much a step is late, when it is.
pub(super) fn lateness(due: Timestamp, decided: Timestamp) -> Option<Duration> {
    Some(decided.since(due)).filter(|late| *late > LATE)
}

#[cfg(test)]
mod tests;
