//! Brings batches to the aggregator without ever waiting for it. What does not fit into its mailbox is brought again, in order; what is too
//! much even for that is dropped, oldest first, and counted: state is said again.

use std::collections::VecDeque;

use actix::Recipient;

use crate::model::report::Batch;

/// Batches that wait at most: some seconds of some dozen nodes.
const MOST: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Courier {
    waiting: VecDeque<Batch>,
}

impl Courier {
    /// Brings what waits and what is new; tells how many were dropped.
    pub(super) fn bring(&mut self, to: &Recipient<Batch>, new: impl IntoIterator<Item = Batch>) -> u64 {
        self.waiting.extend(new);
        while let Some(batch) = self.waiting.pop_front() {
            if let Err(refused) = to.try_send(batch) {
                self.waiting.push_front(refused.into_inner());
                break;
            }
        }
        let over = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..over);
        over as u64
    }

    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }
}
