//! What happens in the world is on the page without anybody asking; and when the page cannot know, it says so.

use nix::sys::signal::Signal;

use super::{CALM, CROWD, House, cable::Cable, settle};
use crate::support::{Session, secs};

#[test]
fn an_incident_comes_and_goes_while_one_looks() {
    let house = House::open();
    let browser = &house.browser;
    house.visit("/");
    browser.expect("#world", CALM);
    browser.expect("main", "shop");
    browser.expect("main", "local");
    let crowd = house.squeeze();
    browser.expect_no("#world", CALM);
    browser.expect("header nav", "1");

    browser.press_on("header nav a[href='/incidents']");
    browser.expect("main h1", "Incidents");
    browser.expect("main", "pool waiting");
    let alert = house.expect_alert("pool_waiting", "firing");
    browser.press_on(&format!("main a[href='/incidents/{}']", alert["id"].as_str().expect("an id")));
    browser.expect("main", CROWD);
    browser.expect("main", "firing");

    house.visit("/targets/local/shop");
    browser.expect("main .what", "wait for a connection");
    browser.expect("main", CROWD);
    browser.expect("main .now", CROWD);
    browser.expect("main .now", "stop it or slow it down");

    drop(crowd);
    browser.expect_within(secs(40), "#world", CALM);
    browser.expect_no("main .wrong", "wait for a connection");
    house.visit("/incidents");
    settle(browser);
    browser.expect_no("header nav .badge", "");
}

#[test]
fn what_the_page_says_to_do_about_a_lock_ends_it() {
    let house = House::open();
    let browser = &house.browser;
    let url = house.server.url_as("app", "shop");
    let holder = Session::open(&url, "invoice-worker");
    holder.run("BEGIN; UPDATE orders SET amount = 1 WHERE id = 1").expect("a lock");
    let sender = Session::open(&url, "mail-sender");
    let sent = sender.start("UPDATE orders SET amount = 2 WHERE id = 1");
    let alert = house.expect_alert("blocking_chain", "firing");
    house.visit(&format!("/incidents/{}", alert["id"].as_str().expect("an id")));
    browser.expect("main .now", "invoice-worker");
    house.visit("/targets/local/shop");
    browser.expect("main .now", "does nothing itself");
    let command = browser.run("return document.querySelector('main .now pre').textContent");
    let command = command.as_str().expect("a command");
    assert!(command.starts_with("SELECT pg_terminate_backend("), "{command}");
    house.server.sql("shop", command).expect("what it says can be run");
    assert_eq!(sent.recv_timeout(secs(5)).map(|answer| answer.is_ok()), Ok(true), "the way is free");
    browser.expect_no("main .now", "");
}

#[test]
fn a_broken_stream_is_said_at_once_and_heals() {
    let house = House::open();
    let (browser, cable) = (&house.browser, Cable::to(house.node.base()));
    browser.go(&format!("{}/targets/local/shop", cable.base()));
    browser.expect("#world", CALM);
    settle(browser);
    browser.expect_no("#link", "");
    assert_eq!(opacity(&house), "1");
    cable.pull();
    browser.expect_within(secs(3), "#link", "stream");
    assert_ne!(opacity(&house), "1", "figures that may be old look so");
    // They stay, and say how old they are.
    browser.expect("main h1", "shop");
    cable.plug_in();
    browser.expect_no("#link", "");
    assert_eq!(opacity(&house), "1");
    let before = newest(&house);
    browser.until("newer figures", secs(10), || if newest(&house) > before { Ok(()) } else { Err(before.to_string()) });
}

#[test]
fn figures_of_a_node_that_stands_still_are_dimmed_and_then_called_old() {
    let house = House::open();
    let browser = &house.browser;
    house.visit("/targets");
    settle(browser);
    browser.expect("main", "shop");
    browser.expect_no("main .group .old", "");
    house.node.signal(Signal::SIGSTOP);
    browser.expect("main .group .old", "");
    browser.expect_within(secs(40), "#link", "old");
    house.node.signal(Signal::SIGCONT);
    browser.expect_no("#link", "");
    browser.expect_no("main .group .old", "");
}

#[test]
fn a_page_of_which_a_file_did_not_arrive_says_so_and_is_loaded_anew() {
    let house = House::open();
    let browser = &house.browser;
    let block = |urls: &[&str]| browser.devtools("Network.setBlockedURLs", &serde_json::json!({ "urls": urls }));
    browser.devtools("Network.enable", &serde_json::json!({}));
    block(&["*/lib/format.js"]);
    house.visit("/targets");
    browser.expect("#incomplete", "did not arrive");
    block(&[]);
    browser.expect("main", "shop");
    browser.expect_no("#incomplete", "");
    browser.console(); // it names the file
}

#[test]
fn an_address_of_nothing_leads_on() {
    let house = House::open();
    house.visit("/target/local/shop");
    house.browser.expect("main h1", "Nothing here");
    house.browser.press("To the world");
    house.browser.expect("#world", CALM);
    house.browser.console(); // 404 is what it shall be
}

/// Of what is live on the page.
fn opacity(house: &House) -> String {
    let script = "return getComputedStyle(document.querySelector('main .live')).opacity";
    house.browser.run(script).as_str().expect("a style").to_owned()
}

/// When the newest sample that the page has was taken, milliseconds.
fn newest(house: &House) -> i64 {
    let script = "const own = [...document.scripts].find((one) => one.type === 'module').src;
                  const { world } = await import(new URL('lib/store.js', own));
                  return Math.max(...[...world.samples.values()].map((sample) => Date.parse(sample.timestamp)))";
    house.browser.wait(script).as_i64().expect("a time")
}
