//! The process ends and another begins.

use std::time::Duration;

use super::room::*;
use crate::{alert::Settings, model::alert::AlertState};

#[test]
fn what_is_still_in_breach_goes_on_and_nobody_is_told_again() {
    let mut room = Room::with_policies("chat* mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(30.0);
    room.told();
    room.restart(5.0);
    room.run(20.0);
    room.expect(&[]);
    room.run(20.0);
    room.expect(&["60 mail firing app/pool_saturated high"]);
    room.clear("app", "pool_saturated");
    room.run(20.0);
    assert_eq!(room.told().len(), 2, "its end is told to both");
}

#[test]
fn a_step_that_was_due_while_the_process_was_down_is_late() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(30.0);
    room.told();
    room.restart(50.0);
    room.run(1.0);
    room.expect(&["80 mail firing app/pool_saturated high [this step is 20s late]"]);
}

#[test]
fn what_is_not_in_breach_any_more_is_over_only_after_it_was_seen_for_long_enough() {
    for (rule, over_after) in [("pool_saturated", 75.0), ("cache_hit_low", 915.0)] {
        let mut room = Room::new();
        room.breach("app", rule, "high");
        room.run(30.0);
        room.told();
        room.restart(5.0);
        room.clear("app", rule);
        room.target("app").dark = true;
        room.run(100.0);
        room.target("app").dark = false;
        room.run(over_after - 1.0);
        room.expect(&[]);
        room.run(1.5);
        assert_eq!(room.told().len(), 1, "{rule}");
    }
}

#[test]
fn a_breach_that_comes_back_after_the_restart_is_the_same_incident() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.run(30.0);
    room.told();
    room.restart(5.0);
    room.clear("app", "pool_saturated");
    room.run(30.0);
    room.breach("app", "pool_saturated", "high");
    room.run(30.0);
    room.expect(&[]);
    assert_eq!(
        (room.incident("app", "pool_saturated").state, room.incident("app", "pool_saturated").flaps),
        (AlertState::Firing, 0)
    );
}

#[test]
fn silences_and_what_they_hold_back_come_back() {
    let mut room = Room::new();
    let matchers = crate::model::alert::Matchers { target: Some("app".into()), ..Default::default() };
    let (by, reason, lasts) = ("ana".into(), "why".into(), Some(Duration::from_mins(1)));
    let command = crate::model::alert::NewSilence { matchers, starts_at: None, ends_at: None, lasts, by, reason };
    room.desk.silence(room.now(), &command).expect("silenced");
    room.breach("app", "pool_saturated", "high");
    room.run(10.0);
    room.restart(5.0);
    room.run(44.0);
    room.expect(&[]);
    room.run(2.0);
    room.expect(&["60 slack firing app/pool_saturated high"]);
}

#[test]
fn what_is_not_configured_any_more_after_the_restart_is_over() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.breach("eu/shop", "pool_saturated", "high");
    room.run(10.0);
    room.told();
    room.restart(5.0);
    room.targets.clear();
    room.regions.remove(&"eu".into());
    room.blind.insert("us".into());
    room.run(1.0);
    room.blind.clear();
    room.expect(&["15 slack resolved shop/pool_saturated high", "15 slack firing region_blind high"]);
    room.run(335.0);
    let told = room.told();
    assert!(told.iter().any(|line| line.contains("resolved app")), "its region is seen and nobody reports it: {told:?}");
}

#[test]
fn a_digest_goes_on_quietly_and_tells_its_end() {
    let mut room = Room::with(Settings { digest_above: 1, ..Settings::default() }, ways("chat*"));
    for name in ["a", "b", "c"] {
        room.breach(name, "pool_saturated", "high");
    }
    room.run(5.0);
    assert_eq!(room.told()[1], "1 chat digest of 2");
    room.restart(5.0);
    room.run(400.0);
    room.expect(&[]);
    for name in ["a", "b", "c"] {
        room.clear(name, "pool_saturated");
    }
    room.run(60.0);
    let told = room.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].ends_with("chat digest of 2"), "{told:?}");
}

#[test]
fn a_channel_that_is_gone_after_the_restart_fails_no_longer() {
    let mut room = Room::with(Settings::default(), ways("chat mail"));
    room.breach("app", "database_down", "critical");
    room.run(1.0);
    let order = room.orders.iter().find(|order| order.lane.channel == "chat").expect("told").clone();
    room.desk.undeliverable(room.now(), &order, "404 channel_not_found");
    room.collect();
    room.told();
    room.ways = ways("mail");
    room.restart(5.0);
    room.run(1.0);
    room.expect(&["6 mail resolved chat/delivery_failing high"]);
}
