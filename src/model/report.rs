//! A target's whole state at one moment, judged: the mail from region to aggregate, and later over the bus. Whole state,
//! so a lost report heals with the next; everything heavy is shared, so forwarding costs a few reference counts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Sample, TargetId, Transition,
    activity::Activity,
    counters::{DatabaseCounters, PoolerDetail},
    queries::Queries,
};

/// One target's whole state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The sample, as the API shows it.
    pub sample: Arc<Sample>,
    /// Whether its region is unhealthy when this target is.
    pub critical: bool,
    /// `host:port` of its server, which targets may share.
    pub server: Arc<str>,
    /// What changed with this report; the only part that is not state.
    pub transitions: Vec<Transition>,
    /// Sessions; none when they cannot be seen.
    pub activity: Option<Arc<Activity>>,
    /// Statements; none when they cannot be read.
    pub queries: Option<Arc<Queries>>,
    /// Counters of the database; none when they cannot be read.
    pub counters: Option<Arc<DatabaseCounters>>,
    /// Details of the poolers, in the order of the configuration.
    pub poolers: Vec<Arc<PoolerDetail>>,
}

impl Report {
    /// Which target it is about.
    pub fn id(&self) -> TargetId {
        TargetId { region: self.sample.region.clone(), target: self.sample.target.clone() }
    }

    /// The same without its details, as it crosses regions.
    #[must_use]
    pub fn light(&self) -> Self {
        Self {
            sample: Arc::clone(&self.sample),
            critical: self.critical,
            server: Arc::clone(&self.server),
            transitions: self.transitions.clone(),
            activity: None,
            queries: None,
            counters: None,
            poolers: Vec::new(),
        }
    }

    /// Whether it has no details.
    pub const fn is_light(&self) -> bool {
        self.activity.is_none() && self.queries.is_none() && self.counters.is_none() && self.poolers.is_empty()
    }
}

/// What one node says of one region at a time: its heartbeat and what is new. From the region's supervisor on this node, or from
/// another node by the bus.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Which region.
    pub region: super::RegionName,
    /// Which node; a node without a bus is the only one.
    pub node: super::NodeName,
    /// How its probes are; none when this mail does not say, as with samples from another node.
    pub roster: Option<RosterState>,
    /// New reports since the last batch, at most one per target; empty in a mere heartbeat.
    pub reports: Vec<Report>,
    /// The newest figures of targets whose judgement did not change; from far nodes only.
    pub figures: Vec<super::cluster::Figures>,
    /// Slow signals that are new.
    pub vitals: Vec<(super::TargetName, Arc<super::vitals::Vitals>)>,
    /// The replication of targets, as far nodes tell of it: the only slow signal that others judge by.
    pub copies: Vec<(super::TargetName, Arc<super::vitals::Replication>)>,
    /// How targets of other regions look from this one.
    pub views: Vec<(TargetId, super::cluster::View)>,
    /// Targets that the configuration no longer has.
    pub removed: Vec<TargetId>,
}

/// How a region's probes are, for `/readyz` and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RosterState {
    /// Targets of the region.
    pub targets: u32,
    /// Probe actors that should live.
    pub probes: u32,
    /// Those that have not spoken within their limit now.
    pub silent: u32,
    /// Restarts after a panic since the start.
    pub panics: u64,
    /// Restarts after silence since the start.
    pub hangs: u64,
    /// Probes given up because they used up their restart budget.
    pub given_up: u32,
    /// Readings dropped because a mailbox was full.
    pub dropped: u64,
    /// Targets that have reported at least once.
    pub seen: u32,
}

impl actix::Message for Batch {
    type Result = ();
}
