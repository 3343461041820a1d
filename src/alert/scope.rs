//! Whose incidents are whose: each region tells of its own targets, and of regions that nobody sees the first live one in rendezvous order,
//! so that every region pages for itself and a dark one is paged once. The first one may see a region that others do not: then it is the way
//! there that is cut, and of those who say that they do not see it the first one tells. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::incident::Subject;
use crate::model::{
    RegionName, Rule,
    cluster::rendezvous,
    world::{Region, World},
};

/// Incidents about Isobar itself belong to no region: each desk tells of its own.
pub(super) const ITSELF: &str = "isobar";

/// What this desk tells of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// The region whose desk it is; none: all of them, as without a bus.
    pub home: Option<RegionName>,
    /// Fingerprints of incidents about regions that another region's leader has told of, and that are not over there; only while that
    /// region is seen itself.
    pub told_elsewhere: BTreeSet<String>,
    /// Fingerprints of incidents about regions that the leaders of other regions say are open, told or not, and those regions; only while
    /// they are seen themselves.
    pub blind_from: BTreeMap<String, BTreeSet<RegionName>>,
}

/// Whether an incident is for this desk to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Yes.
    Ours,
    /// No: that region tells it. Kept, and shown as held back by it.
    Theirs(RegionName),
    /// Ours, when it lasts: the region that would tell it is there and does not say that it is blind too.
    Partial {
        /// That region.
        seen_from: RegionName,
    },
    /// Ours, but this region sees less than half of the world and may be the one that is cut off: held back for some time.
    Doubtful,
}

impl Scope {
    /// Whether this desk watches the targets of a region.
    pub fn watches(&self, region: &RegionName) -> bool {
        self.home.as_ref().is_none_or(|home| home == region)
    }

    /// Whose an incident is, as the world is now. What another region has told stays with it, whoever would be first now.
    pub fn whose(&self, subject: &Subject, world: &World) -> Whose {
        let Some(home) = self.home.as_ref().filter(|_| subject.region.as_str() != ITSELF) else { return Whose::Ours };
        if subject.rule != Rule::RegionBlind || subject.region == *home {
            return if subject.region == *home { Whose::Ours } else { Whose::Theirs(subject.region.clone()) };
        }
        // Whoever looks is there.
        let lives = |(name, region): &(&RegionName, &std::sync::Arc<Region>)| *name == home || is_there(region);
        let live: BTreeSet<&str> =
            world.regions.iter().filter(lives).map(|(name, _)| name.as_str()).chain([home.as_str()]).collect();
        let fingerprint = subject.fingerprint();
        let others = |name: &&str| *name != home.as_str() && *name != subject.region.as_str();
        if self.told_elsewhere.contains(&fingerprint)
            && let Some(other) = rendezvous::winner(&fingerprint, live.iter().copied().filter(others))
        {
            return Whose::Theirs(other.into());
        }
        let may = live.iter().copied().filter(|name| *name != subject.region.as_str());
        let blind = self.blind_from.get(&fingerprint);
        let is_blind_there = |name: &str| blind.is_some_and(|regions| regions.iter().any(|region| region.as_str() == name));
        match rendezvous::winner(&fingerprint, may.clone()) {
            Some(first) if first != home.as_str() => {
                let cannot_see = may.filter(|name| *name == home.as_str() || is_blind_there(name));
                match rendezvous::winner(&fingerprint, cannot_see) {
                    Some(teller) if teller != home.as_str() => Whose::Theirs(teller.into()),
                    _ => Whose::Partial { seen_from: first.into() },
                }
            }
            _ if live.len() * 2 < world.regions.len() => Whose::Doubtful,
            _ => Whose::Ours,
        }
    }
}

/// Whether anybody sees that region now.
pub(super) fn is_seen(world: &World, region: &RegionName) -> bool {
    world.regions.get(region).is_some_and(|region| is_there(region))
}

fn is_there(region: &Region) -> bool {
    region.heard.is_some() && !region.reasons.iter().any(|reason| reason.rule == Rule::RegionBlind)
}

#[cfg(test)]
mod tests;
