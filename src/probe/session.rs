//! One PostgreSQL server as Isobar uses it: at most two resident connections, whatever the number of its databases.
//!
//! ```text
//!             ┌─ fast lane ──── activity + tripwire, 4 times a second, prepared           (connection 1)
//!  Server ────┼─ slow lane ──── statements, counters, sizes, one short read at a time     (connection 2)
//!             └─ client check ─ a fresh connection, now and then, closed at once          (short)
//! ```
//! Each lane is single-flight: whoever asks first does the read, whoever asks meanwhile waits for it, and all that ask within
//! its lifetime share the answer. A lane's connection is lost, frozen or refused independently of the other; a read that
//! passes its deadline is cancelled on the server and its connection discarded, so nothing lingers. Reconnects follow a
//! jittered backoff and are themselves attempts that the rules count.

mod fast;
mod registry;
mod slow;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    Failure, Sampling,
    conninfo::ConnInfo,
    database::{
        counters::ServerFacts,
        own::{Own, Transactions},
    },
    governor::{Governor, Lane},
    pool::client_check,
    query::statements,
};
use crate::{
    backoff::Backoff,
    clock,
    model::{
        Outcome, Phase, Phases, activity,
        reading::{Attempt, Cost, Path},
    },
};
pub use fast::{Fast, FastReading};
pub use registry::Registry;
pub use slow::{CountersReading, Slow};

/// A trivial query must be answered within this; the contract's definition of "unresponsive".
pub const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// What the role's `CONNECTION LIMIT` must allow: both lanes and one fresh client.
pub const WITH_TWO_LANES: i32 = 3;
/// Reconnects of a lane: soon at first, so that a restart is hardly missed, and never rarer than recovery must be noticed.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
/// Transactions of a client check: the login and the trivial query.
const CLIENT_CHECK: u64 = 2;
/// How long a cancel request may take; it goes over a connection of its own, and the server may be frozen.
const CANCEL_WITHIN: Duration = Duration::from_millis(500);

/// One server, shared by the probes of all its targets.
#[derive(Debug)]
pub struct Server {
    /// What its targets give to connect with, each with another database; the first serves the lanes.
    urls: Mutex<Vec<ConnInfo>>,
    fast: tokio::sync::Mutex<Fast>,
    slow: tokio::sync::Mutex<Slow>,
    check: tokio::sync::Mutex<Option<CheckReading>>,
    checks_done: AtomicUsize,
    governor: Mutex<Governor>,
    own: Mutex<Own>,
    facts: ArcSwapOption<ServerFacts>,
    /// Whether each lane holds a connection now.
    held: [AtomicBool; 2],
    /// The databases that the server has, as the slow lane last saw them; empty before the first time.
    present: ArcSwap<HashSet<String>>,
}

/// How a fresh connection to the server went.
#[derive(Debug, Clone)]
pub struct CheckReading {
    /// When it ended.
    pub at: Instant,
    /// The database it asked for.
    pub database: String,
    /// How it went.
    pub result: Result<Phases, Failure>,
}

/// When a lane may try to connect again.
#[derive(Debug)]
struct Retry {
    backoff: Backoff,
    rng: SmallRng,
    not_before: Option<Instant>,
}

impl Retry {
    fn new() -> Self {
        Self { backoff: RETRY, rng: SmallRng::from_os_rng(), not_before: None }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| now >= at)
    }

    fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.next(&mut self.rng));
    }

    const fn succeeded(&mut self) {
        self.backoff.reset();
        self.not_before = None;
    }
}

impl Server {
    /// A server that nobody has connected to yet.
    pub fn new(url: ConnInfo, sampling: Sampling) -> Self {
        Self {
            governor: Mutex::new(Governor::new(sampling)),
            own: Mutex::default(),
            urls: Mutex::new(vec![url]),
            fast: tokio::sync::Mutex::new(Fast::new()),
            slow: tokio::sync::Mutex::new(Slow::new()),
            check: tokio::sync::Mutex::new(None),
            checks_done: 0.into(),
            facts: ArcSwapOption::empty(),
            held: [false.into(), false.into()],
            present: ArcSwap::default(),
        }
    }

    /// Adds what another target gives to connect with.
    fn join(&self, url: &ConnInfo) {
        let mut urls = self.urls.lock().expect("no panic while held");
        if !urls.iter().any(|known| known == url) {
            urls.push(url.clone());
        }
    }

    fn url(&self, index: usize) -> ConnInfo {
        let urls = self.urls.lock().expect("no panic while held");
        urls[index % urls.len()].clone()
    }

    /// The databases of its targets.
    fn databases(&self) -> Vec<String> {
        self.urls.lock().expect("no panic while held").iter().map(|url| url.dbname.clone()).collect()
    }

    /// The sessions, no older than `newer_than`.
    pub async fn activity(&self, newer_than: Instant) -> FastReading {
        self.fast.lock().await.read(self, newer_than).await
    }

    /// A fresh connection no older than `newer_than`, to each of the server's databases in turn.
    pub async fn check(&self, newer_than: Instant) -> CheckReading {
        let mut latest = self.check.lock().await;
        if let Some(reading) = latest.as_ref().filter(|reading| reading.at >= newer_than) {
            return reading.clone();
        }
        let turn = self.checks_done.fetch_add(1, Ordering::Relaxed);
        let url = self.url(turn);
        let result = client_check::check(&url, false, ANSWER_WITHIN).await;
        let at = clock::now();
        if result.is_ok() {
            self.transacted(&url.dbname, Transactions::committed(CLIENT_CHECK));
        }
        self.connected(at, result.as_ref().unwrap_or_else(|failure| &failure.phases));
        latest.insert(CheckReading { at, database: url.dbname, result }).clone()
    }

    /// Whether the server has a database of that name, as far as is known.
    pub fn has_database(&self, name: &str) -> bool {
        let present = self.present.load();
        present.is_empty() || present.contains(name)
    }

    fn saw_databases(&self, names: HashSet<String>) {
        if **self.present.load() != names {
            self.present.store(Arc::new(names));
        }
    }

    /// The slow lane, for one short read.
    pub async fn slow(&self) -> tokio::sync::MutexGuard<'_, Slow> {
        self.slow.lock().await
    }

    /// What the server said of itself when a lane connected.
    pub fn facts(&self) -> Option<activity::Server> {
        self.facts.load().as_ref().map(|facts| activity::Server {
            client_backends: 0,
            max_connections: facts.max_connections,
            reserved_connections: facts.superuser_reserved,
            version: facts.version.clone(),
            in_recovery: facts.in_recovery,
        })
    }

    /// How often this lane may be used now.
    pub fn interval(&self, lane: Lane) -> Duration {
        self.governor.lock().expect("no panic while held").interval(lane)
    }

    /// What Isobar costs this server.
    pub fn cost(&self) -> Cost {
        let governor = self.governor.lock().expect("no panic while held");
        Cost {
            impact: governor.impact(clock::now()),
            interval_ms: governor.interval(Lane::Fast).as_millis() as u64,
            connections: self.held.iter().map(|held| u32::from(held.load(Ordering::Relaxed))).sum(),
            throttled: governor.throttled(),
        }
    }

    fn spent(&self, lane: Lane, now: Instant, round_trip: Duration) {
        self.governor.lock().expect("no panic while held").round_trip(now, lane, round_trip);
    }

    fn connected(&self, now: Instant, phases: &Phases) {
        let mut governor = self.governor.lock().expect("no panic while held");
        governor.connected(now);
        if let Some(tcp) = phases.tcp {
            governor.network(now, Duration::from_secs_f64(tcp / 1e3));
        }
    }

    fn metered(&self, own: statements::Own) {
        self.governor.lock().expect("no panic while held").metered(own.calls, own.exec);
    }

    /// Counts transactions of our own in one of the server's databases.
    pub fn transacted(&self, database: &str, more: Transactions) {
        let mut own = self.own.lock().expect("no panic while held");
        if let Some(known) = own.get_mut(database) {
            known.add(more);
        } else {
            own.insert(database.to_owned(), more);
        }
    }

    fn own(&self) -> Own {
        self.own.lock().expect("no panic while held").clone()
    }

    fn hold(&self, lane: usize, held: bool) {
        self.held[lane].store(held, Ordering::Relaxed);
    }
}

impl CheckReading {
    /// The attempt as a target sees it: that another database is missing does not concern it, that its own is does.
    pub fn attempt(&self, server: &Server, database: &str) -> Attempt {
        match &self.result {
            Ok(phases) if self.database != database && !server.has_database(database) => Attempt {
                path: Path::Direct,
                outcome: Outcome::NoSuchDatabase,
                failed_phase: Some(Phase::Auth),
                phases: *phases,
                message: Some(format!("database \"{database}\" does not exist")),
            },
            Err(failure) if failure.outcome == Outcome::NoSuchDatabase && self.database != database => {
                Attempt { path: Path::Direct, outcome: Outcome::Ok, failed_phase: None, phases: failure.phases, message: None }
            }
            result => attempt(Path::Direct, result),
        }
    }
}

/// An attempt's result as the rules count it.
pub fn attempt(path: Path, result: &Result<Phases, Failure>) -> Attempt {
    match result {
        Ok(phases) => Attempt { path, outcome: Outcome::Ok, failed_phase: None, phases: *phases, message: None },
        Err(failure) => Attempt {
            path,
            outcome: failure.outcome,
            failed_phase: Some(failure.phase),
            phases: failure.phases,
            message: Some(failure.message.clone()),
        },
    }
}
