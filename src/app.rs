//! Wires a node: the only file that knows every stage.
//!
//! ```text
//!  main thread             this file, the web actor        arbiter per region      RegionSupervisor
//!  runtime "isobar-io"     databases, TLS and SCRAM        arbiter per region      its probes
//!  web workers             HTTP                            arbiter each            Aggregator, Counsel, Analyst
//!  thread "history-writer"  a second of the world to disk
//!  with a bus              its tasks run on "isobar-io"    arbiter each            AlertActor; its calls run on "isobar-io"
//!                                                          arbiter each            BusActor, Sharer and VantageProbe per region, Librarian, Clerk
//! ```
//! Without a bus supervisors report to the aggregator; with one they report to the bus, which gives it to the aggregator at once and to the
//! other nodes soon, and a sharer per region says which of its targets this node probes.
//!
//! A flooded actor starves its arbiter, so each stage has its own; what waits for databases has a runtime of its own. Build, then
//! run: [`Node::build`] tells the real address, [`Node::run`] ends cleanly.

mod advising;
mod analysing;
mod applications;
mod carrying;
mod discovering;
mod ending;
mod exporting;
mod keeping;
mod running;
mod share;
mod sharer;
mod telling;
mod upkeep;
mod uploading;
mod watchdog;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Arbiter, Recipient};
use arc_swap::ArcSwap;
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    advise::{actor::Counsel, analyst::actor::AnalystActor},
    aggregate::{Aggregator, Blindness},
    alert::{
        self,
        actor::{Links, Office},
    },
    bus,
    clock::{self, Steady},
    config::{Config, RegionConfig},
    crypto,
    export::{actor::Exporter, tinybird::actor::Uploader},
    history,
    model::{NodeName, RegionName, Rule, report::Batch, world::World},
    probe::{launch::Launcher, session::Registry},
    region::supervisor::{RegionSupervisor, Retire},
    web,
};
use carrying::Carrying;
use discovering::Discovering;
use keeping::KeepingPast;
use running::Running;
use telling::Telling;
use watchdog::Restarts;

/// Threads for database work: it waits more than it computes, and a node's budget is one core.
const IO_THREADS: usize = 2;
/// How soon a dead supervisor or aggregator is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked whether connections are closed.
const GLANCE: Duration = Duration::from_millis(10);
/// An alert actor that was silent for so long hangs; the slowest disk takes less for one write.
const SILENT: Duration = Duration::from_secs(10);
/// A supervisor is taken for dead after this many times as long as a world may be unkept.
const LOOK_CLOSER: u32 = 2;
/// For closing connections at the end; the contract allows five seconds for all of it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a node cannot be built, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: the address or the certificate.
    #[error(transparent)]
    Web(#[from] web::Error),
    /// The operator's: the journal of alerts, or a channel.
    #[error(transparent)]
    Alerts(#[from] alert::actor::Error),
    /// The operator's: where the nodes meet, or this node's name.
    #[error(transparent)]
    Bus(#[from] bus::actor::Error),
    /// The operator's: the file of the past.
    #[error(transparent)]
    History(#[from] history::Error),
    /// The system's: no threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
    /// Ours: an actor died again and again.
    #[error("the {0} died {1} times within a minute; ending, so that whoever supervises this process knows")]
    Dead(String, usize),
}

/// A running node.
pub struct Node {
    /// As it was given.
    declared: Config,
    /// The same with what was discovered.
    config: Config,
    discovering: Discovering,
    web: web::Running,
    shared: web::Shared,
    aggregator: Running<Aggregator>,
    telling: Telling,
    /// With a bus.
    carrying: Option<Carrying>,
    supervisors: BTreeMap<RegionName, Running<RegionSupervisor>>,
    exporter: Running<Exporter>,
    uploader: Running<Uploader>,
    counsel: Running<Counsel>,
    analyst: Running<AnalystActor>,
    /// With a file.
    history: Option<KeepingPast>,
    registry: Arc<Registry>,
    io: Runtime,
    restarts: Restarts,
}

impl Node {
    /// Starts everything; to be called inside an actix system.
    pub fn build(config: Config, name: &str) -> Result<Self, Error> {
        crypto::install();
        let world = Arc::new(ArcSwap::from_pointee(World::unseen(all_regions(&config), clock::wall(), clock::now())));
        let mut shared = web::Shared {
            world,
            alerts: Arc::default(),
            desk: Arc::default(),
            bus: config.bus.as_ref().map(|_| Arc::default()),
            interest: Arc::default(),
            addresses: Arc::default(),
            applications: Arc::default(),
            pushes: Arc::default(),
            uploads: Arc::default(),
            advice: Arc::default(),
            history: None,
            keeping: Arc::default(),
            insights: Arc::default(),
            node: name.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            started: clock::wall(),
        };
        let steady = Steady::start();
        // With a bus each region tells for itself.
        let homes: Vec<Option<RegionName>> = match &config.bus {
            Some(_) => config.regions.iter().map(|region| Some(region.name.clone())).collect(),
            None => vec![None],
        };
        let mut offices = BTreeMap::new();
        for home in homes {
            offices.insert(home.clone(), Office::open(&config.alerts, steady, home.as_ref())?);
        }
        let history = KeepingPast::start(&config, &mut shared)?;
        let web = web::start(&config.web, shared.clone())?;
        // After what may fail: a runtime must not be dropped inside another.
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("isobar-io")
            .enable_all()
            .build()?;
        let links = Links {
            world: Arc::clone(&shared.world),
            book: Arc::clone(&shared.alerts),
            alive: Arc::new(ArcSwap::from_pointee(clock::now())),
            stream: Some(web.alerts.clone()),
            io: io.handle().clone(),
            steady,
            cluster: None,
        };
        let aggregator = start_aggregator(&config, &shared);
        let joined = join(&config, &shared, io.handle(), aggregator.addr.clone().recipient()).and_then(|carrying| {
            let joint = carrying.as_ref().map(Carrying::joint);
            Ok((Telling::start(config.alerts.clone(), offices, &links, joint.as_ref())?, carrying))
        });
        let (telling, carrying) = match joined {
            Ok(joined) => joined,
            Err(error) => {
                io.shutdown_background();
                return Err(error.into());
            }
        };
        let registry: Arc<Registry> = Arc::default();
        let mut discovering = Discovering::new(Arc::clone(&registry), config.sampling.clone(), io.handle().clone());
        discovering.follow(&config);
        let exporter = exporting::start(&config, &shared, io.handle());
        let uploader = uploading::start(&config, &shared, io.handle());
        let counsel = advising::start(&config, &shared, history.as_ref().map(KeepingPast::notes));
        let analyst = analysing::start(&shared);
        let mut node = Self {
            declared: config.clone(),
            config,
            discovering,
            web,
            shared,
            aggregator,
            telling,
            carrying,
            supervisors: BTreeMap::new(),
            exporter,
            uploader,
            counsel,
            history,
            analyst,
            registry,
            io,
            restarts: Restarts::default(),
        };
        node.introduce();
        for region in node.config.regions.clone() {
            node.start_supervisor(&region);
        }
        Ok(node)
    }

    /// Where the web listens.
    pub fn addr(&self) -> SocketAddr {
        self.web.addr
    }

    /// What it sees.
    pub fn world(&self) -> Arc<ArcSwap<World>> {
        Arc::clone(&self.shared.world)
    }

    /// Runs until `shutdown` ends, taking new configurations as they come.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>, mut reload: mpsc::Receiver<Config>) -> Result<(), Error> {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::pin!(shutdown);
        let ended = loop {
            tokio::select! {
                () = &mut shutdown => break Ok(()),
                Some(config) = reload.recv() => self.reconfigure(config),
                () = self.discovering.heard() => self.take(self.discovering.resolve(&self.declared)),
                error = cut_off(self.carrying.as_mut()) => break Err(error.into()),
                _ = look.tick() => {
                    self.tell_of_copies();
                    if let Err(error) = self.revive().await {
                        break Err(error);
                    }
                }
            }
        };
        self.stop().await;
        ended
    }

    fn start_supervisor(&mut self, region: &RegionConfig) {
        let launcher = Launcher::new(Arc::clone(&self.registry), self.config.sampling.clone(), self.io.handle().clone());
        let (name, sampling, to) = (region.name.clone(), self.config.sampling.clone(), self.reports_to());
        // With a bus it is told which of them are this node's.
        let targets = if self.carrying.is_some() { Vec::new() } else { targets(region) };
        let node = NodeName::from(self.shared.node.as_str());
        let arbiters = vec![Arbiter::new().handle(), launcher.arbiter()];
        let addr = RegionSupervisor::start_in_arbiter(&arbiters[0], move |_| {
            RegionSupervisor::new(name, node, targets, sampling, Box::new(launcher), to)
        });
        if let Some(carrying) = &self.carrying {
            carrying.probed_by(&region.name, addr.clone());
        }
        let started = Running { addr, arbiters };
        if let Some(dead) = self.supervisors.insert(region.name.clone(), started) {
            dead.end();
        }
        self.hear_applications();
        self.tell_judges();
    }

    /// Where supervisors report: the bus gives it to the aggregator at once.
    fn reports_to(&self) -> Recipient<Batch> {
        match &self.carrying {
            Some(carrying) => carrying.recipient(),
            None => self.aggregator.addr.clone().recipient(),
        }
    }
}

/// Why the node cannot be on its bus; pending while it can, or has none.
async fn cut_off(carrying: Option<&mut Carrying>) -> bus::actor::Error {
    match carrying {
        Some(carrying) => carrying.ended().await,
        None => std::future::pending().await,
    }
}

/// Starts the bus, when there is one.
fn join(
    config: &Config,
    shared: &web::Shared,
    io: &tokio::runtime::Handle,
    aggregator: Recipient<Batch>,
) -> Result<Option<Carrying>, bus::actor::Error> {
    let Some(settings) = &config.bus else { return Ok(None) };
    Carrying::start(settings, config, shared, io, aggregator).map(Some)
}

/// All regions that the node knows: with a bus those of others too.
fn all_regions(config: &Config) -> Vec<RegionName> {
    let own = config.regions.iter().map(|region| region.name.clone());
    let others = config.bus.iter().flat_map(|bus| &bus.places).map(|place| place.region.clone());
    own.chain(others).collect::<BTreeSet<_>>().into_iter().collect()
}

fn targets(region: &RegionConfig) -> Vec<(crate::probe::TargetSettings, crate::region::thresholds::Thresholds)> {
    region.targets.iter().map(|target| (target.settings.clone(), target.thresholds.clone())).collect()
}

/// Lets a supervisor end its probes and itself, then its threads.
async fn retire(supervisor: Running<RegionSupervisor>) {
    supervisor.addr.do_send(Retire);
    let deadline = clock::now() + FAREWELL;
    while supervisor.addr.connected() && clock::now() < deadline {
        tokio::time::sleep(GLANCE).await;
    }
    supervisor.end();
}

fn blindness(config: &Config) -> Blindness {
    let rule = config.thresholds.rule(Rule::RegionBlind);
    Blindness { enabled: rule.enabled, after: config.thresholds.region_blind_after, severity: rule.severity }
}

fn start_aggregator(config: &Config, shared: &web::Shared) -> Running<Aggregator> {
    let (regions, world, blindness) = (all_regions(config), Arc::clone(&shared.world), blindness(config));
    let (bus, arbiters) = (shared.bus.clone(), vec![Arbiter::new().handle()]);
    let addr =
        Aggregator::start_in_arbiter(&arbiters[0], move |_| Aggregator::new(regions, world, Vec::new(), blindness).with_bus(bus));
    Running { addr, arbiters }
}

#[cfg(test)]
mod tests;
