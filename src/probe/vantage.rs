//! How databases of other regions look from here: a fresh client's way to each, on a slow schedule of its own. It costs a database one
//! connect in ten seconds per region that looks, and tells the network's part (TCP) from the database's.
//!
//! ```text
//!  Watch (who is to be looked at) ──► schedule ──► a fresh client each, a few at once, on the I/O runtime ──► Viewed ──► the bus
//! ```
//! It judges nothing: what a failure means is decided where all regions' views meet. Cold start: the first looks are spread over one
//! turn. Recovery: it holds nothing but its list, so whoever starts it again gives it that.

mod schedule;

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, fut::wrap_future};
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{runtime::Handle, sync::Semaphore};

use super::{Failure, StopProbe, conninfo::ConnInfo, pool::client_check, voice::Task};
use crate::{
    clock,
    model::{
        Outcome, Phases, RegionName, TargetId,
        cluster::{View, Viewed},
    },
};
use schedule::Schedule;

/// How often it is looked what is due; views that end within it travel together.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Clients at once: with three seconds each, so many black holes still leave a look at each of 50 in ten seconds.
const AT_ONCE: usize = 16;

/// How often to look, and how long. The default is for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one look to the next.
    pub every: Duration,
    /// The same while it fails.
    pub failing: Duration,
    /// A look that has not ended then has failed.
    pub within: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(10), failing: Duration::from_secs(2), within: Duration::from_secs(3) }
    }
}

/// The targets to look at from now on: all of them. Those that stay keep their turn.
#[derive(Debug)]
pub struct Watch(pub Vec<(TargetId, ConnInfo)>);

impl Message for Watch {
    type Result = ();
}

/// See the module.
pub struct VantageProbe {
    from: RegionName,
    pace: Pace,
    to: Recipient<Viewed>,
    io: Handle,
    seats: Arc<Semaphore>,
    schedule: Schedule,
    views: Vec<(TargetId, View)>,
    rng: SmallRng,
}

impl VantageProbe {
    /// A prober of that region, which looks at nothing before it is told to.
    pub fn new(from: RegionName, pace: Pace, to: Recipient<Viewed>, io: Handle) -> Self {
        let seats = Arc::new(Semaphore::new(AT_ONCE));
        Self { from, pace, to, io, seats, schedule: Schedule::default(), views: Vec::new(), rng: SmallRng::from_os_rng() }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if !self.to.connected() {
            return actix::ActorContext::stop(ctx);
        }
        ctx.run_later(LOOK_EVERY, Self::look);
        while self.seats.available_permits() > 0
            && let Some((id, to)) = self.schedule.next(clock::now())
        {
            self.look_at(ctx, id, to);
        }
        if !self.views.is_empty() {
            // A bus that is too busy for them hears the next ones.
            let _ = self.to.try_send(Viewed(std::mem::take(&mut self.views)));
        }
    }

    fn look_at(&self, ctx: &mut Context<Self>, id: TargetId, to: ConnInfo) {
        let (within, seat) = (self.pace.within, Arc::clone(&self.seats).try_acquire_owned());
        let work = async move {
            let ended = client_check::check(&to, false, within).await;
            drop(seat);
            ended
        };
        let then = move |ended, prober: &mut Self, _: &mut Context<Self>| prober.ended(id, ended);
        ctx.spawn(wrap_future::<_, Self>(Task(self.io.spawn(work))).map(then));
    }

    fn ended(&mut self, id: TargetId, ended: Result<Phases, Failure>) {
        let (outcome, failed_phase, message, phases) = match ended {
            Ok(phases) => (Outcome::Ok, None, None, phases),
            Err(failure) => (failure.outcome, Some(failure.phase), Some(failure.message), failure.phases),
        };
        let ok = outcome == Outcome::Ok;
        if self.schedule.ended(&id, clock::now(), if ok { self.pace.every } else { self.pace.failing }) {
            let view = View { from: self.from.clone(), outcome, failed_phase, message, checked_at: clock::wall(), phases };
            self.views.push((id, view));
        }
    }
}

impl Actor for VantageProbe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<Watch> for VantageProbe {
    type Result = ();

    fn handle(&mut self, new: Watch, _: &mut Self::Context) {
        self.schedule.watch(new.0, clock::now(), self.pace.every, &mut self.rng);
    }
}

impl Handler<StopProbe> for VantageProbe {
    type Result = ();

    fn handle(&mut self, _: StopProbe, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}

#[cfg(test)]
mod tests;
