//! The picture over all regions. The aggregator publishes it; web workers read it without asking an actor.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{NodeName, Reason, RegionName, Report, Sample, Status, TargetName, Timestamp, report::RosterState, vitals::Vitals};

/// The world as this node sees it; immutable, replaced as a whole, its parts shared.
#[derive(Debug, Clone)]
pub struct World {
    /// The judgement over all regions.
    pub status: Status,
    /// When the newest report of any target was measured.
    pub updated_at: Timestamp,
    /// When the aggregator last looked at all of it; a picture that nobody keeps is worth nothing.
    pub judged: Instant,
    /// Silent regions whose bus this node cannot reach: it is this node's view that is cut off.
    pub cut_off: BTreeSet<RegionName>,
    /// Region by region.
    pub regions: BTreeMap<RegionName, Arc<Region>>,
}

/// One region.
#[derive(Debug, Clone)]
pub struct Region {
    /// The judgement over its targets; unknown when no live node reports it.
    pub status: Status,
    /// Rules about the region itself that are in breach (`region_blind`).
    pub reasons: Vec<Reason>,
    /// When any of its nodes was last heard, for judging.
    pub heard: Option<Instant>,
    /// When any of its nodes was last heard, for people.
    pub heard_at: Option<Timestamp>,
    /// How its probes are, on all its live nodes together.
    pub roster: RosterState,
    /// Its nodes, those that fell silent in the last minutes among them.
    pub nodes: BTreeMap<NodeName, NodeState>,
    /// Its targets.
    pub targets: BTreeMap<TargetName, Arc<Target>>,
}

/// One node of a region, as it was last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// When, for judging.
    pub heard: Instant,
    /// When, for people.
    pub heard_at: Timestamp,
    /// How its probes are.
    pub roster: RosterState,
}

/// One target: its newest report and its first trends.
#[derive(Debug, Clone)]
pub struct Target {
    /// The newest report, without its transitions.
    pub report: Report,
    /// The sample as that node sent it: nothing in it is less urgent because of what other regions see.
    pub found: Arc<Sample>,
    /// The node that sent it.
    pub node: NodeName,
    /// When anything was last heard of it.
    pub heard: Instant,
    /// The newest slow signals; empty before the first.
    pub vitals: Arc<Vitals>,
    /// Trends of the last minutes.
    pub trends: Arc<Vec<Trend>>,
}

impl Target {
    /// One of which only a report is known.
    pub fn of(report: Report, node: NodeName, heard: Instant) -> Self {
        let found = Arc::clone(&report.sample);
        Self { report, found, node, heard, vitals: Arc::default(), trends: Arc::default() }
    }

    /// The newest report as it came: what whoever judges the target from now on goes on from.
    #[must_use]
    pub fn as_found(&self) -> Report {
        Report { sample: Arc::clone(&self.found), ..self.report.clone() }
    }
}

/// How pushing figures to a collector goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pushes {
    /// That were taken, wholly or in part.
    pub taken: u64,
    /// That were not.
    pub failed: u64,
    /// Points that were not, of pushes that were.
    pub rejected_points: u64,
    /// What is wrong with the newest one, when something is.
    pub trouble: Option<String>,
}

/// How one figure moves over the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// The figure's path in the sample, e.g. `connectionPool.utilization`.
    pub metric: String,
    /// The newest value.
    pub now: f64,
    /// Mean over the window.
    pub mean: f64,
    /// Smallest in the window.
    pub min: f64,
    /// Largest in the window.
    pub max: f64,
    /// Robust slope (Theil-Sen), in the figure's unit per minute.
    pub slope_per_minute: f64,
    /// How much of the window there is, milliseconds.
    pub window_ms: u64,
}

impl World {
    /// A picture older than this is not kept any more: its keeper hangs, and what it shows is unknown.
    pub const KEPT_WITHIN: Duration = Duration::from_secs(5);

    /// A world of which nothing is known yet: these regions, each unknown.
    pub fn unseen(regions: impl IntoIterator<Item = RegionName>, at: Timestamp, now: Instant) -> Self {
        let region = |name| (name, Arc::new(Region::unseen()));
        let regions = regions.into_iter().map(region).collect();
        Self { status: Status::Unknown, updated_at: at, judged: now, cut_off: BTreeSet::new(), regions }
    }

    /// Whether its keeper still keeps it.
    pub fn is_kept(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.judged) <= Self::KEPT_WITHIN
    }

    /// One target, when it is known.
    pub fn target(&self, region: &str, target: &str) -> Option<&Arc<Target>> {
        self.regions.get(&region.into())?.targets.get(&target.into())
    }
}

impl Region {
    /// A region that nobody has reported yet.
    pub fn unseen() -> Self {
        Self {
            status: Status::Unknown,
            reasons: Vec::new(),
            heard: None,
            heard_at: None,
            roster: RosterState::default(),
            nodes: BTreeMap::new(),
            targets: BTreeMap::new(),
        }
    }
}

/// The aggregator's mail to its subscribers: the world after a change, and what changed in it.
#[derive(Debug, Clone)]
pub struct WorldChange {
    /// The world after it.
    pub world: Arc<World>,
    /// The targets whose report is new.
    pub reports: Vec<Report>,
    /// The targets that are gone.
    pub removed: Vec<super::TargetId>,
}

impl actix::Message for WorldChange {
    type Result = ();
}
