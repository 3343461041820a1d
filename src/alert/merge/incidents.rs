//! Two copies of one incident. What is judged (state, reason, figures) comes from one of them; what people got and did from both.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{Incident, text};
use crate::{
    alert::{
        incident::{Acknowledgement, Escalation, MOST_STEPS},
        lifecycle::FIRST_STEPS,
    },
    model::{
        Severity, Timestamp,
        alert::{AlertState, AlertStep},
    },
};

pub(super) fn merge(one: Incident, other: Incident) -> Incident {
    let (mut kept, other) = if judged(&one, &other) == Ordering::Less { (other, one) } else { (one, other) };
    kept.acknowledgement = if taken(&kept) < taken(&other) { other.acknowledgement } else { kept.acknowledgement };
    if kept.in_breach() {
        kept.state = if kept.acknowledgement.is_some() { AlertState::Acknowledged } else { AlertState::Firing };
    }
    if further(&kept.escalation, &other.escalation) == Ordering::Less {
        kept.escalation = other.escalation;
    }
    kept.worst = kept.worst.max(other.worst);
    kept.worst_told = kept.worst_told.max(other.worst_told);
    kept.opened = kept.opened.min(other.opened);
    kept.flaps = kept.flaps.max(other.flaps);
    for (channel, severity) in other.told {
        let known = kept.told.entry(channel).or_insert(severity);
        *known = severity.max(*known);
    }
    let digested: BTreeSet<String> = kept.digested.into_iter().chain(other.digested).collect();
    kept.digested = digested.into_iter().filter(|channel| !kept.told.contains_key(channel)).collect();
    let affects: BTreeSet<_> = kept.affects.into_iter().chain(other.affects).collect();
    kept.affects = affects.into_iter().collect();
    kept.steps = steps(kept.steps, other.steps);
    kept
}

/// What is over comes after all else, then what changed later.
fn judged(one: &Incident, other: &Incident) -> Ordering {
    let place = |it: &Incident| (it.state == AlertState::Resolved, it.changed);
    // Whether somebody has taken it comes from elsewhere.
    let state = |it: &Incident| if it.in_breach() { AlertState::Firing } else { it.state };
    let all = |it: &Incident| {
        let judged = (state(it), &it.reason, it.recovering, it.resolved_at);
        text(&(judged, &it.server, it.important, &it.suppressed_by, &it.metrics, &it.chart))
    };
    place(one).cmp(&place(other)).then_with(|| all(one).cmp(&all(other)))
}

/// Which acknowledgement counts. One that is not there in a later round has ended.
fn taken(it: &Incident) -> (u32, Severity, bool, bool, Option<Timestamp>, &str, Option<&str>) {
    let (round, severity) = (it.escalation.round, it.escalation.severity);
    let Some(Acknowledgement { by, note, expires }) = &it.acknowledgement else {
        return (round, severity, false, false, None, "", None);
    };
    (round, severity, true, expires.is_none(), *expires, by, note.as_deref())
}

fn further(one: &Escalation, other: &Escalation) -> Ordering {
    let place = |it: &Escalation| (it.round, it.severity, it.started.is_some(), it.taken, it.reminders, it.reminded);
    place(one).cmp(&place(other)).then_with(|| text(one).cmp(&text(other)))
}

/// All of them by time; of too many the first and the newest, as everywhere.
fn steps(mut one: Vec<AlertStep>, other: Vec<AlertStep>) -> Vec<AlertStep> {
    if one == other {
        return one;
    }
    one.extend(other);
    one.sort_by(|a, b| (a.at, &a.what, &a.text).cmp(&(b.at, &b.what, &b.text)));
    one.dedup();
    if one.len() > MOST_STEPS {
        one.drain(FIRST_STEPS..one.len() - (MOST_STEPS - FIRST_STEPS));
    }
    one
}
