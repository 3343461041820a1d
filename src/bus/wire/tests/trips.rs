//! There and back.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Arbitrary, messages, reports, sender, told};
use crate::{
    bus::{
        message::{Message, Sender},
        wire::{NEWEST, OLDEST, Refusal, decode, encode, frames, without_newer},
    },
    model::{Report, activity::Activity, activity::Session, cluster::Figures},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kind_comes_back_as_it_was_in_every_version(seed: u64, boot: u64, sequence: u64) {
        let from = Sender { boot, sequence, ..sender() };
        for message in messages(&mut Arbitrary::new(seed)) {
            for version in OLDEST..=NEWEST {
                let Some(bytes) = encode(version, &from, &message) else {
                    let first = match message {
                        Message::Views(_) => 2,
                        Message::Vitals(_) => 3,
                        _ => 1,
                    };
                    prop_assert!(version < first, "no words for {message:?}");
                    continue;
                };
                let (by, read) = decode(&bytes, NEWEST).expect("it is whole");
                prop_assert_eq!(by, from.clone());
                prop_assert_eq!(told(&read), told(&as_said_in(version, &message)));
            }
        }
    }
}

/// Without the rule that came with version 4.
fn as_said_in(version: u16, message: &Message) -> Message {
    match message {
        Message::Reports(reports) if version < 4 => Message::Reports(reports.iter().map(without_newer).collect()),
        message => message.clone(),
    }
}

fn any<T: serde::de::DeserializeOwned>(seed: u64) -> T {
    Arbitrary::new(seed).any()
}

#[test]
fn an_older_node_refuses_what_is_newer_and_a_newer_one_reads_what_is_older() {
    let message = Message::Figures(any(1));
    let (old, new) = (encode(1, &sender(), &message).expect("words"), encode(2, &sender(), &message).expect("words"));
    assert_eq!(told(&decode(&old, 1).expect("read").1), told(&message));
    assert_eq!(told(&decode(&old, 2).expect("read").1), told(&message));
    assert_eq!(told(&decode(&new, 2).expect("read").1), told(&message));
    assert_eq!(decode(&new, 1).err(), Some(Refusal::Version(2)));
}

#[test]
fn a_version_that_nobody_knows_has_no_words() {
    let message = Message::Removed(any(1));
    assert!(encode(0, &sender(), &message).is_none());
    assert!(encode(NEWEST + 1, &sender(), &message).is_none());
    assert!(frames(NEWEST + 1, &mut sender(), &message).is_empty());
}

#[test]
fn the_first_version_has_no_words_for_views() {
    let mut from = sender();
    assert!(encode(1, &from, &Message::Views(any(3))).is_none());
    assert!(frames(1, &mut from, &Message::Views(any(3))).is_empty());
    assert_eq!(from, sender(), "no number was used");
}

#[test]
fn a_figure_that_is_none_is_left_out_and_costs_no_message() {
    let mut figures: Figures = any(1);
    figures.impact = Some(f64::NAN);
    figures.connection_pool.utilization = Some(f64::NEG_INFINITY);
    figures.connection_pool.max_wait_time = Some(f64::MAX);
    let mut report: Report = any(2);
    report.activity = Some(Arc::new(Activity { average_active_sessions: f64::INFINITY, ..Activity::default() }));
    let read = |message: Message| decode(&encode(2, &sender(), &message).expect("words"), 2).expect("read").1;

    let Message::Figures(said) = read(Message::Figures(vec![figures])) else { panic!("no figures") };
    assert_eq!((said[0].impact, said[0].connection_pool.utilization), (None, None));
    assert_eq!(said[0].connection_pool.max_wait_time, Some(f64::MAX));
    let said = reports(read(Message::Reports(vec![report])));
    assert_eq!(said[0].activity.as_ref().map(|activity| activity.average_active_sessions), Some(0.0));
}

/// About a megabyte of sessions.
fn heavy(target: &str) -> Report {
    let mut report: Report = any(9);
    Arc::make_mut(&mut report.sample).target = target.into();
    let session = Session { application: "x".repeat(1_000), ..any(9) };
    report.activity = Some(Arc::new(Activity { sessions: vec![session; 1_000], ..Activity::default() }));
    report
}

#[test]
fn what_is_too_long_for_one_frame_goes_in_several_with_numbers_without_gaps() {
    let sent: Vec<Report> = (0..10).map(|nth| heavy(&format!("t{nth}"))).collect();
    let message = Message::Reports(sent.clone());
    assert!(encode(2, &sender(), &message).is_none());

    let mut from = sender();
    let frames = frames(2, &mut from, &message);
    let read: Vec<_> = frames.iter().map(|bytes| decode(bytes, 2).expect("read")).collect();
    let numbers: Vec<u64> = read.iter().map(|(from, _)| from.sequence).collect();
    assert_eq!(numbers, (42..42 + frames.len() as u64).collect::<Vec<_>>());
    assert_eq!(from.sequence, 41 + frames.len() as u64);
    assert!((3..=8).contains(&frames.len()), "{} frames", frames.len());
    let all = read.into_iter().flat_map(|(_, message)| reports(message)).collect();
    assert_eq!(told(&Message::Reports(all)), told(&message));
}

#[test]
fn a_report_that_is_too_long_goes_without_its_details() {
    let mut giant = heavy("giant");
    let session = Session { application: "x".repeat(5 << 20), ..any(9) };
    giant.activity = Some(Arc::new(Activity { sessions: vec![session], ..Activity::default() }));
    let said = frames(2, &mut sender(), &Message::Reports(vec![heavy("a"), giant, heavy("b")]));
    let said: Vec<Report> = said.iter().flat_map(|bytes| reports(decode(bytes, 2).expect("read").1)).collect();
    let names: Vec<_> = said.iter().map(|report| (report.sample.target.as_str(), report.is_light())).collect();
    assert_eq!(names, [("a", false), ("giant", true), ("b", false)]);
}

#[test]
fn news_that_are_too_long_are_split_and_the_silences_go_along() {
    let mut of = Arbitrary::new(4);
    let mut item = std::iter::repeat_with(|| of.news()).flatten().next().expect("sooner or later");
    Arc::make_mut(&mut item.alert).message = "m".repeat(2 << 20);
    let message = Message::News { items: vec![item.clone(), item.clone(), item], silences: Some(any(6)), unreadable: 0 };
    let said: Vec<_> = frames(2, &mut sender(), &message).iter().map(|bytes| decode(bytes, 2).expect("read").1).collect();
    let count = |message: &Message| match message {
        Message::News { items, silences, .. } => (items.len(), silences.is_some()),
        other => panic!("no news: {other:?}"),
    };
    assert_eq!(said.iter().map(count).collect::<Vec<_>>(), [(1, false), (1, false), (1, false), (0, true)]);
}

#[test]
fn more_things_than_a_list_may_have_go_in_two_frames() {
    let targets = vec![any(1); 10_001];
    assert!(encode(2, &sender(), &Message::Removed(targets.clone())).is_none());
    assert_eq!(frames(2, &mut sender(), &Message::Removed(targets)).len(), 2);
}
