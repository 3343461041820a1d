//! Who may see the page, and what it offers to whom.

use super::{House, OPERATOR, VIEWER, settle};

fn guarded() -> House {
    House::with(&format!("[web]\nviewer_token = \"{VIEWER}\"\noperator_token = \"{OPERATOR}\"\n"))
}

fn sign_in(house: &House, token: &str) {
    house.browser.fill("input[name=token]", token);
    house.browser.press("Sign in");
}

#[test]
fn a_link_leads_through_the_sign_in_to_what_it_names() {
    let house = guarded();
    let browser = &house.browser;
    house.visit("/targets/local/shop?range=6h");
    assert_eq!(browser.texts("header"), Vec::<String>::new(), "nothing is shown to strangers");
    sign_in(&house, "not-the-right-token-at-all");
    browser.expect("[role=alert]", "not known");
    sign_in(&house, VIEWER);
    browser.expect("main h1", "shop");
    assert_eq!(browser.path(), "/targets/local/shop?range=6h");
    browser.press("Sign out");
    browser.expect("main", "token");
    house.visit("/api/databases");
    browser.expect("body", "unauthenticated");
}

#[test]
fn viewers_are_offered_nothing_that_they_may_not_do() {
    let house = guarded();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let incident = format!("/incidents/{}", house.expect_alert("pool_waiting", "firing")["id"].as_str().expect("an id"));
    house.visit(&incident);
    sign_in(&house, VIEWER);
    browser.expect("main", "pool");
    settle(browser);
    for name in ["Acknowledge", "Silence"] {
        browser.expect_no("main button", name);
    }
    house.visit("/silences");
    settle(browser);
    browser.expect("main", "operator");
    browser.expect_no("main .refused", "");

    browser.press("Sign out");
    browser.expect("main", "token");
    house.visit(&incident);
    sign_in(&house, OPERATOR);
    browser.expect("main button", "Acknowledge");
    browser.expect("main button", "Silence");
}
