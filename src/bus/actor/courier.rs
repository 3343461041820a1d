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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use actix::{Actor, Context, Handler};

    use super::*;
    use crate::bus::{
        actor::room::lock,
        fixtures::{REGION, batch, numbers, report, with},
    };

    /// An aggregator with a small mailbox.
    struct Busy(Arc<Mutex<Vec<u32>>>);

    impl Actor for Busy {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_mailbox_capacity(4);
        }
    }

    impl Handler<Batch> for Busy {
        type Result = ();

        fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
            lock(&self.0).extend(batch.reports.iter().flat_map(numbers));
        }
    }

    fn told(number: u32) -> Batch {
        batch(REGION, "eu-1", vec![with(report("orders", crate::model::Status::Healthy, number), &[number])])
    }

    #[actix_web::test]
    async fn what_does_not_fit_is_brought_again_in_order_and_dropped_only_beyond_the_bound() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let door = Busy(Arc::clone(&heard)).start().recipient();
        let mut courier = Courier::default();
        assert_eq!(courier.bring(&door, (0..100).map(told)), 0);
        assert!(!courier.is_done(), "nobody had the time to read");
        while !courier.is_done() {
            tokio::task::yield_now().await;
            assert_eq!(courier.bring(&door, None), 0);
        }
        while lock(&heard).len() < 100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*lock(&heard), (0..100).collect::<Vec<_>>());
        let dropped = courier.bring(&door, (0..1_000).map(told));
        assert!((1..=1_000 - MOST as u64).contains(&dropped), "{dropped}");
    }
}
