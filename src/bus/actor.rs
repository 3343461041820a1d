//! The bus of one node: takes what this node has to say to its outboxes, and brings what others said to whoever wants it.
//!
//! The actor is only the address for mail; what waits for Redis are its tasks on the I/O runtime, and they end with it:
//!
//! ```text
//!  writer  one per home region   what its outbox has due, one write at a time; the outbox keeps what comes meanwhile
//!  reader  one per Redis         every region's `world`, the home regions' `raw` and `shelf`, and the `raw` of where somebody looks
//!  beater  one per home region   who lives, who leads, what time it is
//!  pinger  one per Redis         how far away it is
//! ```
//! **Start.** Nothing is connected when it is made; it says nothing of a region before its first beat. **Recovery.** When a task ends, which
//! is an error of ours, the actor ends and is started anew; the numbers of its messages go on.

mod beater;
mod courier;
mod forwarder;
mod letters;
mod places;
mod reader;
mod room;
mod writer;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, ResponseActFuture, ResponseFuture,
    WrapFuture,
};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

use crate::{
    bus::Settings,
    clock,
    model::{
        NodeName, RegionName,
        alert::AlertRefusal,
        cluster::{AlertNews, Answer, Ask, BusState, Interest, Membership, Replica, Viewed},
        report::Batch,
        vitals::Told,
        world::World,
    },
};

use courier::Courier;
use forwarder::Forwarder;
pub use places::Places;
use reader::Reader;
use room::{Home, Room, lock};

/// How often its state is published, and its tasks are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// When an aggregator that had no room is tried again.
const AGAIN: Duration = Duration::from_millis(20);
/// Batches of a few supervisors, and what people ask; more are refused, and the next one heals it.
const MAILBOX: usize = 256;
/// For the last write, and for saying goodbye.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a node cannot be on the bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The operator's: the URL.
    #[error("the bus of region {region}: {why}")]
    Place {
        /// Whose.
        region: RegionName,
        /// Why not, without secrets.
        why: String,
    },
    /// The operator's: no `[bus]` for it.
    #[error("region {0} has no bus")]
    NoPlace(RegionName),
    /// The operator's: two nodes with one name.
    #[error("another live node of region {region} is called {node}; give this one another --node")]
    NameTaken {
        /// The region.
        region: RegionName,
        /// The name.
        node: NodeName,
    },
}

/// What a bus actor is joined to for as long as the process lives; one that is started anew gets the same.
#[derive(Debug, Clone)]
pub struct Links {
    /// `[bus]`.
    pub settings: Settings,
    /// The regions of this node; the first one's streams carry its questions.
    pub homes: Vec<RegionName>,
    /// This node.
    pub node: NodeName,
    /// Another one with each start of the process, for all actors of it the same.
    pub boot: u64,
    /// All regions' transports.
    pub places: Places,
    /// The version of each home region's shelves on this node's own disk; whoever keeps the journal writes it here.
    pub versions: BTreeMap<RegionName, Arc<AtomicU64>>,
    /// The world as this node sees it, whose worst target goes to the cache.
    pub world: Arc<ArcSwap<World>>,
    /// Where the bus's own state is published.
    pub state: Arc<ArcSwap<BusState>>,
    /// Told when this node cannot be on the bus at all and must end.
    pub ended: mpsc::UnboundedSender<Error>,
    /// Where the tasks run.
    pub io: Handle,
}

/// Who gets what comes in. Sent again as mail when one of them was started anew.
#[derive(Clone)]
pub struct Doors {
    /// Batches of all nodes and regions, this node's own among them.
    pub aggregator: Recipient<Batch>,
    /// Alerts of leaders on other nodes, for the book.
    pub news: Option<Recipient<AlertNews>>,
    /// Who hears who is alive and who leads in this node's regions: supervisors and alert actors.
    pub membership: BTreeMap<RegionName, Vec<Recipient<Membership>>>,
    /// The alert actors of this node's regions: what their leader changed, for their own disks.
    pub replicas: BTreeMap<RegionName, Recipient<Replica>>,
    /// The same: what other nodes ask them.
    pub asked: BTreeMap<RegionName, Recipient<Ask>>,
    /// Who watches this node's regions: what applications told of their pools.
    pub told: BTreeMap<RegionName, Recipient<Told>>,
}

impl Message for Doors {
    type Result = ();
}

/// This node hands its targets over and will end: nothing new is given to it, and it leads no longer.
#[derive(Debug, Clone, Copy)]
pub struct Leaving;

impl Message for Leaving {
    type Result = ();
}

/// This node ends: what is left is written once, the others hear that it is gone. Done within a second.
#[derive(Debug, Clone, Copy)]
pub struct Stop;

impl Message for Stop {
    type Result = ();
}

/// See the module. Its mail: [`Batch`] of this node's supervisors, [`AlertNews`] of its leaders, [`Ask`], [`Interest`], [`Viewed`],
/// [`Told`], [`Doors`], [`Leaving`], [`Stop`].
pub struct BusActor {
    room: Arc<Room>,
    courier: Courier,
    forwarder: Forwarder,
    /// Whether what the aggregator had no room for is about to be brought again.
    again: bool,
    writers: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

impl BusActor {
    /// A bus actor of this node.
    pub fn new(links: Links, doors: Doors) -> Self {
        let (room, courier) = (Arc::new(Room::new(links, doors)), Courier::default());
        Self { room, courier, forwarder: Forwarder::default(), again: false, writers: Vec::new(), others: Vec::new() }
    }

    /// Starts the tasks.
    fn start_tasks(&mut self) {
        let (room, io) = (&self.room, self.room.links.io.clone());
        for region in room.homes.keys() {
            let Ok(transport) = room.links.places.of_region(region) else { continue };
            self.writers.push(io.spawn(writer::write(Arc::clone(room), region.clone(), Arc::clone(transport))));
            self.others.push(io.spawn(beater::beat(Arc::clone(room), region.clone(), Arc::clone(transport))));
        }
        for (transport, regions) in room.links.places.distinct() {
            let reader = Reader::new(Arc::clone(room), regions.clone());
            self.others.push(io.spawn(reader.read(Arc::clone(&transport))));
            self.others.push(io.spawn(beater::ping(Arc::clone(room), regions, transport)));
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.room.publish();
        self.forwarder.send(&self.room);
        if !self.room.is_ending() && self.writers.iter().chain(&self.others).any(JoinHandle::is_finished) {
            tracing::error!("a task of the bus ended");
            ctx.stop();
        }
        ctx.run_later(LOOK_EVERY, Self::look);
    }

    /// Brings batches to the aggregator, now or as soon as it has room.
    fn bring(&mut self, batch: Option<Batch>, ctx: &mut Context<Self>) {
        let doors = self.room.doors.load_full();
        let dropped = self.courier.bring(&doors.aggregator, batch);
        if dropped > 0 {
            self.room.dropped(dropped);
        }
        if !self.courier.is_done() && !self.again {
            self.again = true;
            ctx.run_later(AGAIN, |bus, ctx| {
                bus.again = false;
                bus.bring(None, ctx);
            });
        }
    }

    fn home(&self, region: Option<&RegionName>) -> Option<&Home> {
        self.room.homes.get(region.or(self.room.links.homes.first())?)
    }
}

impl Drop for BusActor {
    fn drop(&mut self) {
        self.writers.iter().chain(&self.others).for_each(JoinHandle::abort);
    }
}

impl Actor for BusActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.start_tasks();
        self.look(ctx);
    }
}

impl Handler<Batch> for BusActor {
    type Result = ();

    fn handle(&mut self, batch: Batch, ctx: &mut Self::Context) {
        if let Some(home) = self.room.homes.get(&batch.region) {
            let (now, mut outbox, mut cache) = (clock::now(), lock(&home.outbox), lock(&home.cache));
            outbox.take(&batch, now);
            batch.reports.iter().for_each(|report| cache.take(report, now));
            batch.removed.iter().for_each(|id| cache.remove(id));
            if outbox.next(now) <= now || cache.is_urgent(now) {
                home.write.notify_one();
            }
        }
        self.bring(Some(batch), ctx);
    }
}

impl Handler<AlertNews> for BusActor {
    type Result = ();

    fn handle(&mut self, news: AlertNews, _: &mut Self::Context) {
        if let Some(home) = self.home(news.region.as_ref()) {
            lock(&home.outbox).tell(news);
            home.write.notify_one();
        }
    }
}

impl Handler<Ask> for BusActor {
    type Result = ResponseFuture<Result<Answer, AlertRefusal>>;

    fn handle(&mut self, ask: Ask, _: &mut Self::Context) -> Self::Result {
        Box::pin(letters::ask(Arc::clone(&self.room), ask))
    }
}

impl Handler<Doors> for BusActor {
    type Result = ();

    fn handle(&mut self, doors: Doors, _: &mut Self::Context) {
        self.room.doors.store(Arc::new(doors));
    }
}

impl Handler<Interest> for BusActor {
    type Result = ();

    fn handle(&mut self, interest: Interest, _: &mut Self::Context) {
        self.room.look_at(interest.0);
    }
}

impl Handler<Viewed> for BusActor {
    type Result = ();

    /// As a batch of the region that looked.
    fn handle(&mut self, viewed: Viewed, ctx: &mut Self::Context) {
        let node = self.room.links.node.clone();
        for region in self.room.homes.keys().cloned().collect::<Vec<_>>() {
            let views: Vec<_> = viewed.0.iter().filter(|(_, view)| view.from == region).cloned().collect();
            if !views.is_empty() {
                let batch = Batch {
                    region,
                    node: node.clone(),
                    roster: None,
                    reports: Vec::new(),
                    figures: Vec::new(),
                    vitals: Vec::new(),
                    copies: Vec::new(),
                    views,
                    removed: Vec::new(),
                };
                self.handle(batch, ctx);
            }
        }
    }
}

impl Handler<Told> for BusActor {
    type Result = ();

    fn handle(&mut self, told: Told, _: &mut Self::Context) {
        self.forwarder.take(&self.room, told);
    }
}

impl Handler<Leaving> for BusActor {
    type Result = ();

    fn handle(&mut self, _: Leaving, _: &mut Self::Context) {
        for home in self.room.homes.values() {
            home.leaving.store(true, Ordering::Relaxed);
            home.beat.notify_one();
        }
    }
}

impl Handler<Stop> for BusActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Stop, _: &mut Self::Context) -> Self::Result {
        self.others.drain(..).for_each(|task| task.abort());
        writer::finish(&self.room);
        let (room, mut writers) = (Arc::clone(&self.room), std::mem::take(&mut self.writers));
        let farewell = async move {
            if tokio::time::timeout(FAREWELL, join_all(&mut writers)).await.is_err() {
                writers.iter().for_each(JoinHandle::abort);
            }
            let gone = room.homes.keys().filter_map(|region| {
                let transport = room.links.places.of_region(region).ok()?;
                Some(beater::say_gone(&room, region, transport.as_ref()))
            });
            let _ = tokio::time::timeout(FAREWELL, join_all(gone)).await;
        };
        Box::pin(farewell.into_actor(self).map(|(), _, ctx| ctx.stop()))
    }
}

#[cfg(test)]
mod tests;
