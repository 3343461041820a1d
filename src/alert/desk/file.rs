//! What the desk knows beside of an incident, and of what it watches; none of it needs to survive a restart.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::super::{figures::Figures, incident::Incident, inhibit::Common, scope::Whose, silence::Held};
use crate::model::{Rule, Severity, Timestamp};

/// How well a place, a target or a region, can be seen.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Whether it cannot be seen now.
    pub(super) dark: bool,
    /// Whether anybody has reported it, seen or not.
    pub(super) reported: bool,
    /// Since when it has been seen without a gap.
    pub(super) seen_since: Option<Timestamp>,
    /// Rules whose `for` runs, and since when.
    pub(super) pending: BTreeMap<Rule, Timestamp>,
    /// Ids of its incidents that are not over.
    pub(super) open: Vec<String>,
}

/// A rule that is still pending then was most likely forgotten by whoever judges it, as in a restart, or its end was lost on the way; one
/// whose `for` is longer is shown anew when it fires.
const LONGEST_PENDING: Duration = Duration::from_mins(15);

impl View {
    /// Whether a rule's `for` runs.
    pub(super) fn expects(&self, rule: Rule, now: Timestamp) -> bool {
        self.pending.get(&rule).is_some_and(|then| now.since(*then) < LONGEST_PENDING)
    }
}

/// A target.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) view: View,
    pub(super) figures: Figures,
}

/// An incident's file.
#[derive(Debug, Default)]
pub(super) struct File {
    /// When it is on the agenda.
    pub(super) wake: Option<Timestamp>,
    /// What holds it back by its matchers.
    pub(super) silenced: Option<Held>,
    /// Who it fails together with.
    pub(super) common: Option<Common>,
    /// Since when its first notice waits for a cause.
    pub(super) waits: Option<Timestamp>,
    /// Since when somebody may be told again, after something held it back: nothing was due before.
    pub(super) released: Option<Timestamp>,
    /// When channels were last told of another severity.
    pub(super) severity_told: Option<Timestamp>,
    /// What readers of messages that can be changed see.
    pub(super) shown: Option<Shown>,
    /// When those were last changed.
    pub(super) updated: Option<Timestamp>,
    /// Channels told in this turn.
    pub(super) spoken: BTreeSet<String>,
    /// Channels that failed with it, and who was told instead.
    pub(super) instead: BTreeMap<String, Option<String>>,
    /// Whether it is from before the start, and not seen in breach since.
    pub(super) restored: bool,
    /// Whose it is, where that can be anybody's.
    pub(super) whose: Option<Whose>,
    /// Since when it is doubtful.
    pub(super) doubted: Option<Timestamp>,
    /// Since when the region that would tell it does not say that it is blind too.
    pub(super) partial: Option<Timestamp>,
    /// Whether it was said that nobody is told.
    pub(super) uncovered: bool,
}

/// What a reader of a message would see change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    affects: usize,
    flaps: u32,
    severity: Severity,
    by: Option<Arc<str>>,
    suppressed: bool,
    value: Option<f64>,
}

impl Shown {
    pub(super) fn of(incident: &Incident) -> Self {
        Self {
            affects: incident.affects.len(),
            flaps: incident.flaps,
            severity: incident.reason.severity,
            by: incident.acknowledgement.as_ref().map(|it| it.by.as_str().into()),
            suppressed: incident.suppressed_by.is_some(),
            value: incident.reason.value,
        }
    }

    /// Whether the incident looks as it was shown; a value may move by a fifth.
    pub(super) fn still_holds(&self, incident: &Incident) -> bool {
        self.affects == incident.affects.len()
            && self.flaps == incident.flaps
            && self.severity == incident.reason.severity
            && self.by.as_deref() == incident.acknowledgement.as_ref().map(|it| it.by.as_str())
            && self.suppressed == incident.suppressed_by.is_some()
            && is_near(self.value, incident.reason.value)
    }
}

fn is_near(shown: Option<f64>, value: Option<f64>) -> bool {
    match (shown, value) {
        (Some(a), Some(b)) => (a - b).abs() <= 0.2 * a.abs().max(b.abs()),
        (a, b) => a.is_none() == b.is_none(),
    }
}
