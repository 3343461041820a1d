//! One incident from its first breach to its end.
//!
//! ```text
//!  pending ──► firing ◄──► acknowledged        told, escalated, reminded
//!     │           │  ▲          │
//!  withdrawn      ▼  │ flap     ▼
//!              recovering ◄─────┘              clear, but not for long enough to call it over
//!                  │ seen clear for `hold`
//!                  ▼
//!              resolved
//! ```
//! An incident that comes back while it recovers is the same one: people were told once, and a flap is counted. Each flap, and each
//! earlier episode of the same problem within `flap_window`, doubles what it takes to be over, so a flapping problem is one
//! long incident instead of fifty short ones. In the dark nothing recovers: the hold begins anew when there is sight again.

use std::time::Duration;

use super::{
    Now,
    incident::{Escalation, Incident, MOST_STEPS, Subject},
    settings::Policy,
};
use crate::model::{
    Reason, Timestamp,
    alert::{AlertMetrics, AlertState, AlertStep, Chart},
};

/// However often it flaps, this long without a breach is the end.
const LONGEST_HOLD: Duration = Duration::from_mins(5);
/// So often it must have come back to be called flapping.
pub(super) const FLAPPING: u32 = 3;
/// Of the steps that are kept these are the first; what follows is the newest.
pub(super) const FIRST_STEPS: usize = 50;

/// How long a breach must be over before its incident is.
pub(super) fn hold(base: Duration, flaps: u32, episodes: u32) -> Duration {
    let doubled = base.saturating_mul(1 << flaps.saturating_add(episodes).min(16));
    doubled.min(LONGEST_HOLD.max(base))
}

impl Incident {
    /// One that has just begun; nobody is to be told yet.
    pub(super) fn begin(id: String, subject: Subject, reason: Reason, now: Now) -> Self {
        let mut begun = Self {
            id,
            subject,
            server: None,
            important: false,
            state: AlertState::Pending,
            worst: reason.severity,
            opened: now.steady,
            changed: now.wall,
            recovering: None,
            resolved_at: None,
            flaps: 0,
            acknowledgement: None,
            escalation: Escalation {
                policies: Vec::new(),
                started: None,
                severity: reason.severity,
                taken: 0,
                round: 0,
                reminded: None,
                reminders: 0,
            },
            suppressed_by: None,
            told: std::collections::BTreeMap::new(),
            worst_told: None,
            digested: Vec::new(),
            affects: Vec::new(),
            metrics: AlertMetrics::default(),
            chart: Chart::default(),
            steps: Vec::new(),
            reason,
        };
        let text = format!("{}: {}", begun.subject.rule.as_str(), begun.breach());
        begun.record(now.wall, "breached", text);
        begun
    }

    /// Whether it is in breach now, as far as can be seen.
    pub(super) fn in_breach(&self) -> bool {
        matches!(self.state, AlertState::Firing | AlertState::Acknowledged)
    }

    /// Whether it has fired and is not over.
    pub(super) fn is_open(&self) -> bool {
        self.in_breach() || self.state == AlertState::Recovering
    }

    /// The value and what it passed, in words.
    fn breach(&self) -> String {
        let value = match (self.reason.value, self.reason.threshold) {
            (Some(value), Some(threshold)) => format!(" (value {}, threshold {})", figure(value), figure(threshold)),
            _ => String::new(),
        };
        format!("{}{value}", self.reason.message)
    }

    /// Adds a step to what happened; the first and the newest are kept.
    pub(super) fn record(&mut self, wall: Timestamp, what: &str, text: impl Into<String>) {
        self.keep(AlertStep { at: wall, what: what.to_owned(), text: text.into() });
    }

    /// Adds a step that somebody else wrote.
    pub(super) fn keep(&mut self, step: AlertStep) {
        if self.steps.len() >= MOST_STEPS {
            self.steps.remove(FIRST_STEPS);
        }
        self.changed = step.at;
        self.steps.push(step);
    }

    /// It is in breach for long enough: from now on people may be told, by the policies of this moment.
    pub(super) fn fire(&mut self, now: Now, policies: Vec<Policy>) {
        self.state = AlertState::Firing;
        self.escalation.policies = policies;
        self.escalation.severity = self.reason.severity;
        self.worst = self.reason.severity;
        let text = format!("firing, severity {}: {}", self.reason.severity.as_str(), self.breach());
        self.record(now.wall, "firing", text);
    }

    /// Takes the newest reason; it began when the first one did. Tells whether the severity is another one.
    pub(super) fn renew(&mut self, now: Now, reason: &Reason) -> bool {
        let (before, since) = (self.reason.severity, self.reason.since);
        self.reason.clone_from(reason);
        self.reason.since = since;
        let severity = reason.severity;
        if severity == before || self.state == AlertState::Pending {
            return false;
        }
        self.worst = self.worst.max(severity);
        let moved = if severity > before { "rose" } else { "fell" };
        let text = format!("severity {moved} from {} to {}: {}", before.as_str(), severity.as_str(), self.breach());
        self.record(now.wall, "severity", text);
        true
    }

    /// It came back while it recovered.
    pub(super) fn flap(&mut self, now: Now) {
        self.flaps = self.flaps.saturating_add(1);
        self.recovering = None;
        self.state = if self.acknowledgement.is_some() { AlertState::Acknowledged } else { AlertState::Firing };
        let text = format!("in breach again while recovering, for the {} time: {}", ordinal(self.flaps), self.breach());
        self.record(now.wall, "flapped", text);
    }

    /// It is seen to be clear: it recovers, from now on or since longer. Tells how long it has been clear, by then.
    pub(super) fn clear(&mut self, now: Now, hold: Duration) -> Duration {
        if self.in_breach() {
            self.state = AlertState::Recovering;
            self.recovering = None;
        }
        if let Some(then) = self.recovering {
            return now.steady.since(then);
        }
        self.recovering = Some(now.steady);
        let until = now.wall.after(hold);
        let text = format!("seen clear; over at {until} unless it comes back ({} without a breach)", span(hold));
        self.record(now.wall, "recovering", text);
        Duration::ZERO
    }

    /// It cannot be seen any more; what was seen of its recovery counts no longer.
    pub(super) fn darken(&mut self, now: Now) {
        if self.recovering.take().is_some() {
            self.record(now.wall, "dark", "cannot be seen: its recovery counts anew once there is sight again");
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, now: Now, what: &str, text: impl Into<String>) {
        self.state = AlertState::Resolved;
        self.resolved_at = Some(now.wall);
        self.recovering = None;
        self.suppressed_by = None;
        self.record(now.wall, what, text);
    }
}

/// A length of time as a person reads it, in whole seconds.
pub(super) fn span(length: Duration) -> String {
    humantime::format_duration(Duration::from_secs(length.as_secs())).to_string()
}

/// A figure without digits that say nothing.
fn figure(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{}", (value * 1_000.0).round() / 1_000.0) }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests;
