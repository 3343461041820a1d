//! What an operator does with an incident, and what of it everybody sees.

use serde_json::Value;

use super::{House, settle};
use crate::support::secs;

fn id(alert: &Value) -> &str {
    alert["id"].as_str().expect("an id")
}

/// The page is drawn anew each second; what one types meanwhile stays.
fn await_redraw(house: &House) {
    let before = house.browser.texts(".lasts");
    house
        .browser
        .until("a redraw", secs(10), || if house.browser.texts(".lasts") == before { Err("none".to_owned()) } else { Ok(()) });
}

#[test]
fn an_incident_is_taken_by_name() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    house.visit(&format!("/incidents/{}", id(&alert)));
    browser.press("Acknowledge");
    browser.expect("dialog h2", "");
    // Nothing is sent without a name.
    browser.press_on("dialog button.main");
    assert_eq!(browser.run("return document.querySelector('dialog input[name=by]').validity.valueMissing"), true);
    browser.fill("dialog input[name=by]", "Ada");
    browser.fill("dialog input[name=note]", "more servers are on their way");
    await_redraw(&house);
    browser.press_on("dialog button.main");
    let taken = house.expect_alert("pool_waiting", "acknowledged");
    assert_eq!((&taken["acknowledgedBy"], &taken["id"]), (&"Ada".into(), &alert["id"]), "{taken}");
    assert_eq!(taken["acknowledgementNote"], "more servers are on their way");
    browser.expect_no("dialog", "");
    browser.expect("main", "Ada");
    browser.expect("main", "more servers are on their way");
    browser.expect_no("main button", "Acknowledge");
    // The name is known the next time.
    browser.press("Silence");
    browser.expect("dialog h2", "Silence");
    assert_eq!(browser.run("return document.querySelector('dialog input[name=by]').value"), "Ada");
    browser.key(ESCAPE);
    browser.expect_no("dialog", "");
}

#[test]
fn a_silence_has_a_reason_and_an_end() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    house.visit(&format!("/incidents/{}", id(&alert)));
    browser.press("Silence");
    browser.expect("dialog h2", "Silence");
    browser.press_on("dialog input[name=scope][value=all]");
    browser.press_on("dialog option[value='4h']");
    browser.fill("dialog input[name=reason]", "the sale of the year");
    browser.fill("dialog input[name=by]", "Grace");
    await_redraw(&house);
    browser.press_on("dialog button.main");
    browser.expect_no("dialog", "");
    let silence = browser.until("the silence", secs(10), || {
        let all = house.node.json("/api/silences");
        all["silences"].get(0).cloned().ok_or_else(|| all.to_string())
    });
    assert_eq!((&silence["by"], &silence["reason"]), (&"Grace".into(), &"the sale of the year".into()), "{silence}");
    assert_eq!(silence["matchers"], serde_json::json!({ "region": "local", "target": "shop" }));
    assert!(silence["active"] == true && silence["endsAt"].is_string(), "{silence}");
    let until = browser.run_with("return (Date.parse(arguments[0]) - Date.now()) / 60000", &[silence["endsAt"].clone()]);
    assert!((235.0..=241.0).contains(&until.as_f64().expect("minutes")), "{until} minutes");

    house.visit("/silences");
    settle(browser);
    browser.expect("main", "the sale of the year");
    browser.expect("main", "Grace");
    browser.press("End");
    browser.press("End it now");
    browser.until("no silence", secs(10), || {
        let all = house.node.json("/api/silences");
        if all["silences"].as_array().is_some_and(Vec::is_empty) { Ok(()) } else { Err(all.to_string()) }
    });
    browser.expect_no("main", "the sale of the year");
}

/// WebDriver's number of the key.
const ESCAPE: char = '\u{e00c}';
