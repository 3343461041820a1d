//! A family: all episodes of one problem on their way to one address. Providers know an alert by what does not change from one episode to
//! the next, so an end that comes late would end the episode after it. Here they take turns. Pure.

use std::collections::BTreeSet;

use super::{Lane, Outbox};

/// Whose turn it is for: the identity without the episode, and the address.
pub(super) type Name = (String, String, Option<String>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// Its orders that are not finished.
    pub(super) open: BTreeSet<u64>,
    /// Its newest episode.
    pub(super) newest: String,
    /// Refreshes under way: what follows must not overtake them.
    pub(super) refreshing: usize,
}

/// An incident's id ends in the episode: `<fingerprint>-<hexadecimal number>`.
pub(super) fn name(lane: &Lane) -> Name {
    let about = lane.about.rsplit_once('-').map_or(lane.about.as_str(), |(problem, _)| problem);
    (about.to_owned(), lane.channel.clone(), lane.recipient.clone())
}

impl Outbox {
    pub(super) fn family(&self, lane: &Lane) -> Option<&Family> {
        self.families.get(&name(lane))
    }

    pub(super) fn family_mut(&mut self, lane: &Lane) -> &mut Family {
        let family = self.families.entry(name(lane)).or_default();
        if family.newest < lane.about {
            family.newest.clone_from(&lane.about);
        }
        family
    }

    /// The lane whose turn it is.
    pub(super) fn in_turn(&self, lane: &Lane) -> Option<Lane> {
        let first = self.family(lane)?.open.first()?;
        self.rows.get(first).map(|row| row.order.lane.clone())
    }
}
