//! Random lives of a region: nodes that come and go, a Redis that is silent, empty or behind, calls that end in every way. Whatever happens,
//! no critical is lost, nothing is told out of order, and nobody is told twice but where it says so.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::cluster::{Arrival, CHANNELS, Cluster};
use crate::{
    alert::outbox::Row,
    model::{
        Severity,
        alert::{AlertEvent, AlertState},
    },
};

const TARGETS: [(&str, &str); 3] = [("t0", "critical"), ("t1", "critical"), ("t2", "high")];
const RULE: &str = "database_down";

#[derive(Debug, Clone)]
enum Step {
    Breach(usize),
    Clear(usize),
    Crash(usize, u8),
    Start(usize),
    Cut(usize),
    Heal(usize),
    CutAll,
    HealAll,
    Wipe,
    FailOver(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..TARGETS.len()).prop_map(Step::Breach),
        3 => (0..TARGETS.len()).prop_map(Step::Clear),
        2 => (0..3_usize, any::<u8>()).prop_map(|(node, arrives)| Step::Crash(node, arrives)),
        3 => (0..3_usize).prop_map(Step::Start),
        1 => (0..3_usize).prop_map(Step::Cut),
        1 => (0..3_usize).prop_map(Step::Heal),
        2 => Just(Step::CutAll),
        2 => Just(Step::HealAll),
        1 => Just(Step::Wipe),
        1 => (1..4_usize).prop_map(Step::FailOver),
        12 => (1..45_u64).prop_map(Step::Wait),
    ]
}

/// A history, and what it allows.
struct History {
    cluster: Cluster,
    nodes: usize,
    /// How often a node may have told what the others cannot know of, or has taken for untold what was told.
    blind_spots: usize,
}

impl History {
    fn new(nodes: usize, outcomes: Vec<u8>) -> Self {
        let mut cluster = Cluster::new(nodes, outcomes);
        for (name, _) in TARGETS {
            cluster.room.target(name);
        }
        cluster.run(5_000);
        Self { cluster, nodes, blind_spots: 0 }
    }

    fn take(&mut self, step: &Step) {
        let cluster = &mut self.cluster;
        match *step {
            Step::Breach(target) => {
                let (name, severity) = TARGETS[target];
                let begun = cluster.room.target(name).reasons.is_empty();
                if begun {
                    cluster.room.breach(name, RULE, severity);
                }
            }
            Step::Clear(target) => cluster.room.clear(TARGETS[target].0, RULE),
            Step::Crash(node, arrives) => cluster.crash(node % self.nodes, arrives),
            Step::Start(node) => cluster.start(node % self.nodes),
            Step::Cut(node) => cluster.cut(node % self.nodes, true),
            Step::Heal(node) => cluster.cut(node % self.nodes, false),
            Step::CutAll => (0..self.nodes).for_each(|node| cluster.cut(node, true)),
            Step::HealAll => (0..self.nodes).for_each(|node| cluster.cut(node, false)),
            Step::Wipe => cluster.wipe(),
            Step::FailOver(lost) => {
                cluster.fail_over(lost);
                self.blind_spots += 1;
            }
            Step::Wait(seconds) => cluster.run(seconds * 1_000),
        }
        self.blind_spots += usize::from(self.cluster.is_partly_cut());
    }

    /// All is well from here on, and what is in breach stays so for two minutes.
    fn judge(mut self) -> Result<(), TestCaseError> {
        self.cluster.recover();
        self.cluster.run(120_000);
        self.nothing_critical_is_lost()?;
        for (name, _) in TARGETS {
            self.cluster.room.clear(name, RULE);
        }
        for _ in 0..15 {
            self.cluster.run(30_000);
            if self.nothing_waits().is_ok() {
                break;
            }
        }
        self.nothing_waits()?;
        self.ends_follow_beginnings()?;
        self.nobody_is_told_twice()
    }

    fn nothing_critical_is_lost(&self) -> Result<(), TestCaseError> {
        for (name, _) in TARGETS.iter().filter(|(_, severity)| *severity == "critical") {
            let Some(condition) = self.cluster.room.targets.get(&crate::model::TargetId::new("us", name)) else { continue };
            if condition.reasons.is_empty() {
                continue;
            }
            let mut incidents = self.cluster.kept().incidents.values();
            let open = incidents.find(|it| it.is_open() && it.subject.target.as_ref().is_some_and(|it| it.as_str() == *name));
            let Some(open) = open else { return Err(TestCaseError::fail(format!("{name}: no incident is open"))) };
            for (channel, _) in CHANNELS {
                let got = self.cluster.arrivals.iter().any(|it| it.about == open.id && it.channel == channel);
                prop_assert!(got, "{name}: {channel} never heard of {}: {:?}", open.id, open.steps);
            }
        }
        Ok(())
    }

    fn nothing_waits(&self) -> Result<(), TestCaseError> {
        let kept = self.cluster.kept();
        for row in kept.rows.values() {
            prop_assert!(row.is_finished(), "it waits for ever: {row:?}");
        }
        for incident in kept.incidents.values() {
            prop_assert_eq!(incident.state, AlertState::Resolved, "{} is never over", &incident.id);
            if incident.worst < Severity::Critical || incident.steps.iter().any(|step| step.what == "merged") {
                continue;
            }
            for channel in incident.told.keys() {
                let is_end =
                    |it: &&Arrival| it.about == incident.id && it.channel == *channel && it.event == AlertEvent::Resolved;
                prop_assert!(
                    self.cluster.arrivals.iter().any(|it| is_end(&it)),
                    "{channel} never heard the end of {}",
                    incident.id
                );
            }
        }
        Ok(())
    }

    /// As the receiver sees it, who leaves out what it had: a key that is known, or what is marked as a repeat.
    fn ends_follow_beginnings(&self) -> Result<(), TestCaseError> {
        let mut known = BTreeSet::new();
        let mut begun = BTreeSet::new();
        let mut ended = BTreeSet::new();
        for arrival in &self.cluster.arrivals {
            let lane = (arrival.channel.clone(), arrival.about.clone());
            let is_new = known.insert((arrival.channel.clone(), arrival.key.clone()));
            if !is_new {
                continue;
            }
            if arrival.event == AlertEvent::Resolved {
                // What is not critical and in doubt counts as told; also to a leader that takes over in the middle of the call.
                let of_lane = |row: &&Row| row.order.lane.channel == arrival.channel && row.order.lane.about == arrival.about;
                let in_doubt = || self.cluster.kept().rows.values().filter(of_lane).any(|row| row.in_doubt);
                let counted = !arrival.critical && (self.cluster.doubted.contains(&lane) || in_doubt());
                prop_assert!(begun.contains(&lane) || arrival.both || counted, "an end before its beginning: {arrival:?}");
                ended.insert(lane);
            } else {
                prop_assert!(!ended.contains(&lane), "after its end: {arrival:?}");
                begun.insert(lane);
            }
        }
        Ok(())
    }

    fn nobody_is_told_twice(&self) -> Result<(), TestCaseError> {
        let mut keys: BTreeMap<(&str, &str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
        let mut slack: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
        for it in &self.cluster.arrivals {
            keys.entry((&it.channel, &it.about, it.event.as_str(), &it.level)).or_default().insert(&it.key);
            if it.channel == "slack" {
                slack.entry(&it.key).or_default().push(it);
            }
        }
        prop_assert!(keys.values().all(|keys| keys.len() == 1), "{keys:?}");
        for (key, arrivals) in slack {
            let doubts = self.cluster.doubts.get(key).copied().unwrap_or_default();
            let plain = arrivals.iter().filter(|it| !it.marked).count();
            prop_assert!(plain <= 1 + self.blind_spots, "told again without a mark: {arrivals:#?}");
            prop_assert!(arrivals.len() <= self.nodes + doubts + self.blind_spots, "too often: {arrivals:#?}");
        }
        Ok(())
    }
}

/// More with `ISOBAR_HISTORIES`.
fn cases() -> u32 {
    std::env::var("ISOBAR_HISTORIES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_a_region_its_criticals_arrive_in_order_and_once(
        nodes in 2..4_usize, outcomes in prop::collection::vec(0..6_u8, 1..20), steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut history = History::new(nodes, outcomes);
        for step in &steps {
            history.take(step);
        }
        history.judge()?;
    }
}
