//! What a supervisor is told.

use actix::{Message, Recipient};

use crate::{
    model::{Report, report::Batch},
    probe::TargetSettings,
    region::thresholds::Thresholds,
};

/// A target that this node is to watch.
#[derive(Debug, Clone)]
pub struct Given {
    /// What to watch.
    pub settings: TargetSettings,
    /// The levels it is judged by.
    pub thresholds: Thresholds,
    /// What was last known of it, when another node watched it until now.
    pub last: Option<Report>,
}

/// The targets that this node is to watch from now on, of those that the nodes of the region share. New ones go on from what was last
/// known; those that are not among them stop without a word, since others watch them.
#[derive(Debug)]
pub struct Share {
    /// All of them.
    pub targets: Vec<Given>,
}

impl Message for Share {
    type Result = ();
}

/// The targets of a new configuration: those that are gone stop and are told as removed, unchanged ones are not touched, and those that are
/// new start, unless a [`Share`] says which are this node's.
#[derive(Debug)]
pub struct Reconfigure {
    /// All of them.
    pub targets: Vec<(TargetSettings, Thresholds)>,
}

impl Message for Reconfigure {
    type Result = ();
}

/// The configuration has this region no more: its probes end, its targets are told as removed, the actor ends.
#[derive(Debug)]
pub struct Retire;

impl Message for Retire {
    type Result = ();
}

/// Where batches go from now on: the aggregator was replaced.
#[derive(Debug)]
pub struct ReportTo(pub Recipient<Batch>);

impl Message for ReportTo {
    type Result = ();
}
