//! The bus of a node, and who divides its regions' targets with the other nodes.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use actix::{Actor, Addr, Arbiter, Recipient};
use arc_swap::ArcSwap;
use tokio::{runtime::Handle, sync::mpsc};

use super::{
    running::Running,
    share::HAND_OVER,
    sharer::{Configured, HandOver, ProbedBy, Sharer},
    telling::{Joint, Telling},
};
use crate::{
    bus::{
        Settings,
        actor::{BusActor, Doors, Error, Leaving, Links, Places, Stop},
    },
    clock,
    config::RegionConfig,
    model::{
        NodeName, RegionName,
        cluster::{BusState, Interest},
        report::Batch,
        world::World,
    },
    region::supervisor::RegionSupervisor,
    web,
};

/// How often it is asked whether others have this node's targets.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Carrying {
    links: Links,
    bus: Running<BusActor>,
    sharers: BTreeMap<RegionName, Running<Sharer>>,
    homes: Vec<RegionConfig>,
    /// Why this node cannot be on the bus, when it cannot.
    ended: mpsc::UnboundedReceiver<Error>,
}

impl Carrying {
    /// Starts it; nothing is connected yet. What the alert stage takes from it is told later.
    pub(super) fn start(
        settings: &Settings,
        homes: &[RegionConfig],
        node: &str,
        world: &Arc<ArcSwap<World>>,
        state: &Arc<ArcSwap<BusState>>,
        io: &Handle,
        aggregator: Recipient<Batch>,
    ) -> Result<Self, Error> {
        let (ending, ended) = mpsc::unbounded_channel();
        let names: Vec<RegionName> = homes.iter().map(|home| home.name.clone()).collect();
        let links = Links {
            settings: settings.clone(),
            versions: names.iter().map(|name| (name.clone(), Arc::new(AtomicU64::new(0)))).collect(),
            homes: names,
            node: NodeName::from(node),
            // Differs with each start, unless the same process starts twice within a millisecond.
            boot: clock::own().unix_ms().unsigned_abs(),
            places: Places::open(settings, io)?,
            world: Arc::clone(world),
            state: Arc::clone(state),
            ended: ending,
            io: io.clone(),
        };
        let sharers = homes.iter().map(|home| (home.name.clone(), start_sharer(&links, home))).collect();
        let bus = start_bus(&links, doors(aggregator, &sharers, None));
        Ok(Self { links, bus, sharers, homes: homes.to_vec(), ended })
    }

    /// What the alert stage is joined to.
    pub(super) fn joint(&self) -> Joint {
        Joint {
            bus: self.bus.addr.clone(),
            places: self.links.places.clone(),
            replicas: self.links.settings.replicas,
            regions: self.links.settings.places.iter().map(|place| place.region.clone()).collect(),
            versions: self.links.versions.clone(),
        }
    }

    /// Where supervisors report.
    pub(super) fn recipient(&self) -> Recipient<Batch> {
        self.bus.addr.clone().recipient()
    }

    /// Why the node must end; pending while it need not.
    pub(super) async fn ended(&mut self) -> Error {
        match self.ended.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Tells the bus who takes what comes in, and the web whom to tell that somebody looks.
    pub(super) fn join(&self, aggregator: Recipient<Batch>, telling: &Telling, shared: &web::Shared) {
        self.bus.addr.do_send(doors(aggregator, &self.sharers, Some(telling)));
        let interest: Recipient<Interest> = self.bus.addr.clone().recipient();
        shared.interest.store(Some(Arc::new(interest)));
    }

    /// Who probes a region from now on.
    pub(super) fn probed_by(&self, region: &RegionName, supervisor: Addr<RegionSupervisor>) {
        if let Some(sharer) = self.sharers.get(region) {
            sharer.addr.do_send(ProbedBy(supervisor));
        }
    }

    /// The regions' targets from now on.
    pub(super) fn reconfigure(&mut self, homes: &[RegionConfig]) {
        self.homes = homes.to_vec();
        for home in homes {
            if let Some(sharer) = self.sharers.get(&home.name) {
                sharer.addr.do_send(Configured(home.targets.clone()));
            }
        }
    }

    /// Whether the bus actor is dead.
    pub(super) fn is_dead(&self) -> bool {
        !self.bus.addr.connected()
    }

    /// Starts it anew; [`join`](Self::join) it then, and whoever speaks to it.
    pub(super) fn revive(&mut self, aggregator: Recipient<Batch>) {
        self.bus.end();
        self.bus = start_bus(&self.links, doors(aggregator, &self.sharers, None));
    }

    /// The regions whose sharer is dead.
    pub(super) fn undivided(&self) -> Vec<RegionName> {
        let dead = self.sharers.iter().filter(|(_, sharer)| !sharer.addr.connected());
        dead.map(|(region, _)| region.clone()).collect()
    }

    /// Starts a region's sharer anew; [`join`](Self::join) it then, and tell it who probes.
    pub(super) fn revive_sharer(&mut self, region: &RegionName) {
        let Some(home) = self.homes.iter().find(|home| home.name == *region) else { return };
        let started = start_sharer(&self.links, home);
        if let Some(dead) = self.sharers.insert(region.clone(), started) {
            dead.end();
        }
    }

    /// Lets the other nodes take this node's targets; back when they have, when there are none, or when it takes too long.
    pub(super) async fn hand_over(&self) {
        self.bus.addr.do_send(Leaving);
        let deadline = clock::now() + HAND_OVER;
        loop {
            let asked = self.sharers.values().map(|sharer| sharer.addr.send(HandOver).timeout(ASK_EVERY));
            let answers = futures_util::future::join_all(asked).await;
            if answers.iter().all(|answer| !matches!(answer, Ok(false))) || clock::now() >= deadline {
                return;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Says goodbye on the bus, and ends it.
    pub(super) async fn stop(&self, within: Duration) {
        if self.bus.addr.send(Stop).timeout(within).await.is_err() {
            tracing::warn!("the bus did not take the last words in time; others notice this node's end by its silence");
        }
        self.bus.end();
        self.sharers.values().for_each(Running::end);
    }
}

fn doors(aggregator: Recipient<Batch>, sharers: &BTreeMap<RegionName, Running<Sharer>>, telling: Option<&Telling>) -> Doors {
    let mut doors = Doors {
        aggregator,
        news: telling.and_then(Telling::news),
        membership: BTreeMap::new(),
        replicas: BTreeMap::new(),
        asked: BTreeMap::new(),
    };
    for (region, sharer) in sharers {
        let mut hear = vec![sharer.addr.clone().recipient()];
        if let Some((membership, replica, ask)) = telling.and_then(|telling| telling.of(region)) {
            hear.push(membership);
            doors.replicas.insert(region.clone(), replica);
            doors.asked.insert(region.clone(), ask);
        }
        doors.membership.insert(region.clone(), hear);
    }
    doors
}

fn start_bus(links: &Links, doors: Doors) -> Running<BusActor> {
    let (links, arbiters) = (links.clone(), vec![Arbiter::new().handle()]);
    let addr = BusActor::start_in_arbiter(&arbiters[0], move |_| BusActor::new(links, doors));
    Running { addr, arbiters }
}

fn start_sharer(links: &Links, home: &RegionConfig) -> Running<Sharer> {
    let (region, me, targets, world) = (home.name.clone(), links.node.clone(), home.targets.clone(), Arc::clone(&links.world));
    let arbiters = vec![Arbiter::new().handle()];
    let addr = Sharer::start_in_arbiter(&arbiters[0], move |_| Sharer::new(region, me, targets, world));
    Running { addr, arbiters }
}
