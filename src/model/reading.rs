//! What one probe saw of one target: the mail from probe to region. A reading is whole, never a difference, so a lost one
//! heals with the next.

use std::{sync::Arc, time::Instant};

use super::{
    Outcome, Phase, Phases, TargetId, Timestamp,
    activity::Activity,
    counters::{DatabaseCounters, DatabaseRates, PoolerDetail},
    queries::Queries,
    sample::{Missing, Pooler},
    vitals::{Host, Replication, Service, Upkeep},
};

/// Which of a target's probe actors speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    /// Pools, sessions and the client checks.
    Pool,
    /// Statements.
    Query,
    /// Counters, settings and size.
    Database,
}

impl ProbeKind {
    /// All of a target's probes.
    pub const ALL: [Self; 3] = [Self::Pool, Self::Query, Self::Database];

    /// For logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Query => "query",
            Self::Database => "database",
        }
    }
}

/// The mail from a probe actor to its region's supervisor.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Of which target.
    pub target: TargetId,
    /// From which probe.
    pub probe: ProbeKind,
    /// Which incarnation of that probe; the supervisor drops mail of incarnations it has replaced.
    pub generation: u64,
    /// When it was measured, for judging.
    pub at: Instant,
    /// When it was measured, for people.
    pub wall: Timestamp,
    /// What it costs and how it is measured.
    pub cost: Cost,
    /// What was seen.
    pub body: Body,
}

/// What Isobar costs the server, as the governor sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cost {
    /// Share of one core.
    pub impact: Option<f64>,
    /// The fast interval in force, milliseconds.
    pub interval_ms: u64,
    /// Resident connections now held.
    pub connections: u32,
    /// Why lanes are slowed, when they are.
    pub throttled: Option<String>,
}

/// What was seen.
#[derive(Debug, Clone)]
pub enum Body {
    /// The sessions, from the fast lane.
    Activity(Arc<Activity>, Vec<Missing>),
    /// A pooler's console answered (or did not: then `pooler.up` is false and `pooler.outcome` says why).
    Pooler(PoolerReading),
    /// An attempt ended: the resident session's, or a fresh client's.
    Attempt(Attempt),
    /// The statements, or why they cannot be read.
    Queries(Result<Arc<Queries>, Missing>),
    /// The database's counters, or why they cannot be read.
    Database(Result<DatabaseReading, Missing>),
    /// Its size in bytes, or why it cannot be read.
    Size(Result<u64, Missing>),
    /// Who copies from whom, or why that cannot be read.
    Replication(Result<Arc<Replication>, Missing>),
    /// What keeps the database fit, or why that cannot be read.
    Upkeep(Result<Arc<Upkeep>, Missing>),
    /// The machine below, or why its provider does not tell.
    Host(Result<Arc<Host>, Missing>),
    /// The provider's services, or why it does not tell.
    Services(Result<Vec<Service>, Missing>),
    /// The probe is alive but its previous read is still under way (frozen server, slow disk).
    Overrun,
}

/// One pooler of the target, by its place in the configuration.
#[derive(Debug, Clone)]
pub struct PoolerReading {
    /// Its place in the target's list of poolers.
    pub index: usize,
    /// As shown in the sample.
    pub pooler: Pooler,
    /// What was said when it is not up, without secrets.
    pub message: Option<String>,
    /// The detail for metrics.
    pub detail: Arc<PoolerDetail>,
    /// What it counted as errors of this target's clients since it started; none where it counts none.
    pub errors: Option<u64>,
    /// What this kind of pooler does not tell, or why its metrics cannot be read.
    pub missing: Vec<Missing>,
    /// Whether its pools were read. Metrics that cannot be read say nothing of the pooler itself.
    pub known: bool,
}

/// Which way an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// The resident session on the server: its query was answered, or it was lost.
    Resident,
    /// A fresh client connection to the server.
    Direct,
    /// A fresh client connection through the pooler at this place in the list.
    Pooler(usize),
}

/// How one attempt ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which way.
    pub path: Path,
    /// How it ended.
    pub outcome: Outcome,
    /// The phase it failed in.
    pub failed_phase: Option<Phase>,
    /// Time per phase.
    pub phases: Phases,
    /// What was said, without secrets or literals.
    pub message: Option<String>,
}

/// The database probe's view.
#[derive(Debug, Clone)]
pub struct DatabaseReading {
    /// The counters as they stand.
    pub counters: Arc<DatabaseCounters>,
    /// The last interval; none before the second reading or after a reset.
    pub rates: Option<DatabaseRates>,
}

/// A probe actor is gone: the last thing it says.
#[derive(Debug, Clone)]
pub struct ProbeDown {
    /// Whose.
    pub target: TargetId,
    /// Which probe.
    pub probe: ProbeKind,
    /// Which incarnation.
    pub generation: u64,
    /// Whether it panicked; otherwise it was asked to stop.
    pub panicked: bool,
}

impl actix::Message for ProbeDown {
    type Result = ();
}

impl actix::Message for Reading {
    type Result = ();
}
