//! Random histories against what must always hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::room::*;
use crate::{
    alert::{Settings, order::Order},
    model::{
        Rule, Severity,
        alert::{Acknowledge, AlertEvent, AlertState, Matchers, NewSilence},
        health::TransitionKind,
    },
};

const TARGETS: [&str; 4] = ["a", "b", "eu/c", "eu/d"];
const RULES: [&str; 7] =
    ["database_down", "database_rejecting", "pooler_down", "pool_waiting", "pool_saturated", "query_slow", "size_growth"];
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

#[derive(Debug, Clone)]
enum Event {
    Breach(usize, usize, usize),
    Clear(usize, usize),
    ClearAll(usize),
    Pending(usize, usize, bool),
    Dark(usize, bool),
    Blind(bool, bool),
    Acknowledge(usize),
    Silence(usize, u64),
    EndSilence,
    Fail(usize),
    Delivered(usize),
    Reconfigure,
    Restart,
    JumpClock(i64),
    Wait(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let (target, rule) = (0..TARGETS.len(), 0..RULES.len());
    prop_oneof![
        6 => (target.clone(), rule.clone(), 0..SEVERITIES.len()).prop_map(|(t, r, s)| Event::Breach(t, r, s)),
        4 => (target.clone(), rule.clone()).prop_map(|(t, r)| Event::Clear(t, r)),
        2 => target.clone().prop_map(Event::ClearAll),
        1 => (target.clone(), rule, any::<bool>()).prop_map(|(t, r, on)| Event::Pending(t, r, on)),
        2 => (target, any::<bool>()).prop_map(|(t, on)| Event::Dark(t, on)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(region, on)| Event::Blind(region, on)),
        2 => (0..20_usize).prop_map(Event::Acknowledge),
        1 => (0..TARGETS.len(), 1..300_u64).prop_map(|(t, s)| Event::Silence(t, s)),
        1 => Just(Event::EndSilence),
        1 => (0..20_usize).prop_map(Event::Fail),
        1 => (0..3_usize).prop_map(Event::Delivered),
        1 => Just(Event::Reconfigure),
        1 => Just(Event::Restart),
        1 => (-600_000..600_000_i64).prop_map(Event::JumpClock),
        10 => (1..120_u16).prop_map(Event::Wait),
    ]
}

/// What has been ordered so far, to hold what comes against.
#[derive(Default)]
struct Ledger {
    keys: BTreeSet<String>,
    first: BTreeSet<(String, String)>,
    over: BTreeSet<(String, String)>,
    all: Vec<Order>,
}

impl Ledger {
    fn take(&mut self, room: &mut Room, redirected: bool) -> Result<(), TestCaseError> {
        for order in std::mem::take(&mut room.orders) {
            let text = format!("{} {} {} {}", order.lane.about, order.lane.channel, order.event.as_str(), order.level);
            prop_assert!(self.keys.insert(order.key()), "a key twice: {text}");
            let lane = (order.lane.about.clone(), order.lane.channel.clone());
            let incident = room.desk.incidents().find(|incident| incident.id == order.lane.about);
            match order.event {
                AlertEvent::Digest => {}
                AlertEvent::Firing => {
                    prop_assert!(self.first.insert(lane), "two first notices: {text}");
                    let incident = incident.expect("known");
                    prop_assert!(order.alerts[0].suppressed_by.is_none(), "told while it is held back: {text}");
                    prop_assert!(redirected || incident.state != AlertState::Pending, "told while pending: {text}");
                }
                AlertEvent::Resolved => {
                    if order.fired_and_recovered() {
                        self.first.insert(lane.clone());
                    }
                    prop_assert!(self.first.contains(&lane), "its end before its beginning: {text}");
                    prop_assert!(self.over.insert(lane), "two ends: {text}");
                }
                _ => {
                    prop_assert!(self.first.contains(&lane), "before its first notice: {text}");
                    prop_assert!(!self.over.contains(&lane), "after its end: {text}");
                }
            }
            self.all.push(order);
        }
        Ok(())
    }
}

/// How the incidents of a target that cannot be seen stand.
fn unseen(room: &Room, dark: impl Fn(&Room, &crate::alert::incident::Incident) -> bool) -> BTreeMap<String, bool> {
    let open = |state: AlertState| state != AlertState::Resolved;
    room.desk.incidents().filter(|it| dark(room, it)).map(|it| (it.id.clone(), open(it.state))).collect()
}

fn is_dark(room: &Room, incident: &crate::alert::incident::Incident) -> bool {
    let subject = &incident.subject;
    let condition =
        room.targets.iter().find(|(id, _)| id.region == subject.region && Some(&id.target) == subject.target.as_ref());
    condition.is_some_and(|(id, condition)| room.blind.contains(&id.region) || condition.dark)
}

fn apply(room: &mut Room, event: &Event, all: &[Order]) {
    match event {
        Event::Breach(target, rule, severity) => drop(room.breach(TARGETS[*target], RULES[*rule], SEVERITIES[*severity]).clone()),
        Event::Clear(target, rule) => room.clear(TARGETS[*target], RULES[*rule]),
        Event::ClearAll(target) => room.target(TARGETS[*target]).reasons.clear(),
        Event::Pending(target, rule, on) => {
            let kind = if *on { TransitionKind::Pending } else { TransitionKind::Withdrawn };
            room.transition(TARGETS[*target], RULES[*rule], kind);
        }
        Event::Dark(target, on) => room.target(TARGETS[*target]).dark = *on,
        Event::Blind(eu, on) => {
            let region = if *eu { "eu" } else { "us" };
            if *on {
                room.blind.insert(region.into());
            } else {
                room.blind.remove(&region.into());
            }
        }
        Event::Acknowledge(index) => {
            let open = room.desk.incidents().filter(|it| it.state == AlertState::Firing || it.state == AlertState::Recovering);
            let ids: Vec<String> = open.map(|it| it.id.clone()).collect();
            if let Some(id) = ids.get(*index) {
                let command = Acknowledge { id: id.clone(), by: "ana".into(), note: None };
                room.desk.acknowledge(room.now(), &command).expect("open ones can be taken");
            }
        }
        Event::Silence(target, seconds) => {
            let target = TARGETS[*target].trim_start_matches("eu/").into();
            let matchers = Matchers { target: Some(target), ..Matchers::default() };
            let lasts = Some(Duration::from_secs(*seconds));
            let (by, reason) = ("ana".into(), String::new());
            let command = NewSilence { matchers, starts_at: None, ends_at: None, lasts, by, reason };
            room.desk.silence(room.now(), &command).expect("a good silence");
        }
        Event::EndSilence => {
            let silences = room.desk.silences(room.now());
            if let Some(silence) = silences.first() {
                room.desk.end_silence(room.now(), &silence.id).expect("there");
            }
        }
        Event::Fail(back) => {
            if let Some(order) = all.iter().rev().nth(*back) {
                room.desk.undeliverable(room.now(), order, "no");
            }
        }
        Event::Delivered(index) => room.desk.delivered(room.now(), ["boss", "chat", "mail"][*index], None),
        Event::Reconfigure => room.desk.reconfigure(room.settings.clone(), room.ways.clone(), room.now()),
        Event::Restart => {
            room.collect();
            room.restart(1.0);
        }
        Event::JumpClock(ms) => room.ahead = *ms,
        Event::Wait(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_orders_make_sense(events in prop::collection::vec(event(), 1..60), digest_above in 1..8_u32) {
        let mut reminded = policy("critical: 0 chat mail, 60 boss");
        reminded.remind_every = Some(Duration::from_mins(2));
        reminded.ack_expires = Some(Duration::from_mins(3));
        let escalations = vec![reminded, policy("low: 0 chat, 90 mail")];
        let settings = Settings { digest_above, escalations, ..Settings::default() };
        let mut room = Room::with(settings, ways("boss chat* mail"));
        for name in TARGETS {
            room.target(name).server = format!("{}:5432", &name[..1]);
        }
        room.target("b").server = "a:5432".into();
        let mut ledger = Ledger::default();
        let mut shown = false;
        for event in &events {
            let before = unseen(&room, is_dark);
            apply(&mut room, event, &ledger.all);
            room.collect();
            ledger.take(&mut room, matches!(event, Event::Fail(_)))?;
            if let Event::Wait(seconds) = event {
                let dark_now = unseen(&room, is_dark);
                for _ in 0..*seconds {
                    room.run_by(1.0, Duration::from_secs(1));
                    ledger.take(&mut room, false)?;
                }
                shown = true;
                // What was open and cannot be seen is still open, and nothing that is not in the reasons opened.
                for (id, was_open) in dark_now.iter().filter(|(id, _)| before.contains_key(*id)) {
                    let is_open = room.desk.incidents().find(|it| it.id == *id).is_none_or(|it| it.state != AlertState::Resolved);
                    prop_assert!(!was_open || is_open, "ended in the dark: {id}");
                }
            }
        }
        prop_assert!(shown || ledger.all.len() < 100);

        // Left alone for long enough, every critical that nothing holds back is told.
        room.ahead = 0;
        room.run_by(30.0, Duration::from_secs(1));
        ledger.take(&mut room, false)?;
        for incident in room.desk.incidents().filter(|it| it.reason.severity == Severity::Critical && it.suppressed_by.is_none()) {
            if incident.state == AlertState::Firing && incident.subject.rule != Rule::DeliveryFailing {
                let told = ledger.first.iter().any(|(about, _)| *about == incident.id);
                prop_assert!(told, "nobody was told of {incident:#?}");
            }
        }
        // And when all is well again, all is over, and those who were told know it.
        room.blind.clear();
        for condition in room.targets.values_mut() {
            condition.reasons.clear();
            condition.dark = false;
        }
        for rule in RULES {
            for target in TARGETS {
                room.transition(target, rule, TransitionKind::Withdrawn);
            }
        }
        for channel in ["boss", "chat", "mail"] {
            room.desk.delivered(room.now(), channel, None);
        }
        room.run_by(1_300.0, Duration::from_secs(5));
        ledger.take(&mut room, false)?;
        let open: Vec<_> = room.desk.incidents().filter(|it| it.state != AlertState::Resolved).collect();
        prop_assert!(open.is_empty(), "{open:#?}");
        let ends: BTreeSet<_> = ledger.over.iter().cloned().collect();
        let missing: Vec<_> = ledger.first.difference(&ends).collect();
        prop_assert!(missing.is_empty(), "told of, but not of their end: {missing:?}");
    }
}
