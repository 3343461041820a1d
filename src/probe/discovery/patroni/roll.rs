//! Which members a cluster has, over time: those listed last, and those that were not long enough ago.
//!
//! A replica that is being built is no server yet, for hours where it copies a large cluster: it comes when Patroni says that it runs, and
//! leaves while it is built anew. What a state does not tell stays as it was: a server that crashed is watched if it was.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Member, members::Stage};
use crate::probe::discovery::Found;

/// See the module.
#[derive(Debug)]
pub struct Roll {
    forget_after: Duration,
    members: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    member: Member,
    listed: Instant,
    /// Whether it is, or was before it fell ill, a server that somebody may ask.
    serves: bool,
}

/// A member that is something else now than it was.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub member: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

impl Roll {
    /// Nobody yet.
    pub fn new(forget_after: Duration) -> Self {
        Self { forget_after, members: BTreeMap::new() }
    }

    /// Takes those who were found before, as if they had been listed just now.
    pub fn go_on(&mut self, now: Instant, found: &[Found]) {
        for found in found {
            if let Found::Member(member) = found {
                self.members.insert(member.name.clone(), Entry { member: member.clone(), listed: now, serves: true });
            }
        }
    }

    /// Takes a list; tells who changed roles.
    pub fn hear(&mut self, now: Instant, members: Vec<Member>) -> Vec<Change> {
        let mut changes = Vec::new();
        for member in members {
            let before = self.members.get(&member.name);
            if let Some(from) = before.map(|before| &before.member.role).filter(|from| **from != member.role) {
                changes.push(Change { member: member.name.clone(), from: from.clone(), to: member.role.clone() });
            }
            let serves = match member.stage() {
                Stage::Serves => true,
                Stage::IsBuilt => false,
                Stage::Untold => before.is_some_and(|before| before.serves),
            };
            self.members.insert(member.name.clone(), Entry { member, listed: now, serves });
        }
        let forget_after = self.forget_after;
        self.members.retain(|_, entry| now.saturating_duration_since(entry.listed) <= forget_after);
        changes
    }

    /// Who belongs to it.
    pub fn found(&self) -> Vec<Found> {
        self.members.values().filter(|entry| entry.serves).map(|entry| Found::Member(entry.member.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, role: &str) -> Member {
        Member { name: name.into(), host: format!("{name}.db"), port: 5432, role: role.into(), state: "running".into() }
    }

    fn names(roll: &Roll) -> Vec<String> {
        roll.found().iter().map(|found| found.name().to_owned()).collect()
    }

    #[test]
    fn a_member_that_is_not_listed_stays_until_its_time_is_over_and_may_come_again() {
        let (start, later) = (crate::clock::now(), |seconds| Duration::from_secs(seconds));
        let mut roll = Roll::new(later(60));
        roll.hear(start, vec![member("a", "leader"), member("b", "replica")]);
        roll.hear(start + later(60), vec![member("b", "leader")]);
        assert_eq!(names(&roll), ["a", "b"], "its node may be dead, which is no reason to look away");
        roll.hear(start + later(61), vec![member("b", "leader")]);
        assert_eq!(names(&roll), ["b"]);
        roll.hear(start + later(70), vec![member("a", "replica"), member("b", "leader")]);
        assert_eq!(names(&roll), ["a", "b"]);
    }

    #[test]
    fn a_switchover_is_told_as_two_changes_and_takes_nobody_away() {
        let start = crate::clock::now();
        let mut roll = Roll::new(Duration::from_mins(1));
        assert_eq!(roll.hear(start, vec![member("a", "leader"), member("b", "replica")]), []);
        let changes = roll.hear(start, vec![member("a", "replica"), member("b", "leader")]);
        let seen: Vec<_> =
            changes.iter().map(|change| (change.member.as_str(), change.from.as_str(), change.to.as_str())).collect();
        assert_eq!(seen, [("a", "leader", "replica"), ("b", "replica", "leader")]);
        assert_eq!(names(&roll), ["a", "b"]);
    }

    #[test]
    fn who_was_found_before_stays_until_its_time_is_over() {
        let start = crate::clock::now();
        let mut roll = Roll::new(Duration::from_mins(1));
        roll.go_on(start, &[Found::Member(member("a", "leader")), Found::Member(member("b", "replica"))]);
        assert_eq!(names(&roll), ["a", "b"]);
        roll.hear(start + Duration::from_secs(10), vec![member("b", "leader")]);
        assert_eq!(names(&roll), ["a", "b"]);
        roll.hear(start + Duration::from_secs(61), vec![member("b", "leader")]);
        assert_eq!(names(&roll), ["b"]);
    }

    #[test]
    fn a_replica_comes_when_it_is_built_and_leaves_while_it_is_built_anew() {
        let start = crate::clock::now();
        let mut roll = Roll::new(Duration::from_mins(1));
        for (nth, (state, watched)) in (0..).zip([
            ("creating replica", false),
            ("starting", false),
            ("streaming", true),
            ("starting", true),
            ("creating replica", false),
            ("starting", false),
            ("in archive recovery", true),
            ("crashed", true),
            ("running custom bootstrap script", false),
            ("initializing new cluster", false),
            ("running", true),
            ("stopped", true),
        ]) {
            let replica = Member { state: state.into(), ..member("b", "replica") };
            roll.hear(start + Duration::from_secs(10 * nth), vec![member("a", "leader"), replica]);
            assert_eq!(names(&roll).contains(&"b".to_owned()), watched, "{nth}: {state}");
        }
    }
}
