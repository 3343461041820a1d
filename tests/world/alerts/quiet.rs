//! Silences and maintenance hold back what begins, and not the end of what was told.

use serde_json::{Value, json};

use super::{House, QUICK, expect_told, hook, receiver, server, told};

const MAINTENANCE: &str = "[[maintenance]]\nname = \"move\"\nmatchers = { target = \"blog\" }\nstarts = \"2020-01-01T00:00:00Z\"\n\
                           ends = \"2090-01-01T00:00:00Z\"\nreason = \"a new machine\"\n";

#[test]
fn a_silence_holds_back_the_beginning_and_not_the_end() {
    let (receiver, first, second) = (receiver(), server(&["shop"]), server(&["blog"]));
    let usual = [QUICK, &hook("hook", &receiver)].concat();
    let targets = [("shop", first.url("shop")), ("blog", second.url("blog"))];
    let house = House::open(&[&usual, MAINTENANCE].concat(), &targets.each_ref().map(|(name, url)| (*name, url.as_str(), "")));

    let silence = house.silence(&json!({ "target": "sh*", "severity": "critical" }));
    first.kill();
    second.kill();
    let hidden = |target: &str, by: &str| {
        let alert = house.expect_alert("database_down", target, "held back", |alert| alert["suppressedBy"] == json!(by));
        assert_eq!((&alert["state"], &alert["deliveries"]), (&json!("firing"), &json!([])));
        alert
    };
    let shop = hidden("shop", &format!("silence/{silence}"));
    let blog = hidden("blog", "maintenance/move");
    assert_eq!(told(&receiver), [] as [&str; 0]);

    house.unsilence(&silence);
    expect_told(&receiver, "firing database_down shop", 1);
    house.expect_alert("database_down", "shop", "let go", |alert| alert["suppressedBy"] == Value::Null);
    house.rewrite(&usual);
    expect_told(&receiver, "firing database_down blog", 1);

    house.silence(&json!({ "region": "eu" }));
    house.rewrite(&[&usual, MAINTENANCE].concat());
    house.expect_alert("database_down", "blog", "held back again", |alert| alert["suppressedBy"].is_string());
    first.restart().expect("a restart");
    second.restart().expect("a restart");
    house.expect_quiet();
    let mut said = told(&receiver);
    said.sort_unstable();
    let expected = ["firing database_down blog", "firing database_down shop", "resolved database_down blog"];
    assert_eq!(said, [&expected as &[&str], &["resolved database_down shop"]].concat());
    for alert in [shop, blog] {
        house.assert_steps(&alert["id"], &["suppressed", "released", "told", "sent", "suppressed", "resolved", "told", "sent"]);
    }

    first.kill();
    house.expect_alert("database_down", "shop", "held back from its beginning", |alert| {
        alert["state"] == "firing" && alert["suppressedBy"].is_string()
    });
    first.restart().expect("a restart");
    house.expect_quiet();
    assert_eq!(told(&receiver).len(), 4, "what nobody was told of ends in silence: {:?}", told(&receiver));
    house.assert_no_secret();
}
