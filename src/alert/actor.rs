//! The alert actor: mail and a clock around the desk, the outbox and the journal.
//!
//! ```text
//!  WorldChange, commands, ticks ──► desk ──► outbox ──► journal ──► calls (io runtime) ──► mail with their ends ──┐
//!        ▲                                                └──► book, stream                                       │
//!        └────────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! Each turn goes once around: what the desk decides becomes rows, what is due becomes calls, both are written in one transaction, and
//! then the calls are made. The actor never waits for a channel. A dead one is made anew from the journal: its calls go on, and count as in
//! doubt.

mod book;
mod calls;
mod carrier;
mod clerk;
mod cluster;
mod deputy;
mod library;
mod news;
mod offer;
mod office;
mod publish;
mod seat;
mod share;
mod stuck;
mod term;
mod wishes;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient, ResponseFuture};
use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::{Now, Settings, desk::Desk, heartbeat::Heartbeat};
use crate::{
    clock::{self, Steady},
    model::{
        Timestamp,
        alert::{AlertBook, AlertChange, AlertState, SilenceKind},
        world::{World, WorldChange},
    },
};
use book::Pages;
use calls::{Call, Called, Of, make};
use carrier::{Carrier, Everything};
use publish::log;
use seat::Seat;

pub use clerk::{Clerk, Desks};
pub use cluster::Cluster;
pub use library::{Librarian, Library};
pub use office::{Error, Office};

/// How often time passes for the desk and the outbox; small against the second and a half that people may wait for a message.
const TICK: Duration = Duration::from_millis(100);
/// The book is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// What nobody asks for any more is let go this often.
const FORGET_EVERY: Duration = Duration::from_secs(10);
/// What a turn brings up may bring up more; beyond this it waits for the next tick.
const MOST_ROUNDS: usize = 8;
/// Changes of the world that may wait; what is refused comes again with the next one.
const MAILBOX: usize = 64;
/// Calls under way get this long at the end.
const FAREWELL: Duration = Duration::from_millis(1_500);

/// What the actor is joined to.
#[derive(Debug, Clone)]
pub struct Links {
    /// Whether all is well is told by it.
    pub world: Arc<ArcSwap<World>>,
    /// Where the book is published.
    pub book: Arc<ArcSwap<AlertBook>>,
    /// When the actor last lived, for whoever restarts it.
    pub alive: Arc<ArcSwap<Instant>>,
    /// Who tells the readers of the stream.
    pub stream: Option<Recipient<AlertChange>>,
    /// Where calls run.
    pub io: Handle,
    /// The node's.
    pub steady: Steady,
    /// The other nodes; none without a bus.
    pub cluster: Option<Cluster>,
}

/// See the module.
pub struct AlertActor {
    settings: Arc<Settings>,
    links: Links,
    desk: Desk,
    carrier: Carrier,
    pages: Pages,
    heartbeat: Heartbeat,
    published: Timestamp,
    forgotten: Timestamp,
    /// Whether the book is not what was published last.
    changed: bool,
    under_way: usize,
    /// Of those the rows' calls, by key and attempt.
    calling: BTreeSet<(String, u32)>,
    is_ending: bool,
    started: Instant,
    /// Its place among the region's nodes; none without a bus.
    seat: Option<Seat>,
}

/// Other settings from now on.
#[derive(Debug)]
pub struct Reconfigure(pub Arc<Settings>);

impl Message for Reconfigure {
    type Result = ();
}

/// Who tells the readers of the stream from now on.
#[derive(Debug)]
pub struct Stream(pub Option<Recipient<AlertChange>>);

impl Message for Stream {
    type Result = ();
}

/// The node is about to end: what becomes of the world from now on is its own doing, and no news.
#[derive(Debug)]
pub struct Ending;

impl Message for Ending {
    type Result = ();
}

/// Make no more calls; answered when those under way have ended, or were given time to. What waits stays in the journal.
#[derive(Debug)]
pub struct Stop;

impl Message for Stop {
    type Result = ();
}

/// How many calls are under way, and words to the next leader about such.
struct UnderWay;

impl Message for UnderWay {
    type Result = usize;
}

impl AlertActor {
    /// An actor that goes on from what the office holds.
    pub fn new(office: Office, links: Links) -> Self {
        let now = Now { steady: links.steady.now(), wall: clock::wall() };
        let Office { settings, desk, carrier, version } = office;
        let heartbeat = Heartbeat::new(&settings, now);
        // The first turn publishes: until then readers would see no channels, and no incidents.
        let (pages, published) = (Pages::default(), now.steady.before(PUBLISH_EVERY));
        let (changed, under_way, is_ending) = (true, 0, false);
        let (forgotten, started) = (now.steady, clock::now());
        let seat = links.cluster.clone().map(|cluster| {
            cluster.version.store(version, Ordering::Relaxed);
            Seat::new(cluster, carrier.copy(everything(&desk, now)), version, started)
        });
        let mut actor = Self {
            settings,
            links,
            desk,
            carrier,
            pages,
            heartbeat,
            published,
            forgotten,
            changed,
            under_way,
            calling: BTreeSet::new(),
            is_ending,
            started,
            seat,
        };
        if actor.seat.is_some() {
            actor.rest();
        }
        actor
    }

    fn now(&self) -> Now {
        Now { steady: self.links.steady.now(), wall: clock::wall() }
    }

    /// Once around, see the module.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if !self.decides() {
            return;
        }
        let now = self.now();
        let mut events = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let changes = self.desk.take();
            self.look_up(&changes);
            let news = self.carrier.take(&changes, now, self.is_ending);
            events.extend(changes.events);
            let is_more = !news.undeliverable.is_empty() || !news.delivered.is_empty() || !news.notes.is_empty();
            for (about, step) in news.notes {
                self.pages.stale([about.clone()]);
                self.desk.note(&about, step);
            }
            for (order, why) in &news.undeliverable {
                tracing::warn!(
                    channel = order.lane.channel,
                    event = order.event.as_str(),
                    incident = order.lane.about,
                    why,
                    "given up"
                );
                self.desk.undeliverable(now, order, why);
            }
            for (channel, recipient) in &news.delivered {
                self.desk.delivered(now, channel, recipient.as_deref());
            }
            if !is_more {
                break;
            }
        }
        if !self.is_ending {
            let pages = &self.pages;
            self.carrier.refresh(|id| pages.alert(id), now);
        }
        let desk = &self.desk;
        let calls = self.carrier.keep(|| everything(desk, now), now);
        self.tell(&events, now);
        for call in self.share(calls, ctx) {
            self.make(call, ctx);
        }
    }

    /// Whether this node's desk decides anything.
    fn decides(&self) -> bool {
        self.seat.as_ref().is_none_or(Seat::has_desk)
    }

    fn make(&mut self, call: Call, ctx: &mut Context<Self>) {
        self.under_way += 1;
        if let Of::Row { attempt, .. } = call.of {
            self.calling.insert((call.parcel.key.clone(), attempt));
        }
        let (io, mail, deputy) = (self.links.io.clone(), ctx.address(), self.deputy(&call));
        let by_deputy = deputy.is_some();
        self.links.io.spawn(async move {
            let parcel = Arc::new(call.parcel);
            let ended = match deputy {
                Some(deputy) => deputy.make(&parcel).await,
                None => make(call.channel, Arc::clone(&parcel), &io).await,
            };
            log(&call.of, &parcel.order, &ended);
            mail.do_send(Called { of: call.of, key: parcel.key.clone(), ended, by_deputy });
        });
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(TICK, Self::tick);
        let now = self.now();
        if self.decides() {
            self.desk.tick(now);
        }
        self.turn(ctx);
        self.attend(ctx);
        if self.forgotten.after(FORGET_EVERY) <= now.steady {
            self.forgotten = now.steady;
            if self.decides() {
                let known: BTreeSet<String> = self.desk.incidents().map(|incident| incident.id.clone()).collect();
                self.carrier.forget(&known);
            }
            // Silences come and go by the clock alone.
            self.changed = true;
        }
        self.changed |= self.carrier.not_kept() != self.links.book.load().not_kept.as_ref();
        self.publish(now);
        let (world, carrier) = (self.links.world.load(), &self.carrier);
        // That all is well is for the leader to say.
        if self.seat.as_ref().is_none_or(Seat::leads) {
            self.heartbeat.turn(now, &self.links.io, || office::trouble(&world, carrier, clock::now(), now));
        }
        self.links.alive.store(Arc::new(clock::now()));
    }
}

/// All that must outlive the process, as the desk has it.
fn everything(desk: &Desk, now: Now) -> Everything {
    let kept = desk.incidents().filter(|incident| incident.state != AlertState::Pending).cloned();
    let silences = desk.silences(now).into_iter().filter(|silence| silence.kind == SilenceKind::Api);
    Everything { incidents: kept.collect(), silences: silences.collect() }
}

impl Actor for AlertActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.tick(ctx);
    }
}

impl Handler<WorldChange> for AlertActor {
    type Result = ();

    fn handle(&mut self, change: WorldChange, ctx: &mut Self::Context) {
        if self.is_ending || !self.decides() {
            return;
        }
        self.desk.see(self.now(), &change);
        self.turn(ctx);
    }
}

impl Handler<Called> for AlertActor {
    type Result = ();

    fn handle(&mut self, called: Called, ctx: &mut Self::Context) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Of::Row { attempt, .. } = called.of {
            self.calling.remove(&(called.key.clone(), attempt));
        }
        self.changed = true;
        if !self.outlived(&called) {
            self.learn(&called);
            self.carrier.settle(called, self.now());
        }
        self.turn(ctx);
    }
}

impl Handler<Reconfigure> for AlertActor {
    type Result = ();

    fn handle(&mut self, new: Reconfigure, ctx: &mut Self::Context) {
        let now = self.now();
        let (channels, routes, ways) = office::rewired(&new.0, self.carrier.channels());
        self.settings = new.0;
        self.heartbeat.change(&self.settings, now);
        self.desk.reconfigure(Arc::clone(&self.settings), ways, now);
        self.carrier.rewire(channels);
        self.carrier.outbox.reconfigure(routes, self.settings.give_up_after, now);
        self.changed = true;
        self.turn(ctx);
    }
}

impl Handler<Stream> for AlertActor {
    type Result = ();

    fn handle(&mut self, new: Stream, _: &mut Self::Context) {
        self.links.stream = new.0;
    }
}

impl Handler<Ending> for AlertActor {
    type Result = ();

    fn handle(&mut self, _: Ending, _: &mut Self::Context) {
        self.is_ending = true;
    }
}

impl Handler<UnderWay> for AlertActor {
    type Result = usize;

    fn handle(&mut self, _: UnderWay, _: &mut Self::Context) -> usize {
        self.under_way + usize::from(self.seat.as_ref().is_some_and(Seat::has_something_to_say))
    }
}

impl Handler<Stop> for AlertActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) -> Self::Result {
        self.is_ending = true;
        let myself = ctx.address();
        Box::pin(async move {
            let ended = async {
                while myself.send(UnderWay).await.is_ok_and(|calls| calls > 0) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            if tokio::time::timeout(FAREWELL, ended).await.is_err() {
                tracing::warn!("a message was under way at the end; it counts as in doubt");
            }
        })
    }
}

#[cfg(test)]
mod tests;
