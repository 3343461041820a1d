//! Channels that fail.

use super::room::*;
use crate::{alert::order::Order, model::Rule};

/// The newest order to a channel fails for good.
fn fail(room: &mut Room, channel: &str) -> Order {
    let order = room.orders.iter().rev().find(|order| order.lane.channel == channel).expect("an order").clone();
    room.orders.clear();
    room.desk.undeliverable(room.now(), &order, "404 channel_not_found");
    room.collect();
    order
}

#[test]
fn what_a_channel_could_not_tell_goes_to_the_next_and_its_failure_is_an_incident_until_it_works_again() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 600 mail"]);
    room.breach("app", "database_down", "critical");
    room.run(10.0);
    fail(&mut room, "chat");
    room.run(1.0);
    room.expect(&["10 mail firing app/database_down critical [chat could not be reached: 404 channel_not_found]"]);
    let failing = room.desk.incidents().find(|it| it.subject.rule == Rule::DeliveryFailing).expect("it fails").clone();
    assert_eq!((failing.subject.region.as_str(), failing.state.as_str()), ("isobar", "firing"));
    room.run(600.0);
    let told = room.told();
    assert_eq!(told, ["600 mail escalation app/database_down critical", "610 mail firing chat/delivery_failing high"]);
    room.desk.delivered(room.now(), "chat", None);
    room.run(10.0);
    room.expect(&[]);
    room.run(10.0);
    room.expect(&["626 mail resolved chat/delivery_failing high"]);
}

#[test]
fn a_channel_is_not_told_that_itself_fails_and_two_that_fail_do_not_report_each_other_for_ever() {
    let mut room = Room::with(crate::alert::Settings::default(), ways("chat mail"));
    room.breach("app", "database_down", "critical");
    room.run(1.0);
    fail(&mut room, "chat");
    room.expect(&["1 mail firing chat/delivery_failing high"]);
    room.breach("shop", "database_down", "critical");
    room.run(1.0);
    room.told();
    let order = room.desk.incidents().find(|it| it.subject.rule == Rule::DeliveryFailing).expect("it fails").clone();
    room.breach("x", "database_down", "critical");
    room.run(1.0);
    let mut about = room.orders.iter().find(|order| order.lane.channel == "mail").expect("an order").clone();
    room.orders.clear();
    about.lane.about = order.id.clone();
    about.alerts = vec![std::sync::Arc::new(room.desk.alert(&order))];
    room.desk.undeliverable(room.now(), &about, "down");
    room.collect();
    room.expect(&[]);
    assert_eq!(room.desk.incidents().filter(|it| it.subject.rule == Rule::DeliveryFailing).count(), 1);
}

#[test]
fn what_is_hidden_by_now_is_given_to_nobody_else() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 600 mail"]);
    room.breach("app", "pool_waiting", "high");
    room.run(5.0);
    let order = room.orders.remove(0);
    room.breach("app", "database_down", "critical");
    room.run(5.0);
    room.told();
    room.desk.undeliverable(room.now(), &order, "down");
    room.collect();
    room.expect(&[]);
}

#[test]
fn a_channel_that_is_not_configured_any_more_fails_no_longer() {
    let mut room = Room::with(crate::alert::Settings::default(), ways("chat mail"));
    room.breach("app", "database_down", "critical");
    room.run(1.0);
    fail(&mut room, "chat");
    room.told();
    room.desk.reconfigure(room.settings.clone(), ways("mail"), room.now());
    room.collect();
    room.expect(&["1 mail resolved chat/delivery_failing high"]);
}

#[test]
fn a_critical_that_is_over_by_then_is_told_elsewhere_with_its_end() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 600 mail"]);
    room.breach("app", "database_down", "critical");
    room.run(5.0);
    let order = room.orders.remove(0);
    room.clear("app", "database_down");
    room.run(30.0);
    room.told();
    room.desk.undeliverable(room.now(), &order, "down");
    room.collect();
    let told = room.told();
    assert_eq!(told[0], "35 mail firing app/database_down critical [chat could not be reached: down]");
    assert_eq!(told[1], "35 mail resolved app/database_down critical");
}

#[test]
fn a_digest_that_could_not_be_told_goes_to_another_channel() {
    let settings = crate::alert::Settings { digest_above: 1, escalations: vec![policy("low: 0 chat")], ..Default::default() };
    let mut room = Room::with(settings, ways("chat mail"));
    for name in ["a", "b", "c"] {
        room.breach(name, "pool_saturated", "high");
    }
    room.run(5.0);
    fail(&mut room, "chat");
    let told = room.told();
    assert_eq!(told[0], "5 mail digest of 2 [chat could not be reached: 404 channel_not_found]");
}

#[test]
fn two_addresses_of_a_channel_that_fail_have_one_other_channel_told_once() {
    let mut room = Room::with_policies("chat mail pager", &["low: 0 mail, 600 pager"]);
    room.ways.get_mut("mail").expect("there").recipients = vec!["a@x".into(), "b@x".into()];
    room.desk.reconfigure(room.settings.clone(), room.ways.clone(), room.now());
    room.breach("app", "database_down", "critical");
    room.run(1.0);
    let orders = std::mem::take(&mut room.orders);
    for order in &orders {
        room.desk.undeliverable(room.now(), order, "550 no such user");
    }
    room.collect();
    let told = room.told();
    assert_eq!(told, ["1 pager firing app/database_down critical [mail (a@x) could not be reached: 550 no such user]"]);
    room.run(600.0);
    let failing = "600 pager firing mail/delivery_failing high".to_owned();
    assert!(
        room.told().contains(&failing.replace("600", "601")),
        "its failure is told by the policy, without the channel itself"
    );
}
