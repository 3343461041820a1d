//! When an order is given up: what was not taken in time goes another way. The time begins with the first attempt, since our own pace is
//! no fault of the channel; while it waits for that, it runs only when the channel takes nothing or asked for a rest. Pure.

use std::time::Duration;

use super::{Now, Outbox};
use crate::model::Timestamp;

/// What waits for our own pace is looked at again after this.
const AGAIN: Duration = Duration::from_secs(5);

impl Outbox {
    pub(super) fn expire(&mut self, now: Now) {
        while let Some((_, seq)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now.steady) {
            let Some(row) = self.rows.get(&seq) else { break };
            let lane = row.order.lane.clone();
            if !self.passes(seq) {
                self.held.insert(seq);
                self.put_off(seq, now.steady.after(AGAIN));
                continue;
            }
            if self.held.remove(&seq) {
                self.put_off(seq, now.steady.after(self.give_up_after));
                continue;
            }
            let Some(row) = self.rows.get(&seq) else { break };
            if row.attempts == 0 && self.posts.get(&lane.channel).is_some_and(|post| post.takes_messages(now.steady)) {
                self.put_off(seq, now.steady.after(AGAIN));
                continue;
            }
            let (after, said) = (now.steady.since(row.order.decided), row.answer.clone());
            let after = humantime::format_duration(Duration::from_secs(after.as_secs()));
            let said = said.map_or_else(String::new, |said| format!(", at last: {said}"));
            self.fail(seq, &format!("not delivered within {after}{said}"), now);
            self.advance(&lane, now);
        }
    }

    pub(super) fn put_off(&mut self, seq: u64, until: Timestamp) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        self.deadlines.remove(&(row.deadline, seq));
        row.deadline = until;
        self.deadlines.insert((until, seq));
    }
}
