//! **1 MEASURE.** What PostgreSQL and its poolers show, at the least cost to them.
//!
//! ```text
//!  PoolProbe ──┐                                  ┌─ fast lane: activity + tripwire      (prepared, a few rows)
//!  QueryProbe ─┼─► Server (one per host:port) ────┤
//!  DatabaseProbe┘   shared by all its targets     └─ slow lane: statements, counters, sizes
//!      │
//!      └──► fresh client checks (direct, through the pooler), pooler consoles
//! ```
//! An actor owns a schedule and last counters; the connections belong to the [`session`] of the server, so that fifty databases
//! on one server still cost two of them. Readers (`pool/activity`, `query/statements`, ...) are plain async functions over
//! a client; what they return is turned into deltas by pure code beside them.

pub mod classify;
pub mod connect;
pub mod conninfo;
pub mod database;
pub mod discovery;
pub mod governor;
pub mod launch;
pub mod management;
pub mod pool;
pub mod preflight;
pub mod query;
pub mod scrape;
pub mod session;
pub mod statement;
mod text;
pub mod tls;
pub mod vantage;
pub mod voice;

pub use pool::pgbouncer::Dialect;

use std::time::Duration;

use actix::Recipient;

use crate::model::{
    RegionName, TargetId,
    reading::{ProbeDown, ProbeKind, Reading},
    sample::PoolerKind,
};
use conninfo::ConnInfo;

/// How often to look, and what looking may cost. `[sampling]` in `global.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// The fast lane: sessions, pooler consoles. 100 ms to 60 s; 250 ms shows a spike that lasts half a second.
    pub fast: Duration,
    /// `pg_stat_statements`. 1 s to 10 min; each reading costs the server some milliseconds per thousand statements.
    pub statements: Duration,
    /// `pg_database_size`. 5 s to 1 day; it walks the database's files.
    pub size: Duration,
    /// Counters of `pg_stat_database`. 250 ms to 60 s.
    pub counters: Duration,
    /// Who copies from whom. 1 s to 10 min; a row per replica and slot.
    pub replication: Duration,
    /// A provider's page about its machines and poolers, one request per project. 1 s to 10 min; Supabase writes it once a minute.
    pub provider: Duration,
    /// The metrics of a Supavisor, one request per page. 1 s to 10 min; it measures its pools every 15 s.
    pub pooler_metrics: Duration,
    /// Ages, vacuum, checkpoints, tables. 5 s to 1 day; it looks at every table of a database now and then.
    pub upkeep: Duration,
    /// A fresh client connection through each pooler. Every second time a knock at the server's door, which costs that a fork, some
    /// 3 ms; every eighth a whole client straight to it, some 7 ms. 1 s to 10 min. Suspicion brings the next ones forward.
    pub client_check: Duration,
    /// The most that Isobar may cost a server, as a share of one core. 0.001 to 0.2.
    pub impact_budget: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            fast: Duration::from_millis(250),
            statements: Duration::from_secs(10),
            size: Duration::from_mins(1),
            counters: Duration::from_secs(1),
            replication: Duration::from_secs(2),
            provider: Duration::from_mins(1),
            pooler_metrics: Duration::from_secs(15),
            upkeep: Duration::from_secs(30),
            client_check: Duration::from_secs(5),
            impact_budget: 0.01,
        }
    }
}

/// One database to watch. `[[target]]` in a region's file.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSettings {
    /// Its region and name.
    pub id: TargetId,
    /// The server itself, not a pooler.
    pub url: ConnInfo,
    /// Whether its region is unhealthy when it is (`importance = "critical"`).
    pub critical: bool,
    /// Other regions that also try to connect.
    pub vantages: Vec<RegionName>,
    /// The project of Supabase that it is.
    pub supabase: Option<management::Project>,
    /// Where its provider tells of the machine below.
    pub machine: Option<scrape::Source>,
    /// The poolers in front of it.
    pub poolers: Vec<PoolerSettings>,
    /// A statement whose mean in an interval is above this is slow, milliseconds (`thresholds.average_query_ms`).
    pub slow_query_ms: f64,
    /// Whether it is here because a list names its database; then that the database is gone is no trouble, but news of the list's.
    pub listed: bool,
}

/// One pooler in front of a target. `[[target.pooler]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolerSettings {
    /// Which software.
    pub kind: PoolerKind,
    /// Its admin console.
    pub console: Option<ConnInfo>,
    /// What an application would use; measured end to end.
    pub client: Option<ConnInfo>,
    /// Its page of metrics, where it has no console.
    pub metrics: Option<scrape::Source>,
}

impl PoolerSettings {
    /// `host:port`, for people.
    pub fn name(&self) -> String {
        let at = self.console.as_ref().or(self.client.as_ref()).map(ConnInfo::address);
        at.or_else(|| self.metrics.as_ref().map(scrape::Source::address)).unwrap_or_default()
    }

    /// Whether something tells of its pools.
    pub const fn tells(&self) -> bool {
        self.console.is_some() || self.metrics.is_some()
    }
}

/// A failed attempt, by phase and cause; the message holds no secret and no literal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", phase.as_str())]
pub struct Failure {
    /// The cause.
    pub outcome: crate::model::Outcome,
    /// The phase it failed in.
    pub phase: crate::model::Phase,
    /// Time spent in the phases that succeeded.
    pub phases: crate::model::Phases,
    /// What was said.
    pub message: String,
}

/// Starts probe actors; the region's supervisor calls it at the start and whenever one died or fell silent.
pub trait Spawn: Send {
    /// Starts one. Its mail carries the watch's generation. After a hang, `elsewhere` asks for another thread than before, since
    /// the old one may be blocked for good.
    fn spawn(&self, target: &TargetSettings, to: Recipient<Reading>, watch: DeathWatch, elsewhere: bool) -> Box<dyn Stop>;

    /// Readings dropped so far because the supervisor's mailbox was full.
    fn dropped(&self) -> u64;
}

/// A running probe, as its supervisor holds it.
pub trait Stop: Send {
    /// Asks it to end; its connections close.
    fn stop(&self);
}

/// Owned by a probe actor: its drop tells the supervisor that the actor is gone, also when it panicked (actix closes the
/// mailbox of a panicked actor and tells nobody).
#[derive(Debug)]
pub struct DeathWatch {
    /// Whose.
    pub target: TargetId,
    /// Which probe.
    pub probe: ProbeKind,
    /// Which incarnation.
    pub generation: u64,
    /// The supervisor.
    pub to: Recipient<ProbeDown>,
}

impl Drop for DeathWatch {
    fn drop(&mut self) {
        self.to.do_send(ProbeDown {
            target: self.target.clone(),
            probe: self.probe,
            generation: self.generation,
            panicked: std::thread::panicking(),
        });
    }
}

/// Asks a probe actor to end.
#[derive(Debug)]
pub struct StopProbe;

impl actix::Message for StopProbe {
    type Result = ();
}
