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

mod asked;
mod fast;
mod listing;
mod pooled;
mod registry;
mod retry;
mod slow;
mod whereabouts;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::{
    Failure, Sampling, connect,
    conninfo::{ConnInfo, Host},
    database::{
        counters::ServerFacts,
        own::{Own, Transactions},
        replication::Seat,
    },
    governor::{Governor, Lane},
    pool::client_check,
    query::statements,
};
use crate::{
    clock,
    model::{
        Outcome, Phase, Phases, TargetId, activity,
        reading::{Attempt, Cost, Path},
    },
};
pub use asked::Asked;
use asked::is_about_login;
pub use fast::{Fast, FastReading};
pub use registry::Registry;
use retry::Retry;
pub use slow::{CountersReading, Slow};

/// A trivial query must be answered within this; the contract's definition of "unresponsive".
pub const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// What the role's `CONNECTION LIMIT` must allow: both lanes and one fresh client.
pub const WITH_TWO_LANES: i32 = 3;
/// Transactions of a client check: the login and the trivial query.
const CLIENT_CHECK: u64 = 2;
/// How long a cancel request may take; it goes over a connection of its own, and the server may be frozen.
const CANCEL_WITHIN: Duration = Duration::from_millis(500);

/// One server, shared by the probes of all its targets.
#[derive(Debug)]
pub struct Server {
    /// What each of its targets gives to connect with; the first serves the lanes until it does not get in.
    logins: Mutex<Vec<Login>>,
    fast: tokio::sync::Mutex<Fast>,
    slow: tokio::sync::Mutex<Slow>,
    check: tokio::sync::Mutex<Option<CheckReading>>,
    knock: tokio::sync::Mutex<Option<KnockReading>>,
    checks_done: AtomicUsize,
    governor: Mutex<Governor>,
    own: Mutex<Own>,
    facts: ArcSwapOption<ServerFacts>,
    /// Whether each lane holds a connection now.
    held: [AtomicBool; 2],
    /// The databases that the server has, as the slow lane last saw them; empty before the first time.
    present: ArcSwap<HashSet<String>>,
    /// Of several hosts, the one that the fast lane found last.
    at: ArcSwapOption<Host>,
    /// Whether a pooler in transaction mode turned out to be in between.
    pooled: AtomicBool,
}

/// What one target gives to connect with.
#[derive(Debug)]
struct Login {
    target: TargetId,
    /// The incarnation of the target's pool probe that brought it: an older one that ends must not take it away.
    generation: u64,
    url: ConnInfo,
}

/// How a fresh connection to the server went.
#[derive(Debug, Clone)]
pub struct CheckReading {
    /// When it ended.
    pub at: Instant,
    /// As whom, and to which database.
    pub asked: Asked,
    /// How it went.
    pub result: Result<Phases, Failure>,
}

/// Whether the server let a newcomer in who left without a word.
#[derive(Debug, Clone)]
pub struct KnockReading {
    /// When it ended.
    pub at: Instant,
    /// Why not.
    pub failure: Option<Failure>,
}

impl Server {
    /// A server that nobody has connected to yet.
    pub fn new(sampling: Sampling, seat: Seat) -> Self {
        Self {
            governor: Mutex::new(Governor::new(sampling)),
            own: Mutex::default(),
            logins: Mutex::default(),
            fast: Fast::new().into(),
            slow: Slow::new(seat).into(),
            check: None.into(),
            knock: None.into(),
            checks_done: 0.into(),
            facts: ArcSwapOption::empty(),
            held: [false.into(), false.into()],
            present: ArcSwap::default(),
            at: ArcSwapOption::empty(),
            pooled: false.into(),
        }
    }

    /// Takes what a target gives to connect with, in place of what it gave before; lanes and checks use it from the next
    /// connection on.
    pub fn join(&self, target: &TargetId, generation: u64, url: &ConnInfo) {
        let mut logins = self.logins.lock().expect("no panic while held");
        let login = Login { target: target.clone(), generation, url: url.clone() };
        match logins.iter_mut().find(|login| login.target == *target) {
            Some(known) => *known = login,
            None => logins.push(login),
        }
    }

    /// Forgets what that incarnation brought, unless another has replaced it.
    pub fn leave(&self, target: &TargetId, generation: u64) {
        let mut logins = self.logins.lock().expect("no panic while held");
        logins.retain(|login| login.target != *target || login.generation != generation);
    }

    /// One of the logins, in turn; none after the last target left.
    fn url(&self, turn: usize) -> Option<ConnInfo> {
        let logins = self.logins.lock().expect("no panic while held");
        logins.get(turn.checked_rem(logins.len())?).map(|login| login.url.clone())
    }

    /// One of those with the same role, in turn: each of its databases is tried now and then.
    fn url_of_role(&self, turn: usize, own: &ConnInfo) -> ConnInfo {
        let logins = self.logins.lock().expect("no panic while held");
        let same: Vec<_> = logins.iter().filter(|login| login.url.user == own.user).collect();
        let login = turn.checked_rem(same.len()).and_then(|turn| same.get(turn));
        login.map_or_else(|| own.clone(), |login| login.url.clone())
    }

    /// The databases of its targets.
    fn databases(&self) -> Vec<String> {
        self.logins.lock().expect("no panic while held").iter().map(|login| login.url.dbname.clone()).collect()
    }

    /// The sessions, no older than `newer_than`.
    pub async fn activity(&self, newer_than: Instant) -> FastReading {
        self.fast.lock().await.read(self, newer_than).await
    }

    /// A fresh connection of the target's role, no older than `newer_than`. While all is well the databases of the role take turns;
    /// while one fails, it is tried again.
    pub async fn check(&self, newer_than: Instant, own: &ConnInfo) -> CheckReading {
        let mut latest = self.check.lock().await;
        let serves = |reading: &&CheckReading| reading.at >= newer_than && reading.asked.user == own.user;
        if let Some(reading) = latest.as_ref().filter(serves) {
            return reading.clone();
        }
        let url = self.nearest_first(self.url_of_role(self.checks_done.load(Ordering::Relaxed), own));
        let result = client_check::check(&url, self.pooled.load(Ordering::Relaxed), ANSWER_WITHIN).await;
        let at = clock::now();
        self.connected(at, result.as_ref().unwrap_or_else(|failure| &failure.phases));
        match &result {
            Ok(_) => {
                self.checks_done.fetch_add(1, Ordering::Relaxed);
                self.transacted(&url.dbname, Transactions::committed(CLIENT_CHECK));
            }
            Err(failure) if failure.outcome == Outcome::NoSuchDatabase => {
                self.checks_done.fetch_add(1, Ordering::Relaxed);
                self.missed_database(&url.dbname);
            }
            Err(_) => {}
        }
        latest.insert(CheckReading { at, asked: Asked::by(&url), result }).clone()
    }

    /// Knocks at the server's door, no longer ago than `newer_than`.
    pub async fn knock(&self, newer_than: Instant, host: &Host) -> KnockReading {
        let mut latest = self.knock.lock().await;
        if let Some(reading) = latest.as_ref().filter(|reading| reading.at >= newer_than) {
            return reading.clone();
        }
        let started = clock::now();
        let failure = connect::knock(host, ANSWER_WITHIN).await.err();
        let at = clock::now();
        self.spent(Lane::ClientCheck, at, at - started);
        latest.insert(KnockReading { at, failure }).clone()
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

    /// A connection was refused for want of it; until the slow lane sees it again, another one's success says nothing of it.
    fn missed_database(&self, name: &str) {
        self.present.rcu(|present| {
            let mut present = HashSet::clone(present);
            present.remove(name);
            present
        });
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

    /// Whether the slow lane is connected.
    pub fn reads_slowly(&self) -> bool {
        self.held[1].load(Ordering::Relaxed)
    }

    fn holds_fast(&self) -> bool {
        self.held[0].load(Ordering::Relaxed)
    }

    fn hold(&self, lane: usize, held: bool) {
        self.held[lane].store(held, Ordering::Relaxed);
    }
}

impl CheckReading {
    /// The attempt as that target sees it; none when it tells the target nothing: another role's or database's trouble, or
    /// another role's success.
    pub fn attempt(&self, server: &Server, own: &ConnInfo) -> Option<Attempt> {
        match &self.result {
            Err(failure) => self.asked.shares(failure, own).then(|| attempt(Path::Direct, &self.result)),
            Ok(_) if self.asked.user != own.user => None,
            Ok(phases) if self.asked.database != own.dbname && !server.has_database(&own.dbname) => Some(Attempt {
                path: Path::Direct,
                outcome: Outcome::NoSuchDatabase,
                failed_phase: Some(Phase::Auth),
                phases: *phases,
                message: Some(format!("database \"{}\" does not exist", own.dbname)),
            }),
            Ok(_) => Some(attempt(Path::Direct, &self.result)),
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
