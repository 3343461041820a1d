//! A leader whose Redis says that it leads, and gives and takes nothing else: a link too slow for what is kept, a Redis that answers only
//! what is small. Nobody else may tell while its beats go through. So after the grace that also a silent Redis gets it tells criticals from
//! what it has on its own disk, with the same keys; what it decides goes on to the shelves when they take it, and then it leads as before.

use std::time::Instant;

use super::{AlertActor, seat::Seat};
use crate::{
    alert::{lead::Duty, ledger::Ledger, outbox::Gate},
    clock,
};

impl Seat {
    /// What this leader does instead, once it waits for the shelves for too long.
    pub(super) fn stuck(&self, now: Instant) -> Option<Duty> {
        self.lead.stuck(now.saturating_duration_since(self.held?), now)
    }
}

impl AlertActor {
    /// What may leave a leader. When it waits no longer for the shelves, the calls that did are back in the outbox, where the gate decides.
    pub(super) fn lead_on(&mut self) -> Gate {
        let (now, moment) = (self.now(), clock::now());
        let Some(seat) = &mut self.seat else { return Gate::Open };
        let Some(island) = seat.stuck(moment) else {
            seat.is_released = false;
            // What others did is taken in first.
            return if seat.merges.is_empty() { Gate::Open } else { Gate::Shut };
        };
        if !std::mem::replace(&mut seat.is_released, true) {
            tracing::warn!(region = %seat.cluster.home, "the region's Redis takes nothing; criticals are told without it until it does");
        }
        for call in seat.ledger().map(Ledger::release).unwrap_or_default() {
            self.carrier.take_back(call, now);
        }
        island.gate()
    }
}
