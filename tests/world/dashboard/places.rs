//! Every view has an address that can be sent to somebody; it fits any screen, and the console has nothing to say.

use serde_json::Value;

use super::{CALM, House, settle, views};
use crate::support::Browser;

/// What each view is called.
fn titles(incident: &Value) -> Vec<(String, &'static str)> {
    views(incident).into_iter().zip(["World", "Targets", "shop", "Incidents", "", "Advice", "Silences", "Isobar"]).collect()
}

#[test]
fn every_view_opens_by_its_address_and_the_console_stays_empty() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    for (path, title) in titles(&alert) {
        house.visit(&path);
        settle(browser);
        browser.expect("main h1", title);
        browser.expect_no("#world", CALM);
        assert_eq!(browser.path(), path);
        assert_eq!(browser.console(), Vec::<String>::new(), "{path}");
        let named =
            browser.run("return document.title").as_str().is_some_and(|text| text.contains("Isobar") && text.contains(title));
        assert!(named, "{path}: {}", browser.run("return document.title"));
    }
}

#[test]
fn what_is_not_there_is_said_kindly_and_leads_on() {
    let house = House::open();
    let browser = &house.browser;
    for (path, words) in
        [("/targets/local/nothing", "nothing"), ("/targets/nowhere/shop", "nowhere"), ("/incidents/none", "none")]
    {
        house.visit(path);
        settle(browser);
        browser.expect("main", words);
        browser.expect("main a", "");
        browser.expect_no("main", "undefined");
    }
    // No view at all is no page at all, and tells programs so too.
    let answer = house.node.get("/nothing-here");
    assert_eq!(answer.status(), 404);
}

#[test]
fn links_and_the_way_back_need_no_new_page() {
    let house = House::open();
    let browser = &house.browser;
    house.visit("/");
    settle(browser);
    browser.run("window.still = 'the same page'");
    for (name, title) in [("Targets", "Targets"), ("Advice", "Advice"), ("Silences", "Silences"), ("Isobar itself", "Isobar")] {
        browser.press(name);
        browser.expect("main h1", title);
        browser.expect("header nav [aria-current=page]", name);
        assert_eq!(browser.run("return document.activeElement?.tagName"), "H1", "{name}: who hears the page hears the new title");
    }
    browser.back();
    browser.expect("main h1", "Silences");
    assert_eq!(browser.run("return window.still"), "the same page");
}

#[test]
fn every_view_fits_a_phone_and_a_wall() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    let mut wide = Vec::new();
    for (width, height) in [(375, 667), (768, 1024), (3840, 2160)] {
        browser.resize(width, height);
        for path in views(&alert) {
            house.visit(&path);
            settle(browser);
            wide.extend(overflow(browser).map(|what| format!("{width} px, {path}: {what}")));
        }
    }
    assert_eq!(wide, Vec::<String>::new());
}

/// By how much the page is wider than the window, and what sticks out.
fn overflow(browser: &Browser) -> Option<String> {
    let script = "const root = document.documentElement;
                  if (root.scrollWidth <= innerWidth) return null;
                  const out = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5);
                  return `${root.scrollWidth}: ${out.slice(0, 5).map((one) => `${one.tagName}.${one.className}`).join(', ')}`";
    browser.run(script).as_str().map(ToOwned::to_owned)
}
