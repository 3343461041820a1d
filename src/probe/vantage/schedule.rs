//! Whose turn it is to be looked at. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rand::Rng;

use crate::{model::TargetId, probe::conninfo::ConnInfo};

/// All that are looked at.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeMap<TargetId, Turn>);

#[derive(Debug)]
struct Turn {
    to: ConnInfo,
    due: Instant,
    running: bool,
}

impl Schedule {
    /// These from now on; new ones begin at some moment of their first turn, so that a thousand do not begin together.
    pub(super) fn watch(&mut self, all: Vec<(TargetId, ConnInfo)>, now: Instant, every: Duration, rng: &mut impl Rng) {
        let mut before = std::mem::take(&mut self.0);
        for (id, to) in all {
            let known = before.remove(&id).filter(|turn| turn.to == to);
            let new = || Turn { to, due: now + every.mul_f64(rng.random_range(0.0..1.0)), running: false };
            self.0.insert(id, known.unwrap_or_else(new));
        }
    }

    /// Whoever waits longest, and is due; it counts as started.
    pub(super) fn next(&mut self, now: Instant) -> Option<(TargetId, ConnInfo)> {
        let due = self.0.iter_mut().filter(|(_, turn)| !turn.running && turn.due <= now);
        let (id, turn) = due.min_by_key(|(_, turn)| turn.due)?;
        turn.running = true;
        Some((id.clone(), turn.to.clone()))
    }

    /// A look ended, and the next one is due after `pause`; tells whether it is still wanted.
    pub(super) fn ended(&mut self, id: &TargetId, now: Instant, pause: Duration) -> bool {
        let Some(turn) = self.0.get_mut(id).filter(|turn| turn.running) else { return false };
        (turn.running, turn.due) = (false, now + pause);
        true
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    fn target(name: &str, host: &str) -> (TargetId, ConnInfo) {
        (TargetId::new("r", name), ConnInfo::parse(&format!("postgres://u@{host}/d")).expect("a url"))
    }

    #[test]
    fn first_looks_are_spread_over_a_turn_and_each_waits_for_its_own_next() {
        let (start, mut rng, mut schedule) = (crate::clock::now(), SmallRng::seed_from_u64(7), Schedule::default());
        let all: Vec<_> = (0..100).map(|nth| target(&format!("t{nth}"), "h")).collect();
        schedule.watch(all, start, EVERY, &mut rng);
        let mut early = 0;
        while schedule.next(start + EVERY / 2).is_some() {
            early += 1;
        }
        assert!((30..70).contains(&early), "{early} of 100 in the first half");
        while schedule.next(start + EVERY).is_some() {
            early += 1;
        }
        assert_eq!(early, 100);
        assert!(schedule.next(start + EVERY * 9).is_none(), "all of them run");
        assert!(schedule.ended(&TargetId::new("r", "t7"), start + EVERY, EVERY));
        assert!(schedule.next(start + EVERY + EVERY / 2).is_none());
        assert_eq!(schedule.next(start + EVERY * 2).map(|(id, _)| id), Some(TargetId::new("r", "t7")));
    }

    #[test]
    fn a_new_list_keeps_the_turns_of_those_that_stay_and_forgets_the_others() {
        let (start, mut rng, mut schedule) = (crate::clock::now(), SmallRng::seed_from_u64(7), Schedule::default());
        schedule.watch(vec![target("a", "h"), target("b", "h")], start, EVERY, &mut rng);
        while schedule.next(start + EVERY).is_some() {}
        schedule.watch(vec![target("a", "h"), target("c", "h")], start + EVERY, EVERY, &mut rng);
        assert!(!schedule.ended(&TargetId::new("r", "b"), start + EVERY, EVERY), "not wanted any more");
        assert!(schedule.ended(&TargetId::new("r", "a"), start + EVERY, EVERY));
        // Another address is another target.
        schedule.watch(vec![target("a", "elsewhere")], start + EVERY, Duration::ZERO, &mut rng);
        assert_eq!(schedule.next(start + EVERY).map(|(_, to)| to.hosts[0].name.clone()), Some("elsewhere".to_owned()));
    }
}
