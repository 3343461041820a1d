//! The servers of one node that are copies of the same system, by its identifier. A replica that receives nothing cannot know whether its
//! primary moved on; where the primary is watched too, this node does. And a replica that is watched itself is not judged a second time by
//! what its primary says of it. Pure: each server tells where it stands with every reading.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Standing, ends::Ends};
use crate::model::vitals::{Replica, Role};

/// A server that told nothing for longer is not seen now: some of the slowest replication intervals.
pub(super) const SEEN: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub struct Kin(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    members: HashMap<u64, Member>,
}

/// Where a server stood last.
#[derive(Debug)]
struct Member {
    system: i64,
    role: Role,
    timeline: u32,
    end: u64,
    at: Instant,
    /// How it receives, while it does.
    receives: Option<Receiver>,
    /// When its WAL was first seen to end where.
    ends: Ends,
}

impl Member {
    /// Goes on from where it stood before.
    fn follows(mut self, before: Option<Self>) -> Self {
        let same = |before: &Self| (before.system, before.role) == (self.system, self.role);
        self.ends = before.filter(same).map(|before| before.ends).unwrap_or_default();
        self.ends.push(self.end, self.at);
        self
    }
}

/// By what a replica that receives can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Receiver {
    /// The slot that it reads.
    slot: Option<String>,
    /// Its own address, where it has one.
    address: Option<String>,
}

impl Receiver {
    /// Whether nothing that is known speaks against it.
    fn may_be(&self, follower: &Replica) -> bool {
        let differ = matches!((&self.address, &follower.address), (Some(own), Some(seen)) if own != seen);
        self.slot.is_none() && follower.slot.is_none() && !differ
    }
}

/// One server's place among them; it is forgotten with it.
#[derive(Debug)]
pub struct Seat {
    kin: Arc<Kin>,
    own: u64,
}

/// The primary of a replica, as this node saw it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primary {
    /// Where its WAL ended.
    pub end: u64,
    /// When that was.
    pub at: Instant,
    /// When it was first seen to end beyond what arrived at the replica.
    pub passed: Option<Instant>,
}

/// The replicas of a system that are seen now and receive.
#[derive(Debug, Default)]
pub struct Watched(Vec<Receiver>);

impl Watched {
    /// Whether this follower, one of all that copy the server, is one of them: by its slot, or by its address, as far as both are known. Of
    /// several that look the same it is so when all of them are.
    pub fn has(&self, follower: &Replica, all: &[&Replica]) -> bool {
        if follower.slot.is_some() {
            return self.0.iter().any(|receiver| receiver.slot == follower.slot);
        }
        let may_be = || self.0.iter().filter(|receiver| receiver.may_be(follower));
        let rivals = all.iter().filter(|rival| may_be().any(|receiver| receiver.may_be(rival))).count();
        rivals > 0 && may_be().count() >= rivals
    }
}

impl Seat {
    /// A place for one more server.
    pub fn among(kin: &Arc<Kin>) -> Self {
        let own = kin.locked(|state| {
            state.next += 1;
            state.next
        });
        Self { kin: Arc::clone(kin), own }
    }

    /// Where this server stands now.
    pub fn tell(&self, now: Instant, standing: &Standing) {
        self.kin.locked(|state| {
            let member = standing.system.zip(standing.end).map(|(system, end)| Member {
                system,
                role: standing.role,
                timeline: standing.timeline.unwrap_or_default(),
                end,
                at: now,
                receives: standing.streaming.then(|| Receiver { slot: standing.slot.clone(), address: standing.address.clone() }),
                ends: Ends::default(),
            });
            let before = state.members.remove(&self.own);
            if let Some(member) = member {
                state.members.insert(self.own, member.follows(before));
            }
        });
    }

    /// The primary of that system, if another server of this node is it or was it last: of several the one with the newest timeline, since
    /// the others were left behind. `arrived` is how far the replica has come.
    pub fn primary(&self, system: Option<i64>, arrived: u64) -> Option<Primary> {
        self.kin.locked(|state| {
            let others = state.members.iter().filter(|(own, member)| **own != self.own && Some(member.system) == system);
            let primaries = others.map(|(_, member)| member).filter(|member| member.role == Role::Primary);
            let newest = primaries.max_by_key(|member| (member.timeline, member.at));
            newest.map(|member| Primary { end: member.end, at: member.at, passed: member.ends.passed(arrived) })
        })
    }

    /// The replicas of that system that are seen now and receive.
    pub fn replicas(&self, now: Instant, system: Option<i64>) -> Watched {
        self.kin.locked(|state| {
            let is_seen = |member: &&Member| now.saturating_duration_since(member.at) <= SEEN;
            let replicas = state.members.values().filter(|member| Some(member.system) == system && member.role == Role::Replica);
            Watched(replicas.filter(is_seen).filter_map(|member| member.receives.clone()).collect())
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.kin.locked(|state| state.members.remove(&self.own));
    }
}

impl Kin {
    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
