//! Wires a node: the only file that knows every stage.
//!
//! ```text
//!  main thread             this file, the web actor        arbiter per region      RegionSupervisor
//!  runtime "isobar-io"     databases, TLS and SCRAM        arbiter per region      its probes
//!  web workers             HTTP                            arbiter                 Aggregator
//!                                                          arbiter                 AlertActor; its calls run on "isobar-io"
//! ```
//! A flooded actor starves its arbiter, so each stage has its own; what waits for databases has a runtime of its own. Build, then
//! run: [`Node::build`] tells the real address, [`Node::run`] ends cleanly.

mod watchdog;

use std::{collections::BTreeMap, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use actix::{Actor, Addr, Arbiter, ArbiterHandle, Recipient};
use arc_swap::ArcSwap;
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    aggregate::{Aggregator, Blindness, Reconfigure as ReconfigureAggregator, Subscribers},
    alert::{
        self,
        actor::{AlertActor, Links, Office},
    },
    clock::{self, Steady},
    config::{Config, RegionConfig},
    model::{
        NodeName, RegionName, Rule,
        report::Batch,
        world::{World, WorldChange},
    },
    probe::{Sampling, launch::Launcher, session::Registry},
    region::supervisor::{Reconfigure, RegionSupervisor, ReportTo, Retire},
    web,
};
use watchdog::Restarts;

/// Threads for database work: it waits more than it computes, and a node's budget is one core.
const IO_THREADS: usize = 2;
/// How soon a dead supervisor or aggregator is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked whether connections are closed.
const GLANCE: Duration = Duration::from_millis(10);
/// An alert actor that was silent for so long hangs; the slowest disk takes less for one write.
const SILENT: Duration = Duration::from_secs(10);
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
    /// The system's: no threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
    /// Ours: an actor died again and again.
    #[error("the {0} died {1} times within a minute; ending, so that whoever supervises this process knows")]
    Dead(String, usize),
}

/// An actor on threads of its own.
struct Running<A: Actor> {
    addr: Addr<A>,
    /// Its own thread, and those of what it started.
    arbiters: Vec<ArbiterHandle>,
}

impl<A: Actor> Running<A> {
    /// Ends the threads, whatever the actor does there; one that is blocked ends when it is no more.
    fn end(&self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

/// A running node.
pub struct Node {
    config: Config,
    web: web::Running,
    shared: web::Shared,
    aggregator: Running<Aggregator>,
    alerts: Running<AlertActor>,
    /// What the alert actor is joined to; a new one is joined to the same.
    links: Links,
    supervisors: BTreeMap<RegionName, Running<RegionSupervisor>>,
    registry: Arc<Registry>,
    io: Runtime,
    restarts: Restarts,
}

impl Node {
    /// Starts everything; to be called inside an actix system.
    pub fn build(config: Config, name: &str) -> Result<Self, Error> {
        // For all who speak TLS as clients without a provider of their own; another one that stands already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let regions = config.regions.iter().map(|region| region.name.clone());
        let world = Arc::new(ArcSwap::from_pointee(World::unseen(regions, clock::wall(), clock::now())));
        let shared = web::Shared {
            world,
            alerts: Arc::default(),
            desk: Arc::default(),
            bus: None,
            interest: Arc::default(),
            node: name.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            started: clock::wall(),
        };
        let steady = Steady::start();
        let office = Office::open(&config.alerts, steady)?;
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
        };
        let alerts = start_alerts(office, &links, &shared);
        let aggregator = start_aggregator(&config, &shared, subscribers(&alerts, &web));
        let mut node = Self {
            config,
            web,
            shared,
            aggregator,
            alerts,
            links,
            supervisors: BTreeMap::new(),
            registry: Arc::default(),
            io,
            restarts: Restarts::default(),
        };
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
                _ = look.tick() => if let Err(error) = self.revive().await { break Err(error) },
            }
        };
        self.stop().await;
        ended
    }

    fn start_supervisor(&mut self, region: &RegionConfig) {
        let launcher = Launcher::new(Arc::clone(&self.registry), self.config.sampling.clone(), self.io.handle().clone());
        let (name, targets, sampling) = (region.name.clone(), targets(region), self.config.sampling.clone());
        let node = NodeName::from(self.shared.node.as_str());
        let to: Recipient<Batch> = self.aggregator.addr.clone().recipient();
        let arbiters = vec![Arbiter::new().handle(), launcher.arbiter()];
        let addr = RegionSupervisor::start_in_arbiter(&arbiters[0], move |_| {
            RegionSupervisor::new(name, node, targets, sampling, Box::new(launcher), to)
        });
        let started = Running { addr, arbiters };
        if let Some(dead) = self.supervisors.insert(region.name.clone(), started) {
            dead.end();
        }
    }

    /// Replaces what died or hangs, and tells its neighbours; the probes of a dead supervisor end with it.
    async fn revive(&mut self) -> Result<(), Error> {
        if !self.web.recipient.connected() {
            self.restarts.another("web actor", clock::now())?;
            // The old server holds the address until it has ended.
            self.web.stop().await;
            let settings = web::Settings { listen: self.web.addr, ..self.config.web.clone() };
            self.web = web::start(&settings, self.shared.clone())?;
            self.links.stream = Some(self.web.alerts.clone());
            self.alerts.addr.do_send(alert::actor::Stream(self.links.stream.clone()));
            self.aggregator.addr.do_send(Subscribers(subscribers(&self.alerts, &self.web)));
        }
        let now = clock::now();
        if !self.alerts.addr.connected() || now.saturating_duration_since(**self.links.alive.load()) > SILENT {
            self.restarts.another("alert actor", now)?;
            self.alerts.end();
            self.links.alive.store(Arc::new(now));
            match Office::open(&self.config.alerts, self.links.steady) {
                Ok(office) => {
                    self.alerts = start_alerts(office, &self.links, &self.shared);
                    self.aggregator.addr.do_send(Subscribers(subscribers(&self.alerts, &self.web)));
                }
                // It is tried again, until there were too many attempts.
                Err(error) => tracing::error!(%error, "the alert actor cannot be started again"),
            }
        }
        if !self.aggregator.addr.connected() || !self.shared.world.load().is_kept(now) {
            self.restarts.another("aggregator", now)?;
            self.aggregator.end();
            self.aggregator = start_aggregator(&self.config, &self.shared, subscribers(&self.alerts, &self.web));
            for supervisor in self.supervisors.values() {
                supervisor.addr.do_send(ReportTo(self.aggregator.addr.clone().recipient()));
            }
        }
        let world = self.shared.world.load_full();
        let node = NodeName::from(self.shared.node.as_str());
        let silent = |region: &RegionName| {
            let own = world.regions.get(region).and_then(|region| region.nodes.get(&node));
            own.is_some_and(|own| now.saturating_duration_since(own.heard) > World::KEPT_WITHIN * 2)
        };
        for region in self.config.regions.clone() {
            let lives = self.supervisors.get(&region.name).is_some_and(|supervisor| supervisor.addr.connected());
            if !lives || silent(&region.name) {
                self.restarts.another(&format!("supervisor of region {}", region.name), clock::now())?;
                self.start_supervisor(&region);
            }
        }
        Ok(())
    }

    /// Takes a new configuration: targets come and go without touching the others. Where to listen and how often to sample
    /// hold until the next start.
    fn reconfigure(&mut self, new: Config) {
        if new.sampling != self.config.sampling {
            tracing::warn!("[sampling] changed; it takes effect with the next start");
        }
        if new.web != self.config.web {
            tracing::warn!("[web] changed; it takes effect with the next start");
        }
        if new.alerts.path != self.config.alerts.path {
            tracing::warn!("[alerts] path changed; it takes effect with the next start");
        }
        let sampling: Sampling = self.config.sampling.clone();
        let web = self.config.web.clone();
        let alerts = alert::Settings { path: self.config.alerts.path.clone(), ..new.alerts };
        self.config = Config { web, sampling, alerts, ..new };
        self.alerts.addr.do_send(alert::actor::Reconfigure(Arc::new(self.config.alerts.clone())));
        let wanted: Vec<RegionName> = self.config.regions.iter().map(|region| region.name.clone()).collect();
        let blindness = blindness(&self.config);
        self.aggregator.addr.do_send(ReconfigureAggregator { regions: wanted.clone(), blindness });
        let gone: Vec<RegionName> = self.supervisors.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        for supervisor in gone.iter().filter_map(|name| self.supervisors.remove(name)) {
            actix::spawn(retire(supervisor));
        }
        for region in self.config.regions.clone() {
            match self.supervisors.get(&region.name) {
                Some(supervisor) => supervisor.addr.do_send(Reconfigure { targets: targets(&region) }),
                None => self.start_supervisor(&region),
            }
        }
        tracing::info!(regions = wanted.len(), "configuration reloaded");
    }

    async fn stop(self) {
        // First of all: targets that end with us must not look as if they were not watched any more, which would end their incidents.
        let _ = self.alerts.addr.send(alert::actor::Ending).timeout(FAREWELL / 4).await;
        for supervisor in self.supervisors.values() {
            supervisor.addr.do_send(Retire);
        }
        let (served, told) = tokio::join!(
            tokio::time::timeout(FAREWELL, self.web.stop()),
            self.alerts.addr.send(alert::actor::Stop).timeout(FAREWELL)
        );
        if served.is_err() {
            tracing::warn!("some readers did not take their last bytes in time");
        }
        if told.is_err() {
            tracing::warn!("the alert actor did not end in time; what it was doing counts as in doubt");
        }
        self.alerts.end();
        // Probes drop their sessions as they end, and those say goodbye to the server; whoever still holds one after that (a frozen
        // server) loses it with the runtime.
        let deadline = clock::now() + FAREWELL;
        while self.registry.is_in_use() && clock::now() < deadline {
            tokio::time::sleep(GLANCE).await;
        }
        self.io.shutdown_background();
    }
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

/// Those who tell people come first.
fn subscribers(alerts: &Running<AlertActor>, web: &web::Running) -> Vec<Recipient<WorldChange>> {
    vec![alerts.addr.clone().recipient(), web.recipient.clone()]
}

fn start_alerts(office: Office, links: &Links, shared: &web::Shared) -> Running<AlertActor> {
    let (links, arbiters) = (links.clone(), vec![Arbiter::new().handle()]);
    let addr = AlertActor::start_in_arbiter(&arbiters[0], move |_| AlertActor::new(office, links));
    shared.desk.store(Some(Arc::new(web::AlertDoors {
        acknowledge: addr.clone().recipient(),
        silence: addr.clone().recipient(),
        end_silence: addr.clone().recipient(),
        test: addr.clone().recipient(),
        callback: addr.clone().recipient(),
    })));
    Running { addr, arbiters }
}

fn start_aggregator(config: &Config, shared: &web::Shared, subscribers: Vec<Recipient<WorldChange>>) -> Running<Aggregator> {
    let regions = config.regions.iter().map(|region| region.name.clone()).collect();
    let (world, blindness, bus) = (Arc::clone(&shared.world), blindness(config), shared.bus.clone());
    let arbiters = vec![Arbiter::new().handle()];
    let addr = Aggregator::start_in_arbiter(&arbiters[0], move |_| {
        Aggregator::new(regions, world, subscribers, blindness).with_bus(bus)
    });
    Running { addr, arbiters }
}
