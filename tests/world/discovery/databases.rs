//! All databases of a server.

use isobar::sandbox::Postgres;
use serde_json::Value;

use crate::support::{Node, secs, until};

/// What a test waits for a list: the contract of discovery is 30 s.
const LISTED: std::time::Duration = secs(30);

fn region(server: &Postgres, more: &str) -> String {
    format!(
        "region = \"local\"\n[[target]]\nname = \"main\"\nurl = \"{}\"\ndatabases = \"all\"\n{more}\n",
        server.url("postgres")
    )
}

fn targets(node: &Node) -> Vec<String> {
    let mut names: Vec<String> = node.json("/api/databases")["databases"]
        .as_array()
        .map(|all| all.iter().map(|sample| sample["target"].as_str().unwrap_or_default().to_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

#[track_caller]
fn expect_targets(node: &Node, wanted: &[&str]) {
    until("the targets", LISTED, || {
        let seen = targets(node);
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

fn alerts(node: &Node) -> Vec<Value> {
    node.json("/api/alerts")["alerts"].as_array().cloned().unwrap_or_default()
}

fn resident(server: &Postgres) -> usize {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'isobar' AND backend_start < now() - interval '3 s'";
    server.sql("postgres", sql).expect("a count").len()
}

#[test]
fn databases_come_and_go_while_a_node_runs() {
    for major in [13, 18] {
        let server = Postgres::builder().major(major).start().expect("a server");
        for name in ["app_one", "app_tmp_1", "Other", "blog"] {
            server.create_database(name).expect("a database");
        }
        server.sql("postgres", "ALTER DATABASE blog ALLOW_CONNECTIONS false").expect("closed");
        let (node, _dir) = Node::configured(&[("local.toml", &region(&server, "exclude = [\"*_tmp_*\"]"))]);
        let found = targets_when(&node, |all| all.len() == 3);
        assert!(found.contains(&"main-app_one".to_owned()) && found.contains(&"main-postgres".to_owned()), "{found:?}");
        assert!(found.iter().any(|name| name.starts_with("main-other-")), "a name that is valid: {found:?}");
        node.expect_status("local/main-app_one", "healthy", "", secs(10));

        server.create_database("app_two").expect("a database");
        server.create_database("app_tmp_2").expect("a database");
        node.expect_status("local/main-app_two", "healthy", "", LISTED);
        assert_eq!(targets(&node).len(), 4);

        server.sql("postgres", "DROP DATABASE app_one WITH (FORCE)").expect("dropped");
        targets_when(&node, |all| !all.contains(&"main-app_one".to_owned()));
        assert_eq!(targets(&node).len(), 3);
        assert_eq!(alerts(&node), Vec::<Value>::new(), "a drop is no incident");
        until("two connections", secs(20), || match resident(&server) {
            2 => Ok(()),
            other => Err(other.to_string()),
        });
    }
}

fn targets_when(node: &Node, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    let look = || {
        let seen = targets(node);
        if wanted(&seen) { Ok(seen) } else { Err(format!("{seen:?}")) }
    };
    until("the targets", LISTED, look).0
}

#[test]
fn a_server_that_is_away_changes_nothing_and_is_an_incident_of_each() {
    let server = Postgres::start().expect("a server");
    server.create_database("app").expect("a database");
    let (node, _dir) = Node::configured(&[("local.toml", &region(&server, ""))]);
    for target in ["local/main-app", "local/main-postgres"] {
        node.expect_status(target, "healthy", "", LISTED);
    }
    server.stop();
    for target in ["local/main-app", "local/main-postgres"] {
        node.expect_status(target, "unhealthy", "database_down", secs(10));
    }
    until("discovery has noticed", secs(20), || {
        if node.log().contains("discovery is not answered") { Ok(()) } else { Err("not yet".into()) }
    });
    expect_targets(&node, &["main-app", "main-postgres"]);
    server.restart().expect("again");
    for target in ["local/main-app", "local/main-postgres"] {
        node.expect_status(target, "healthy", "", secs(20));
    }
}

#[test]
fn a_server_that_is_down_from_the_start_is_seen_to_be() {
    let server = Postgres::start().expect("a server");
    server.create_database("app").expect("a database");
    server.stop();
    let (node, _dir) = Node::configured(&[("local.toml", &region(&server, "include = [\"app*\"]"))]);
    node.expect_status("local/main-postgres", "unhealthy", "database_down", secs(15));
    server.restart().expect("again");
    node.expect_status("local/main-app", "healthy", "", LISTED);
    expect_targets(&node, &["main-app"]);
}

#[test]
fn the_check_shows_what_is_found() {
    let server = Postgres::start().expect("a server");
    server.create_database("app").expect("a database");
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("local.toml"), region(&server, "")).expect("written");
    let output = std::process::Command::new(crate::support::node::BINARY).arg("check").arg("--config").arg(dir.path()).output();
    let text = String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned();
    for part in ["discovery: databases: 2 found: app, postgres", "local/main-app", "local/main-postgres"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
