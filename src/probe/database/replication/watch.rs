//! What only time tells of a server's replication: how old the newest replayed change is, since when nothing came, and what changed.
//!
//! | the replica | its lag |
//! | --- | --- |
//! | receives, and has replayed all of it | 0, however long ago that was: the primary is idle |
//! | receives, and is behind | the age of the newest replayed transaction, but no more than since it was last seen up to date |
//! | receives late; its primary is watched | also for how long the primary has been beyond what arrived, or how late it is by the primary's own measure: the way there is too slow |
//! | receives late; its primary is not watched | the same by what its sender last said of its end |
//! | receives nothing; its primary is watched | for how long that has been ahead; while the primary is silent it grows no more |
//! | receives nothing; its primary is not watched | for how long nothing came: nobody here can tell what it misses |
//! | is not set up to receive (an archive feeds it) | not known |
//!
//! With another role, timeline or system all of this begins anew, and the change is noted. Pure.

use std::time::{Duration, Instant};

use super::{
    Read, Seat, Standing,
    ends::Ends,
    kin::{Primary, SEEN},
};
use crate::model::{
    Timestamp,
    vitals::{Change, Replica, Replication, Role, Upstream},
};

/// See the module.
#[derive(Debug, Default)]
pub struct Watch {
    identity: Option<Identity>,
    change: Option<Change>,
    /// When all that had come was replayed, last.
    up_to_date: Option<Instant>,
    /// Since when nothing came, and how far it had come then.
    silent: Option<(Instant, u64)>,
    /// Since when the primary is ahead of what came.
    missing_since: Option<Instant>,
    /// Where the sender's WAL ended, as it said with what it sent.
    sender: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    role: Role,
    timeline: Option<u32>,
    system: Option<i64>,
}

impl Watch {
    /// What a reading shows.
    pub fn step(&mut self, now: Instant, wall: Timestamp, read: Read, seat: &Seat) -> Replication {
        let Read { mut standing, mut followers, slots, missing, .. } = read;
        standing.timeline = self.timeline(&standing);
        self.note(wall, &standing);
        seat.tell(now, &standing, &followers);
        let upstream = (standing.role == Role::Replica).then(|| {
            let lag_seconds = self.lag(now, &standing, seat.primary(&standing, arrived(&standing)));
            Upstream {
                streaming: standing.streaming,
                lag_bytes: standing.end.zip(standing.replayed).map(|(end, replayed)| end.saturating_sub(replayed)),
                lag_seconds,
                sender: standing.sender.clone(),
                slot: standing.slot.clone(),
                paused: standing.paused,
            }
        });
        let is_logical = |slot: &Option<String>| {
            slot.as_ref().is_some_and(|slot| slots.iter().any(|it| it.name == *slot && it.kind == "logical"))
        };
        // What only keeps WAL (pg_receivewal) replays nothing, and has no lag to be judged by.
        let copies = |follower: &Replica| !is_logical(&follower.slot) && follower.replay_lag_bytes.is_some();
        let watched = seat.replicas(now, standing.system);
        let all: Vec<&Replica> = followers.iter().filter(|follower| copies(follower)).collect();
        let marks: Vec<bool> = followers.iter().map(|follower| copies(follower) && watched.has(follower, &all)).collect();
        for (follower, mark) in followers.iter_mut().zip(marks) {
            follower.watched = mark;
        }
        Replication {
            role: standing.role,
            system: standing.system.map(|system| system.cast_unsigned().to_string()),
            timeline: standing.timeline,
            wal_end: standing.end,
            address: standing.address.clone(),
            change: self.change.clone(),
            upstream,
            replicas: followers,
            slots,
            slot_limit_bytes: standing.slot_limit,
            conflicts: None,
            conflict_causes: None,
            missing,
        }
    }

    /// A replica that receives nothing knows its timeline only as of its last restart point: that it has not gone back.
    fn timeline(&self, standing: &Standing) -> Option<u32> {
        let same =
            |known: &Identity| known.role == Role::Replica && (known.role, known.system) == (standing.role, standing.system);
        let before = self.identity.filter(same).and_then(|known| known.timeline);
        standing.timeline.max(before)
    }

    /// Notes another role, timeline or system, and forgets what was measured of the one before.
    fn note(&mut self, wall: Timestamp, standing: &Standing) {
        let new = Identity { role: standing.role, timeline: standing.timeline, system: standing.system };
        if let Some(old) = self.identity.replace(new).filter(|old| *old != new) {
            // What it cannot tell now and could before (a grant was taken back) is no change.
            let differs = old.role != new.role
                || matches!((old.timeline, new.timeline), (Some(old), Some(new)) if old != new)
                || matches!((old.system, new.system), (Some(old), Some(new)) if old != new);
            if differs {
                let other_system = old.system.zip(new.system).is_some_and(|(old, new)| old != new);
                let change = Change { at: wall, role: old.role, timeline: old.timeline, other_system };
                *self = Self { identity: Some(new), change: Some(change), ..Self::default() };
            }
        }
    }

    fn lag(&mut self, now: Instant, standing: &Standing, primary: Option<Primary>) -> Option<f64> {
        let replayed = standing.replayed.unwrap_or_default();
        let arrived = arrived(standing);
        let replay = if arrived > replayed { self.replay_lag(now, standing) } else { Some(0.0) };
        if arrived == replayed {
            self.up_to_date = Some(now);
        }
        if standing.streaming {
            (self.silent, self.missing_since) = (None, None);
            let late = self.late(now, standing, primary);
            return replay.map_or(late, |replay| Some(late.map_or(replay, |late| replay.max(late))));
        }
        if standing.follows == Some(false) {
            return None;
        }
        let silent = match self.silent {
            Some((since, before)) if arrived <= before => since,
            _ => now,
        };
        self.silent = Some((silent, arrived));
        let missed = match primary {
            Some(primary) if primary.end > arrived => {
                let since = *self.missing_since.get_or_insert(primary.passed.unwrap_or(primary.at));
                primary.at.saturating_duration_since(since)
            }
            Some(_) => {
                self.missing_since = None;
                Duration::ZERO
            }
            None => now.saturating_duration_since(silent),
        };
        Some(replay.unwrap_or_default().max(missed.as_secs_f64()))
    }

    /// For how long the primary, or the sender by its own word, has been beyond what arrived.
    fn late(&mut self, now: Instant, standing: &Standing, primary: Option<Primary>) -> Option<f64> {
        if let Some(end) = standing.sender_end {
            self.sender.push(end, now);
        }
        match primary {
            // Two looks at two servers are too young by as much as lies between them; what the primary measured is exact while it is ahead.
            Some(Primary { at, passed: Some(passed), measured, .. }) => {
                return Some(at.saturating_duration_since(passed).as_secs_f64().max(measured.unwrap_or_default()));
            }
            Some(primary) if now.saturating_duration_since(primary.at) <= SEEN => return None,
            _ => {}
        }
        let arrived = arrived(standing);
        let late = now.saturating_duration_since(self.sender.passed(arrived)?).as_secs_f64();
        // Nobody saw it pass, and more than what is just on its way is missing: then what is shown tells its age.
        let age = standing.replayed_age.filter(|_| late > 0.0 && self.sender.began_beyond(arrived));
        Some(age.map_or(late, |age| age.max(late)))
    }

    fn replay_lag(&self, now: Instant, standing: &Standing) -> Option<f64> {
        let at_most = self.up_to_date.map(|at| now.saturating_duration_since(at).as_secs_f64());
        match (standing.replayed_age, at_most) {
            (Some(age), Some(most)) => Some(age.min(most)),
            (age, most) => age.or(most),
        }
    }
}

/// How far the WAL has come. After a restart replay reaches what was received before, and is ahead of what comes now.
fn arrived(standing: &Standing) -> u64 {
    standing.end.unwrap_or_default().max(standing.replayed.unwrap_or_default())
}
