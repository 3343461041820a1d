use std::time::Duration;

use rand::{SeedableRng, rngs::SmallRng};

use super::{super::*, *};
use crate::alert::outbox::tests::{at, nature, order, route};

const ISLAND: Gate = Gate::Criticals { unkeyed: true, repeat: false };

fn outbox() -> Outbox {
    Outbox::new(vec![route("hook", nature(true)), route("slack", nature(false))], Duration::from_mins(5))
}

/// `slack i1 firing critical`
fn tell(outbox: &mut Outbox, words: &str, ms: i64) {
    let words: Vec<&str> = words.split(' ').collect();
    let event = serde_json::from_str(&format!("\"{}\"", words[2])).expect("an event");
    let severity = serde_json::from_str(&format!("\"{}\"", words[3])).expect("a severity");
    let level = words.get(4).copied().unwrap_or("0");
    let orders = vec![order(words[1], words[0], event, level, severity, ms)];
    outbox.take(&Changes { orders, ..Changes::default() }, at(ms));
}

/// What is handed out and taken at once; `!` for a possible repeat.
fn offer(outbox: &mut Outbox, ms: i64) -> String {
    let mut told = Vec::new();
    loop {
        let offered = outbox.offer(at(ms));
        if offered.is_empty() {
            return told.join(", ");
        }
        for one in offered {
            let (lane, mark) = (&one.parcel.order.lane, if one.parcel.possible_repeat { "!" } else { "" });
            told.push(format!("{} {} {}{mark}", lane.channel, lane.about, one.parcel.order.event.as_str()));
            let ended = Ended::Answered(Ok(Receipt { answer: "ok".into(), reference: None }));
            outbox.settle(one.seq, one.attempt, ended, at(ms), &mut SmallRng::seed_from_u64(1));
        }
    }
}

#[test]
fn a_shut_gate_lets_nothing_out_and_nothing_is_given_up_behind_it() {
    let mut outbox = outbox();
    outbox.set_gate(Gate::Shut);
    tell(&mut outbox, "hook i1 firing critical", 0);
    tell(&mut outbox, "slack i2 firing high", 0);
    for minute in 0..30 {
        assert_eq!(offer(&mut outbox, minute * 60_000), "");
    }
    assert!(outbox.news().undeliverable.is_empty());
    outbox.set_gate(Gate::Open);
    assert_eq!(offer(&mut outbox, 1_800_000), "hook i1 firing, slack i2 firing");
}

#[test]
fn what_the_gate_opened_for_has_its_whole_time_and_not_more() {
    for (after, given_up) in [(299_000, 0), (301_000, 1)] {
        let mut outbox = outbox();
        outbox.set_gate(Gate::Shut);
        tell(&mut outbox, "hook i1 firing high", 0);
        offer(&mut outbox, 280_000);
        outbox.set_gate(Gate::Open);
        let call = outbox.offer(at(290_000)).remove(0);
        let failed = Ended::Answered(Err(Failure::Retry { why: "503".into(), after: None }));
        outbox.settle(call.seq, call.attempt, failed, at(290_000), &mut SmallRng::seed_from_u64(1));
        outbox.set_gate(Gate::Shut);
        offer(&mut outbox, 900_000);
        outbox.set_gate(Gate::Open);
        outbox.set_gate(ISLAND);
        outbox.set_gate(Gate::Open);
        outbox.free(at(1_000_000));
        outbox.expire(at(1_000_000 + after));
        assert_eq!(outbox.news().undeliverable.len(), given_up, "after {after} ms");
    }
}

#[test]
fn an_island_tells_criticals_and_what_stands_before_them_and_their_ends() {
    let mut outbox = outbox();
    outbox.set_gate(ISLAND);
    for words in [
        "hook i1 firing critical",
        "hook i2 firing high",
        "slack i3 firing high",
        "slack i3 severity critical worst-critical",
        "slack i4 severity critical critical-18c",
        "slack i5 reminder critical",
        "slack i6 escalation critical",
    ] {
        tell(&mut outbox, words, 0);
    }
    assert_eq!(offer(&mut outbox, 0), "hook i1 firing, slack i3 firing, slack i3 severity, slack i6 escalation");
    tell(&mut outbox, "hook i1 resolved high", 1);
    tell(&mut outbox, "hook i2 resolved high", 1);
    assert_eq!(offer(&mut outbox, 1), "hook i1 resolved");
}

#[test]
fn nodes_that_were_not_alone_mark_what_people_may_have_and_others_tell_only_where_it_is_one_message() {
    for (rank, alone, told) in [
        (0, true, "hook i1 firing, slack i1 firing"),
        (0, false, "hook i1 firing, slack i1 firing!"),
        (1, false, "hook i1 firing, slack i1 firing!"),
        (2, false, "hook i1 firing"),
        (5, false, "hook i1 firing"),
    ] {
        let mut outbox = outbox();
        outbox.set_gate(Duty::Island { rank, alone }.gate());
        tell(&mut outbox, "hook i1 firing critical", 0);
        tell(&mut outbox, "slack i1 firing critical", 0);
        assert_eq!(offer(&mut outbox, 0), told, "rank {rank}");
    }
}

#[test]
fn rows_of_several_nodes_are_told_in_the_order_in_which_they_were_decided() {
    let (mut one, mut other) = (outbox(), outbox());
    tell(&mut one, "slack i1-1 firing high", 10);
    tell(&mut one, "hook i3-1 firing high", 30);
    tell(&mut other, "slack i2-1 firing high", 20);
    tell(&mut other, "slack i1-1 resolved high end", 40);
    let rows: Vec<Row> = other.rows().chain(one.rows()).cloned().collect();
    let mut outbox = outbox();
    outbox.restore(rows, at(50));
    let order: Vec<(u64, &str)> = outbox.rows().map(|row| (row.seq, row.order.lane.about.as_str())).collect();
    assert_eq!(order, [(1, "i1-1"), (2, "i2-1"), (3, "i3-1"), (4, "i1-1")]);
    assert_eq!(outbox.changes().rows.len(), 4, "the journal must learn the new numbers");
    assert_eq!(offer(&mut outbox, 50), "hook i3-1 firing, slack i1-1 firing, slack i2-1 firing, slack i1-1 resolved");
}
