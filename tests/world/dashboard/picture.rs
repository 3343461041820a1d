//! The demo as its visitors see it; and its pictures for the documentation, which `make screenshots` takes.

use std::{fs, path::PathBuf};

use serde_json::Value;

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
    let take = |name: &str, path: &str, view: &str| {
        demo.visit(path);
        // What it draws itself, and what its second look at the past brings.
        browser.until(&format!("{name}: {view}"), secs(30), || {
            browser.run(&format!("return {view}")).as_bool().filter(|is| *is).map(drop).ok_or_else(String::new)
        });
        for scheme in Scheme::ALL {
            browser.set(scheme);
            browser.wait("await document.fonts.ready; await new Promise((done) => setTimeout(done, 600))");
            let picture = browser.screenshot();
            assert!(picture.len() < MOST_BYTES, "{name}: {} bytes", picture.len());
            fs::write(folder.join(format!("{name}-{}.png", scheme.word())), picture).expect("a file");
        }
        browser.set(Scheme::Light);
    };
    // Some minutes of the script, so that there is a past to be drawn, and advice.
    demo.expect_incident("pool_waiting");
    demo.expect_incident("connection_leak");
    let always = "true";
    let alert = demo.expect_incident("blocking_chain");
    let of = |key: &str| alert[key].as_str().expect("text").to_owned();
    take("target", &format!("/targets/{}/{}", of("region"), of("target")), "document.querySelectorAll('canvas').length > 3");
    take("incident", &format!("/incidents/{}", of("id")), always);
    take("world", "/", always);
    take("targets", "/targets", always);
    take("incidents", "/incidents", always);
    take("advice", "/advice", always);
    take("silences", "/silences", always);
    take("status", "/status", always);
}
