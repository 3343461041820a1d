//! One incident from its first breach to its end.

use std::time::Duration;

use super::room::*;
use crate::model::{AlertType, alert::AlertState, health::TransitionKind};

#[test]
fn one_incident_is_told_once_and_its_end_once() {
    let mut room = Room::new();
    room.target("app");
    room.run(5.0);
    room.breach("app", "pool_saturated", "high");
    room.run(60.0);
    room.expect(&["5 slack firing app/pool_saturated high"]);
    room.clear("app", "pool_saturated");
    room.run(60.0);
    room.expect(&["80 slack resolved app/pool_saturated high"]);
    assert_eq!(room.steps("app", "pool_saturated"), "breached firing told recovering resolved told");
    assert_eq!(room.settled.len(), 1);
    let id = room.incident("app", "pool_saturated").id.clone();
    let names: Vec<_> = room.events.iter().map(|(name, about)| (*name, *about == id)).collect();
    assert_eq!(names, [("firing", true), ("recovering", true), ("resolved", true)]);
}

#[test]
fn what_is_pending_is_seen_and_nobody_is_told() {
    let mut room = Room::new();
    room.transition("app", "pool_saturated", TransitionKind::Pending);
    room.run(1.0);
    let incident = room.incident("app", "pool_saturated").clone();
    assert_eq!((incident.state, room.desk.alert(&incident).kind), (AlertState::Pending, AlertType::ConnectionPool));
    room.transition("app", "pool_saturated", TransitionKind::Withdrawn);
    room.run(1.0);
    room.expect(&[]);
    assert_eq!(room.desk.incidents().count(), 0);
    assert_eq!(room.events.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["pending", "withdrawn"]);

    room.transition("app", "pool_saturated", TransitionKind::Pending);
    room.run(2.0);
    let pending = room.incident("app", "pool_saturated").id.clone();
    room.transition("app", "pool_saturated", TransitionKind::Firing);
    room.breach("app", "pool_saturated", "high");
    room.run(1.0);
    room.expect(&["4 slack firing app/pool_saturated high"]);
    assert_eq!(room.incident("app", "pool_saturated").id, pending, "it stays the same one");
}

#[test]
fn a_flapping_problem_is_one_incident_told_once_that_takes_longer_each_time() {
    let mut room = Room::with_policies("chat*", &["low: 0 chat"]);
    for _ in 0..4 {
        room.breach("app", "pool_saturated", "high");
        room.run(3.0);
        room.clear("app", "pool_saturated");
        room.run(10.0);
    }
    let alert = room.desk.alert(room.incident("app", "pool_saturated"));
    assert_eq!((alert.flaps, alert.flapping, alert.resolved), (3, true, false));
    room.run(109.0);
    assert_eq!(room.incident("app", "pool_saturated").state, AlertState::Recovering, "15 s doubled three times");
    room.run(2.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "13 chat update app/pool_saturated high",
        "26 chat update app/pool_saturated high",
        "39 chat update app/pool_saturated high",
        "162 chat resolved app/pool_saturated high",
    ]);
    assert!(room.steps("app", "pool_saturated").contains("recovering flapped recovering"));
}

#[test]
fn the_next_episode_of_the_same_problem_takes_longer_to_be_over() {
    let mut room = Room::new();
    for _ in 0..3 {
        room.breach("app", "pool_saturated", "high");
        room.run(5.0);
        room.clear("app", "pool_saturated");
        room.run(100.0);
    }
    room.expect(&[
        "0 slack firing app/pool_saturated high",
        "20 slack resolved app/pool_saturated high",
        "105 slack firing app/pool_saturated high",
        "140 slack resolved app/pool_saturated high",
        "210 slack firing app/pool_saturated high",
        "275 slack resolved app/pool_saturated high",
    ]);
}

#[test]
fn an_episode_outside_the_flap_window_is_forgiven() {
    let settings = crate::alert::Settings { flap_window: Duration::from_secs(40), ..crate::alert::Settings::default() };
    let mut room = Room::with(settings, ways("chat*"));
    for quiet in [20.0, 60.0, 60.0] {
        room.breach("app", "pool_saturated", "high");
        room.run(5.0);
        room.clear("app", "pool_saturated");
        room.run(quiet);
    }
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "20 chat resolved app/pool_saturated high",
        "25 chat firing app/pool_saturated high",
        "60 chat resolved app/pool_saturated high",
        "90 chat firing app/pool_saturated high",
        "110 chat resolved app/pool_saturated high",
    ]);
}

#[test]
fn in_the_dark_nothing_opens_and_nothing_ends() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.run(5.0);
    room.clear("app", "pool_saturated");
    room.run(10.0);
    room.target("app").dark = true;
    room.run(600.0);
    room.expect(&["0 slack firing app/pool_saturated high"]);
    assert_eq!(room.incident("app", "pool_saturated").state, AlertState::Recovering);
    room.target("app").dark = false;
    room.run(20.0);
    room.expect(&["630 slack resolved app/pool_saturated high"]);
}

#[test]
fn a_target_in_the_dark_whose_rule_is_in_breach_is_still_told() {
    let mut room = Room::new();
    room.target("app").dark = true;
    room.breach("app", "pool_waiting", "critical");
    room.run(20.0);
    room.expect(&["5 slack firing app/pool_waiting critical"]);
    room.clear("app", "pool_waiting");
    room.run(60.0);
    room.expect(&[]);
    assert_eq!(room.incident("app", "pool_waiting").state, AlertState::Firing);
}

#[test]
fn the_severity_is_told_when_it_rises_and_falls_but_not_each_time_it_wavers() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.run(5.0);
    room.breach("app", "pool_saturated", "critical");
    room.run(5.0);
    room.breach("app", "pool_saturated", "high");
    room.run(5.0);
    room.breach("app", "pool_saturated", "critical");
    room.run(5.0);
    room.breach("app", "pool_saturated", "high");
    room.run(100.0);
    room.expect(&[
        "0 slack firing app/pool_saturated high",
        "5 slack severity app/pool_saturated critical",
        "65 slack severity app/pool_saturated high",
    ]);
    let incident = room.incident("app", "pool_saturated");
    assert_eq!(incident.worst.as_str(), "critical");
}

#[test]
fn a_message_that_can_be_changed_is_changed_at_most_every_ten_seconds_and_only_when_a_reader_sees_it() {
    let mut room = Room::with_policies("chat* mail", &["low: 0 chat mail"]);
    room.breach("app", "pool_saturated", "high").value = Some(0.90);
    room.run(20.0);
    room.breach("app", "pool_saturated", "high").value = Some(0.93);
    room.run(20.0);
    room.breach("app", "pool_saturated", "high").value = Some(1.9);
    room.run(2.0);
    room.breach("app", "pool_saturated", "high").value = Some(3.9);
    room.run(20.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "0 mail firing app/pool_saturated high",
        "40 chat update app/pool_saturated high",
        "50 chat update app/pool_saturated high",
    ]);
}

#[test]
fn what_is_not_watched_any_more_is_over() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.breach("eu/shop", "database_down", "critical");
    room.run(5.0);
    room.targets.remove(&crate::model::TargetId::new("us", "app"));
    room.removed.push(crate::model::TargetId::new("us", "app"));
    room.run(1.0);
    room.targets.clear();
    room.regions.remove(&"eu".into());
    room.run(1.0);
    let told = room.told();
    assert_eq!(told[2..], ["5 slack resolved app/pool_saturated high", "6 slack resolved shop/database_down critical"]);
    assert!(room.incident("app", "pool_saturated").steps.iter().any(|step| step.text.contains("no longer watched")));
}

#[test]
fn the_alert_shows_what_people_need() {
    let mut room = Room::with(
        crate::alert::Settings { dashboard_url: Some("https://isobar.example/".into()), ..crate::alert::Settings::default() },
        ways("slack"),
    );
    room.target("app").utilization = 0.5;
    room.run(10.0);
    room.target("app").utilization = 0.9;
    room.breach("app", "pool_saturated", "high");
    room.run(10.0);
    let alert = room.desk.alert(room.incident("app", "pool_saturated"));
    assert!(alert.runbook.ends_with("/docs/alerts/pool_saturated.md"), "{}", alert.runbook);
    assert_eq!(alert.dashboard.as_deref(), Some(format!("https://isobar.example/incidents/{}", alert.id).as_str()));
    assert_eq!((alert.chart.figure.as_str(), alert.chart.unit.as_str()), ("utilization", "%"));
    let values: Vec<_> = alert.chart.points.iter().map(|(_, value)| value.expect("seen").round()).collect();
    assert_eq!((values[0], values[values.len() - 1]), (50.0, 90.0));
    assert_eq!(alert.started_at, time(START_MS + 10_000));
    assert_eq!(alert.affects, ["app".into()]);
    assert!(room.orders[0].alerts[0].chart.points.len() > 4, "messages carry it too");
    assert!(alert.id.starts_with(&alert.fingerprint));
}

#[test]
fn a_jump_of_the_wall_clock_neither_fires_nor_ends_nor_skips_anything() {
    for jump in [Duration::from_mins(10).as_millis() as i64, -(Duration::from_mins(10).as_millis() as i64)] {
        let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
        room.breach("app", "pool_saturated", "high");
        room.run(30.0);
        room.expect(&["0 chat firing app/pool_saturated high"]);
        room.ahead = jump;
        room.run(29.0);
        room.expect(&[]);
        room.run(2.0);
        room.expect(&["60 mail firing app/pool_saturated high"]);
        room.clear("app", "pool_saturated");
        room.run(5.0);
        room.ahead = 0;
        room.run(9.0);
        room.expect(&[]);
        room.run(5.0);
        room.expect(&["76 chat resolved app/pool_saturated high", "76 mail resolved app/pool_saturated high"]);
    }
}

#[test]
fn incidents_that_are_over_are_forgotten_after_a_week() {
    let mut room = Room::new();
    room.breach("app", "pool_saturated", "high");
    room.run(5.0);
    room.clear("app", "pool_saturated");
    room.run(30.0);
    room.elapsed += Duration::from_hours(7 * 24 - 1);
    room.run(1.0);
    assert_eq!(room.desk.incidents().count(), 1);
    room.elapsed += Duration::from_hours(1);
    room.run(1.0);
    assert_eq!((room.desk.incidents().count(), room.forgotten.len()), (0, 1));
}

#[test]
fn severities_that_no_policy_covers_are_told_to_nobody_and_it_says_so() {
    let mut room = Room::with_policies("slack", &["high: 0 slack"]);
    room.breach("app", "query_slow", "medium");
    room.run(30.0);
    room.expect(&[]);
    let incident = room.incident("app", "query_slow");
    assert!(
        incident.steps.iter().any(|step| step.text == "nobody told because no policy covers severity medium"),
        "{incident:#?}"
    );
}

#[test]
fn what_is_pending_is_withdrawn_when_nothing_more_is_heard_of_it() {
    let mut room = Room::new();
    room.transition("app", "size_growth", TransitionKind::Pending);
    room.run_by(14.0 * 60.0, Duration::from_secs(10));
    assert_eq!(room.incident("app", "size_growth").state.as_str(), "pending");
    room.run_by(2.0 * 60.0, Duration::from_secs(10));
    assert!(!room.desk.incidents().any(|it| it.state.as_str() == "pending"), "its end was lost on the way");
    room.expect(&[]);
}
