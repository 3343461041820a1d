//! What a node offers to its region's leader: what it did while it was apart, and how calls ended that outlived its own term, so that nobody
//! tells it again.

use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, Message};

use super::{
    AlertActor,
    calls::{Called, Of},
    seat::{Offer, Stage},
    term::AGAIN,
};
use crate::{
    alert::{
        channels::Failure,
        merge::merge,
        outbox::Ended,
        turn::{self, Turn},
    },
    clock,
    model::{
        alert::DeliveryState,
        cluster::{Answer, Ask, Asked, Command, parts},
    },
};

/// Whether the leader took what was offered.
struct Taken(bool);

impl Message for Taken {
    type Result = ();
}

/// In one question there are so many bytes of items at most: the bus carries 4 MiB, and writes JSON into JSON.
const PART: usize = 1 << 20;

impl AlertActor {
    /// Tells the leader what this node did while it was apart, in as many parts as it takes; the last one says that it is all.
    pub(super) fn offer(&mut self, ctx: &mut Context<Self>) {
        let (now, moment) = (self.now(), clock::now());
        let Some(seat) = self.seat.as_mut().filter(|seat| matches!(seat.stage, Stage::Follow) && seat.is_led) else { return };
        let Some(offer) = seat.offer.as_mut().filter(|offer| !offer.is_asked && offer.next <= moment) else { return };
        if offer.is_over(moment) {
            tracing::warn!(region = %seat.cluster.home, "no leader took what this node did while the region's Redis was silent");
            seat.offer = None;
            return;
        }
        if !seat.outliving.is_empty() && moment < offer.ready {
            return;
        }
        let (items, unwritable) = offer.turn.items(now);
        if unwritable > 0 {
            tracing::error!(region = %seat.cluster.home, unwritable, "items cannot be written and are not told to the leader");
        }
        let mut parts = parts(items, PART);
        if let Some(last) = parts.last_mut() {
            turn::sign(last, &seat.cluster.node);
        }
        (offer.is_asked, offer.has_grown, offer.next) = (true, false, moment + AGAIN);
        let (bus, home, mail) = (seat.cluster.ask.clone(), seat.cluster.home.clone(), ctx.address());
        self.links.io.spawn(async move {
            let mut taken = true;
            for part in parts {
                let ask = Ask { to: Asked::Leader(home.clone()), command: Command::Merge(Arc::new(part)) };
                taken = taken && matches!(bus.send(ask).await, Ok(Ok(answer)) if !matches!(answer, Answer::Refused(_)));
            }
            mail.do_send(Taken(taken));
        });
    }

    /// Takes the end of a call that outlived its term; tells whether it was one.
    pub(super) fn outlived(&mut self, called: &Called) -> bool {
        let (now, moment) = (self.now(), clock::now());
        let Some(seat) = self.seat.as_mut().filter(|seat| !seat.has_desk()) else { return false };
        let Of::Row { attempt, .. } = called.of else { return true };
        let Some(mut row) = seat.outliving.remove(&(called.key.clone(), attempt)) else { return true };
        row.calls.insert(seat.cluster.node.as_str().to_owned(), (attempt, true));
        match &called.ended {
            Ended::Answered(Ok(receipt)) => {
                row.state = DeliveryState::Sent;
                (row.sent_at, row.finished, row.answer) = (Some(now.wall), Some(now.steady), Some(receipt.answer.clone()));
                row.reference.clone_from(&receipt.reference);
            }
            Ended::Unknown(_) | Ended::Answered(Err(Failure::Doubt { .. })) => {
                (row.state, row.in_doubt) = (DeliveryState::Queued, true);
            }
            Ended::Answered(Err(_)) => row.state = DeliveryState::Queued,
        }
        let done = Turn { rows: [(row.key.clone(), Some(row))].into(), ..Turn::default() };
        if matches!(seat.stage, Stage::Follow) {
            merge(&mut seat.copy, done.clone().copy());
            match &mut seat.offer {
                Some(offer) => offer.add(done, moment),
                None => seat.offer = Some(Offer::new(done, moment)),
            }
        } else {
            seat.apart.absorb(done);
        }
        true
    }
}

impl Handler<Taken> for AlertActor {
    type Result = ();

    fn handle(&mut self, taken: Taken, _: &mut Context<Self>) {
        let Some(seat) = &mut self.seat else { return };
        let Some(offer) = seat.offer.as_mut() else { return };
        offer.is_asked = false;
        if taken.0 && !offer.has_grown {
            seat.offer = None;
            seat.is_whole();
        }
    }
}
