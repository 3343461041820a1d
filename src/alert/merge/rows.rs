//! Two copies of one message on its way. What was sent by one node is sent; a call whose end nobody knows stays in doubt until one of them
//! knows.

use super::{Row, text};
use crate::model::{Timestamp, alert::DeliveryState};

pub(super) fn merge(one: Row, other: Row) -> Row {
    let (mut kept, other) = if end(&one) < end(&other) { (other, one) } else { (one, other) };
    let is_sent = kept.state == DeliveryState::Sent;
    kept.in_doubt = kept.in_doubt || (!is_sent && other.in_doubt);
    kept.seq = kept.seq.min(other.seq);
    kept.attempts = kept.attempts.max(other.attempts);
    kept.queued_at = kept.queued_at.min(other.queued_at);
    kept.next_due = kept.next_due.min(other.next_due);
    kept.deadline = kept.deadline.max(other.deadline);
    kept.sent_at = kept.sent_at.into_iter().chain(other.sent_at).min();
    kept.reference = kept.reference.max(other.reference);
    kept.possible_repeat |= other.possible_repeat;
    kept.fired_and_recovered |= other.fired_and_recovered;
    kept.void |= other.void;
    for id in other.members {
        if !kept.members.contains(&id) {
            kept.members.push(id);
        }
    }
    kept.members.sort_unstable();
    let order = &mut kept.order;
    order.severity = order.severity.max(other.order.severity);
    order.due = order.due.min(other.order.due);
    order.decided = order.decided.min(other.order.decided);
    if order.notes.len() < other.order.notes.len()
        || (order.notes.len() == other.order.notes.len() && order.notes < other.order.notes)
    {
        order.notes = other.order.notes;
    }
    if (order.alerts.len(), text(&order.alerts)) < (other.order.alerts.len(), text(&other.order.alerts)) {
        order.alerts = other.order.alerts;
    }
    if kept.is_finished() {
        kept.order.alerts.clear();
    }
    kept
}

/// How far it is, and what was said then.
fn end(row: &Row) -> (u8, bool, Option<Timestamp>, Option<&str>) {
    let far = match row.state {
        DeliveryState::Queued => 0,
        DeliveryState::Sending => 1,
        DeliveryState::Cancelled => 2,
        DeliveryState::Failed => 3,
        DeliveryState::Sent => 4,
    };
    // What is known to be sent counts more than what is only counted as sent.
    (far, far == 4 && !row.in_doubt, row.finished, row.answer.as_deref())
}
