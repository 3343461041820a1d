//! What lost its sense before it was sent: steps and reminders when somebody took the incident, everything but its end when it is over.
//! Pure.

use super::{AlertEvent, DeliveryState, Now, Outbox};
use crate::alert::desk::Settled;

impl Outbox {
    pub(super) fn settled(&mut self, id: &str, settled: Settled, now: Now) {
        let is_void = |event: AlertEvent| match settled {
            Settled::Acknowledged => matches!(event, AlertEvent::Escalation | AlertEvent::Reminder),
            Settled::Resolved => event != AlertEvent::Resolved,
        };
        let seqs: Vec<u64> = self.about.get(id).into_iter().flatten().copied().collect();
        for seq in seqs {
            let Some(row) = self.rows.get_mut(&seq) else { continue };
            if row.order.lane.about != id || row.in_doubt || !is_void(row.order.event) {
                continue;
            }
            match row.state {
                DeliveryState::Queued => self.cancel(seq, Self::why_void(settled), now),
                DeliveryState::Sending => row.void = true,
                _ => {}
            }
        }
    }

    const fn why_void(settled: Settled) -> &'static str {
        match settled {
            Settled::Acknowledged => "somebody took the incident before this was sent",
            Settled::Resolved => "the incident was over before this was sent",
        }
    }
}
