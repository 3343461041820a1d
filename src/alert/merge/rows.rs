//! Two copies of one message on its way. What was sent by one node is sent; a call whose end nobody knows stays in doubt until one of them
//! knows. Which of a node's own copies is the newer is told by its calls, so that an old copy does not bring a doubt back that is settled.

use super::{Row, text};
use crate::model::{Timestamp, alert::DeliveryState};

pub(super) fn merge(one: Row, other: Row) -> Row {
    let (one, other) = (told_apart(one), told_apart(other));
    let (mut kept, other) = if end(&one) < end(&other) { (other, one) } else { (one, other) };
    let is_sent = kept.state == DeliveryState::Sent;
    kept.in_doubt = kept.in_doubt || (!is_sent && other.in_doubt);
    for (node, call) in other.calls {
        let known = kept.calls.entry(node).or_insert(call);
        *known = call.max(*known);
    }
    if !kept.is_finished() {
        let is_under_way = kept.calls.values().any(|(_, is_known)| !is_known);
        kept.state = if is_under_way { DeliveryState::Sending } else { DeliveryState::Queued };
    }
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

/// A call that nobody's name stands by, as an older version kept it, is a call all the same.
fn told_apart(mut row: Row) -> Row {
    if row.state == DeliveryState::Sending && row.calls.values().all(|(_, is_known)| *is_known) {
        row.calls.insert(String::new(), (row.attempts, false));
    }
    row
}

/// How far it is, and what was said then.
fn end(row: &Row) -> (u8, bool, Option<Timestamp>, Option<&str>) {
    let far = match row.state {
        DeliveryState::Queued | DeliveryState::Sending => 0,
        DeliveryState::Cancelled => 1,
        DeliveryState::Failed => 2,
        DeliveryState::Sent => 3,
    };
    // What is known to be sent counts more than what is only counted as sent.
    (far, far == 3 && !row.in_doubt, row.finished, row.answer.as_deref())
}
