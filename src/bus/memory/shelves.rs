//! What one region's Redis holds, and what its scripts do to it, as plain code: who is alive, who leads, what is kept. The Lua beside the
//! Redis adapter does the same, and the contract suite holds both to it.
//!
//! **Wiped.** Until something was written anew the region is not `born`: then those who want to lead offer the version of their own copy,
//! and once all had the time to, the newest copy leads.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    bus::transport::{Beat, HEARD, LEASE, OFFERS, Tended},
    model::{
        NodeName, Timestamp,
        cluster::{Commit, Committed, Item, Kept, Member, Shelf},
    },
};

/// One region's state; moments are milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    members: BTreeMap<NodeName, Known>,
    lease: Option<Holder>,
    fence: u64,
    born: bool,
    version: u64,
    items: BTreeMap<(Shelf, String), String>,
    /// When the first offer since the wipe was made, and all: version and when.
    offers: (i64, BTreeMap<NodeName, (u64, i64)>),
}

#[derive(Debug)]
struct Known {
    member: Member,
    version: u64,
    heard: i64,
}

#[derive(Debug)]
struct Holder {
    node: NodeName,
    boot: u64,
    fence: u64,
    until: i64,
}

impl Shelves {
    pub(super) fn tend(&mut self, beat: &Beat, now: i64) -> Tended {
        self.lease.take_if(|holder| holder.until <= now);
        self.members.retain(|_, known| lives(known.heard, now));
        let name_taken = self.members.get(&beat.node).is_some_and(|known| known.member.boot != beat.boot);
        if !name_taken {
            self.note(beat, now);
            self.decide(beat, now);
        }
        Tended {
            members: self.members.values().map(|known| (known.member.clone(), since(known.heard, now))).collect(),
            leader: self.lease.as_ref().map(|holder| (holder.node.clone(), holder.boot, holder.fence)),
            lasts: self.lease.as_ref().map_or(Duration::ZERO, |holder| since(now, holder.until)),
            wiped: !self.born,
            name_taken,
            time: Timestamp(chrono::DateTime::from_timestamp_millis(now).unwrap_or_default()),
        }
    }

    fn note(&mut self, beat: &Beat, now: i64) {
        if beat.gone || !beat.wants_lease {
            self.offers.1.remove(&beat.node);
        }
        if beat.gone {
            self.members.remove(&beat.node);
        } else {
            let member = Member { node: beat.node.clone(), boot: beat.boot, leaving: beat.leaving, wire: beat.wire };
            self.members.insert(beat.node.clone(), Known { member, version: beat.version, heard: now });
        }
    }

    fn decide(&mut self, beat: &Beat, now: i64) {
        let wants = beat.wants_lease && !beat.gone;
        let newest = self.members.values().map(|known| known.version).max().unwrap_or_default().max(self.version);
        let is_whole = self.born && self.version >= newest;
        let may = wants && (is_whole || self.is_best(beat, now));
        if let Some(holder) = &mut self.lease
            && (&holder.node, holder.boot) == (&beat.node, beat.boot)
        {
            holder.until = now + LEASE.as_millis() as i64;
            self.lease.take_if(|_| !wants);
            return;
        }
        if self.lease.is_none() && may {
            self.fence = (self.fence + 1).max((newest >> 32) + 1);
            let until = now + LEASE.as_millis() as i64;
            self.lease = Some(Holder { node: beat.node.clone(), boot: beat.boot, fence: self.fence, until });
        }
    }

    /// Offers this node's copy, and says whether it is the newest of all that were offered while there was time to.
    fn is_best(&mut self, beat: &Beat, now: i64) -> bool {
        let (first, offers) = &mut self.offers;
        offers.retain(|_, (_, made)| lives(*made, now));
        if offers.is_empty() {
            *first = now;
        }
        offers.insert(beat.node.clone(), (beat.version, now));
        let waited = since(*first, now) >= OFFERS;
        let newest = offers.iter().max_by(|(a, (older, _)), (b, (newer, _))| older.cmp(newer).then(b.cmp(a)));
        waited && newest.is_some_and(|(node, _)| node == &beat.node)
    }

    pub(super) fn commit(&mut self, commit: &Commit, now: i64) -> Committed {
        if !self.lease.as_ref().is_some_and(|holder| holder.fence == commit.fence && holder.until > now) {
            return Committed::Fenced;
        }
        if commit.anew {
            self.items.clear();
        } else if !self.born {
            return Committed::Wiped;
        } else if self.version != commit.base {
            return Committed::Behind(self.version);
        }
        for Item { shelf, id, json } in commit.items.iter() {
            match json {
                Some(json) => self.items.insert((*shelf, id.clone()), json.clone()),
                None => self.items.remove(&(*shelf, id.clone())),
            };
        }
        (self.born, self.version) = (true, commit.version);
        self.offers.1.clear();
        Committed::Done
    }

    pub(super) fn load(&self) -> Kept {
        let items = self.items.iter();
        let items = items.map(|((shelf, id), json)| Item { shelf: *shelf, id: id.clone(), json: Some(json.clone()) });
        Kept { version: self.version, items: items.collect() }
    }
}

/// Whether somebody heard then is alive now. A moment that is yet to come is from before the clock was set back.
fn lives(heard: i64, now: i64) -> bool {
    (now - heard).unsigned_abs() <= HEARD.as_millis() as u64
}

fn since(then: i64, now: i64) -> Duration {
    Duration::from_millis((now - then).max(0).unsigned_abs())
}
