//! The servers of one node that are copies of the same system, by its identifier. A replica that receives nothing cannot know whether its
//! primary moved on; where the primary is watched too, this node does. And a replica that is watched itself is not judged a second time by
//! what its primary says of it. Pure: each server tells where it stands with every reading.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Standing;
use crate::model::vitals::Role;

/// A server that told nothing for longer is not seen now: some of the slowest replication intervals.
const SEEN: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub struct Kin(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    members: HashMap<u64, Member>,
}

/// Where a server stood last.
#[derive(Debug, Clone, Copy)]
struct Member {
    system: i64,
    role: Role,
    timeline: u32,
    end: u64,
    at: Instant,
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
            });
            match member {
                Some(member) => drop(state.members.insert(self.own, member)),
                None => drop(state.members.remove(&self.own)),
            }
        });
    }

    /// The primary of that system, if another server of this node is it or was it last: of several the one with the newest timeline, since
    /// the others were left behind.
    pub fn primary(&self, system: Option<i64>) -> Option<Primary> {
        self.kin.locked(|state| {
            let others = state.members.iter().filter(|(own, member)| **own != self.own && Some(member.system) == system);
            let primaries = others.map(|(_, member)| member).filter(|member| member.role == Role::Primary);
            primaries.max_by_key(|member| (member.timeline, member.at)).map(|member| Primary { end: member.end, at: member.at })
        })
    }

    /// How many replicas of that system are seen now.
    pub fn replicas(&self, now: Instant, system: Option<i64>) -> usize {
        self.kin.locked(|state| {
            let is_seen = |member: &&Member| now.saturating_duration_since(member.at) <= SEEN;
            let replicas = state.members.values().filter(|member| Some(member.system) == system && member.role == Role::Replica);
            replicas.filter(is_seen).count()
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
