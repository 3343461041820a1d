//! Steps, rounds, reminders, acknowledgements.

use std::time::Duration;

use super::room::*;
use crate::{
    alert::{Settings, desk::Settled, settings::Policy},
    model::alert::{Acknowledge, AlertRefusal},
};

fn with(policy: Policy, channels: &str) -> Room {
    Room::with(Settings { escalations: vec![policy], ..Settings::default() }, ways(channels))
}

#[test]
fn steps_come_in_their_time_until_it_is_over_and_all_who_were_told_learn_of_the_end() {
    let mut room = Room::with_policies("boss chat mail", &["low: 0 chat, 60 mail chat, 300 boss"]);
    room.breach("app", "pool_saturated", "high");
    room.run(120.0);
    room.clear("app", "pool_saturated");
    room.run(400.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "60 mail firing app/pool_saturated high",
        "60 chat escalation app/pool_saturated high",
        "135 chat resolved app/pool_saturated high",
        "135 mail resolved app/pool_saturated high",
    ]);
}

#[test]
fn an_acknowledgement_stops_the_steps_and_is_told_to_those_who_know() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(30.0);
    room.acknowledge("app", "pool_saturated", "ana");
    room.acknowledge("app", "pool_saturated", "bo");
    room.run(100.0);
    room.expect(&["0 chat firing app/pool_saturated high", "30 chat acknowledged app/pool_saturated high"]);
    assert_eq!(room.settled[0].1, Settled::Acknowledged);
    let alert = room.desk.alert(room.incident("app", "pool_saturated"));
    assert_eq!((alert.state.as_str(), alert.acknowledged_by.as_deref()), ("acknowledged", Some("bo")));
    room.clear("app", "pool_saturated");
    room.run(5.0);
    room.breach("app", "pool_saturated", "high");
    room.run(5.0);
    assert_eq!(room.incident("app", "pool_saturated").state.as_str(), "acknowledged", "it stays taken while it flaps");
    room.clear("app", "pool_saturated");
    room.run(60.0);
    room.expect(&["170 chat resolved app/pool_saturated high"]);
}

#[test]
fn an_acknowledgement_that_expires_begins_the_steps_anew() {
    let policy = Policy { ack_expires: Some(Duration::from_mins(5)), ..policy("low: 0 chat, 60 mail") };
    let mut room = with(policy, "chat mail");
    room.breach("app", "pool_saturated", "high");
    room.run(30.0);
    room.acknowledge("app", "pool_saturated", "ana");
    let until = room.desk.alert(room.incident("app", "pool_saturated")).acknowledged_until;
    assert_eq!(until, Some(time(START_MS + 330_000)));
    room.run(400.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "30 chat acknowledged app/pool_saturated high",
        "330 chat reminder app/pool_saturated high",
        "390 mail firing app/pool_saturated high",
    ]);
    room.acknowledge("app", "pool_saturated", "ana");
    assert_eq!(room.told().len(), 2, "it is told again that somebody has taken it");
}

#[test]
fn reminders_go_to_all_who_know_until_somebody_takes_it() {
    let policy = Policy { remind_every: Some(Duration::from_mins(10)), ..policy("low: 0 chat, 60 mail") };
    let mut room = with(policy, "chat mail");
    room.breach("app", "pool_saturated", "high");
    room.run(1_300.0);
    room.acknowledge("app", "pool_saturated", "ana");
    room.run(2_000.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "60 mail firing app/pool_saturated high",
        "660 chat reminder app/pool_saturated high",
        "660 mail reminder app/pool_saturated high",
        "1260 chat reminder app/pool_saturated high",
        "1260 mail reminder app/pool_saturated high",
        "1300 chat acknowledged app/pool_saturated high",
        "1300 mail acknowledged app/pool_saturated high",
    ]);
}

#[test]
fn a_rising_severity_starts_its_own_policy() {
    let mut room = Room::with_policies("boss chat mail", &["critical: 0 chat boss, 60 mail", "low: 0 chat, 600 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(100.0);
    room.breach("app", "pool_saturated", "critical");
    room.run(100.0);
    room.clear("app", "pool_saturated");
    room.run(20.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "100 chat severity app/pool_saturated critical",
        "100 boss firing app/pool_saturated critical",
        "160 mail firing app/pool_saturated critical",
        "215 boss resolved app/pool_saturated critical",
        "215 chat resolved app/pool_saturated critical",
        "215 mail resolved app/pool_saturated critical",
    ]);
}

#[test]
fn the_policy_is_frozen_when_it_opens() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(1.0);
    let changed = Settings { escalations: vec![policy("low: 0 chat, 5 chat")], ..Settings::default() };
    room.desk.reconfigure(changed.into(), ways("chat mail"), room.now());
    room.run(100.0);
    room.expect(&["0 chat firing app/pool_saturated high", "60 mail firing app/pool_saturated high"]);
}

#[test]
fn a_step_that_is_late_says_so_and_is_counted() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(50.0);
    room.elapsed += Duration::from_secs(22);
    room.run(1.0);
    room.expect(&["0 chat firing app/pool_saturated high", "72.25 mail firing app/pool_saturated high [this step is 12s late]"]);
    assert_eq!(room.desk.late_steps(), 1);
    assert!(room.steps("app", "pool_saturated").contains("late"));
}

#[test]
fn each_address_of_a_channel_gets_its_own() {
    let mut room = Room::with_policies("mail", &["low: 0 mail"]);
    room.ways.get_mut("mail").expect("there").recipients = vec!["a@x".into(), "b@x".into()];
    room.desk.reconfigure(room.settings.clone(), room.ways.clone(), room.now());
    room.breach("app", "pool_saturated", "high");
    room.run(1.0);
    let keys: std::collections::BTreeSet<_> = room.orders.iter().map(crate::alert::order::Order::key).collect();
    assert_eq!(keys.len(), 2);
    room.expect(&["0 mail(a@x) firing app/pool_saturated high", "0 mail(b@x) firing app/pool_saturated high"]);
}

#[test]
fn only_what_fires_can_be_taken_and_only_by_somebody() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.run(1.0);
    let id = room.incident("app", "pool_saturated").id.clone();
    let now = room.now();
    let mut take = |id: &str, by: &str| {
        room.desk.acknowledge(now, &Acknowledge { id: id.into(), by: by.into(), note: None }).map_err(|error| match error {
            AlertRefusal::NotFound(_) => "not found".to_owned(),
            other => other.to_string(),
        })
    };
    assert_eq!(take("nothing", "ana").map(drop), Err("not found".into()));
    assert_eq!(take(&id, " ").map(drop), Err("`by` is empty: say who".into()));
    assert_eq!(take(&id, &"x".repeat(201)).map(drop), Err("`by` is longer than 200 characters".into()));
    assert_eq!(take(&id, "ana").expect("taken").acknowledged_by.as_deref(), Some("ana"));
    room.clear("app", "pool_saturated");
    room.run(30.0);
    let refused = room.desk.acknowledge(room.now(), &Acknowledge { id, by: "ana".into(), note: None });
    assert_eq!(refused.expect_err("over").to_string(), "it is over already");
}

#[test]
fn a_severity_that_rises_to_another_policy_ends_what_was_taken_for_less() {
    let mut room = Room::with_policies("boss chat", &["critical: 0 chat boss", "high: 0 chat, 600 chat"]);
    room.breach("app", "pool_saturated", "high");
    room.run(10.0);
    room.acknowledge("app", "pool_saturated", "ana");
    room.told();
    room.breach("app", "pool_saturated", "critical");
    room.run(10.0);
    room.expect(&["10 chat severity app/pool_saturated critical", "10 boss firing app/pool_saturated critical"]);
    assert_eq!(room.incident("app", "pool_saturated").state.as_str(), "firing");
    room.acknowledge("app", "pool_saturated", "ana");
    room.breach("app", "pool_saturated", "high");
    room.run(10.0);
    room.breach("app", "pool_saturated", "critical");
    room.run(10.0);
    assert_eq!(room.incident("app", "pool_saturated").state.as_str(), "acknowledged", "as bad as it was when it was taken");
}

#[test]
fn a_step_whose_channels_are_all_gone_tells_another_one() {
    let mut room = Room::with_policies("chat pager", &["low: 0 pager, 60 pager"]);
    room.breach("app", "pool_waiting", "high");
    room.target("app").dark = true;
    room.transition("app", "database_down", crate::model::health::TransitionKind::Pending);
    room.show();
    room.desk.reconfigure(room.settings.clone(), ways("chat phone"), room.now());
    room.run(10.0);
    room.expect(&["5 chat firing app/pool_waiting high [pager is not configured any more]"]);
}
