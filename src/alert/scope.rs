//! Whose incidents are whose: each region tells of its own targets, and of regions that nobody sees the first live one in rendezvous order,
//! so that every region pages for itself and a dark one is paged once. Pure.

use std::collections::BTreeSet;

use super::incident::Subject;
use crate::model::{RegionName, world::World};

/// What this desk tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The region whose desk it is; none: all of them, as without a bus.
    pub home: Option<RegionName>,
    /// Fingerprints of incidents about regions that another region's leader has told of, and that are not over there.
    pub told_elsewhere: BTreeSet<String>,
}

/// Whether an incident is for this desk to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Yes.
    Ours,
    /// No: that region tells it. Kept, and shown as held back by it.
    Theirs(RegionName),
    /// Ours, but this region sees less than half of the world and may be the one that is cut off: held back for some time.
    Doubtful,
}

impl Scope {
    /// Whose an incident is, as the world is now.
    pub fn whose(&self, _subject: &Subject, _world: &World) -> Whose {
        todo!()
    }
}
