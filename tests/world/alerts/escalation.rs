//! Steps, reminders, and an acknowledgement that expires.

use chrono::DateTime;

use super::{House, QUICK, expect_told, hook, receiver, server, told};
use crate::doubles::Receiver;

const POLICY: &str = "[[escalation]]\nseverity = \"medium\"\nremind_every = \"3s\"\nack_expires = \"4s\"\nsteps = [\n\
                      { after = \"0s\", channels = [\"first\"] },\n{ after = \"2s\", channels = [\"second\"] },\n]\n";

/// The second in which the message was sent.
fn sent(receiver: &Receiver, at: usize) -> i64 {
    let messages = receiver.messages();
    let stamp = messages[at].headers.iter().find(|(name, _)| name == "webhook-timestamp").expect("a time");
    stamp.1.parse().expect("seconds")
}

#[test]
fn steps_and_reminders_go_on_until_somebody_takes_it_and_begin_anew_when_that_expires() {
    let (first, second, server) = (receiver(), receiver(), server(&["shop"]));
    let global = [QUICK, &hook("first", &first), &hook("second", &second), POLICY].concat();
    let house = House::open(&global, &[("shop", &server.url("shop"), "")]);
    server.kill();
    expect_told(&first, "firing database_down shop", 1);
    assert_eq!(told(&second), [] as [&str; 0], "its step is two seconds away");
    expect_told(&second, "reminder database_down shop", 1);
    assert!(sent(&second, 0) - sent(&first, 0) >= 1, "the second step came at once");
    let alert = house.expect_state("database_down", "shop", "firing");
    house.acknowledge(&alert, "ada");
    expect_told(&first, "acknowledged database_down shop", 1);
    let taken = house.expect_state("database_down", "shop", "acknowledged");
    let until = taken["acknowledgedUntil"].as_str().expect("it expires");
    let expires = DateTime::parse_from_rfc3339(until).expect("a time").timestamp();

    expect_told(&second, "reminder database_down shop", 2);
    let taken = house.expect_state("database_down", "shop", "firing");
    assert_eq!(taken["acknowledgedBy"], serde_json::Value::Null);
    house.acknowledge(&taken, "grace");
    server.restart().expect("a restart");
    house.expect_quiet();
    let events = |receiver: &Receiver| -> Vec<String> { receiver.messages().into_iter().map(|message| message.event).collect() };
    let after = ["reminder", "acknowledged", "reminder", "acknowledged", "resolved"];
    assert_eq!(events(&first), [&["firing"] as &[&str], &after].concat());
    assert_eq!(events(&second), [&["firing"] as &[&str], &after].concat());
    assert!(sent(&first, 3) >= expires, "reminded although somebody had taken it");
    assert!(sent(&second, 3) > expires, "the steps began anew, and the second is two seconds later");
    let steps = ["firing", "told", "escalated", "reminded", "acknowledged", "expired", "escalated", "acknowledged", "resolved"];
    house.assert_steps(&alert["id"], &steps);
}
