//! What one region's Redis holds, and what its scripts do to it, as plain code: who is alive, who leads, what is kept. The Lua beside the
//! Redis adapter does the same, and the contract suite holds both to it.
//!
//! **Wiped.** Until something was written anew the region is not `born`: then those who want to lead offer the version of their own copy,
//! and once all had the time to, the newest copy leads.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    bus::transport::{Beat, HEARD, Holder, LEASE, OFFERS, Tended},
    model::{
        NodeName, Timestamp,
        cluster::{Commit, Committed, Item, Kept, Member, Shelf},
    },
};

/// One region's state; moments are milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    members: BTreeMap<NodeName, Known>,
    lease: Option<Lease>,
    fence: u64,
    born: bool,
    version: u64,
    /// What was applied last, and whose that was.
    last: Option<(Holder, Commit)>,
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
struct Lease {
    holder: Holder,
    fence: u64,
    until: i64,
}

impl Shelves {
    pub(super) fn tend(&mut self, beat: &Beat, now: i64) -> Tended {
        self.lease.take_if(|lease| lease.until <= now);
        self.members.retain(|_, known| lives(known.heard, now));
        let name_taken = self.members.get(&beat.node).is_some_and(|known| known.member.boot != beat.boot);
        if !name_taken {
            self.note(beat, now);
            self.decide(beat, now);
        }
        Tended {
            members: self.members.values().map(|known| (known.member.clone(), since(known.heard, now))).collect(),
            leader: self.lease.as_ref().map(|lease| (lease.holder.node.clone(), lease.holder.boot, lease.fence)),
            lasts: self.lease.as_ref().map_or(Duration::ZERO, |lease| since(now, lease.until)),
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
        let holder = Holder { node: beat.node.clone(), boot: beat.boot };
        if let Some(lease) = self.lease.as_mut().filter(|lease| lease.holder == holder) {
            lease.until = now + LEASE.as_millis() as i64;
            self.lease.take_if(|_| !wants);
            return;
        }
        if self.lease.is_none() && may {
            self.fence = (self.fence + 1).max((newest >> 32) + 1);
            let until = now + LEASE.as_millis() as i64;
            self.lease = Some(Lease { holder, fence: self.fence, until });
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

    /// Makes a change, unless it was the last one; tells what came of it, and whether it is news.
    pub(super) fn commit(&mut self, by: &Holder, commit: &Commit, now: i64) -> (Committed, bool) {
        let is_the_last = |(whose, last): &(Holder, Commit)| whose == by && last == commit && commit.version == self.version;
        let is_told = self.last.as_ref().is_some_and(is_the_last);
        let committed = self.apply(by, commit, is_told, now);
        (committed, committed == Committed::Done && !is_told)
    }

    fn apply(&mut self, by: &Holder, commit: &Commit, is_done: bool, now: i64) -> Committed {
        let holds = |lease: &Lease| lease.holder == *by && lease.fence == commit.fence && lease.until > now;
        if !self.lease.as_ref().is_some_and(holds) {
            return Committed::Fenced;
        }
        if is_done {
            return Committed::Done;
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
        (self.born, self.version, self.last) = (true, commit.version, Some((by.clone(), commit.clone())));
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
