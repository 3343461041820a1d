//! Brings times of an earlier process's steady clock to this one's. A moment that was past stays past, however the wall clock was set
//! in between; what was to come is bounded where it could hold something up. Pure.

use chrono::Duration;

use crate::{
    alert::{
        incident::{Escalation, Incident},
        outbox::Row,
    },
    model::Timestamp,
};

/// Nothing that is due waits for longer than this after a restart.
const MOST_WAIT: Duration = Duration::hours(24);

fn past(at: &mut Timestamp, by: i64, now: Timestamp) {
    *at = Timestamp(at.0 + Duration::milliseconds(by)).min(now);
}

fn coming(at: &mut Timestamp, by: i64, now: Timestamp) {
    *at = Timestamp((at.0 + Duration::milliseconds(by)).min(now.0 + MOST_WAIT));
}

/// Shifts an incident's times by this many milliseconds.
pub(in crate::alert) fn incident(incident: &mut Incident, by: i64, now: Timestamp) {
    past(&mut incident.opened, by, now);
    let Escalation { started, reminded, .. } = &mut incident.escalation;
    for at in [&mut incident.recovering, started, reminded].into_iter().flatten() {
        past(at, by, now);
    }
    if let Some(at) = incident.acknowledgement.as_mut().and_then(|taken| taken.expires.as_mut()) {
        *at = Timestamp(at.0 + Duration::milliseconds(by));
    }
}

/// Shifts a row's times by this many milliseconds.
pub(in crate::alert) fn row(row: &mut Row, by: i64, now: Timestamp) {
    past(&mut row.order.due, by, now);
    past(&mut row.order.decided, by, now);
    coming(&mut row.next_due, by, now);
    coming(&mut row.deadline, by, now);
    if let Some(at) = &mut row.finished {
        past(at, by, now);
    }
}
