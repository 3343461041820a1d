//! What the page takes from its visitors: bytes, and nobody else's servers. Time is a bench's matter (`make bench-page`).

use serde_json::Value;

use super::{House, settle, views};
use crate::support::{Browser, secs};

/// Everything that the first view loads, compressed; the stream's words come on top.
const MOST_BYTES: u64 = 150 * 1000;

/// What was loaded, by the browser's own account: address and bytes over the wire.
fn loaded(browser: &Browser) -> Vec<(String, u64)> {
    let script = "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
                  return all.map((one) => [one.name, one.encodedBodySize])";
    let all = browser.run(script);
    let entry = |one: &Value| (one[0].as_str().unwrap_or_default().to_owned(), one[1].as_u64().unwrap_or_default());
    all.as_array().into_iter().flatten().map(entry).collect()
}

#[test]
fn each_view_is_light_when_it_is_the_first() {
    let house = House::open();
    let browser = &house.browser;
    let _crowd = house.squeeze();
    let alert = house.expect_alert("pool_waiting", "firing");
    for path in views(&alert) {
        browser.devtools("Network.clearBrowserCache", &serde_json::json!({}));
        house.visit(&path);
        settle(browser);
        let all = loaded(browser);
        let bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
        println!("{path}: {} requests, {bytes} bytes", all.len());
        assert!(bytes < MOST_BYTES, "{path}: {bytes} bytes: {all:#?}");
        let strangers: Vec<_> = all.iter().filter(|(name, _)| !name.starts_with(house.node.base())).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }
}

#[test]
fn what_was_loaded_once_is_kept() {
    let house = House::open();
    let browser = &house.browser;
    house.visit("/");
    settle(browser);
    let is_asset = |(name, _): &(String, u64)| name.contains("/assets/");
    let assets = loaded(browser).into_iter().filter(is_asset).count();
    assert!(assets > 5, "{assets} files");
    browser.reload();
    settle(browser);
    let script = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/assets/') && one.transferSize > 0).map((one) => one.name)";
    browser.until("all is kept", secs(5), || match browser.run(script) {
        Value::Array(again) if again.is_empty() => Ok(()),
        again => Err(again.to_string()),
    });
}
