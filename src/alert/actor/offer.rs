//! What a node offers to its region's leader: what it did while it was apart, and how calls ended that outlived its own term, so that nobody
//! tells it again.

use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, Message};

use super::{
    AlertActor,
    calls::Of,
    seat::{OFFERED, Offer, Stage},
    term::AGAIN,
};
use crate::{
    alert::{
        merge::merge,
        outbox::Ended,
        turn::{self, Turn},
    },
    clock,
    model::{
        alert::DeliveryState,
        cluster::{Ask, Asked, Command},
    },
};

/// Whether the leader took what was offered.
struct Taken(bool);

impl Message for Taken {
    type Result = ();
}

impl AlertActor {
    /// Tells the leader what this node did while it was apart.
    pub(super) fn offer(&mut self, ctx: &mut Context<Self>) {
        let (now, moment) = (self.now(), clock::now());
        let Some(seat) = self.seat.as_mut().filter(|seat| matches!(seat.stage, Stage::Follow) && seat.is_led) else { return };
        let Some(offer) = seat.offer.as_mut().filter(|offer| !offer.is_asked && offer.next <= moment) else { return };
        if offer.until < moment {
            tracing::warn!(region = %seat.cluster.home, "no leader took what this node did while the region's Redis was silent");
            seat.offer = None;
            return;
        }
        let mut items = offer.turn.items(now);
        if let Some(me) = &seat.me {
            turn::sign(&mut items, me);
        }
        (offer.is_asked, offer.has_grown, offer.next) = (true, false, moment + AGAIN);
        let ask = Ask { to: Asked::Leader(seat.cluster.home.clone()), command: Command::Merge(Arc::new(items)) };
        let (answer, mail) = (seat.cluster.ask.send(ask), ctx.address());
        self.links.io.spawn(async move { mail.do_send(Taken(matches!(answer.await, Ok(Ok(_))))) });
    }

    /// Takes the end of a call that outlived its term; tells whether it was one.
    pub(super) fn outlived(&mut self, of: &Of, ended: &Ended) -> bool {
        let (now, moment) = (self.now(), clock::now());
        let Some(seat) = self.seat.as_mut().filter(|seat| matches!(seat.stage, Stage::Follow)) else { return false };
        let Of::Row { seq, attempt } = of else { return true };
        let Some(mut row) = seat.outliving.remove(&(*seq, *attempt)) else { return true };
        let Ended::Answered(Ok(receipt)) = ended else { return true };
        row.state = DeliveryState::Sent;
        (row.sent_at, row.finished, row.answer) = (Some(now.wall), Some(now.steady), Some(receipt.answer.clone()));
        row.reference.clone_from(&receipt.reference);
        let done = Turn { rows: [(row.key.clone(), Some(row))].into(), ..Turn::default() };
        merge(&mut seat.copy, done.clone().copy());
        let offer = seat.offer.get_or_insert_with(|| Offer {
            turn: Turn::default(),
            until: moment,
            next: moment,
            is_asked: false,
            has_grown: false,
        });
        offer.turn.absorb(done);
        offer.has_grown = true;
        offer.until = moment + OFFERED;
        true
    }
}

impl Handler<Taken> for AlertActor {
    type Result = ();

    fn handle(&mut self, taken: Taken, _: &mut Context<Self>) {
        let Some(offer) = self.seat.as_mut().and_then(|seat| seat.offer.as_mut()) else { return };
        offer.is_asked = false;
        if taken.0 && !offer.has_grown {
            self.seat.iter_mut().for_each(|seat| seat.offer = None);
        }
    }
}
