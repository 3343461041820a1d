//! For everybody: axe-core looks at every view, light and dark, and finds nothing serious.

use super::{House, settle, views};
use crate::support::Scheme;

#[test]
fn axe_finds_nothing_serious_on_any_view_light_or_dark() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    let mut found = Vec::new();
    for path in views(&alert) {
        house.visit(&path);
        settle(browser);
        for scheme in Scheme::ALL {
            browser.set(scheme);
            found.extend(browser.violations().into_iter().map(|what| format!("{path}, {}: {what}", scheme.word())));
        }
    }
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn axe_finds_nothing_serious_in_the_dialogs_and_the_sign_in() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    house.visit(&format!("/incidents/{}", alert["id"].as_str().expect("an id")));
    let mut found = Vec::new();
    for name in ["Acknowledge", "Silence"] {
        browser.press(name);
        browser.expect("dialog h2", "");
        for scheme in Scheme::ALL {
            browser.set(scheme);
            found.extend(browser.violations().into_iter().map(|what| format!("{name}, {}: {what}", scheme.word())));
        }
        browser.press("Cancel");
        browser.expect_no("dialog", "");
    }
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}
