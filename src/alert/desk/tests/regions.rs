//! A desk per region: whom it leaves to others, and what it takes over from them.

use std::collections::BTreeSet;

use super::room::*;
use crate::{alert::scope::Scope, model::RegionName};

/// The regions of these scripts, `x` being the one that goes dark.
const REGIONS: [&str; 4] = ["a", "b", "c", "x"];

/// The desk of a region.
fn room(home: &str) -> Room {
    let mut room = Room::new();
    room.regions = REGIONS.map(RegionName::from).into();
    scope(&mut room, home, BTreeSet::new());
    room.run(1.0);
    room
}

fn scope(room: &mut Room, home: &str, told_elsewhere: BTreeSet<String>) {
    let now = room.now();
    room.desk.set_scope(Scope { home: Some(home.into()), told_elsewhere, ..Scope::default() }, now);
    room.collect();
}

fn fingerprint() -> String {
    crate::alert::incident::Subject { region: "x".into(), target: None, rule: rule_of("region_blind"), scope: String::new() }
        .fingerprint()
}

/// These regions' leaders say that they cannot see `x`.
fn say_blind(room: &mut Room, home: &str, saying: &[&str]) {
    let saying = saying.iter().filter(|name| **name != home).map(|name| RegionName::from(*name)).collect();
    let (now, blind_from) = (room.now(), [(fingerprint(), saying)].into());
    room.desk.set_scope(Scope { home: Some(home.into()), blind_from, ..Scope::default() }, now);
    room.collect();
}

/// All of them at once, `x` dark since a second.
fn rooms() -> Vec<(&'static str, Room)> {
    let mut rooms: Vec<_> = ["a", "b", "c"].into_iter().map(|home| (home, room(home))).collect();
    for (_, room) in &mut rooms {
        room.blind.insert("x".into());
        room.run(10.0);
    }
    rooms
}

/// The region that tells of `x`, and its room; the others.
fn owner() -> ((&'static str, Room), Vec<(&'static str, Room)>) {
    let mut rooms = rooms();
    let at = rooms.iter().position(|(_, room)| !room.orders.is_empty()).expect("somebody tells");
    (rooms.remove(at), rooms)
}

#[test]
fn a_region_tells_of_its_own_targets_only() {
    let mut room = room("a");
    room.breach("a/app", "database_down", "critical");
    room.breach("b/shop", "database_down", "critical");
    room.run(20.0);
    room.expect(&["1 slack firing app/database_down critical"]);
    assert!(room.desk.incidents().all(|incident| incident.subject.region.as_str() == "a"));
}

#[test]
fn a_dark_region_is_told_once_and_its_end_by_the_same() {
    let ((_, mut owner), mut others) = owner();
    owner.expect(&["1 slack firing region_blind high"]);
    owner.blind.clear();
    owner.run(60.0);
    assert_eq!(owner.told().len(), 1);
    for (home, room) in &mut others {
        room.blind.clear();
        room.run(60.0);
        room.expect(&[]);
        assert!(room.steps("x/", "region_blind").contains("suppressed"), "{home}");
    }
}

#[test]
fn when_the_owner_goes_dark_too_the_next_one_tells_by_the_same_key() {
    let ((first, owner), mut others) = owner();
    let key = owner.orders[0].key();
    let saying: Vec<&str> = others.iter().map(|(home, _)| *home).collect();
    for (home, room) in &mut others {
        room.blind.insert(first.into());
        say_blind(room, home, &saying);
        room.run(90.0);
    }
    let told = others.iter().flat_map(|(_, room)| &room.orders).filter(|order| order.lane.about == owner.orders[0].lane.about);
    assert_eq!(told.map(crate::alert::order::Order::key).collect::<Vec<_>>(), [key]);
}

#[test]
fn what_another_region_told_already_stays_with_it_until_it_lets_go() {
    let ((home, _), _) = owner();
    let mut room = room(home);
    scope(&mut room, home, [fingerprint()].into());
    room.blind.insert("x".into());
    room.run(100.0);
    room.expect(&[]);
    assert!(room.incident("x/", "region_blind").suppressed_by.as_ref().is_some_and(|by| by.starts_with("region/")));
    scope(&mut room, home, BTreeSet::new());
    room.run(1.0);
    room.expect(&["101 slack firing region_blind high"]);
}

#[test]
fn what_the_owner_still_sees_is_told_after_a_minute_by_one_of_those_who_do_not_and_from_where() {
    let ((first, owner), others) = owner();
    let saying: Vec<&str> = others.iter().map(|(home, _)| *home).collect();
    let mut told = Vec::new();
    for (home, _) in &others {
        let mut room = room(home);
        room.blind.insert("x".into());
        room.run(1.0);
        say_blind(&mut room, home, &saying);
        room.run(58.0);
        room.expect(&[]);
        room.run(30.0);
        told.extend(room.orders.iter().map(|order| (*home, order.key(), order.alerts[0].message.clone())));
    }
    let [(home, key, message)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*key, owner.orders[0].key());
    assert!(message.starts_with(&format!("seen blind from {home}; {first} still sees it: ")), "{message}");
}

#[test]
fn an_owner_that_says_that_it_is_blind_too_is_left_to_tell() {
    let ((first, _), others) = owner();
    for (home, mut room) in others {
        say_blind(&mut room, home, &[first]);
        room.run(300.0);
        room.expect(&[]);
    }
}

#[test]
fn a_region_that_is_cut_off_doubts_for_a_minute_before_it_tells_that_others_are_dark() {
    let mut room = room("a");
    room.blind = ["b", "c", "x"].map(RegionName::from).into();
    room.run(59.0);
    room.expect(&[]);
    let incident = room.incident("b/", "region_blind");
    assert_eq!(incident.suppressed_by.as_deref(), Some("doubt"));
    assert!(incident.steps.iter().any(|step| step.text.contains("less than half of the world")), "{:?}", incident.steps);
    room.run(2.0);
    assert_eq!(room.told().len(), 3);
}

#[test]
fn doubt_that_was_right_tells_nobody() {
    let mut room = room("a");
    room.blind = ["b", "c", "x"].map(RegionName::from).into();
    room.run(40.0);
    room.blind.clear();
    room.run(100.0);
    room.expect(&[]);
}

#[test]
fn nobody_calls_itself_blind() {
    let mut room = room("a");
    room.blind.insert("a".into());
    room.run(30.0);
    room.expect(&[]);
    assert_eq!(room.desk.incidents().count(), 0);
}
