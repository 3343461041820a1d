//! Bytes that nobody of ours wrote, or that were damaged.

use proptest::prelude::*;

use super::{Arbitrary, asked, messages, removed, sender};
use crate::bus::{
    message::Message,
    wire::{LONGEST, NEWEST, Refusal, decode, encode, header, options},
};
use bincode::Options;
use serde::Serialize;

/// A frame whose header and sum are right, whatever its payload says.
fn framed(version: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header::begin(version, kind, &sender(), payload.len()).expect("names are short");
    bytes.extend_from_slice(payload);
    header::end(&mut bytes, payload.len());
    bytes
}

fn payload(of: &impl Serialize) -> Vec<u8> {
    options().serialize(of).expect("small")
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes, NEWEST).err().map_or_else(|| "read".to_owned(), |refusal| refusal.to_string())
}

/// One report with everything in it.
fn sample() -> Vec<u8> {
    let message = (0..).find_map(|seed| match messages(&mut Arbitrary::new(seed)).swap_remove(1) {
        Message::Reports(reports) if reports.len() == 1 && reports[0].activity.is_some() => Some(Message::Reports(reports)),
        _ => None,
    });
    encode(2, &sender(), &message.expect("one")).expect("words").to_vec()
}

#[test]
fn what_is_cut_off_anywhere_is_refused() {
    let whole = sample();
    for long in 0..whole.len() {
        assert!(decode(&whole[..long], NEWEST).is_err(), "cut at {long}");
    }
    assert!(decode(&whole, NEWEST).is_ok());
}

#[test]
fn one_wrong_bit_anywhere_is_found() {
    let mut bytes = sample();
    for at in 0..bytes.len() * 8 {
        bytes[at / 8] ^= 1 << (at % 8);
        assert!(decode(&bytes, NEWEST).is_err(), "bit {at}");
        bytes[at / 8] ^= 1 << (at % 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_or_read_and_nothing_else(kind in 0_u16..10, version in 0_u16..4, bytes: Vec<u8>, first in 0_u64..4) {
        let mut payload = first.to_le_bytes().to_vec();
        payload.extend(&bytes);
        for payload in [&bytes, &payload] {
            let _ = decode(&framed(version, kind, payload), NEWEST);
        }
        prop_assert!(decode(&bytes, NEWEST).is_err());
    }

    #[test]
    fn a_damaged_payload_with_a_right_sum_does_no_harm(seed: u64, at: prop::sample::Index, byte: u8) {
        for message in messages(&mut Arbitrary::new(seed)) {
            let whole = encode(NEWEST, &sender(), &message).expect("words");
            let (head, payload) = header::read(&whole, NEWEST).expect("whole");
            let mut payload = payload.to_vec();
            let at = at.index(payload.len());
            payload[at] = byte;
            let _ = decode(&framed(NEWEST, head.kind, &payload), NEWEST);
        }
    }
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let beat = encode(2, &sender(), &messages(&mut Arbitrary::new(1))[0]).expect("words").to_vec();
    let changed = |at: usize, by: u8| {
        let mut bytes = beat.clone();
        bytes[at] = by;
        bytes
    };
    let mut followed = beat.clone();
    followed.push(0);
    assert_eq!(refusal(b""), "no message of isobar: it begins otherwise");
    assert_eq!(refusal(b"HTTP/1.1 200 OK"), "no message of isobar: it begins otherwise");
    assert_eq!(refusal(&beat[..20]), "no message of isobar: it is cut off");
    assert_eq!(refusal(&followed), "no message of isobar: something follows it");
    assert_eq!(refusal(&changed(beat.len() - 1, 9)), "no message of isobar: it was damaged on the way");
    assert_eq!(refusal(&changed(4, 9)), "wire version 9, and this node reads 1 to 4");
    assert_eq!(refusal(&changed(4, 0)), "wire version 0, and this node reads 1 to 4");
    assert_eq!(refusal(&framed(2, 77, b"")), "unknown kind of message 77");
    assert_eq!(refusal(&framed(2, 0, b"")), "unknown kind of message 0");
}

#[test]
fn the_first_version_knows_no_views() {
    assert_eq!(decode(&framed(1, 5, &payload(&0_u64)), 2).err(), Some(Refusal::Kind(5)));
    assert!(decode(&framed(2, 5, &payload(&0_u64)), 2).is_ok());
}

#[test]
fn a_length_that_cannot_be_is_refused_before_anything_is_taken_from_memory() {
    for long in [u64::MAX, 1 << 60, 1 << 32, 3] {
        assert_eq!(refusal(&framed(2, 2, &payload(&long))), "no message of isobar: its payload cannot be read", "{long} reports");
        assert_eq!(refusal(&framed(2, 4, &payload(&(1_u64, long)))), "no message of isobar: its payload cannot be read");
    }
    assert_eq!(refusal(&framed(2, 4, &vec![0; LONGEST + 1])), "no message of isobar: it is too long");
}

#[test]
fn a_list_that_is_too_long_is_refused() {
    let targets = vec![("r", "t"); 10_001];
    assert_eq!(refusal(&framed(2, 4, &payload(&targets))), "no message of isobar: a list that is too long");
    assert_eq!(refusal(&framed(2, 4, &payload(&&targets[1..]))), "read");
}

#[test]
fn bytes_that_follow_the_payload_are_refused() {
    let whole = encode(1, &sender(), &removed("t")).expect("words");
    let mut payload = header::read(&whole, NEWEST).expect("whole").1.to_vec();
    payload.push(0);
    assert_eq!(refusal(&framed(1, 4, &payload)), "no message of isobar: its payload cannot be read");
}

#[test]
fn flags_that_nobody_knows_are_refused() {
    let mut bytes = framed(2, 4, &payload(&0_u64));
    bytes[8] = 1;
    header::end(&mut bytes, 8);
    assert_eq!(refusal(&bytes), "no message of isobar: it has flags that nobody knows");
}

#[test]
fn numbers_times_and_words_that_are_none_are_refused() {
    let figures = |utilization: Option<f64>, at: i64| {
        let none = None::<u32>;
        let pool = ((none, none, none, none, none), (None::<f64>, None::<f64>, utilization, none));
        let queries = (None::<f64>, None::<u64>, None::<u64>, None::<f64>, None::<f64>, None::<f64>, None::<f64>);
        framed(1, 3, &payload(&vec![("t", at, pool, queries, None::<f64>)]))
    };
    assert_eq!(refusal(&figures(Some(0.5), 0)), "read");
    for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(refusal(&figures(Some(none), 0)), "no message of isobar: a number that is none");
    }
    assert_eq!(refusal(&figures(None, i64::MAX)), "no message of isobar: a time that is none");

    let phases = (None::<f64>, None::<f64>, None::<f64>, None::<f64>, None::<f64>);
    let view =
        |outcome: u8| framed(2, 5, &payload(&vec![(("r", "t"), ("us", outcome, None::<u8>, None::<&str>, 0_i64, phases))]));
    assert_eq!(refusal(&view(18)), "read");
    assert_eq!(refusal(&view(19)), "no message of isobar: an unknown Outcome");
}

#[test]
fn json_that_is_none_of_ours_is_refused() {
    let ask = |json: &str| framed(1, 7, &payload(&(7_u64, "r", None::<&str>, json)));
    assert_eq!(refusal(&ask(r#"{"Deliver":"x"}"#)), "read");
    let deep = "[".repeat(100_000);
    for json in ["", "{", r#"{"Reboot":1}"#, r#"{"Deliver":"x"} "#.repeat(2).as_str(), &deep] {
        assert_eq!(refusal(&ask(json)), "no message of isobar: JSON that cannot be read");
    }
}

#[test]
fn a_question_longer_than_a_payload_has_no_frame() {
    assert!(encode(2, &sender(), &asked(&"x".repeat(LONGEST))).is_none());
    assert!(encode(2, &sender(), &asked(&"x".repeat(LONGEST / 2))).is_some());
}

#[test]
fn a_name_longer_than_its_length_can_say_has_no_frame() {
    let named = |long: usize| crate::bus::message::Sender { node: "n".repeat(long).as_str().into(), ..sender() };
    assert!(encode(2, &named(256), &removed("t")).is_none());
    let bytes = encode(2, &named(255), &removed("t")).expect("words");
    assert_eq!(decode(&bytes, 2).expect("read").0, named(255));
}

#[test]
fn news_of_which_one_alert_cannot_be_read_tell_the_others() {
    let mut of = Arbitrary::new(4);
    let item = std::iter::repeat_with(|| of.news()).flatten().next().expect("sooner or later");
    let items = ["told", "lost", "told"].map(|word| {
        let mut item = item.clone();
        std::sync::Arc::make_mut(&mut item.alert).message = word.to_owned();
        item
    });
    let said = encode(1, &sender(), &Message::News { items: items.into(), silences: Some(of.any()), unreadable: 0 });
    let said = said.expect("words");
    let begins = header::begin(1, 6, &sender(), 0).expect("names are short").len();
    let mut payload = said[begins..].to_vec();
    let (word, newer) = (br#""message":"lost""#, br#""massage":"lost""#);
    let at = payload.windows(word.len()).position(|some| some == word).expect("it is there");
    payload[at..at + word.len()].copy_from_slice(newer);
    let read = decode(&framed(1, 6, &payload), NEWEST).expect("read").1;
    let Message::News { items, silences, unreadable } = read else { panic!("no news: {read:?}") };
    let told: Vec<&str> = items.iter().map(|item| item.alert.message.as_str()).collect();
    assert_eq!((told, silences.is_some(), unreadable), (vec!["told", "told"], true, 1));
}
