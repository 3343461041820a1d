//! Whose turn it is, and how long that may take.

use super::*;

fn forgetful() -> Nature {
    Nature { refresh: Some(Duration::from_mins(1)), ..nature(true) }
}

/// The lanes that are refreshed so much later.
fn due(script: &mut Script, ms: i64) -> Vec<Lane> {
    let now = at(script.wait(ms).now);
    script.outbox.refreshes(now)
}

#[test]
fn an_episode_waits_until_all_of_the_one_before_is_told() {
    let mut script = Script::new();
    script.tell("hook f-a1 firing high").offer();
    script.ok().settle("f-a1", Settled::Resolved).tell("hook f-a1 resolved high");
    assert_eq!(script.offer(), "hook f-a1 resolved");
    script.tell("hook f-b2 firing critical").tell("hook g-a1 firing high").tell("slack f-b2 firing high");
    assert_eq!(script.offer(), "hook g-a1 firing, slack f-b2 firing", "the end of the first would end the second there");
    script.end(retry(Some(Duration::from_secs(5)))).ok().ok();
    assert_eq!(script.wait(4_000).offer(), "");
    assert_eq!(script.wait(1_000).offer(), "hook f-a1 resolved");
    assert_eq!(script.offer(), "");
    assert_eq!(script.ok().offer(), "hook f-b2 firing");
}

#[test]
fn episodes_keep_their_order_when_the_one_before_is_given_up_or_the_process_ends() {
    let mut script = Script::new();
    script.tell("hook f-a1 firing high").tell("hook f-b2 firing high").tell("hook f-c3 firing high");
    assert_eq!(script.offer(), "hook f-a1 firing");
    assert_eq!(script.end(refused()).offer(), "hook f-b2 firing");
    assert_eq!(script.crash().offer(), "hook f-b2 firing");
    assert_eq!(script.ok().offer(), "hook f-c3 firing");
}

#[test]
fn a_critical_waits_for_our_own_pace_as_long_as_the_channel_takes_messages() {
    let slow = Nature { burst: 1, every: Duration::from_secs(20), ..nature(true) };
    let mut script = Script::with(vec![route("hook", slow)]);
    for incident in 0..40 {
        script.tell(&format!("hook i{incident} firing critical"));
    }
    for _ in 0..40 {
        assert!(script.offer().ends_with("firing"));
        script.ok().wait(20_000);
    }
    assert!(script.outbox.news().undeliverable.is_empty());
}

#[test]
fn what_was_never_tried_is_given_up_when_the_channel_takes_nothing_and_else_has_its_time_from_the_first_attempt() {
    let mut script = Script::new();
    script.tell("slack i1 firing critical").tell("slack i2 firing high");
    assert_eq!(script.offer(), "slack i1 firing");
    assert_eq!(script.wait(301_000).offer(), "");
    assert_eq!(script.outbox.news().undeliverable[0].0.lane.about, "i2", "a call that hangs");

    let mut script = Script::new();
    script.tell("slack i1 firing high").offer();
    script.end(retry(Some(Duration::from_secs(290)))).tell("slack i2 firing critical");
    for _ in 0..2 {
        assert_eq!(script.wait(140_000).offer(), "");
    }
    script.wait(10_000);
    assert_eq!(script.offer(), "slack i2 firing");
    script.end(retry(Some(Duration::from_secs(290)))).tell("slack i3 firing critical").wait(289_000).offer();
    assert_eq!(script.outbox.news().undeliverable.len(), 1, "i1 had its attempt and its time");
}

#[test]
fn edits_give_way_to_all_that_is_news() {
    let scarce = Nature { burst: 1, every: Duration::from_secs(1), ..nature(true) };
    let mut script = Script::with(vec![route("hook", scarce)]);
    script.tell("hook i1 firing critical").offer();
    script.ok().tell("hook i1 update critical 1").tell("hook i2 firing low").tell("hook i3 firing critical");
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(script.wait(1_000).offer());
        script.ok();
    }
    assert_eq!(told, ["hook i3 firing", "hook i2 firing", "hook i1 update"]);
}

#[test]
fn an_end_is_not_repeated_into_the_next_episode() {
    for crashes in [false, true] {
        let mut script = Script::with(vec![route("am", forgetful())]);
        script.tell("am f-a1 firing high").offer();
        script.ok().settle("f-a1", Settled::Resolved).tell("am f-a1 resolved high").offer();
        script.ok().tell("am f-b2 firing high").offer();
        script.ok();
        if crashes {
            let rows: Vec<Row> = script.outbox.rows().cloned().collect();
            script.outbox = Outbox::new(vec![route("am", forgetful())], Duration::from_mins(5));
            script.outbox.restore(rows, at(script.now));
        }
        let due = due(&mut script, 60_000);
        assert_eq!(due.iter().map(|lane| lane.about.as_str()).collect::<Vec<_>>(), ["f-b2"]);
    }
}

#[test]
fn a_refresh_that_is_under_way_holds_the_next_episode_back() {
    let mut script = Script::with(vec![route("am", forgetful())]);
    script.tell("am f-a1 firing high").offer();
    script.ok().settle("f-a1", Settled::Resolved).tell("am f-a1 resolved high").offer();
    script.ok();
    let due = due(&mut script, 60_000);
    assert_eq!(script.tell("am f-b2 firing high").offer(), "");
    script.outbox.refreshed(&due[0], &took(None), at(script.now));
    assert_eq!(script.offer(), "am f-b2 firing");
}

#[test]
fn a_provider_that_asks_for_ever_at_a_refresh_is_asked_again_when_others_would_be_given_up() {
    let mut script = Script::with(vec![route("am", forgetful())]);
    script.tell("am i1 firing high").offer();
    script.ok();
    let due = due(&mut script, 60_000);
    script.outbox.refreshed(&due[0], &retry(Some(Duration::from_hours(1_000))), at(script.now));
    script.tell("am i2 firing critical");
    assert_eq!(script.wait(299_000).offer(), "");
    script.tell("am i3 firing critical");
    assert!(script.wait(2_000).offer().ends_with("i3 firing"));
}

#[test]
fn a_failure_that_is_told_later_lowers_no_queue() {
    let mut script = Script::new();
    script.tell("hook i1 firing critical").offer();
    script.end(took(Some("msg_1"))).tell("hook i2 firing high");
    script.outbox.confirmed("msg_1", Some("the destination answered 500"), at(5));
    assert_eq!(script.outbox.channels().iter().map(|channel| channel.queued).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn where_deliveries_are_confirmed_later_only_that_says_that_the_channel_works() {
    let mut script = Script::with(vec![Route { confirms: true, ..route("q", nature(true)) }]);
    script.tell("q i1 firing high").tell("q i2 firing high").offer();
    script.end(took(Some("msg_1"))).end(took(Some("msg_2")));
    assert!(script.outbox.news().delivered.is_empty(), "taken is not delivered");
    script.outbox.confirmed("msg_1", Some("the destination answered 500"), at(5));
    assert!(script.outbox.news().delivered.is_empty());
    script.outbox.confirmed("msg_2", None, at(5));
    assert_eq!(script.outbox.news().delivered.len(), 1);
}

#[test]
fn a_call_that_was_handed_out_and_not_made_leaves_no_doubt_behind() {
    for channel in ["hook", "slack"] {
        let mut script = Script::new();
        script.tell(&format!("{channel} i1 firing high"));
        assert_eq!(script.offer(), format!("{channel} i1 firing"));
        let one = script.lent.remove(0);
        script.outbox.recall(one.seq, one.attempt, at(0));
        // Its copy, and whoever goes on from it.
        assert_eq!(script.crash().offer(), format!("{channel} i1 firing"));
        assert_eq!(script.ok().states(), "firing sent");
    }
}

#[test]
fn calls_under_way_go_on_in_a_new_outbox_and_their_ends_count() {
    let mut script = Script::new();
    script.tell("slack i1 firing critical").offer();
    let one = script.lent.remove(0);
    let mut rows: Vec<Row> = script.outbox.rows().cloned().collect();
    // Numbered anew, as after a merge, and tried by somebody else as well.
    (rows[0].seq, rows[0].attempts) = (7, 3);
    let (key, calling) = (rows[0].key.clone(), [(rows[0].key.clone(), one.attempt)].into());
    script = Script::new();
    script.outbox.resume(rows, &calling, at(0));
    assert_eq!(script.offer(), "", "it is under way");
    let seq = script.outbox.number(&key).expect("it is there");
    script.outbox.settle(seq, one.attempt, took(None), at(1), &mut script.rng);
    assert_eq!(script.states(), "firing sent");
    script.tell("slack i2 firing critical");
    assert_eq!(script.offer(), "slack i2 firing", "the channel is free again");
}
