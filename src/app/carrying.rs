//! The bus of a node, and who divides its regions' targets with the other nodes.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use actix::{Actor, Addr, Arbiter, Recipient};
use tokio::{runtime::Handle, sync::mpsc};

use super::{
    running::Running,
    share::HAND_OVER,
    sharer::{Configured, HandOver, ProbedBy, SeenBy, Sharer},
    telling::{Joint, Telling},
};
use crate::{
    bus::{
        Settings,
        actor::{BusActor, Doors, Error, Leaving, Links, Places, Stop},
    },
    clock,
    config::{Config, RegionConfig},
    model::{NodeName, RegionName, cluster::Interest, report::Batch},
    probe::vantage::{Pace, VantageProbe},
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
    probers: BTreeMap<RegionName, Running<VantageProbe>>,
    /// What each sharer divides.
    configured: BTreeMap<RegionName, Configured>,
    /// Why this node cannot be on the bus, when it cannot.
    ended: mpsc::UnboundedReceiver<Error>,
}

impl Carrying {
    /// Starts it; nothing is connected yet. What the alert stage takes from it is told later.
    pub(super) fn start(
        settings: &Settings,
        config: &Config,
        shared: &web::Shared,
        io: &Handle,
        aggregator: Recipient<Batch>,
    ) -> Result<Self, Error> {
        let (ending, ended) = mpsc::unbounded_channel();
        let configured = configured(config);
        let names: Vec<RegionName> = config.regions.iter().map(|home| home.name.clone()).collect();
        let links = Links {
            settings: settings.clone(),
            versions: names.iter().map(|name| (name.clone(), Arc::new(AtomicU64::new(0)))).collect(),
            homes: names,
            node: NodeName::from(shared.node.as_str()),
            // Differs with each start, unless the same process starts twice within a millisecond.
            boot: clock::own().unix_ms().unsigned_abs(),
            places: Places::open(settings, io)?,
            world: Arc::clone(&shared.world),
            state: shared.bus.clone().unwrap_or_default(),
            ended: ending,
            io: io.clone(),
        };
        let started = |(region, of): (&RegionName, &Configured)| (region.clone(), start_sharer(&links, region, of));
        let sharers = configured.iter().map(started).collect();
        let bus = start_bus(&links, doors(aggregator, &sharers, None));
        let mut carrying = Self { links, bus, sharers, probers: BTreeMap::new(), configured, ended };
        carrying.start_probers();
        Ok(carrying)
    }

    /// What the alert stage is joined to.
    pub(super) fn joint(&self) -> Joint {
        Joint {
            node: self.links.node.clone(),
            boot: self.links.boot,
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
    pub(super) fn reconfigure(&mut self, config: &Config) {
        self.configured = configured(config);
        for (region, configured) in &self.configured {
            if let Some(sharer) = self.sharers.get(region) {
                sharer.addr.do_send(configured.clone());
            }
        }
    }

    /// Starts those who look at other regions' targets, and tells the sharers.
    fn start_probers(&mut self) {
        for (region, sharer) in &self.sharers {
            let (from, to, io) = (region.clone(), self.bus.addr.clone().recipient(), self.links.io.clone());
            let arbiters = vec![Arbiter::new().handle()];
            let addr = VantageProbe::start_in_arbiter(&arbiters[0], move |_| VantageProbe::new(from, Pace::default(), to, io));
            sharer.addr.do_send(SeenBy(addr.clone()));
            if let Some(old) = self.probers.insert(region.clone(), Running { addr, arbiters }) {
                old.end();
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
        self.start_probers();
    }

    /// The regions whose sharer or prober is dead.
    pub(super) fn undivided(&self) -> Vec<RegionName> {
        let prober = |region| self.probers.get(region).is_some_and(|prober| prober.addr.connected());
        let dead = self.sharers.iter().filter(|(region, sharer)| !sharer.addr.connected() || !prober(*region));
        dead.map(|(region, _)| region.clone()).collect()
    }

    /// Starts a region's sharer anew; [`join`](Self::join) it then, and tell it who probes.
    pub(super) fn revive_sharer(&mut self, region: &RegionName) {
        let Some(configured) = self.configured.get(region) else { return };
        let started = start_sharer(&self.links, region, configured);
        if let Some(dead) = self.sharers.insert(region.clone(), started) {
            dead.end();
        }
        self.start_probers();
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
        self.probers.values().for_each(Running::end);
    }
}

fn doors(aggregator: Recipient<Batch>, sharers: &BTreeMap<RegionName, Running<Sharer>>, telling: Option<&Telling>) -> Doors {
    let mut doors = Doors {
        aggregator,
        news: telling.and_then(Telling::news),
        membership: BTreeMap::new(),
        replicas: BTreeMap::new(),
        asked: BTreeMap::new(),
        told: BTreeMap::new(),
    };
    for (region, sharer) in sharers {
        let mut hear = vec![sharer.addr.clone().recipient()];
        if let Some((membership, replica, ask)) = telling.and_then(|telling| telling.of(region)) {
            hear.push(membership);
            doors.replicas.insert(region.clone(), replica);
            doors.asked.insert(region.clone(), ask);
        }
        doors.told.insert(region.clone(), sharer.addr.clone().recipient());
        doors.membership.insert(region.clone(), hear);
    }
    doors
}

fn start_bus(links: &Links, doors: Doors) -> Running<BusActor> {
    let (links, arbiters) = (links.clone(), vec![Arbiter::new().handle()]);
    let addr = BusActor::start_in_arbiter(&arbiters[0], move |_| BusActor::new(links, doors));
    Running { addr, arbiters }
}

fn start_sharer(links: &Links, region: &RegionName, configured: &Configured) -> Running<Sharer> {
    let (region, me, configured, world) = (region.clone(), links.node.clone(), configured.clone(), Arc::clone(&links.world));
    let arbiters = vec![Arbiter::new().handle()];
    let addr = Sharer::start_in_arbiter(&arbiters[0], move |_| Sharer::new(region, me, configured, world));
    Running { addr, arbiters }
}

fn configured(config: &Config) -> BTreeMap<RegionName, Configured> {
    let of = |home: &RegionConfig| {
        let looks = config.vantages.iter().filter(|vantage| vantage.from == home.name);
        let afar = looks.map(|vantage| (vantage.target.clone(), vantage.url.clone())).collect();
        (home.name.clone(), Configured { targets: home.targets.clone(), afar })
    };
    config.regions.iter().map(of).collect()
}
