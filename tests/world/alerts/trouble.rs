//! Providers that are slow, full, broken or refuse: what must be told is told, and nobody waits for anybody.

use serde_json::{Value, json};

use super::{House, SOON, bot, expect_told, hook, receiver, server, told};
use crate::{
    doubles::{Receiver, Refusal, Slack},
    support::{secs, until},
};

/// When the provider took a channel's message about this event, as the node has it.
fn sent_at(alert: &Value, channel: &str, event: &str) -> Option<String> {
    let delivery = alert["deliveries"].as_array()?.iter().find(|it| it["channel"] == channel && it["event"] == event)?;
    Some(delivery["sentAt"].as_str()?.to_owned())
}

#[test]
fn a_channel_in_trouble_delays_no_other_and_what_it_cannot_tell_goes_elsewhere() {
    let (slack, elsewhere) = (Slack::start(), Slack::start());
    let [good, full, hanging] = [(); 3].map(|()| receiver());
    let server = server(&["shop"]);
    let wires = |token: &str| {
        let policies = "[[escalation]]\nseverity = \"critical\"\nsteps = [{ after = \"0s\", channels = [\"full\", \"hanging\", \"wrong\", \
                        \"good\"] }, { after = \"10m\", channels = [\"spare\"] }]\n\
                        [[escalation]]\nseverity = \"medium\"\nsteps = [{ after = \"0s\", channels = [\"good\"] }]\n";
        let channels = [hook("good", &good), hook("full", &full), hook("hanging", &hanging)].concat();
        let bots = [bot("wrong", &slack, token, "#ops"), bot("spare", &elsewhere, Slack::TOKEN, "#other")].concat();
        ["[alerts]\nresolve_after = \"1s\"\ngive_up_after = \"40s\"\n", &channels, &bots, policies].concat()
    };
    let house = House::open(&wires("xoxb-wrong-1234567890"), &[("shop", &server.url("shop"), "")]);
    full.refuse_next(Refusal::Status(429, Some(2)));
    full.refuse_next(Refusal::Status(500, None));
    full.refuse_next(Refusal::Status(502, None));
    hanging.refuse_next(Refusal::Hang);
    server.kill();

    expect_told(&good, "firing database_down shop", 1);
    expect_told(&good, "firing delivery_failing wrong", 1);
    let spare = elsewhere.expect(1, SOON).remove(0);
    assert!(spare.says().contains("FIRING critical: database_down on eu/shop"), "{}", spare.says());
    assert!(spare.says().contains("The channel wrong could not be reached: Slack said invalid_auth"), "{}", spare.says());
    assert_eq!(hanging.messages().len(), 0, "it hangs, and nobody waited for it");
    expect_told(&full, "firing database_down shop", 1);
    let failing = house.expect_state("delivery_failing", "wrong", "firing");
    assert_eq!((&failing["region"], &failing["severity"]), (&json!("isobar"), &json!("high")));
    expect_told(&hanging, "firing database_down shop", 1);
    let channels = ["good", "full", "hanging"];
    let alert = house.expect_alert("database_down", "shop", "sent by all three", |alert| {
        channels.iter().all(|channel| sent_at(alert, channel, "firing").is_some())
    });
    let [soon, retried, late] = channels.map(|channel| sent_at(&alert, channel, "firing").expect("sent"));
    assert!(soon < retried && retried < late, "{soon} {retried} {late}");
    let failed = alert["deliveries"].as_array().expect("deliveries").iter().find(|it| it["channel"] == "wrong");
    assert_eq!(failed.expect("one")["state"], "failed");

    house.rewrite(&wires(Slack::TOKEN));
    until("the new token is in force", SOON, || {
        let answer = house.post("/api/channels/wrong/test", &json!({}));
        if answer.0 == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    server.restart().expect("a restart");
    house.expect_quiet();
    let own: Vec<_> = slack.messages().into_iter().filter(|message| !message.says().contains("TEST")).collect();
    assert_eq!(own.len(), 1, "beginning and end in one: {own:#?}");
    assert!(own[0].says().contains("FIRED AND RECOVERED: database_down on eu/shop"), "{own:#?}");
    let events =
        |receiver: &Receiver| -> Vec<String> { told(receiver).into_iter().filter(|it| it.contains("database_down")).collect() };
    for receiver in [&good, &full, &hanging] {
        assert_eq!(events(receiver), ["firing database_down shop", "resolved database_down shop"]);
    }
    let about_itself: Vec<String> = told(&good).into_iter().filter(|it| it.contains("delivery_failing")).collect();
    assert_eq!(about_itself, ["firing delivery_failing wrong", "resolved delivery_failing wrong"]);
    assert_eq!([told(&good).len(), told(&full).len(), told(&hanging).len()], [4, 2, 2]);
    let spare = elsewhere.expect(2, secs(1));
    assert!(spare[0].says().contains("RESOLVED") && spare[1].thread.is_some(), "a message and its reply: {spare:#?}");
    house.assert_steps(&alert["id"], &["told", "failed", "sent", "retry", "sent", "resolved", "sent"]);
    house.assert_no_secret();
}
