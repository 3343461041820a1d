//! Which members a cluster has, over time: those listed last, and those that were not long enough ago.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Member;
use crate::probe::discovery::Found;

/// See the module.
#[derive(Debug)]
pub struct Roll {
    forget_after: Duration,
    members: BTreeMap<String, (Member, Instant)>,
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

    /// Takes a list; tells who changed roles.
    pub fn hear(&mut self, now: Instant, members: Vec<Member>) -> Vec<Change> {
        let mut changes = Vec::new();
        for member in members {
            let before = self.members.get(&member.name).map(|(before, _)| before.role.clone());
            if let Some(from) = before.filter(|from| *from != member.role) {
                changes.push(Change { member: member.name.clone(), from, to: member.role.clone() });
            }
            self.members.insert(member.name.clone(), (member, now));
        }
        let forget_after = self.forget_after;
        self.members.retain(|_, (_, listed)| now.saturating_duration_since(*listed) <= forget_after);
        changes
    }

    /// Who belongs to it.
    pub fn found(&self) -> Vec<Found> {
        self.members.values().map(|(member, _)| Found::Member(member.clone())).collect()
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
}
