//! Many nodes: who is alive in a region, what nodes say to each other beside reports, and what a region's nodes keep together.
//! The bus carries these; nobody else knows how.

mod commands;
pub mod rendezvous;
mod shelf;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{
    NodeName, Outcome, Phase, Phases, RegionName, TargetId, TargetName, Timestamp,
    sample::{ConnectionPool, QueryPerformance},
};

pub use commands::{AlertNews, Answer, Ask, Asked, Command, NewsItem};
pub use shelf::{Commit, Committed, Item, Keeper, Kept, Replica, Shelf, Unreachable, parts};

/// The figures of one target that move all the time, for other regions: what changed since its last whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Which target of the batch's region.
    pub target: TargetName,
    /// When they were measured.
    pub timestamp: Timestamp,
    /// Connections.
    pub connection_pool: ConnectionPool,
    /// Statements and transactions.
    pub query_performance: QueryPerformance,
    /// What watching costs the server, as a share of one core.
    pub impact: Option<f64>,
}

/// How a target looks from another region: a fresh client's way there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The region that looked.
    pub from: RegionName,
    /// How it ended.
    pub outcome: Outcome,
    /// The phase it failed in.
    pub failed_phase: Option<Phase>,
    /// What was said, without secrets.
    pub message: Option<String>,
    /// When it was tried.
    pub checked_at: Timestamp,
    /// Time per phase, milliseconds: `tcp` is the network's, `firstQuery` less that the database's.
    pub phases: Phases,
}

/// How targets of other regions look from this node; from the vantage prober to the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewed(pub Vec<(TargetId, View)>);

impl actix::Message for Viewed {
    type Result = ();
}

/// Somebody looks at a region on this node: its whole samples are wanted for the next half minute. From the web to the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest(pub RegionName);

impl actix::Message for Interest {
    type Result = ();
}

/// One live node of a region, as its Redis has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub node: NodeName,
    /// Another one with each start.
    pub boot: u64,
    /// It hands over and ends: nothing new is given to it.
    pub leaving: bool,
    /// The newest version of the wire that it reads.
    pub wire: u16,
}

/// Who leads the region's alert stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// Nobody, or nobody knows.
    Free,
    /// Another node.
    Other(NodeName),
    /// This one, with this fence; to be given up at once when `until` has passed without a newer [`Membership`].
    Mine {
        /// Higher than that of every earlier leader.
        fence: u64,
        /// By the monotonic clock.
        until: Instant,
        /// The region's Redis was wiped: nothing of what it should hold is there. The leader must write everything anew.
        wiped: bool,
    },
}

/// A region of this node as its Redis last told: who is alive and who leads. Told with each beat, also when Redis does not answer.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Which region.
    pub region: RegionName,
    /// This node.
    pub me: NodeName,
    /// All live nodes, this one among them, by name; while Redis does not answer those that it told last.
    pub members: Vec<Member>,
    /// When Redis last answered; none: not yet since the start.
    pub answered: Option<Instant>,
    /// Who leads.
    pub lease: Lease,
}

impl Membership {
    /// How long Redis has not answered; since `started` when it never did.
    pub fn silence(&self, started: Instant, now: Instant) -> Duration {
        now.saturating_duration_since(self.answered.unwrap_or(started))
    }
}

impl actix::Message for Membership {
    type Result = ();
}

/// How well this node hears the bus of one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Which region's.
    pub region: RegionName,
    /// When its Redis last answered; none: never.
    pub answered: Option<Instant>,
    /// Why it does not answer, without secrets; none while it does.
    pub trouble: Option<String>,
    /// The way there and back, milliseconds: the newest smooth mean.
    pub round_trip_ms: Option<f64>,
    /// Messages read since the start.
    pub read: u64,
    /// Messages that were never seen, by the gaps in their numbers.
    pub missed: u64,
    /// Messages left out because they could not be read: another version, broken.
    pub skipped: u64,
    /// How old the newest message was when it was read, by that Redis's clock, milliseconds.
    pub lag_ms: Option<f64>,
}

/// The bus as this node sees it, for `/readyz`, metrics and the verdict on regions.
#[derive(Debug, Clone, Default)]
pub struct BusState {
    /// Every region's, by name.
    pub links: std::collections::BTreeMap<RegionName, Link>,
    /// The regions of this node.
    pub homes: std::collections::BTreeMap<RegionName, Membership>,
    /// Messages written since the start.
    pub written: u64,
    /// Reports that a newer one of the same target replaced before they could be written.
    pub overtaken: u64,
    /// Messages that a reader on this node was too busy to take.
    pub dropped: u64,
    /// The version of the wire that is written now.
    pub wire: u16,
    /// Whether health is written to the cache, and why not.
    pub cache: Option<String>,
}
