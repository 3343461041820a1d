//! The members of a Patroni cluster, at a double of its API over two real servers.

use isobar::sandbox::password;
use serde_json::Value;

use super::pair::Pair;
use crate::{
    doubles::{Patroni, PatroniNode as Member},
    support::{Node, secs, until},
};

fn members(pair: &Pair, leader: &str) -> [Member; 2] {
    [("pg1", pair.primary.port()), ("pg2", pair.standby.port())].map(|(name, port)| Member { name, port, leads: name == leader })
}

fn region(patroni: &[&Patroni], more: &str) -> String {
    let urls: Vec<String> = patroni.iter().map(|patroni| format!("\"{}\"", patroni.url())).collect();
    format!(
        "region = \"local\"\n[[target]]\nname = \"main\"\nurl = \"postgres://isobar:{}@patroni/shop\"\npatroni = [{}]\n{more}\n",
        password(),
        urls.join(", ")
    )
}

fn targets(node: &Node) -> Vec<String> {
    let all = node.json("/api/databases");
    let mut names: Vec<String> = all["databases"].as_array().into_iter().flatten().map(|one| one["target"].to_string()).collect();
    names.sort();
    names
}

#[track_caller]
fn asked_again(patroni: &Patroni) {
    let before = patroni.asked();
    until("asked again", secs(25), || if patroni.asked() > before + 1 { Ok(()) } else { Err(patroni.asked().to_string()) });
}

#[test]
fn members_are_targets_through_a_switchover_and_while_patroni_is_silent() {
    let pair = Pair::start(15);
    let patroni = Patroni::start(&members(&pair, "pg1"));
    let dead = Patroni::start(&[]);
    dead.answers(Some((503, "no".into())));
    let (node, _dir) = Node::configured(&[("local.toml", &region(&[&dead, &patroni], "forget_after = \"1s\""))]);
    for target in ["local/main-pg1", "local/main-pg2"] {
        node.expect_status(target, "healthy", "", secs(30));
    }

    // A switchover: the old primary goes in good order, the other one takes over, the store says so, the old one follows.
    pair.primary.stop();
    pair.promote();
    patroni.has(&members(&pair, "pg2"));
    until("the change is told", secs(25), || if node.log().contains("role changed") { Ok(()) } else { Err("not yet".into()) });
    node.expect_status("local/main-pg2", "healthy", "", secs(10));
    assert_eq!(targets(&node), ["\"main-pg1\"", "\"main-pg2\""]);
    node.expect_status("local/main-pg1", "unhealthy", "database_down", secs(10));

    // What is no answer takes nobody away.
    for odd in ["<html>gateway</html>".to_owned(), "{\"members\": []}".to_owned(), "x".repeat(1 << 20)] {
        patroni.answers(Some((200, odd)));
        asked_again(&patroni);
        assert_eq!(targets(&node), ["\"main-pg1\"", "\"main-pg2\""]);
    }
    assert!(!node.log().contains("patroni-secret"), "{}", node.log());

    // Patroni says that it is gone: its incident ends with it.
    patroni.answers(None);
    patroni.has(&members(&pair, "pg2")[1..]);
    until("it has left", secs(40), || {
        if targets(&node) == ["\"main-pg2\""] { Ok(()) } else { Err(format!("{:?}", targets(&node))) }
    });
    until("its incident ends", secs(10), || {
        let alerts = node.json("/api/alerts");
        let open = |alert: &&Value| alert["target"] == "main-pg1" && alert["resolved"] != true;
        let open: Vec<&Value> = alerts["alerts"].as_array().into_iter().flatten().filter(open).collect();
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?}")) }
    });
}

#[test]
fn the_check_shows_the_members_and_their_roles() {
    let pair = Pair::start(15);
    let patroni = Patroni::start(&members(&pair, "pg1"));
    let dir = tempfile::tempdir().expect("a folder");
    let check = |patroni: &Patroni| {
        std::fs::write(dir.path().join("local.toml"), region(&[patroni], "")).expect("written");
        let output =
            std::process::Command::new(crate::support::node::BINARY).arg("check").arg("--config").arg(dir.path()).output();
        String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned()
    };
    let text = check(&patroni);
    let leader = format!("2 found: pg1 (leader at 127.0.0.1:{}, running), pg2 (replica", pair.primary.port());
    for part in [leader.as_str(), "local/main-pg1", "local/main-pg2"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    patroni.answers(Some((503, String::new())));
    let text = check(&patroni);
    assert!(text.contains("BROKEN   discovery: patroni: 127.0.0.1:") && text.contains("answered 503"), "{text}");
    assert!(!text.contains("patroni-secret"), "{text}");
}
