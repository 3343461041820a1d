//! Two desks that see the same and do not know of each other: what they tell must be the same messages.

use std::collections::BTreeSet;

use super::room::*;
use crate::{
    alert::{Settings, order::Order},
    model::{alert::AlertEvent, health::TransitionKind},
};

const POLICIES: [&str; 2] = ["high: 0 slack", "critical: 0 slack pager, 30 mail"];

/// Two of them, the second a little later than the first, with clocks that are not quite the same.
fn twins() -> [Room; 2] {
    let mut twins = [0.0, 0.19].map(|late| {
        let mut room = Room::with_policies("slack pager mail", &POLICIES);
        room.run_by(late, std::time::Duration::from_millis(190));
        room
    });
    twins[1].ahead = 430;
    twins
}

fn keys(room: &Room, of: &[AlertEvent]) -> BTreeSet<(String, String)> {
    let is_it = |order: &&Order| of.contains(&order.event);
    let text = |order: &Order| format!("{} {} {} {}", order.lane.about, order.lane.channel, order.event.as_str(), order.level);
    room.orders.iter().filter(is_it).map(|order| (order.key(), text(order))).collect()
}

#[test]
fn what_two_nodes_tell_of_the_same_is_the_same_message() {
    let mut twins = twins();
    for room in &mut twins {
        for _ in 0..3 {
            room.breach("app", "database_down", "critical");
            room.breach("shop", "pool_saturated", "high");
            room.run(40.0);
            room.breach("shop", "pool_saturated", "critical");
            room.run(40.0);
            room.clear("app", "database_down");
            room.clear("shop", "pool_saturated");
            room.run(400.0);
        }
    }
    let all = [AlertEvent::Firing, AlertEvent::Escalation, AlertEvent::Severity, AlertEvent::Resolved];
    let [one, other] = twins.map(|room| keys(&room, &all));
    assert!(one.len() >= 30, "{one:#?}");
    assert_eq!(one, other);
}

#[test]
fn what_was_withdrawn_on_one_node_does_not_move_the_numbers() {
    let mut twins = twins();
    for _ in 0..3 {
        twins[0].transition("app", "pool_saturated", TransitionKind::Pending);
        twins[0].run(2.0);
        twins[0].transition("app", "pool_saturated", TransitionKind::Withdrawn);
        twins[0].transition("app", "pool_saturated", TransitionKind::Pending);
        twins[0].run(2.0);
        twins[0].transition("app", "pool_saturated", TransitionKind::Withdrawn);
        twins[0].run(2.0);
        for room in &mut twins {
            room.breach("app", "pool_saturated", "critical");
            room.run(10.0);
            room.clear("app", "pool_saturated");
            room.run(400.0);
        }
    }
    let [one, other] = twins.map(|room| keys(&room, &[AlertEvent::Firing, AlertEvent::Resolved]));
    assert_eq!(one.len(), 12, "{one:#?}");
    assert_eq!(one, other);
}

#[test]
fn an_episode_is_numbered_after_the_newest_and_the_first_of_a_day_after_the_day() {
    let mut room = Room::new();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        room.breach("app", "pool_saturated", "high");
        room.run(5.0);
        let id = &room.incident("app", "pool_saturated").id;
        numbers.push(i64::from_str_radix(id.rsplit_once('-').expect("two parts").1, 16).expect("a number"));
        room.clear("app", "pool_saturated");
        room.run(400.0);
        room.restart(5.0);
    }
    let day = START_MS / 1_000 / 86_400 * 86_400;
    assert_eq!(numbers, [day, day + 1, day + 2]);
}

#[test]
fn the_name_of_a_forgotten_episode_is_not_given_again() {
    let mut room = Room::with(Settings::default(), ways("slack"));
    let mut ids = BTreeSet::new();
    for day in 0..2 {
        room.breach("app", "pool_saturated", "high");
        room.run(5.0);
        ids.insert(room.incident("app", "pool_saturated").id.clone());
        room.clear("app", "pool_saturated");
        room.run(400.0);
        if day == 0 {
            room.run_by(8.0 * 86_400.0, std::time::Duration::from_hours(6));
            room.ahead = -9 * 86_400_000;
        }
    }
    assert_eq!((ids.len(), room.forgotten.len()), (2, 1), "{ids:?}");
}
