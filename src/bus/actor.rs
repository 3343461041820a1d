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

mod places;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use actix::{Actor, Context, Handler, Message, Recipient, ResponseFuture};
use arc_swap::ArcSwap;
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    bus::Settings,
    model::{
        NodeName, RegionName,
        alert::AlertRefusal,
        cluster::{AlertNews, Answer, Ask, BusState, Membership, Replica},
        report::Batch,
        world::World,
    },
};

pub use places::Places;

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
}

impl Message for Doors {
    type Result = ();
}

/// Somebody looks at that region's targets for the next half minute: its whole reports are wanted here.
#[derive(Debug, Clone)]
pub struct Interest {
    /// Which region.
    pub region: RegionName,
}

impl Message for Interest {
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

/// See the module. Its mail: [`Batch`] of this node's supervisors (views too), [`AlertNews`] of its leaders, [`Ask`], [`Interest`], [`Doors`],
/// [`Leaving`], [`Stop`].
pub struct BusActor {
    _links: Links,
    _doors: Doors,
}

impl BusActor {
    /// A bus actor of this node.
    pub fn new(links: Links, doors: Doors) -> Self {
        Self { _links: links, _doors: doors }
    }
}

impl Actor for BusActor {
    type Context = Context<Self>;
}

impl Handler<Batch> for BusActor {
    type Result = ();

    fn handle(&mut self, _batch: Batch, _: &mut Self::Context) {
        todo!()
    }
}

impl Handler<AlertNews> for BusActor {
    type Result = ();

    fn handle(&mut self, _news: AlertNews, _: &mut Self::Context) {
        todo!()
    }
}

impl Handler<Ask> for BusActor {
    type Result = ResponseFuture<Result<Answer, AlertRefusal>>;

    fn handle(&mut self, _ask: Ask, _: &mut Self::Context) -> Self::Result {
        todo!()
    }
}

impl Handler<Doors> for BusActor {
    type Result = ();

    fn handle(&mut self, _doors: Doors, _: &mut Self::Context) {
        todo!()
    }
}

impl Handler<Interest> for BusActor {
    type Result = ();

    fn handle(&mut self, _interest: Interest, _: &mut Self::Context) {
        todo!()
    }
}

impl Handler<Leaving> for BusActor {
    type Result = ();

    fn handle(&mut self, _: Leaving, _: &mut Self::Context) {
        todo!()
    }
}

impl Handler<Stop> for BusActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, _: &mut Self::Context) -> Self::Result {
        let _ = Duration::from_secs(1);
        todo!()
    }
}
