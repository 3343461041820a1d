//! When an order is given up: what was not taken in time goes another way. Pure.

use std::time::Duration;

use super::{Now, Outbox};
use crate::alert::bucket::between;

impl Outbox {
    pub(super) fn expire(&mut self, now: Now) {
        while let Some((_, seq)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now.steady) {
            let Some(row) = self.rows.get(&seq) else { break };
            let lane = row.order.lane.clone();
            let (after, said) = (between(row.order.decided, now.steady), row.answer.clone());
            let after = humantime::format_duration(Duration::from_secs(after.as_secs()));
            let said = said.map_or_else(String::new, |said| format!(", at last: {said}"));
            self.fail(seq, &format!("not delivered within {after}{said}"), now);
            self.advance(&lane, now);
        }
    }
}
