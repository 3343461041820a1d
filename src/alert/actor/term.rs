//! How an alert actor in a cluster comes to lead and stops to: the effects of its seat.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::{
    AlertActor,
    calls::Call,
    everything, office,
    seat::{Gathered, Offer, Seat, Stage},
};
use crate::{
    alert::{
        desk::{Desk, Kept as Remembered, Ways},
        lead::Duty,
        ledger::{Ledger, Outcome},
        merge::{Copy, merge, undecide, unended, unify},
        outbox::{Gate, Outbox},
        turn::Turn,
    },
    clock,
    model::{
        alert::DeliveryState,
        cluster::{Commit, Committed, Kept, Unreachable},
        world::WorldChange,
    },
};

/// Redis that did not answer is asked again after this.
pub(super) const AGAIN: Duration = Duration::from_millis(300);

/// What the shelves hold.
struct Loaded(u64, Result<Kept, Unreachable>);

impl Message for Loaded {
    type Result = ();
}

/// What became of a commit.
struct Settled(u64, Result<Committed, Unreachable>);

impl Message for Settled {
    type Result = ();
}

impl AlertActor {
    /// Does what its duty is now.
    pub(super) fn attend(&mut self, ctx: &mut Context<Self>) {
        let (moment, started) = (clock::now(), self.started);
        let Some(seat) = &mut self.seat else { return };
        let duty = seat.duty(seat.answered.unwrap_or(started), moment);
        match (duty, &seat.stage) {
            (Duty::Lead { fence, .. }, Stage::Lead(ledger)) if ledger.fence() == fence => self.take_in(ctx),
            (Duty::Lead { fence, .. }, Stage::Gather(gather)) if gather.fence == fence => self.come_to_lead(ctx),
            (Duty::Lead { fence, wiped, .. }, _) => {
                self.end_term();
                if let Some(seat) = &mut self.seat {
                    seat.gather(fence, wiped);
                }
                self.load(ctx);
            }
            (Duty::Follow, Stage::Follow) | (Duty::Wait | Duty::Island { .. }, Stage::Apart) | (Duty::Alone, _) => {}
            (Duty::Follow, _) => self.follow(),
            (Duty::Wait | Duty::Island { .. }, _) => self.part(ctx),
        }
        let gate = match self.seat.as_ref().map(|seat| &seat.stage) {
            Some(Stage::Lead(_)) => self.lead_on(),
            Some(Stage::Apart) => duty.gate(),
            _ => Gate::Shut,
        };
        self.carrier.outbox.set_gate(gate);
        self.load(ctx);
        self.offer(ctx);
        self.commit(ctx);
        self.rescope();
    }

    /// Asks what the shelves hold, while that is not known.
    fn load(&mut self, ctx: &mut Context<Self>) {
        let moment = clock::now();
        let Some(seat) = &mut self.seat else { return };
        let is_apart = matches!(seat.stage, Stage::Lead(_)) || (matches!(seat.stage, Stage::Apart) && seat.held.is_none());
        let wants = !is_apart && seat.is_stale && seat.answered.is_some();
        if !wants || seat.is_loading || seat.load_next.is_some_and(|next| moment < next) {
            return;
        }
        (seat.is_loading, seat.load_next) = (true, Some(moment + AGAIN));
        if matches!(seat.stage, Stage::Gather(_)) {
            seat.held.get_or_insert(moment);
        }
        let (kept, mail, which) = (seat.cluster.keeper.load(), ctx.address(), seat.loading);
        self.links.io.spawn(async move { mail.do_send(Loaded(which, kept.await)) });
    }

    /// Goes on from a copy.
    fn assume(&mut self, copy: Copy, version: u64) {
        let now = self.now();
        let (ways, outbox) = self.empty();
        self.carrier.assume(&copy, outbox, version, &self.calling, now);
        let kept =
            Remembered { incidents: copy.incidents.into_values().collect(), silences: copy.silences.into_values().collect() };
        self.desk = Desk::new(Arc::clone(&self.settings), ways, kept, now);
        self.pages = super::Pages::default();
        if let Some(seat) = &mut self.seat {
            seat.scoped = None;
            seat.outliving.clear();
        }
        self.rescope();
        let world = self.links.world.load_full();
        let targets = world.regions.values().flat_map(|region| region.targets.values());
        let reports = targets.map(|target| crate::model::Report { transitions: Vec::new(), ..target.report.clone() }).collect();
        self.desk.see(now, &WorldChange { world, reports, removed: Vec::new() });
        self.changed = true;
    }

    /// What a desk must know of the channels, and an empty outbox behind a shut gate.
    fn empty(&self) -> (Ways, Outbox) {
        let (routes, ways) = office::wiring(&self.settings, self.carrier.channels());
        let mut outbox = Outbox::new(routes, self.settings.give_up_after);
        outbox.set_gate(Gate::Shut);
        if let Some(seat) = &self.seat {
            outbox.set_node(seat.cluster.node.as_str());
        }
        (ways, outbox)
    }

    /// All that this node has: of its desk, or of what it followed.
    fn own(&self) -> Copy {
        match &self.seat {
            Some(seat) if !seat.has_desk() => seat.copy.clone(),
            _ => self.carrier.copy(everything(&self.desk, self.now())),
        }
    }

    fn come_to_lead(&mut self, ctx: &mut Context<Self>) {
        let own = self.own();
        let now = self.now();
        let Some(seat) = self.seat.as_mut().filter(|seat| seat.is_gathered(clock::now())) else { return };
        let Some(Gathered { mut copy, fence, version, anew, is_doubtful }) = seat.gathered(own) else { return };
        unify(&mut copy, now);
        if anew {
            undecide(&mut copy);
        }
        // Without anything merged all ends were decided by whoever led.
        let ends = if anew { unended(&copy) } else { Vec::new() };
        let ledger = Ledger::new(fence, version, anew);
        tracing::info!(region = %seat.cluster.home, fence, version, anew, incidents = copy.incidents.len(), "leads the region's alerts");
        let upcoming = ledger.upcoming();
        seat.stage = Stage::Lead(Box::new(ledger));
        (seat.copy, seat.version) = (Copy::default(), version);
        (seat.said_all, seat.is_committing, seat.commit_next, seat.held) = (None, false, None, None);
        self.assume(copy, upcoming);
        self.desk.tell_ends(now, &ends);
        if is_doubtful {
            // What the desk decides becomes rows behind the gate, and then they are marked.
            self.turn(ctx);
            self.carrier.outbox.suspect();
        }
        self.carrier.outbox.set_gate(Gate::Open);
        self.turn(ctx);
        self.seat.iter_mut().for_each(Seat::answer_merges);
        self.answer_wishes(ctx);
        self.publish_at_once(now);
    }

    /// What others tell later, as how a call ended that outlived its term: taken in when no call waits for the shelves.
    fn take_in(&mut self, ctx: &mut Context<Self>) {
        let Some(seat) = self.seat.as_mut().filter(|seat| !seat.merges.is_empty() && !seat.is_committing) else {
            return;
        };
        let Some(ledger) = seat.ledger() else { return };
        if ledger.is_waiting() {
            return;
        }
        let merges = std::mem::take(&mut seat.merges);
        let before = self.own();
        let mut copy = before.clone();
        for turn in merges {
            merge(&mut copy, turn.copy());
        }
        if copy == before {
            self.seat.iter_mut().for_each(Seat::answer_merges);
            return;
        }
        let now = self.now();
        unify(&mut copy, now);
        let ends = unended(&copy);
        let upcoming = self.seat.as_mut().and_then(|seat| seat.ledger()).map(|ledger| {
            ledger.write_anew();
            ledger.upcoming()
        });
        self.assume(copy, upcoming.unwrap_or_default());
        self.desk.tell_ends(now, &ends);
        self.carrier.outbox.set_gate(Gate::Open);
        self.turn(ctx);
        self.seat.iter_mut().for_each(Seat::answer_merges);
    }

    /// Ends what was led: what is not on the shelves for sure is kept apart, calls that were not made wait again, and those that were made
    /// are remembered.
    fn end_term(&mut self) {
        let now = self.now();
        let Some(seat) = &mut self.seat else { return };
        // Whoever waits asks the next one.
        seat.waiting.clear();
        seat.merging.clear();
        seat.merges.clear();
        if !seat.leads() {
            return;
        }
        let Stage::Lead(ledger) = std::mem::replace(&mut seat.stage, Stage::Apart) else { return };
        seat.version = ledger.version();
        let (turn, calls, anew) = ledger.close();
        seat.apart = turn;
        (seat.is_committing, seat.held, seat.is_released) = (false, None, false);
        for call in calls {
            self.carrier.take_back(call, now);
        }
        let desk = &self.desk;
        let calls = self.carrier.keep(|| everything(desk, now), now);
        debug_assert!(calls.is_empty(), "nothing is offered here");
        let (turn, _) = self.carrier.shared();
        seat.apart.absorb(turn);
        if anew {
            // What was gathered is nowhere else yet.
            seat.apart = Turn::of(self.carrier.copy(everything(desk, now)));
        }
        tracing::info!(region = %seat.cluster.home, "leads the region's alerts no longer");
    }

    /// Another one leads, or nobody: keeps a copy, and offers what this node did that the leader may not know.
    fn follow(&mut self) {
        let (moment, led) = (clock::now(), self.seat.as_ref().is_some_and(Seat::leads));
        self.end_term();
        let own = self.own();
        let calling = self.carrier.outbox.rows().filter(|row| row.state == DeliveryState::Sending);
        let calling: Vec<_> = calling.map(|row| ((row.key.clone(), row.attempts), row.clone())).collect();
        let Some(seat) = &mut self.seat else { return };
        seat.held = None;
        seat.wishes.clear();
        seat.outliving.extend(calling.into_iter().filter(|(call, _)| self.calling.contains(call)));
        let apart = std::mem::take(&mut seat.apart);
        // What a leader decided and did not get onto the shelves is decided anew by the next; what it did about it, and what was done while
        // Redis was gone, is not.
        let turn = if led { apart.done() } else { apart };
        match &mut seat.offer {
            Some(offer) => offer.add(turn, moment),
            None => seat.offer = Some(Offer::new(turn, moment)),
        }
        (seat.stage, seat.copy) = (Stage::Follow, own);
        seat.load_anew();
        self.rest();
    }

    /// Without anything to decide.
    pub(super) fn rest(&mut self) {
        let now = self.now();
        let (ways, outbox) = self.empty();
        self.carrier.outbox = outbox;
        self.carrier.share = None;
        self.carrier.calls.clear();
        self.desk = Desk::new(Arc::clone(&self.settings), ways, Remembered::default(), now);
        self.pages = super::Pages::default();
        self.changed = true;
    }

    /// The region's Redis is silent: goes on from what this node has.
    fn part(&mut self, ctx: &mut Context<Self>) {
        let has_desk = self.seat.as_ref().is_some_and(Seat::has_desk);
        self.end_term();
        let Some(seat) = &mut self.seat else { return };
        tracing::warn!(region = %seat.cluster.home, "the region's Redis is silent; alerts are decided here until it answers");
        seat.stage = Stage::Apart;
        seat.wishes.clear();
        if let Some(offer) = seat.offer.take() {
            seat.apart.absorb(offer.turn);
        }
        if !has_desk {
            let (copy, version) = (std::mem::take(&mut seat.copy), seat.version);
            self.assume(copy, version);
        }
        self.carrier.outbox.set_gate(Gate::Shut);
        self.turn(ctx);
    }

    /// What a turn changed goes to the shelves first, and its calls wait for that; apart from them, to this node's disk only.
    pub(super) fn share(&mut self, calls: Vec<Call>, ctx: &mut Context<Self>) -> Vec<Call> {
        let Some(seat) = &mut self.seat else { return calls };
        let (turn, is_urgent) = self.carrier.shared();
        match &mut seat.stage {
            Stage::Lead(ledger) => {
                let (waiting, free) = if seat.is_released { (Vec::new(), calls) } else { (calls, Vec::new()) };
                ledger.put(turn, waiting, is_urgent);
                self.commit(ctx);
                free
            }
            Stage::Apart | Stage::Gather(_) => {
                seat.apart.absorb(turn);
                calls
            }
            Stage::Follow => Vec::new(),
        }
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        let (now, moment) = (self.now(), clock::now());
        let (desk, carrier) = (&self.desk, &self.carrier);
        let everything = || Turn::of(carrier.copy(everything(desk, now)));
        let Some(seat) = self.seat.as_mut() else { return };
        if seat.is_committing || seat.commit_next.is_some_and(|next| moment < next) {
            return;
        }
        let Stage::Lead(ledger) = &mut seat.stage else { return };
        let Some(commit) = ledger.again().or_else(|| ledger.next(everything, now)) else { return };
        (seat.is_committing, seat.commit_next) = (true, None);
        seat.held.get_or_insert(clock::now());
        let (upcoming, unwritable) = (ledger.upcoming(), ledger.unwritable());
        if unwritable > 0 {
            tracing::error!(region = %seat.cluster.home, unwritable, "items cannot be written to the region's shelves and are left out");
        }
        if let Some(share) = &mut self.carrier.share {
            share.version = Some(upcoming);
        }
        let (kept, mail, version) = (seat.cluster.keeper.commit(commit.clone()), ctx.address(), commit.version);
        self.links.io.spawn(async move { mail.do_send(Settled(version, kept.await)) });
    }
}

impl Handler<Loaded> for AlertActor {
    type Result = ();

    fn handle(&mut self, loaded: Loaded, ctx: &mut Context<Self>) {
        let (now, moment) = (self.now(), clock::now());
        let Some(seat) = &mut self.seat else { return };
        if loaded.0 != seat.loading {
            return;
        }
        seat.is_loading = false;
        let Ok(kept) = loaded.1 else { return };
        seat.held = None;
        let (turn, unreadable) = Turn::read(&kept.items, now);
        if unreadable > 0 {
            tracing::error!(region = %seat.cluster.home, unreadable, "items of the region's shelves cannot be read and are left out");
        }
        let before = seat.version;
        seat.loaded(&kept, turn.copy(), moment);
        if matches!(seat.stage, Stage::Follow) && seat.version != before {
            seat.cluster.version.store(seat.version, std::sync::atomic::Ordering::Relaxed);
            self.carrier.write_copy(&seat.copy, seat.version, now);
        }
        self.attend(ctx);
    }
}

impl Handler<Settled> for AlertActor {
    type Result = ();

    fn handle(&mut self, settled: Settled, ctx: &mut Context<Self>) {
        let Settled(version, result) = settled;
        let moment = clock::now();
        let Some(seat) = &mut self.seat else { return };
        let Stage::Lead(ledger) = &mut seat.stage else { return };
        // Of an earlier term.
        if ledger.again().is_none_or(|commit: Commit| commit.version != version) {
            return;
        }
        seat.is_committing = false;
        let fence = ledger.fence();
        match ledger.done(&result) {
            Outcome::Written(calls) => {
                (seat.held, seat.is_released) = (None, false);
                seat.cluster.version.store(version, std::sync::atomic::Ordering::Relaxed);
                let (done, waiting) = std::mem::take(&mut seat.waiting).into_iter().partition(|(awaited, _)| *awaited <= version);
                seat.waiting = waiting;
                let done: Vec<(u64, oneshot::Sender<()>)> = done;
                for (_, who) in done {
                    let _ = who.send(());
                }
                for call in calls {
                    self.make(call, ctx);
                }
                self.commit(ctx);
            }
            Outcome::Again => {
                seat.commit_next = result.is_err().then(|| moment + AGAIN);
                self.commit(ctx);
            }
            Outcome::Fenced => {
                tracing::warn!(region = %seat.cluster.home, "another node leads the region's alerts; what was not kept is dropped");
                seat.refused = Some(fence);
                self.follow();
            }
        }
    }
}
