use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    bus::{
        fixtures::{REGION, batch, figure, numbers, removal, report, with},
        parcel::Parcel,
    },
    clock,
    model::{
        Status::{self, Healthy, Unhealthy},
        alert::AlertRefusal,
    },
};

const RAW: Duration = Duration::from_millis(250);

/// An outbox that has said all of its first second.
fn quiet(targets: &[&str], now: Instant) -> Outbox {
    let mut outbox = Outbox::new(REGION.into(), 2, RAW, now);
    outbox.take(&batch(REGION, "eu-1", targets.iter().map(|target| report(target, Healthy, 0)).collect()), now);
    outbox.due(now);
    outbox
}

fn say(outbox: &mut Outbox, target: &str, status: Status, figure: u32, transitions: &[u32], now: Instant) {
    outbox.take(&batch(REGION, "eu-1", vec![with(report(target, status, figure), transitions)]), now);
}

/// What is due, in short: `w:orders=3!` a report on world with a transition, `w~orders=3` figures, `r:` on raw, `w-orders` a removal.
fn told(due: &[Due]) -> String {
    let mut all = Vec::new();
    for Due { stream, message, .. } in due {
        let stream = if *stream == Stream::Raw { "r" } else { "w" };
        match message {
            Message::Reports(reports) => all.extend(reports.iter().map(|report| {
                let marks = "!".repeat(report.transitions.len());
                format!("{stream}:{}={}{marks}", report.sample.target, figure(report))
            })),
            Message::Figures(figures) => all.extend(figures.iter().map(|figures| {
                format!("{stream}~{}={}", figures.target, figures.connection_pool.total_connections.unwrap_or_default())
            })),
            Message::Removed(removed) => all.extend(removed.iter().map(|id| format!("{stream}-{}", id.target))),
            Message::Beat { .. } => all.push("beat".to_owned()),
            Message::Vitals(vitals) => all.extend(vitals.iter().map(|(target, _)| format!("{stream}+{target}"))),
            Message::Views(_) => all.push("views".to_owned()),
            Message::News { items, .. } => all.push(format!("news {}", items.len())),
            Message::Ask { id, .. } => all.push(format!("ask {id}")),
            Message::Reply { id, .. } => all.push(format!("reply {id}")),
        }
    }
    all.join(" ")
}

#[test]
fn slow_signals_go_to_raw_once_and_only_the_newest_of_those_that_wait() {
    let now = clock::now();
    let at = |ms| now + Duration::from_millis(ms);
    let mut outbox = quiet(&["orders"], now);
    for at_ms in [10, 20] {
        outbox.take(&Batch { vitals: vec![("orders".into(), Arc::default())], ..batch(REGION, "eu-1", vec![]) }, at(at_ms));
    }
    assert_eq!(told(&outbox.due(at(20))), "", "they wait for their turn");
    assert_eq!(told(&outbox.due(at(250))), "r+orders");
    assert_eq!(told(&outbox.due(at(500))), "");
    outbox.take(&Batch { vitals: vec![("orders".into(), Arc::default())], ..removal("orders") }, at(510));
    outbox.take(&removal("orders"), at(520));
    assert_eq!(told(&outbox.due(at(750))), "w-orders r-orders");
}

#[test]
fn a_changed_judgement_goes_out_at_once_and_figures_with_the_second() {
    let now = clock::now();
    let at = |ms| now + Duration::from_millis(ms);
    let mut outbox = quiet(&["orders", "users"], now);
    say(&mut outbox, "orders", Healthy, 1, &[], at(10));
    say(&mut outbox, "users", Unhealthy, 1, &[7], at(20));
    assert_eq!(outbox.next(at(20)), at(20));
    assert_eq!(told(&outbox.due(at(20))), "w:users=1! r:users=1!", "what did not change waits for its turn");
    assert_eq!(outbox.next(at(20)), at(250));
    assert_eq!(told(&outbox.due(at(250))), "r:orders=1");
    say(&mut outbox, "users", Unhealthy, 1, &[], at(900));
    assert_eq!(told(&outbox.due(at(1_000))), "beat w:orders=1 r:users=1", "orders is the first tenth; users did not move");
    say(&mut outbox, "users", Unhealthy, 2, &[], at(1_100));
    assert_eq!(told(&outbox.due(at(2_000))), "beat w:users=2 r:users=2", "its own tenth");
    say(&mut outbox, "users", Unhealthy, 3, &[], at(2_100));
    assert_eq!(told(&outbox.due(at(3_000))), "beat w~users=3 r:users=3");
    assert_eq!(told(&outbox.due(at(4_000))), "beat", "nothing is said again that nobody measured again");
}

#[test]
fn only_the_details_stay_in_the_region() {
    let now = clock::now();
    let mut outbox = Outbox::new(REGION.into(), 2, RAW, now);
    say(&mut outbox, "orders", Healthy, 1, &[], now);
    let due = outbox.due(now);
    let details = |stream| {
        let of = due.iter().filter(|due| due.stream == stream).find_map(|due| match &due.message {
            Message::Reports(reports) => Some(reports[0].activity.is_some()),
            _ => None,
        });
        of.expect("a report")
    };
    assert!(details(Stream::Raw) && !details(Stream::World));
}

#[test]
fn every_target_is_said_whole_in_ten_seconds_and_no_second_carries_all() {
    let now = clock::now();
    let names: Vec<String> = (0..50).map(|n| format!("db-{n:02}")).collect();
    let mut outbox = quiet(&names.iter().map(String::as_str).collect::<Vec<_>>(), now);
    let mut said: BTreeMap<String, u32> = BTreeMap::new();
    for second in 1..=20 {
        let at = now + Duration::from_secs(second);
        for name in &names {
            say(&mut outbox, name, Healthy, 0, &[], at);
        }
        let told = told(&outbox.due(at));
        let whole: Vec<&str> = told.split(' ').filter_map(|word| word.strip_prefix("w:")).collect();
        assert!(whole.len() <= 10, "{second}: {}", whole.len());
        for target in whole {
            *said.entry(target.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(said.len(), names.len());
    assert!(said.values().all(|times| *times == 2), "{said:?}");
}

#[test]
fn a_target_that_went_to_another_node_is_not_said_again() {
    let now = clock::now();
    let mut outbox = quiet(&["orders"], now);
    for second in 3..30 {
        assert_eq!(told(&outbox.due(now + Duration::from_secs(second))), "beat");
    }
}

#[test]
fn a_removed_target_is_gone_on_both_streams_and_may_come_again() {
    let now = clock::now();
    let mut outbox = quiet(&["orders"], now);
    say(&mut outbox, "orders", Unhealthy, 1, &[1], now);
    outbox.take(&removal("orders"), now);
    assert_eq!(told(&outbox.due(now)), "w-orders r-orders");
    outbox.take(&removal("orders"), now);
    say(&mut outbox, "orders", Healthy, 2, &[], now);
    assert_eq!(told(&outbox.due(now)), "w:orders=2 r:orders=2");
}

#[test]
fn questions_end_when_nobody_waits_any_more() {
    let now = clock::now();
    let mut outbox = quiet(&[], now);
    let reply = |id| Message::Reply {
        to: ("us".into(), "us-1".into()),
        id,
        answer: Err(AlertRefusal::NotFound("no such alert".to_owned())),
    };
    outbox.post(reply(1), now);
    outbox.post(reply(2), now + Duration::from_secs(1));
    assert_eq!(told(&outbox.due(now + PATIENCE)), "beat reply 2");
}

#[test]
fn a_storm_without_redis_keeps_the_newest_transitions() {
    let now = clock::now();
    let mut outbox = quiet(&["orders"], now);
    for n in 1..=200 {
        say(&mut outbox, "orders", Unhealthy, n, &[n], now);
    }
    let Some(Due { message: Message::Reports(reports), .. }) =
        outbox.due(now).into_iter().find(|due| matches!(due.message, Message::Reports(_)))
    else {
        panic!("no report is due");
    };
    assert_eq!((figure(&reports[0]), numbers(&reports[0])), (200, (137..=200).collect()));
    assert_eq!(outbox.overtaken(), 199);
}

/// What may happen, by turns.
#[derive(Debug, Clone)]
enum Step {
    /// A target reports, with a transition or without.
    Report(u8, bool),
    /// So many milliseconds pass.
    Pass(u16),
    /// What is due is written: whether it arrives, and whether the writer hears of it.
    Write { arrives: bool, heard: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..4, any::<bool>()).prop_map(|(target, moves)| Step::Report(target, moves)),
        2 => (1_u16..1_500).prop_map(Step::Pass),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(arrives, heard)| Step::Write { arrives, heard }),
    ]
}

/// A writer and, on the other side of a bad line, a reader of both streams.
struct Line {
    outbox: Outbox,
    parcel: Parcel,
    sent: Vec<Message>,
    read: BTreeMap<Stream, usize>,
    states: BTreeMap<(Stream, String), u32>,
    transitions: BTreeMap<(Stream, String), Vec<u32>>,
}

impl Line {
    fn write(&mut self, now: Instant, arrives: bool, heard: bool) {
        if self.parcel.is_empty() {
            let sent = &mut self.sent;
            self.parcel = Parcel::pack(self.outbox.due(now), |_, message| {
                sent.push(message.clone());
                vec![Bytes::from((sent.len() - 1).to_string())]
            });
        }
        let entries = self.parcel.entries(now);
        if arrives {
            for (stream, bytes) in &entries {
                self.take(*stream, bytes);
            }
        }
        if arrives && heard {
            self.parcel.arrived(entries.len());
        }
    }

    /// A message that was read before is left out, by its number.
    fn take(&mut self, stream: Stream, bytes: &Bytes) {
        let number: usize = std::str::from_utf8(bytes).ok().and_then(|number| number.parse().ok()).expect("a number");
        let read = self.read.entry(stream).or_default();
        if number < *read {
            return;
        }
        *read = number + 1;
        match &self.sent[number] {
            Message::Reports(reports) => {
                for report in reports {
                    let key = (stream, report.sample.target.to_string());
                    self.states.insert(key.clone(), figure(report));
                    self.transitions.entry(key).or_default().extend(numbers(report));
                }
            }
            Message::Figures(figures) => {
                for figures in figures {
                    let figure = figures.connection_pool.total_connections.expect("a figure");
                    self.states.insert((stream, figures.target.to_string()), figure);
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_fails_the_last_state_arrives_and_each_transition_once_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let mut now = clock::now();
        let mut line = Line {
            outbox: Outbox::new(REGION.into(), 2, RAW, now),
            parcel: Parcel::default(),
            sent: Vec::new(),
            read: BTreeMap::new(),
            states: BTreeMap::new(),
            transitions: BTreeMap::new(),
        };
        let mut last: BTreeMap<String, u32> = BTreeMap::new();
        let mut happened: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut number = 0;
        for step in steps {
            match step {
                Step::Report(target, moves) => {
                    number += 1;
                    let target = format!("db-{target}");
                    let transitions: &[u32] = if moves { &[number] } else { &[] };
                    say(&mut line.outbox, &target, Healthy, number, transitions, now);
                    happened.entry(target.clone()).or_default().extend(transitions);
                    last.insert(target, number);
                }
                Step::Pass(ms) => now += Duration::from_millis(ms.into()),
                Step::Write { arrives, heard } => line.write(now, arrives, heard),
            }
        }
        for _ in 0..3 {
            line.write(now, true, true);
            now += Duration::from_secs(1);
        }
        for stream in [Stream::Raw, Stream::World] {
            for (target, figure) in &last {
                let key = (stream, target.clone());
                prop_assert_eq!(line.states.get(&key), Some(figure), "{:?} {}", stream, target);
                prop_assert_eq!(line.transitions.get(&key), Some(&happened[target]), "{:?} {}", stream, target);
            }
        }
    }
}
