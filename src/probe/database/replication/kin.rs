//! The servers that are copies of the same system, by its identifier. A replica that receives nothing cannot know whether its
//! primary moved on; where the primary is watched too, whoever watches it does. And a replica that is watched itself is not judged a second
//! time by what its primary says of it. Pure: each server of this node tells where it stands with every reading, and those of other nodes are
//! heard of over the bus.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Standing, ends::Ends};
use crate::model::vitals::{Replica, Replication, Role};

/// A server that told nothing for longer is not seen now: some of the slowest replication intervals.
pub(super) const SEEN: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub struct Kin(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    members: HashMap<Place, Member>,
}

/// Who watches a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// This node, from that seat.
    Here(u64),
    /// Other nodes; by its address.
    Elsewhere(String),
}

/// Where a server stood last.
#[derive(Debug)]
struct Member {
    server: Arc<str>,
    /// What other nodes say of it.
    heard: Option<Arc<Replication>>,
    system: i64,
    role: Role,
    timeline: u32,
    end: u64,
    at: Instant,
    /// How it receives, while it does.
    receives: Option<Receiver>,
    /// How late those who follow it are, seconds, as it measured.
    followers: Vec<(Receiver, f64)>,
    /// When its WAL was first seen to end where.
    ends: Ends,
}

impl Member {
    /// What other nodes say of it, when that tells which system it is and where.
    fn of(server: &str, heard: &Arc<Replication>, at: Instant) -> Option<Self> {
        let system: u64 = heard.system.as_ref()?.parse().ok()?;
        let streams = heard.upstream.as_ref().filter(|upstream| upstream.streaming);
        Some(Self {
            server: server.into(),
            heard: Some(Arc::clone(heard)),
            system: system.cast_signed(),
            role: heard.role,
            timeline: heard.timeline.unwrap_or_default(),
            end: heard.wal_end?,
            at,
            receives: streams.map(|upstream| Receiver { slot: upstream.slot.clone(), address: heard.address.clone() }),
            followers: measured(&heard.replicas),
            ends: Ends::default(),
        })
    }

    /// How late that follower is; by its slot, or by an address that no other has.
    fn measured(&self, replica: &Receiver) -> Option<f64> {
        let is_it = |of: &Receiver| match &replica.slot {
            Some(slot) => of.slot.as_ref() == Some(slot),
            None => replica.address.is_some() && of == replica,
        };
        let mut found = self.followers.iter().filter(|(of, _)| is_it(of));
        found.next().filter(|_| found.next().is_none()).map(|(_, lag)| *lag)
    }

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
    fn of(standing: &Standing) -> Self {
        Self { slot: standing.slot.clone(), address: standing.address.clone() }
    }

    /// Whether nothing that is known speaks against it.
    fn may_be(&self, follower: &Replica) -> bool {
        let differ = matches!((&self.address, &follower.address), (Some(own), Some(seen)) if own != seen);
        self.slot.is_none() && follower.slot.is_none() && !differ
    }
}

/// How late followers are, where that was measured.
fn measured(followers: &[Replica]) -> Vec<(Receiver, f64)> {
    let receiver = |it: &Replica| Receiver { slot: it.slot.clone(), address: it.address.clone() };
    followers.iter().filter_map(|it| Some((receiver(it), it.replay_lag_seconds?))).collect()
}

/// One server's place among them; it is forgotten with it.
#[derive(Debug)]
pub struct Seat {
    kin: Arc<Kin>,
    own: Place,
    server: Arc<str>,
}

/// The primary of a replica, as it was seen last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Primary {
    /// Where its WAL ended.
    pub end: u64,
    /// When that was.
    pub at: Instant,
    /// When it was first seen to end beyond what arrived at the replica.
    pub passed: Option<Instant>,
    /// How late the replica is, seconds, as the primary measured; none when it cannot be told which of its followers that is.
    pub measured: Option<f64>,
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
    /// A place for one more server, which has that address.
    pub fn among(kin: &Arc<Kin>, server: &str) -> Self {
        let own = kin.locked(|state| {
            state.next += 1;
            Place::Here(state.next)
        });
        Self { kin: Arc::clone(kin), own, server: server.into() }
    }

    /// Where this server stands now.
    pub fn tell(&self, now: Instant, standing: &Standing, followers: &[Replica]) {
        self.kin.locked(|state| {
            let member = standing.system.zip(standing.end).map(|(system, end)| Member {
                server: Arc::clone(&self.server),
                heard: None,
                system,
                role: standing.role,
                timeline: standing.timeline.unwrap_or_default(),
                end,
                at: now,
                receives: standing.streaming.then(|| Receiver::of(standing)),
                followers: measured(followers),
                ends: Ends::default(),
            });
            let before = state.members.remove(&self.own);
            if let Some(member) = member {
                state.members.insert(self.own.clone(), member.follows(before));
            }
        });
    }

    /// The primary of that system, if another server is it or was it last: of several the one with the newest timeline, since
    /// the others were left behind. `arrived` is how far the replica has come.
    pub fn primary(&self, replica: &Standing, arrived: u64) -> Option<Primary> {
        self.kin.locked(|state| {
            let others = state.members.iter().filter(|(own, member)| **own != self.own && Some(member.system) == replica.system);
            let primaries = others.map(|(_, member)| member).filter(|member| member.role == Role::Primary);
            let newest = primaries.max_by_key(|member| (member.timeline, member.at));
            newest.map(|member| Primary {
                end: member.end,
                at: member.at,
                passed: member.ends.passed(arrived),
                measured: member.measured(&Receiver::of(replica)),
            })
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
    /// What other nodes say now of the servers that they watch, by the server's address. Of one that cannot be read now the last word counts;
    /// one that they do not watch any more is forgotten, and this node's own eyes come first.
    pub fn hear<'a>(&self, now: Instant, said: impl Iterator<Item = (&'a str, Option<&'a Arc<Replication>>)>) {
        self.locked(|state| {
            let is_own = |place: &Place| matches!(place, Place::Here(_));
            let own = state.members.iter().filter(|(place, _)| is_own(place));
            let own: HashSet<Arc<str>> = own.map(|(_, member)| Arc::clone(&member.server)).collect();
            let mut elsewhere = HashMap::new();
            for (server, heard) in said.filter(|(server, _)| !own.contains(*server)) {
                // Of several databases of one server the first speaks for it.
                if let Entry::Vacant(vacant) = elsewhere.entry(Place::Elsewhere(server.to_owned())) {
                    let before = state.members.remove(vacant.key());
                    let is_new =
                        |known: &Member| known.heard.as_ref().zip(heard).is_some_and(|(known, new)| !Arc::ptr_eq(known, new));
                    let member = match (before, heard) {
                        (Some(before), _) if !is_new(&before) => Some(before),
                        (before, Some(heard)) => Member::of(server, heard, now).map(|member| member.follows(before)),
                        (before, None) => before,
                    };
                    if let Some(member) = member {
                        vacant.insert(member);
                    }
                }
            }
            state.members.retain(|place, _| is_own(place));
            state.members.extend(elsewhere);
        });
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
