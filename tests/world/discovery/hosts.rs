//! One target with several hosts, before and after a failover.

use serde_json::Value;

use super::pair::Pair;
use crate::support::{Node, secs, until};

fn run(pair: &Pair, parameters: &str) -> (Node, tempfile::TempDir) {
    let text = format!("region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n", pair.url(parameters));
    Node::configured(&[("global.toml", "[sampling]\nclient_check = \"1s\"\n"), ("local.toml", &text)])
}

fn answered_by(port: u16) -> impl Fn(&Value) -> bool {
    move |sample| {
        let said = sample["reachability"]["message"].as_str().unwrap_or_default();
        sample["status"] == "healthy" && said == format!("answered by 127.0.0.1:{port}")
    }
}

fn sessions(server: &isobar::sandbox::Postgres) -> usize {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'isobar' AND backend_start < now() - interval '3 s'";
    server.sql("postgres", sql).expect("a count").len()
}

#[test]
fn after_a_failover_the_sessions_move_to_the_new_primary_within_seconds() {
    for (major, attrs) in [(13, "read-write"), (18, "primary")] {
        let pair = Pair::start(major);
        let (node, _dir) = run(&pair, &format!("target_session_attrs={attrs}"));
        node.expect("local/shop", "on the primary", secs(15), answered_by(pair.primary.port()));
        pair.primary.kill();
        node.expect_status("local/shop", "unhealthy", "", secs(10));
        pair.promote();
        let (_, took) = node.expect("local/shop", "on the new primary", secs(10), answered_by(pair.standby.port()));
        println!("PostgreSQL {major}: on the new primary after {took:?}");
        // Both lanes, and no more.
        until("two sessions there", secs(20), || match sessions(&pair.standby) {
            2 => Ok(()),
            other => Err(other.to_string()),
        });
        let (sample, _) =
            node.expect("local/shop", "figures of the new one", secs(20), |sample| sample["database"]["sizeBytes"].is_u64());
        assert_eq!(sample["probe"]["connections"], 2, "{sample}");
    }
}

#[test]
fn a_session_that_wants_a_standby_leaves_one_that_was_promoted() {
    let pair = Pair::start(15);
    let (node, _dir) = run(&pair, "target_session_attrs=prefer-standby");
    node.expect("local/shop", "on the standby", secs(15), answered_by(pair.standby.port()));
    pair.standby.stop();
    node.expect("local/shop", "on the primary, since there is no standby", secs(15), answered_by(pair.primary.port()));
    pair.standby.restart().expect("again");
    let (other, _dir) = run(&pair, "target_session_attrs=standby");
    other.expect("local/shop", "on the standby", secs(15), answered_by(pair.standby.port()));
    pair.promote();
    other.expect_status("local/shop", "unhealthy", "", secs(15));
    assert!(other.log().contains("changed roles; the session moves"), "{}", other.log());
}
