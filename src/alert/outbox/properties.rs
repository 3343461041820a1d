//! Random lives of an outbox: orders, results, acknowledgements, ends and crashes at any point, held against what people rely on.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    tests::{at, nature, order, route},
    *,
};
use crate::alert::desk::Settled;

const CHANNELS: [(&str, bool); 2] = [("hook", true), ("slack", false)];

#[derive(Debug, Clone)]
enum Step {
    Tell {
        incident: u8,
        channel: usize,
        event: AlertEvent,
    },
    Acknowledge(u8),
    Resolve(u8),
    Offer,
    /// The oldest call reaches the provider, or does not, and ends so; `None`: nobody knows.
    End {
        which: usize,
        arrives: bool,
        result: Option<u8>,
    },
    Wait(u16),
    /// Calls under way arrive or not, one bit each; `kept`: what was lent last was on disk already.
    Crash {
        arrives: u32,
        kept: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let event = prop::sample::select(vec![
        AlertEvent::Severity,
        AlertEvent::Escalation,
        AlertEvent::Reminder,
        AlertEvent::Update,
        AlertEvent::Acknowledged,
    ]);
    prop_oneof![
        4 => (0..8_u8, 0..2_usize).prop_map(|(incident, channel)| Step::Tell { incident, channel, event: AlertEvent::Firing }),
        2 => (0..8_u8, 0..2_usize, event).prop_map(|(incident, channel, event)| Step::Tell { incident, channel, event }),
        1 => (0..8_u8).prop_map(Step::Acknowledge),
        2 => (0..8_u8).prop_map(Step::Resolve),
        5 => Just(Step::Offer),
        6 => (0..8_usize, any::<bool>(), prop::option::weighted(0.9, 0..6_u8))
            .prop_map(|(which, arrives, result)| Step::End { which, arrives, result }),
        3 => (1..20_000_u16).prop_map(Step::Wait),
        1 => (any::<u32>(), any::<bool>()).prop_map(|(arrives, kept)| Step::Crash { arrives, kept }),
    ]
}

/// A provider's record of one call that arrived.
#[derive(Debug, Clone)]
struct Arrival {
    key: String,
    in_doubt_before: bool,
}

/// What an incident was ordered to tell.
#[derive(Debug, Default)]
struct Told {
    firing: BTreeSet<usize>,
    resolved: bool,
}

struct World {
    outbox: Outbox,
    disk: BTreeMap<u64, Row>,
    lent: Vec<Consignment>,
    arrivals: Vec<Arrival>,
    /// Keys of calls whose end nobody knew.
    doubted: BTreeSet<String>,
    /// The places of those that were offered, in the order in which they were first, by problem and address.
    offered: BTreeMap<family::Name, Vec<u64>>,
    incidents: BTreeMap<u8, Told>,
    undeliverable: BTreeSet<String>,
    level: u32,
    now: i64,
    rng: SmallRng,
}

/// Every third incident is critical.
fn severity(incident: u8) -> Severity {
    if incident.is_multiple_of(3) { Severity::Critical } else { Severity::High }
}

/// Every other one is a further episode of the same problem.
fn id(incident: u8) -> String {
    format!("i{}-{}", incident / 2, incident % 2)
}

fn fresh() -> Outbox {
    let routes = CHANNELS.iter().map(|(name, keyed)| route(name, nature(*keyed))).collect();
    Outbox::new(routes, Duration::from_mins(5))
}

impl World {
    fn new() -> Self {
        Self {
            outbox: fresh(),
            disk: BTreeMap::new(),
            lent: Vec::new(),
            arrivals: Vec::new(),
            doubted: BTreeSet::new(),
            offered: BTreeMap::new(),
            incidents: BTreeMap::new(),
            undeliverable: BTreeSet::new(),
            level: 0,
            now: 0,
            rng: SmallRng::seed_from_u64(3),
        }
    }

    fn commit(&mut self) {
        for (order, _) in self.outbox.news().undeliverable {
            self.undeliverable.insert(order.key());
        }
        let changes = self.outbox.changes();
        self.disk.extend(changes.rows.into_iter().map(|row| (row.seq, row)));
        changes.dropped.iter().for_each(|seq| drop(self.disk.remove(seq)));
    }

    fn arrive(&mut self, one: &Consignment) {
        let key = one.parcel.key.clone();
        self.arrivals.push(Arrival { in_doubt_before: self.doubted.contains(&key), key });
    }

    fn tell(&mut self, incident: u8, channel: usize, event: AlertEvent) {
        let told = self.incidents.entry(incident).or_default();
        // A beginning comes first, and once.
        let is_first = event == AlertEvent::Firing;
        if told.resolved || is_first == told.firing.contains(&channel) {
            return;
        }
        if is_first {
            told.firing.insert(channel);
        }
        self.level += 1;
        let level = self.level.to_string();
        let order = order(&id(incident), CHANNELS[channel].0, event, &level, severity(incident), self.now);
        self.outbox.take(&Changes { orders: vec![order], ..Changes::default() }, at(self.now));
    }

    fn resolve(&mut self, incident: u8) {
        let Some(told) = self.incidents.get_mut(&incident).filter(|told| !told.resolved) else { return };
        told.resolved = true;
        let end =
            |channel: &usize| order(&id(incident), CHANNELS[*channel].0, AlertEvent::Resolved, "", severity(incident), self.now);
        let orders = told.firing.iter().map(end).collect();
        let settled = vec![(id(incident), Settled::Resolved)];
        self.outbox.take(&Changes { orders, settled, ..Changes::default() }, at(self.now));
    }

    fn offer(&mut self) {
        for one in self.outbox.offer(at(self.now)) {
            let lane = &one.parcel.order.lane;
            let before = self.offered.entry(family::name(lane)).or_default();
            if one.attempt == 1 {
                // After a crash the place of an edit that is gone is given anew.
                assert!(before.last().is_none_or(|last| *last <= one.seq), "{lane:?}: overtaken");
                before.push(one.seq);
            }
            assert!(
                !self.lent.iter().any(|other| family::name(&other.parcel.order.lane) == family::name(lane)),
                "{lane:?}: two calls at once"
            );
            let is_end = one.parcel.order.event == AlertEvent::Resolved;
            if is_end && !one.parcel.fired_and_recovered {
                let of_lane = |row: &&Row| row.order.lane == *lane && row.order.event != AlertEvent::Resolved;
                let told = |row: &Row| row.sent_at.is_some() || row.in_doubt;
                assert!(self.outbox.rows().filter(of_lane).any(told), "{lane:?}: an end before its beginning");
            }
            let is_repeat = self.arrivals.iter().any(|arrival| arrival.key == one.parcel.key);
            if one.parcel.possible_repeat {
                assert!(self.doubted.contains(&one.parcel.key), "{lane:?}: marked without doubt");
            }
            if is_repeat && lane.channel == "slack" {
                assert!(
                    one.parcel.possible_repeat || one.parcel.order.event == AlertEvent::Update,
                    "{lane:?}: an unmarked repeat"
                );
                assert_eq!(one.parcel.order.severity, Severity::Critical, "{lane:?}: repeated though not critical");
            }
            self.lent.push(one);
        }
        self.commit();
    }

    fn end(&mut self, which: usize, arrives: bool, result: Option<u8>) {
        if self.lent.is_empty() {
            return;
        }
        let one = self.lent.remove(which % self.lent.len());
        let ended = match result {
            Some(0) => Ended::Answered(Err(Failure::Retry { why: "503".into(), after: None })),
            Some(1) => Ended::Answered(Err(Failure::Retry { why: "429".into(), after: Some(Duration::from_secs(3)) })),
            Some(2) if !arrives => Ended::Answered(Err(Failure::Permanent("403".into()))),
            Some(_) => {
                self.arrive(&one);
                Ended::Answered(Ok(Receipt { answer: "ok".into(), reference: None }))
            }
            None => {
                if arrives {
                    self.arrive(&one);
                }
                self.doubted.insert(one.parcel.key.clone());
                Ended::Unknown("no answer".into())
            }
        };
        self.outbox.settle(one.seq, one.attempt, ended, at(self.now), &mut self.rng);
        self.commit();
    }

    fn crash(&mut self, arrives: u32, kept: bool) {
        if kept {
            self.offer();
        } else {
            // What was lent was not on disk yet, so no call was made.
            let _ = self.outbox.offer(at(self.now));
        }
        for (bit, one) in std::mem::take(&mut self.lent).into_iter().enumerate() {
            if arrives >> (bit % 32) & 1 == 1 {
                self.arrive(&one);
            }
            self.doubted.insert(one.parcel.key);
        }
        self.outbox = fresh();
        self.outbox.restore(self.disk.values().cloned().collect(), at(self.now));
        self.commit();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Tell { incident, channel, event } => self.tell(incident, channel, event),
            Step::Acknowledge(incident) => {
                let settled = vec![(id(incident), Settled::Acknowledged)];
                self.outbox.take(&Changes { settled, ..Changes::default() }, at(self.now));
            }
            Step::Resolve(incident) => self.resolve(incident),
            Step::Offer => self.offer(),
            Step::End { which, arrives, result } => self.end(which, arrives, result),
            Step::Wait(ms) => self.now += i64::from(ms),
            Step::Crash { arrives, kept } => {
                self.commit();
                self.crash(arrives, kept);
            }
        }
        // The actor keeps each turn before it does anything else.
        self.commit();
    }

    /// All is well from here on: everything that waits comes to its end.
    fn run_out(&mut self) {
        for _ in 0..2_000 {
            self.now += 500;
            self.offer();
            while !self.lent.is_empty() {
                self.end(0, true, Some(5));
            }
        }
    }

    fn judge(&self) {
        assert!(self.outbox.rows().all(Row::is_finished), "something waits for ever");
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for arrival in &self.arrivals {
            let times = seen.entry(&arrival.key).or_default();
            *times += 1;
            assert!(*times == 1 || arrival.in_doubt_before, "{arrival:?}: a repeat without doubt");
        }
        for row in self.outbox.rows().filter(|row| row.is_critical() && row.order.event == AlertEvent::Firing) {
            let lane = &row.order.lane;
            let end = self.outbox.rows().find(|end| end.order.lane == *lane && end.order.event == AlertEvent::Resolved);
            let is_known = |row: &Row| seen.contains_key(row.key.as_str()) || self.undeliverable.contains(&row.key);
            assert!(is_known(row) || end.is_some_and(is_known), "{lane:?}: a critical was lost: {row:?} {end:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_people_are_told_in_order_and_once_but_for_doubt(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.run_out();
        world.judge();
    }
}
