//! Isobar itself is killed, and ended in good order: what people were told stays told.

use nix::sys::signal::Signal;
use serde_json::json;

use super::{House, QUICK, bot, expect_told, hook, receiver, server, told};
use crate::{doubles::Slack, support::until};

#[test]
fn incidents_acknowledgements_and_silences_survive_and_nobody_is_told_twice() {
    let (slack, receiver, first, second) = (Slack::start(), receiver(), server(&["shop"]), server(&["blog"]));
    let global = [QUICK, &bot("ops", &slack, Slack::TOKEN, "#ops"), &hook("hook", &receiver)].concat();
    let mut house = House::open(&global, &[("shop", &first.url("shop"), ""), ("blog", &second.url("blog"), "")]);
    let silence = house.silence(&json!({ "target": "blog" }));
    first.kill();
    second.kill();
    expect_told(&receiver, "firing database_down shop", 1);
    let shop = house.expect_state("database_down", "shop", "firing");
    let blog = house.expect_state("database_down", "blog", "firing");
    house.acknowledge(&shop, "ada");
    expect_told(&receiver, "acknowledged database_down shop", 1);
    // A call whose end is not on record is in doubt, and made again with the same key.
    house.expect_alert("database_down", "shop", "every message on record", |alert| {
        let deliveries = alert["deliveries"].as_array().expect("deliveries");
        let acknowledged = deliveries.iter().filter(|it| it["event"] == "acknowledged" && it["state"] == "sent").count();
        acknowledged == 2 && deliveries.iter().all(|it| it["state"] == "sent")
    });

    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGKILL] {
        house.restart(signal);
        for target in ["shop", "blog"] {
            house.expect_reason(target, "database_down");
        }
        let same = house.expect_state("database_down", "shop", "acknowledged");
        assert_eq!((&same["id"], &same["acknowledgedBy"]), (&shop["id"], &json!("ada")), "after {signal}");
        assert_eq!(same["startedAt"], shop["startedAt"], "after {signal}");
        let hidden = house.expect_state("database_down", "blog", "firing");
        assert_eq!((&hidden["id"], &hidden["suppressedBy"]), (&blog["id"], &json!(format!("silence/{silence}"))));
        let silences = house.node().json("/api/silences");
        assert_eq!(silences["silences"][0]["id"], json!(silence), "{silences}");
    }

    first.restart().expect("a restart");
    second.restart().expect("a restart");
    house.expect_quiet();
    assert_eq!(told(&receiver), ["firing", "acknowledged", "resolved"].map(|event| format!("{event} database_down shop")));
    let messages = slack.messages();
    let own: Vec<_> = messages.iter().filter(|message| message.thread.is_none()).collect();
    assert_eq!((own.len(), messages.len()), (1, 2), "a message and its reply: {messages:#?}");
    assert!(own[0].says().contains("RESOLVED"), "{messages:#?}");
    house.assert_no_secret();
}

#[test]
fn what_could_not_be_sent_before_the_end_is_sent_after_it() {
    let (receiver, server) = (receiver(), server(&["shop"]));
    let mut house = House::open(&[QUICK, &hook("hook", &receiver)].concat(), &[("shop", &server.url("shop"), "")]);
    receiver.refuse_next(crate::doubles::Refusal::Status(503, Some(5)));
    server.kill();
    let waiting = |house: &House| {
        let delivery = house.alert("database_down", "shop")["deliveries"][0].clone();
        if delivery["attempts"] == 1 && delivery["state"] == "queued" { Ok(delivery) } else { Err(delivery.to_string()) }
    };
    let (before, _) = until("refused once", super::SOON, || waiting(&house));
    house.restart(Signal::SIGKILL);
    expect_told(&receiver, "firing database_down shop", 1);
    assert_eq!(before["key"], json!(receiver.messages()[0].id), "the same key before and after");
    house.expect_reason("shop", "database_down");
    server.restart().expect("a restart");
    house.expect_quiet();
    assert_eq!(told(&receiver), ["firing database_down shop", "resolved database_down shop"]);
}
