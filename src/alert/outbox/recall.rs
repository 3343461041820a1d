//! A call that was handed out and never made, since this node leads no longer: its row waits again as if it had not been its turn. Pure.

use super::{DeliveryState, Now, Outbox};

impl Outbox {
    /// Takes a call back; only whoever knows that it was not made may.
    pub fn recall(&mut self, seq: u64, attempt: u32, now: Now) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        if row.state != DeliveryState::Sending || row.calls.get(&self.node) != Some(&(attempt, false)) {
            return;
        }
        row.state = DeliveryState::Queued;
        // Its end is known: it was not made. Its number is not given again, or an older copy would pass for the newer call's end.
        row.calls.insert(self.node.clone(), (attempt, true));
        let (lane, deadline, is_void) = (row.order.lane.clone(), row.deadline, row.void && !row.in_doubt);
        self.deadlines.insert((deadline, seq));
        if let Some(post) = self.posts.get_mut(&lane.channel) {
            post.in_flight = post.in_flight.saturating_sub(1);
        }
        self.touch(seq);
        if is_void {
            return self.cancel(seq, "it had lost its sense before it was sent", now);
        }
        self.advance(&lane, now);
    }
}
