//! Which targets of a region this node probes, among those of its other nodes. Pure.
//!
//! ```text
//!               mine by the members' shares, and        others': the new owner
//!               known from whoever had it               has reported it
//!   not probed ────────────────────────────► probed ──────────────────────────► not probed
//! ```
//! **Handing over.** Whoever had a target goes on until the new owner has reported it, and whoever gets one waits until it has heard how the
//! target was: so nobody is without a probe, and no incident begins anew. Both wait no longer than moments, since the other may be dead or
//! deaf. Probing twice is harmless, and not probing is not: so whoever stays goes on until he hears the other, and what nobody reports is
//! probed by all who know it, as while the nodes' files differ.
//!
//! **Without Redis** nobody knows who else lives, and each node probes all.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    bus::members,
    model::{
        NodeName, TargetId,
        cluster::{Member, Membership},
    },
};

/// When Redis has not answered for so long, a node takes all targets: others may be dead and it would not know.
const SILENT: Duration = Duration::from_secs(3);
/// Whoever leaves goes on with a target for at most so long; what is left of the five seconds of an end is for the rest of it.
pub(super) const HAND_OVER: Duration = Duration::from_millis(2_500);
/// Whoever gets a target waits for news of it for at most so long: four times as long as its owner's samples usually take.
const NEWS: Duration = Duration::from_secs(1);
/// A target that nobody reports for so long has an owner that does not know of it, as while nodes read a new configuration one after
/// the other.
const ORPHANED: Duration = Duration::from_secs(6);

/// See the module.
#[derive(Debug)]
pub(super) struct Share {
    me: NodeName,
    members: Vec<Member>,
    /// When Redis last answered, or the node began.
    answered: Instant,
    leaving: bool,
    /// What is probed; with a time, until then at most.
    held: BTreeMap<TargetId, Option<Instant>>,
    /// Since when it is to be probed here, and waits for news.
    wanted: BTreeMap<TargetId, Instant>,
    /// Since when nobody has reported what another node should have.
    unheard: BTreeMap<TargetId, Instant>,
}

impl Share {
    /// Nothing yet: until Redis has answered, or was silent for long enough.
    pub(super) fn new(me: NodeName, now: Instant) -> Self {
        Self {
            me,
            members: Vec::new(),
            answered: now,
            leaving: false,
            held: BTreeMap::new(),
            wanted: BTreeMap::new(),
            unheard: BTreeMap::new(),
        }
    }

    /// Takes what Redis told.
    pub(super) fn hear(&mut self, membership: &Membership) {
        self.answered = membership.answered.map_or(self.answered, |at| at.max(self.answered));
        self.members.clone_from(&membership.members);
        self.mark();
    }

    /// From now on nothing is this node's, unless nobody else lives.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        self.mark();
    }

    fn mark(&mut self) {
        let (me, leaving) = (&self.me, self.leaving);
        self.members.iter_mut().filter(|member| member.node == *me).for_each(|member| member.leaving |= leaving);
    }

    /// Whether Redis has told who lives, or was silent for so long that all is this node's.
    pub(super) fn is_known(&self, now: Instant) -> bool {
        !self.members.is_empty() || self.is_cut_off(now)
    }

    /// Whether there is nobody to hand anything over to, or nothing to hand over.
    pub(super) fn is_handed_over(&self, now: Instant) -> bool {
        self.held.is_empty() || self.is_alone(now)
    }

    fn is_cut_off(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.answered) >= SILENT
    }

    fn is_alone(&self, now: Instant) -> bool {
        self.is_cut_off(now) || self.members.iter().all(|member| member.leaving || member.node == self.me)
    }

    /// The targets to probe from now on, when they are others than before. `reporter` says whose report of a target is the newest.
    pub(super) fn divide(
        &mut self,
        now: Instant,
        targets: &[TargetId],
        reporter: impl Fn(&TargetId) -> Option<NodeName>,
    ) -> Option<BTreeSet<TargetId>> {
        let before: BTreeSet<TargetId> = self.held.keys().cloned().collect();
        let (cut_off, alone) = (self.is_cut_off(now), self.is_alone(now));
        let mine: BTreeSet<&TargetId> = if cut_off {
            targets.iter().collect()
        } else {
            members::share(targets, &self.members, &self.me).into_iter().collect()
        };
        self.held.retain(|id, _| targets.contains(id));
        self.wanted.retain(|id, _| mine.contains(id));
        self.unheard.retain(|id, _| targets.contains(id) && !mine.contains(id));
        for id in targets {
            let held = self.held.get(id).copied();
            if mine.contains(id) {
                let since = *self.wanted.entry(id.clone()).or_insert(now);
                let told = || alone || reporter(id).is_some() || now.saturating_duration_since(since) >= NEWS;
                if held.is_some() || told() {
                    self.held.insert(id.clone(), None);
                }
            } else if let Some(until) = held {
                let until = until.unwrap_or(now + HAND_OVER);
                let theirs = reporter(id).is_some_and(|reporter| reporter != self.me);
                if theirs || alone || (self.leaving && now >= until) {
                    self.held.remove(id);
                } else {
                    self.held.insert(id.clone(), Some(until));
                }
            } else if reporter(id).is_some() {
                self.unheard.remove(id);
            } else if now.saturating_duration_since(*self.unheard.entry(id.clone()).or_insert(now)) >= ORPHANED {
                self.held.insert(id.clone(), Some(now));
            }
        }
        let after: BTreeSet<TargetId> = self.held.keys().cloned().collect();
        (before != after).then_some(after)
    }

    /// Which of other regions' targets this node looks at, of those that its region is to look at.
    pub(super) fn afar(&self, now: Instant, all: &[TargetId]) -> BTreeSet<TargetId> {
        if self.is_cut_off(now) {
            return all.iter().cloned().collect();
        }
        members::share(all, &self.members, &self.me).into_iter().cloned().collect()
    }

    /// What is probed now.
    pub(super) fn held(&self) -> impl Iterator<Item = &TargetId> {
        self.held.keys()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{
        clock,
        model::{RegionName, cluster::Lease},
    };

    /// A region of ten targets, seen by node `a`.
    struct Region {
        share: Share,
        start: Instant,
        targets: Vec<TargetId>,
        reporter: RefCell<BTreeMap<TargetId, &'static str>>,
    }

    impl Region {
        fn new() -> Self {
            let start = clock::now();
            let targets = (0..10).map(|n| TargetId::new("r", &format!("t{n}"))).collect();
            Self { share: Share::new("a".into(), start), start, targets, reporter: RefCell::default() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// Redis tells who lives.
        fn live(&mut self, ms: u64, nodes: &[&str]) {
            let member = |node: &&str| Member { node: (*node).into(), boot: 1, leaving: false, wire: 2 };
            let membership = Membership {
                region: RegionName::from("r"),
                me: "a".into(),
                members: nodes.iter().map(member).collect(),
                answered: Some(self.at(ms)),
                lease: Lease::Free,
            };
            self.share.hear(&membership);
        }

        /// That node has reported all.
        fn reported(&self, node: &'static str) {
            self.reporter.borrow_mut().extend(self.targets.iter().map(|id| (id.clone(), node)));
        }

        /// How many are probed.
        fn probed(&mut self, ms: u64) -> usize {
            let now = self.at(ms);
            let reporter = |id: &TargetId| self.reporter.borrow().get(id).map(|node| NodeName::from(*node));
            self.share.divide(now, &self.targets, reporter);
            self.share.held().count()
        }
    }

    #[test]
    fn nothing_is_probed_before_redis_has_answered_or_was_silent_for_long() {
        let mut region = Region::new();
        assert_eq!((region.probed(0), region.probed(2_900), region.probed(3_000)), (0, 0, 10));
        let mut region = Region::new();
        region.live(100, &["a"]);
        assert_eq!(region.probed(100), 10, "alone, it takes all at once");
    }

    #[test]
    fn a_share_is_taken_once_it_is_known_how_the_targets_were() {
        let mut region = Region::new();
        region.live(0, &["a", "b"]);
        assert_eq!(region.probed(0), 0, "b has them, and nobody has heard of them");
        region.reported("b");
        let share = region.probed(100);
        assert!((1..10).contains(&share), "{share}");
        let mut region = Region::new();
        region.live(0, &["a", "b"]);
        assert_eq!((region.probed(0), region.probed(1_000)), (0, share), "but not for ever: b may not have them yet either");
    }

    #[test]
    fn what_goes_to_another_node_is_probed_until_that_has_reported_it() {
        let mut region = Region::new();
        region.live(0, &["a"]);
        assert_eq!(region.probed(0), 10);
        region.reported("a");
        region.live(1_000, &["a", "b"]);
        assert_eq!((region.probed(1_000), region.probed(3_400)), (10, 10));
        region.reported("b");
        let share = region.probed(3_450);
        assert!((1..10).contains(&share), "{share}");

        region.reported("a");
        region.live(5_000, &["a"]);
        assert_eq!(region.probed(5_000), 10, "b is dead: its targets are taken over at once");
        region.live(6_000, &["a", "b"]);
        assert_eq!(region.probed(6_000), 10);
        region.live(12_000, &["a", "b"]);
        assert_eq!(region.probed(12_000), 10, "b says nothing, and may not know of them");
        region.reported("b");
        assert_eq!(region.probed(12_100), share);
    }

    #[test]
    fn what_nobody_reports_is_probed_by_all_who_know_it() {
        let mut region = Region::new();
        region.live(0, &["a", "b"]);
        let share = (region.probed(0), region.probed(1_000)).1;
        region.reported("a");
        let others: Vec<TargetId> =
            region.targets.iter().filter(|id| !region.share.held().any(|held| held == *id)).cloned().collect();
        region.reporter.borrow_mut().retain(|id, _| !others.contains(id));
        region.live(5_900, &["a", "b"]);
        assert_eq!(region.probed(5_900), share);
        region.live(6_000, &["a", "b"]);
        assert_eq!(region.probed(6_000), 10);
        region.reporter.borrow_mut().extend(others.iter().map(|id| (id.clone(), "b")));
        assert_eq!(region.probed(6_100), share, "b has read its files anew");
    }

    #[test]
    fn who_is_cut_off_from_redis_probes_all_until_it_answers_again() {
        let mut region = Region::new();
        region.reported("b");
        region.live(0, &["a", "b"]);
        let share = region.probed(0);
        assert_eq!((region.probed(2_900), region.probed(3_000)), (share, 10));
        region.live(9_000, &["a", "b"]);
        assert_eq!(region.probed(9_000), share);
    }

    #[test]
    fn who_leaves_hands_over_and_is_done_when_the_others_have_all() {
        let mut region = Region::new();
        region.live(0, &["a", "b"]);
        region.probed(0);
        let share = region.probed(1_000);
        region.reported("a");
        region.share.leave();
        assert_eq!(region.probed(1_100), share);
        region.live(1_200, &["a", "b"]);
        assert!(
            region.probed(1_200) == share && !region.share.is_handed_over(region.at(1_200)),
            "also when Redis does not know yet"
        );
        region.reported("b");
        assert_eq!(region.probed(1_300), 0);
        assert!(region.share.is_handed_over(region.at(1_300)));

        let mut alone = Region::new();
        alone.live(0, &["a"]);
        alone.probed(0);
        alone.share.leave();
        assert!(alone.share.is_handed_over(alone.at(0)), "to whom should it?");
    }

    #[test]
    fn other_regions_targets_are_looked_at_by_one_node_each() {
        let mut region = Region::new();
        let far: Vec<TargetId> = (0..10).map(|n| TargetId::new("far", &format!("t{n}"))).collect();
        assert!(region.share.afar(region.at(0), &far).is_empty());
        region.live(0, &["a", "b"]);
        assert!((1..10).contains(&region.share.afar(region.at(0), &far).len()));
        assert_eq!(region.share.afar(region.at(3_000), &far).len(), 10, "cut off, it looks at all");
    }

    #[test]
    fn targets_that_the_configuration_lost_are_dropped_at_once() {
        let mut region = Region::new();
        region.live(0, &["a"]);
        assert_eq!(region.probed(0), 10);
        region.targets.truncate(4);
        assert_eq!(region.probed(10), 4);
    }
}
