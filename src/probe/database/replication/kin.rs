//! The servers of one node that are copies of the same system, by its identifier. A replica that receives nothing cannot know whether its
//! primary moved on; where the primary is watched too, this node does. And a replica that is watched itself is not judged a second time by
//! what its primary says of it. Pure: each server tells where it stands with every reading.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Standing;
use crate::model::vitals::Role;

/// A server that told nothing for longer is not seen now: some of the slowest replication intervals.
const SEEN: Duration = Duration::from_secs(30);

/// Ends of WAL that are remembered of a server; when they become too many every other one goes. With 5 s between two that is some 20 minutes
/// to the second, and hours to the minute.
const MOST_ENDS: usize = 256;

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
    /// The slot by which it receives, and whether it does.
    slot: Option<String>,
    streaming: bool,
    /// When its WAL was first seen to end there, the oldest first.
    ends: VecDeque<(u64, Instant)>,
}

impl Member {
    /// Goes on from where it stood before.
    fn follows(mut self, before: Option<Self>) -> Self {
        let same = |before: &Self| (before.system, before.role) == (self.system, self.role) && before.end <= self.end;
        self.ends = before.filter(same).map(|before| before.ends).unwrap_or_default();
        if self.ends.back().is_none_or(|(end, _)| *end < self.end) {
            self.ends.push_back((self.end, self.at));
        }
        if self.ends.len() > MOST_ENDS {
            let mut nth = 0;
            self.ends.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
        }
        self
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
pub struct Watched {
    /// The slots by which they do.
    pub slots: BTreeSet<String>,
    /// How many do without one.
    pub without_slot: usize,
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
                slot: standing.slot.clone(),
                streaming: standing.streaming,
                ends: VecDeque::new(),
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
            primaries.max_by_key(|member| (member.timeline, member.at)).map(|member| {
                let passed = member.ends.iter().find(|(end, _)| *end > arrived).map(|(_, at)| *at);
                Primary { end: member.end, at: member.at, passed }
            })
        })
    }

    /// The replicas of that system that are seen now and receive.
    pub fn replicas(&self, now: Instant, system: Option<i64>) -> Watched {
        self.kin.locked(|state| {
            let mut watched = Watched::default();
            for member in state.members.values() {
                let is_seen = now.saturating_duration_since(member.at) <= SEEN;
                if is_seen && member.streaming && Some(member.system) == system && member.role == Role::Replica {
                    match &member.slot {
                        Some(slot) => drop(watched.slots.insert(slot.clone())),
                        None => watched.without_slot += 1,
                    }
                }
            }
            watched
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
