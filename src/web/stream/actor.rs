//! The actor around the hub, and the handler that takes a seat in it. The handler does not wait for the actor: it leaves
//! one end of a channel in the mailbox, so an actor that is gone means a stream that ends at once.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Query},
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::{mpsc::Receiver, oneshot};

use super::{
    super::{State, answer::Refusal, asker::Viewer, interest::Interests, page},
    Filter, Hub,
};
use crate::{
    clock,
    model::{
        alert::{AlertBook, AlertChange},
        world::{World, WorldChange},
    },
};

/// Readers at once; each costs a connection and, at worst, a queue of unread chunks.
const MOST_SUBSCRIBERS: usize = 1_000;

/// Changes that may wait while the hub writes snapshots for many readers.
const MAILBOX: usize = 256;

/// How often the hub is told that time passes.
const TICK: Duration = Duration::from_secs(1);

/// Keeps the subscribers.
pub(in crate::web) struct WebActor {
    hub: Hub,
    interests: Arc<Interests>,
}

impl WebActor {
    pub(in crate::web) fn new(boot: i64, world: Arc<World>, alerts: Arc<ArcSwap<AlertBook>>, interests: Arc<Interests>) -> Self {
        Self { hub: Hub::new(clock::now(), boot, world, alerts), interests }
    }

    /// Whole samples of other regions are wanted where somebody looks closely.
    fn tell_interest(&self) {
        let now = clock::now();
        self.hub.looked_at().iter().for_each(|region| self.interests.tell(now, region));
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        self.hub.tick(clock::now());
        self.tell_interest();
        context.run_later(TICK, Self::tick);
    }
}

impl Actor for WebActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_later(TICK, Self::tick);
    }
}

impl Handler<WorldChange> for WebActor {
    type Result = ();

    fn handle(&mut self, change: WorldChange, _: &mut Self::Context) {
        self.hub.change(clock::now(), change.world);
    }
}

impl Handler<AlertChange> for WebActor {
    type Result = ();

    fn handle(&mut self, change: AlertChange, _: &mut Self::Context) {
        self.hub.tell_alerts(clock::now(), &change.0);
    }
}

/// A new reader.
pub(in crate::web) struct Subscribe {
    filter: Filter,
    last_event: Option<String>,
    queue: oneshot::Sender<Receiver<Bytes>>,
}

impl Message for Subscribe {
    type Result = ();
}

impl Handler<Subscribe> for WebActor {
    type Result = ();

    fn handle(&mut self, new: Subscribe, _: &mut Self::Context) {
        let queue = self.hub.subscribe(clock::now(), new.filter, new.last_event.as_deref());
        self.tell_interest();
        // A reader that left meanwhile is noticed at the next tick.
        let _ = new.queue.send(queue);
    }
}

/// The node ends: so do the streams.
pub(in crate::web) struct Close;

impl Message for Close {
    type Result = ();
}

impl Handler<Close> for WebActor {
    type Result = ();

    fn handle(&mut self, _: Close, _: &mut Self::Context) {
        self.hub.close();
    }
}

/// A reader's place; free again when its connection is gone.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(seats: &Arc<AtomicUsize>) -> Result<Self, Refusal> {
        let more = |taken| (taken < MOST_SUBSCRIBERS).then_some(taken + 1);
        match seats.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Self(seats.clone())),
            Err(_) => Err(Refusal::StreamFull),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /api/stream`.
pub(in crate::web) async fn subscribe(
    _: Viewer,
    request: HttpRequest,
    state: Data<State>,
    filter: Query<Filter>,
) -> Result<HttpResponse, Refusal> {
    filter.select(&state.shared.world.load())?;
    // A token holds as long as the process; a session may end before its stream does.
    let session = page::session(&request).filter(|_| !request.headers().contains_key(header::AUTHORIZATION)).map(str::to_owned);
    let doors = state.clone();
    let may_go_on = move || session.as_ref().is_none_or(|id| doors.access.may_view(clock::now(), None, Some(id)).is_ok());
    let seat = Seat::take(&state.seats)?;
    let last_event = request.headers().get("Last-Event-ID").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let (queue, answer) = oneshot::channel();
    state.stream.do_send(Subscribe { filter: filter.into_inner(), last_event, queue });
    let events = unfold((Source::Coming(answer), seat, may_go_on), |(source, seat, may_go_on)| async move {
        let mut queue = match source {
            Source::Coming(answer) => answer.await.ok()?,
            Source::Here(queue) => queue,
        };
        let chunk = queue.recv().await.filter(|_| may_go_on())?;
        Some((Ok::<_, Infallible>(chunk), (Source::Here(queue), seat, may_go_on)))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"))
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .streaming(events))
}

/// Where a reader's events come from.
enum Source {
    /// The actor has not answered yet.
    Coming(oneshot::Receiver<Receiver<Bytes>>),
    /// The queue.
    Here(Receiver<Bytes>),
}
