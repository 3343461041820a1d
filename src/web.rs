//! **5 SHOW.** The API, metrics, the live stream and the page.
//!
//! ```text
//!  aggregate ──► ArcSwap<World> ◄── handlers (2 workers)      asked: they read the newest picture, and never an actor
//!      │
//!      └─ WorldChange ──► WebActor ──► Hub ──► subscribers     told: each change encoded once, shared by all who see it
//!  alert ─┬► AlertChange ─┘     ArcSwap<AlertBook> ◄── handlers
//!         ◄──────── AlertDoors ◄── who may act              commands: the only mail that a handler waits for, and not for long
//! ```
//! Handlers are functions of the world at the moment of asking, so a flood of requests costs the watchers nothing but CPU, and a
//! dead stream actor leaves every other answer alive. What a stranger may cost is bounded everywhere: the length of
//! URLs, headers and bodies, connections, time to send a request, stream seats, and what a slow reader may leave unread.
//!
//! Cold start: the world is unknown, `/api/health` answers 503 and `/readyz` names what has not been seen. Stopping: streams are
//! closed first (an open one would hold the server), then the workers; both at once take some milliseconds.

mod access;
mod alerts;
mod answer;
mod applications;
mod asker;
mod assets;
mod cluster;
mod commands;
mod health;
mod interest;
mod metrics;
mod page;
mod past;
mod places;
mod process;
mod routes;
mod runbooks;
mod stream;
mod tls;
mod views;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Addr, Recipient};
use actix_web::{HttpServer, dev::ServerHandle, web::Data};
use arc_swap::{ArcSwap, ArcSwapOption};
use secrecy::{ExposeSecret, SecretString};

use crate::model::{
    RegionName, Timestamp,
    advice::Advice,
    alert::{Acknowledge, AlertBook, AlertChange, Callback, EndSilence, NewSilence, TestChannel},
    cluster::{BusState, Interest},
    history::{Keeping, Past},
    insight::Insights,
    uploads::Uploads,
    vitals::{Address, Told},
    world::{Pushes, World, WorldChange},
};
use stream::actor::{Close, WebActor};

/// `[web]` in `global.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; `127.0.0.1:3000` unless told.
    pub listen: SocketAddr,
    /// Who may read. Needed beyond loopback.
    pub viewer_token: Option<SecretString>,
    /// Who may act too. Needed beyond loopback.
    pub operator_token: Option<SecretString>,
    /// Who may only tell of applications' pools; none: viewers and operators alone.
    pub ingest_token: Option<SecretString>,
    /// Certificate chain, PEM; with `tls_key` the server speaks HTTPS.
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Whether everybody may read what viewers may.
    pub public_details: bool,
    /// Where regions are on the map, degrees north and east: of those whose codes do not say so, or say otherwise.
    pub places: BTreeMap<RegionName, [f64; 2]>,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let token = |of: &Option<SecretString>| of.as_ref().map(|token| token.expose_secret().to_owned());
        let rest = |of: &Self| (of.listen, of.tls_cert.clone(), of.tls_key.clone(), of.public_details, of.places.clone());
        rest(self) == rest(other)
            && token(&self.viewer_token) == token(&other.viewer_token)
            && token(&self.operator_token) == token(&other.operator_token)
            && token(&self.ingest_token) == token(&other.ingest_token)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            viewer_token: None,
            operator_token: None,
            ingest_token: None,
            tls_cert: None,
            tls_key: None,
            public_details: false,
            places: BTreeMap::new(),
        }
    }
}

/// What the web needs of the node.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The newest picture.
    pub world: Arc<ArcSwap<World>>,
    /// The newest book of alerts.
    pub alerts: Arc<ArcSwap<AlertBook>>,
    /// Who takes commands about alerts; none while nobody does.
    pub desk: Arc<ArcSwapOption<AlertDoors>>,
    /// The bus as this node sees it; none without one.
    pub bus: Option<Arc<ArcSwap<BusState>>>,
    /// Who is told that somebody looks at a region; none while nobody wants to know.
    pub interest: Arc<ArcSwapOption<Recipient<Interest>>>,
    /// Where applications find this node's targets.
    pub addresses: Arc<ArcSwap<Vec<Address>>>,
    /// Who hears what applications tell of their pools, by region.
    pub applications: Arc<ArcSwap<BTreeMap<RegionName, Recipient<Told>>>>,
    /// How pushing figures to a collector goes.
    pub pushes: Arc<ArcSwap<Pushes>>,
    /// How sending rows to Tinybird goes.
    pub uploads: Arc<ArcSwap<Uploads>>,
    /// What to change.
    pub advice: Arc<ArcSwap<Advice>>,
    /// Who knows the past; none when nothing is kept.
    pub history: Option<Arc<dyn Past>>,
    /// How keeping it goes.
    pub keeping: Arc<ArcSwap<Keeping>>,
    /// What the past of each target says.
    pub insights: Arc<ArcSwap<Insights>>,
    /// The node's name, for metrics.
    pub node: String,
    /// Isobar's version, for metrics and OpenAPI.
    pub version: &'static str,
    /// When the node started.
    pub started: Timestamp,
}

/// Where commands about alerts go; to be awaited with a limit of time.
#[derive(Debug, Clone)]
pub struct AlertDoors {
    /// Takes an alert.
    pub acknowledge: Recipient<Acknowledge>,
    /// Holds alerts back.
    pub silence: Recipient<NewSilence>,
    /// Ends that.
    pub end_silence: Recipient<EndSilence>,
    /// Sends a test message.
    pub test: Recipient<TestChannel>,
    /// A provider's call.
    pub callback: Recipient<Callback>,
}

/// Why the web cannot start; the operator's to fix, and trying again without a change is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on {listen}: {source}; set [web] listen or --listen to a free address")]
    Bind {
        /// What was asked for.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or key cannot be read or used.
    #[error("{key} {}: {why}", path.display())]
    Tls {
        /// `tls_cert` or `tls_key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Only one of the two is set.
    #[error("[web] tls_cert and tls_key belong together: set both or none")]
    HalfTls,
}

/// Two workers serve some 50,000 health checks a second; more would only take cores from the sampling.
const WORKERS: usize = 2;

/// Connections per worker when file descriptors abound: room for ten thousand idle ones beside those who ask.
const MOST_CONNECTIONS: usize = 6_000;

/// A request's head must arrive in this time; shorter than a patient attacker, longer than a slow phone.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// An idle connection is kept this long for the next request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What readers get after the streams are closed to take their last bytes before the workers end.
const FAREWELL: Duration = Duration::from_millis(200);

/// Everything a handler may need.
struct State {
    shared: Shared,
    places: places::Places,
    access: access::Access,
    health: health::Cache,
    stream: Addr<WebActor>,
    seats: Arc<AtomicUsize>,
    interests: Arc<interest::Interests>,
    /// Anybody may call back, and the signature is the alert stage's to verify: a flood must not fill its mailbox.
    callbacks: tokio::sync::Semaphore,
    /// What applications told of their pools.
    applications: Mutex<applications::Book>,
    /// Whoever may tell may tell much: a flood must not fill memory.
    intake: tokio::sync::Semaphore,
    /// Questions about the past take milliseconds each: a flood must not fill the threads that wait.
    past: tokio::sync::Semaphore,
    /// Points about pools that were taken, and that were not.
    points: [AtomicU64; 2],
    tls: bool,
}

impl State {
    /// Counts what became of a request, and says in the log why points were not taken, each cause once.
    fn tallied(&self, taken: &applications::Taken) {
        self.points[0].fetch_add(taken.accepted, Ordering::Relaxed);
        self.points[1].fetch_add(taken.rejected, Ordering::Relaxed);
        for why in &taken.news {
            tracing::warn!(why, "an application tells of a pool that cannot be used");
        }
    }
}

/// The web as it runs.
#[derive(Debug)]
pub struct Running {
    /// The real address, with the real port.
    pub addr: SocketAddr,
    /// actix-web's own handle.
    pub handle: ServerHandle,
    /// Where the aggregator sends the changes; keep one clone per sender and `try_send`.
    pub recipient: Recipient<WorldChange>,
    /// Where the alert stage sends what happens to alerts. A change that is lost is not told again, and they are few: `do_send`.
    pub alerts: Recipient<AlertChange>,
    stream: Addr<WebActor>,
    arbiter: actix::ArbiterHandle,
    seats: Arc<AtomicUsize>,
}

impl Running {
    /// Closes the streams, then the server; done in well under a second.
    pub async fn stop(&self) {
        self.stream.do_send(Close);
        let gone = async {
            while self.seats.load(std::sync::atomic::Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, gone).await;
        self.handle.stop(false).await;
        self.arbiter.stop();
    }
}

/// Starts serving; needs a running actix system.
pub fn start(settings: &Settings, shared: Shared) -> Result<Running, Error> {
    let tls = tls::config(settings)?;
    let seats = Arc::new(AtomicUsize::new(0));
    let arbiter = actix::Arbiter::new().handle();
    let (world, alerts, boot) = (shared.world.clone(), shared.alerts.clone(), shared.started.unix_ms());
    let interests = Arc::new(interest::Interests::new(shared.interest.clone()));
    let looks = interests.clone();
    let stream = WebActor::start_in_arbiter(&arbiter, move |_| WebActor::new(boot, world.load_full(), alerts, looks));
    let state = Data::new(State {
        access: access::Access::new(settings),
        places: settings.places.clone(),
        shared,
        health: health::Cache::default(),
        stream: stream.clone(),
        seats: seats.clone(),
        interests,
        callbacks: tokio::sync::Semaphore::new(commands::CALLBACKS_AT_ONCE),
        applications: Mutex::default(),
        intake: tokio::sync::Semaphore::new(applications::intake::AT_ONCE),
        past: tokio::sync::Semaphore::new(past::AT_ONCE),
        points: Default::default(),
        tls: tls.is_some(),
    });
    let server = HttpServer::new(move || routes::app(state.clone()))
        .workers(WORKERS)
        .worker_max_blocking_threads(1)
        .max_connections(process::connections(MOST_CONNECTIONS))
        .client_request_timeout(REQUEST_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(1)
        .tcp_nodelay(true)
        .disable_signals();
    let bound = match tls {
        Some(tls) => server.bind_rustls_0_23(settings.listen, tls),
        None => server.bind(settings.listen),
    };
    let server = bound.map_err(|source| {
        arbiter.stop();
        Error::Bind { listen: settings.listen, source }
    })?;
    let addr = server.addrs().first().copied().unwrap_or(settings.listen);
    let server = server.run();
    let handle = server.handle();
    actix::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the web server ended");
        }
    });
    let (recipient, alerts) = (stream.clone().recipient(), stream.clone().recipient());
    Ok(Running { addr, handle, recipient, alerts, stream, arbiter, seats })
}

#[cfg(test)]
mod tests;
