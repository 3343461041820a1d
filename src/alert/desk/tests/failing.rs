//! Channels that fail.

use super::room::*;
use crate::{
    alert::{
        desk::Changes,
        order::{Lane, Order},
    },
    model::Rule,
};

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
    room.expect(&["10 mail firing app/database_down critical [the channel chat could not be reached: 404 channel_not_found]"]);
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
fn a_critical_that_is_over_by_then_is_told_elsewhere_in_one_message() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 600 mail"]);
    room.breach("app", "database_down", "critical");
    room.run(5.0);
    let order = room.orders.remove(0);
    room.clear("app", "database_down");
    room.run(30.0);
    room.told();
    room.desk.undeliverable(room.now(), &order, "down");
    room.collect();
    let mut outbox = Room::outbox("mail");
    outbox.take(&Changes { orders: room.orders.clone(), ..Changes::default() }, room.now());
    let offered = outbox.offer(room.now());
    let said: Vec<_> = offered.iter().map(|one| (one.parcel.order.event.as_str(), one.parcel.fired_and_recovered)).collect();
    assert_eq!(said, [("resolved", true)]);
    assert_eq!(offered[0].parcel.order.notes, ["the channel chat could not be reached: down"]);
}

#[test]
fn of_an_order_without_its_alerts_no_digest_is_made_and_the_failure_of_a_channel_is_known_by_its_incident() {
    let settings = crate::alert::Settings { digest_above: 1, escalations: vec![policy("low: 0 chat")], ..Default::default() };
    let mut room = Room::with(settings, ways("chat mail"));
    for name in ["a", "b", "c"] {
        room.breach(name, "pool_saturated", "high");
    }
    room.run(5.0);
    let mut digest = room.orders.last().expect("a digest").clone();
    digest.alerts.clear();
    room.orders.clear();
    room.desk.undeliverable(room.now(), &digest, "the destination answered 500");
    room.collect();
    let told = room.told();
    assert!(!told.iter().any(|line| line.contains("digest")), "{told:?}");

    let failing = room.desk.incidents().find(|it| it.subject.rule == Rule::DeliveryFailing).expect("it fails").clone();
    let mut order = digest;
    order.event = crate::model::alert::AlertEvent::Firing;
    order.lane = Lane { about: failing.id, channel: "mail".into(), recipient: None };
    room.desk.undeliverable(room.now(), &order, "the destination answered 500");
    room.collect();
    room.expect(&[]);
    assert_eq!(room.desk.incidents().filter(|it| it.subject.rule == Rule::DeliveryFailing).count(), 1);
}

#[test]
fn an_address_that_fails_is_not_its_channel() {
    let mut room = Room::with_policies("mail pager", &["low: 0 mail, 1 pager"]);
    room.ways.get_mut("mail").expect("there").recipients = vec!["a@x".into(), "b@x".into()];
    room.desk.reconfigure(room.settings.clone(), room.ways.clone(), room.now());
    room.breach("app", "database_down", "critical");
    room.run(2.0);
    let bad = room.orders.iter().find(|order| order.lane.recipient.as_deref() == Some("b@x")).expect("told").clone();
    room.told();
    room.desk.undeliverable(room.now(), &bad, "550 no such user");
    room.collect();
    let message = |room: &Room| {
        let failing = room.desk.incidents().find(|it| it.subject.rule == Rule::DeliveryFailing).expect("it fails");
        (failing.reason.message.clone(), failing.state.as_str())
    };
    assert_eq!(message(&room).0, "the address b@x of the channel mail takes no messages: 550 no such user");
    room.desk.delivered(room.now(), "mail", Some("a@x"));
    room.run(60.0);
    assert_eq!(message(&room).1, "firing", "the other address says nothing of this one");
    room.desk.delivered(room.now(), "mail", Some("b@x"));
    room.run(60.0);
    assert_eq!(message(&room).1, "resolved");
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
    assert_eq!(told[0], "5 mail digest of 2 [the channel chat could not be reached: 404 channel_not_found]");
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
    assert_eq!(
        told,
        ["1 pager firing app/database_down critical [the channel mail (a@x) could not be reached: 550 no such user]"]
    );
    room.run(600.0);
    let failing = "600 pager firing mail/delivery_failing high".to_owned();
    assert!(
        room.told().contains(&failing.replace("600", "601")),
        "its failure is told by the policy, without the channel itself"
    );
}
