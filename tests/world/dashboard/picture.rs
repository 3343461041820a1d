//! The demo as its visitors see it; and its pictures for the documentation, which `make screenshots` takes.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{CALM, settle};
use crate::support::{Browser, Node, Scheme, secs, until};

/// Each is to be looked at in a page of documentation.
const MOST_BYTES: usize = 150 * 1000;

struct Demo {
    browser: Browser,
    node: Node,
}

impl Demo {
    fn start() -> Self {
        let node = Node::start(&["demo", "--listen", "127.0.0.1:0"]);
        Self { browser: Browser::open(), node }
    }

    fn visit(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.node.base()));
        settle(&self.browser);
    }

    fn silence(&self, matchers: &Value, reason: &str) {
        let body = json!({ "matchers": matchers, "duration": "8h", "by": "Grace", "reason": reason });
        let answer = self.node.request("POST", "/api/silences").json(&body).send().expect("an answer");
        assert_eq!(answer.status(), 201);
    }

    /// The first open incident of that rule that leads its group.
    fn expect_incident(&self, rule: &str) -> Value {
        let look = || {
            let all = self.node.json("/api/alerts?state=firing");
            let mut alerts = all["alerts"].as_array().into_iter().flatten();
            let found = alerts.find(|alert| alert["rule"] == rule && alert["suppressedBy"].is_null());
            found.cloned().ok_or_else(|| all.to_string())
        };
        until(&format!("{rule} fires"), secs(120), look).0
    }
}

#[test]
fn the_demo_shows_its_world_and_its_first_incident() {
    let demo = Demo::start();
    let browser = &demo.browser;
    demo.visit("/");
    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        browser.expect("main", region);
    }
    browser.expect_within(secs(60), "#world", CALM);
    demo.visit("/targets");
    browser.until("nine targets", secs(20), || {
        let rows = browser.texts("main a[href^='/targets/']").len();
        if rows >= 9 { Ok(()) } else { Err(rows.to_string()) }
    });
    // The script's first: a squeeze, after twenty seconds of calm.
    let alert = demo.expect_incident("pool_waiting");
    browser.expect_no("#world", CALM);
    let target = alert["target"].as_str().expect("a target");
    demo.visit(&format!("/targets/us-east-1/{target}"));
    browser.expect("main", "flash-sale");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
#[ignore = "takes minutes and writes docs/dashboard: `make screenshots`"]
fn pictures_of_every_view_for_the_documentation() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/dashboard");
    fs::create_dir_all(&folder).expect("a folder");
    let demo = Demo::start();
    let browser = &demo.browser;
    browser.resize_at(1280, 800, 0.75);
    let take = |name: &str, path: &str, ready: &str| {
        demo.visit(path);
        browser.until(&format!("{name}: {ready}"), secs(30), || match browser.run(ready).as_bool() {
            Some(true) => Ok(()),
            said => Err(format!("{said:?}")),
        });
        for scheme in Scheme::ALL {
            browser.set(scheme);
            // Charts take their colours in the next frame.
            browser.wait("await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
            let picture = browser.screenshot();
            assert!(picture.len() < MOST_BYTES, "{name}: {} bytes", picture.len());
            fs::write(folder.join(format!("{name}-{}.png", scheme.word())), picture).expect("a file");
        }
        browser.set(Scheme::Light);
    };
    // Five minutes of the script, so that there is a past to be drawn, and advice: its second leak.
    for rule in ["pool_waiting", "blocking_chain", "database_down", "pool_waiting"] {
        demo.expect_incident(rule);
    }
    demo.silence(&json!({ "target": "marketing", "severity": "medium" }), "a campaign is being tried out until tonight");
    let alert = demo.expect_incident("blocking_chain");
    let of = |key: &str| alert[key].as_str().expect("text").to_owned();
    let target = format!("/targets/{}/{}", of("region"), of("target"));
    let (always, drawn) = ("return true", "return document.querySelectorAll('canvas').length > 5");
    take("target", &target, drawn);
    take(
        "incident",
        &format!("/incidents/{}", of("id")),
        "return document.querySelector('aside h1, aside h2, aside h3') !== null",
    );
    take("world", "/", always);
    take("targets", "/targets", always);
    take("incidents", "/incidents?state=all", "return document.querySelectorAll('main h2').length > 1");
    take("charts", &target, &format!("document.querySelector('canvas')?.closest('section, figure').scrollIntoView(); {drawn}"));
    take("advice", "/advice", always);
    take("silences", "/silences", "return document.querySelector('main li, main tr') !== null");
    take("status", "/status", always);
}
