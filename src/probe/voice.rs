//! What the three probe actors have in common: how they speak to their supervisor, and how they let work run elsewhere.
//!
//! TLS and SCRAM must not run on an actor's thread, so reads run on the I/O runtime and their result comes back as a call of the
//! actor. Nothing outlives the actor: its end aborts what it started. A panic inside a read is the actor's own panic.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::{Duration, Instant},
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Recipient, fut::wrap_future};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{DeathWatch, session::Server};
use crate::{
    clock,
    model::reading::{Body, Reading},
};

/// While nothing else is to be said, the supervisor hears this often that a probe lives.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// An actor's way to its supervisor.
#[derive(Debug)]
pub struct Voice {
    /// One long-lived recipient: a clone would have a mailbox slot of its own.
    pub to: Recipient<Reading>,
    /// Tells of the actor's end; knows whose it is.
    pub watch: DeathWatch,
    /// Readings that found the mailbox full.
    pub dropped: Arc<AtomicU64>,
    /// The server that is measured.
    pub server: Arc<Server>,
    /// Where reads run.
    pub io: Handle,
    /// The instant that all schedules count from, so that targets of one server ask together and share the answer.
    pub origin: Instant,
}

impl Voice {
    /// Whether nobody listens any more: the supervisor was replaced, and has started others in this one's place.
    pub fn is_orphaned(&self) -> bool {
        !self.to.connected()
    }

    /// Mails one reading; when the mailbox is full it is dropped and counted, the next one heals it.
    pub fn say(&self, at: Instant, body: Body) {
        let wall = clock::wall().before(clock::now().saturating_duration_since(at));
        let (target, probe, generation) = (self.watch.target.clone(), self.watch.probe, self.watch.generation);
        let reading = Reading { target, probe, generation, at, wall, cost: self.server.cost(), body };
        if self.to.try_send(reading).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs `work` on the I/O runtime and calls the actor with what it brought.
    pub fn run<A, T>(
        &self,
        ctx: &mut Context<A>,
        work: impl Future<Output = T> + Send + 'static,
        then: impl FnOnce(&mut A, T, &mut Context<A>) + 'static,
    ) where
        A: Actor<Context = Context<A>>,
        T: Send + 'static,
    {
        ctx.spawn(wrap_future::<_, A>(Task(self.io.spawn(work))).map(|value, actor, ctx| then(actor, value, ctx)));
    }

    /// How long until the next point of the grid of this interval.
    pub fn until_next(&self, now: Instant, interval: Duration) -> Duration {
        until_next(now.saturating_duration_since(self.origin), interval)
    }
}

/// The time from `elapsed` to the next whole multiple of `interval`; a point that is almost reached is skipped, since a timer
/// that fired a little early would otherwise fire twice.
fn until_next(elapsed: Duration, interval: Duration) -> Duration {
    let interval = interval.max(Duration::from_millis(1));
    let into = Duration::from_nanos((elapsed.as_nanos() % interval.as_nanos()) as u64);
    let left = interval.checked_sub(into).unwrap();
    if left < interval / 10 { left + interval } else { left }
}

/// A spawned task that ends with whoever waits for it.
pub(super) struct Task<T>(pub(super) JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|joined| match joined {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.try_into_panic().unwrap_or_else(|error| Box::new(error.to_string()))),
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_fall_on_a_common_grid_and_never_twice_on_one_point() {
        let ms = Duration::from_millis;
        for (elapsed, interval, expected) in
            [(0, 250, 250), (10, 250, 240), (249, 250, 251), (1_000, 250, 250), (1_130, 250, 120)]
        {
            assert_eq!(until_next(ms(elapsed), ms(interval)), ms(expected), "{elapsed} ms into {interval} ms");
        }
    }
}
