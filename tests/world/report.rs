//! A report about what really happened: a server that is killed and comes back, told as text, as JSON and as a page.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use isobar::sandbox::Postgres;
use serde_json::Value;

use crate::{
    support::{Node, node::BINARY, secs, until},
    truth::shop,
};

/// `isobar report` against the node.
fn report(node: &Node, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["report", "--server", node.base(), "--since", "10m"]).args(arguments);
    command.env_remove("ISOBAR_TOKEN").stdin(Stdio::null()).output().expect("the binary runs")
}

#[track_caller]
fn says(output: &Output, code: i32, wanted: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in wanted {
        assert!(words.contains(wanted), "{wanted:?} is not in\n{said}");
    }
    said
}

/// Whether all tags of a page are closed in their order.
fn is_well_formed(page: &str) -> bool {
    let Some((before, after)) = page.strip_prefix("<!DOCTYPE html>").and_then(|page| page.split_once("<style>")) else {
        return false;
    };
    let Some((_, after)) = after.split_once("</style>") else { return false };
    let mut open = Vec::new();
    for tag in before.split('<').skip(1).chain(after.split('<').skip(1)) {
        let Some((inside, _)) = tag.split_once('>') else { return false };
        match inside.split([' ', '\n']).next().unwrap_or_default() {
            name if name.starts_with('/') => {
                if open.pop() != name.strip_prefix('/') {
                    return false;
                }
            }
            _ if inside.ends_with('/') => {}
            name => open.push(name),
        }
    }
    open.is_empty()
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(page).expect("a page")
}

#[test]
fn a_server_that_died_and_came_back_is_told() {
    let server = shop(Postgres::builder(), true);
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::watch(&[&server.url("shop")]);
    node.expect_status("local/shop", "healthy", "", secs(20));
    server.kill();
    node.expect_status("local/shop", "unhealthy", "database_down", secs(20));
    server.restart().expect("it starts again");
    node.expect_status("local/shop", "healthy", "", secs(30));
    let over = || {
        let alerts = node.json("/api/alerts?rule=database_down");
        let alert = alerts["alerts"][0].clone();
        if alert["state"] == "resolved" { Ok(alert) } else { Err(alert.to_string()) }
    };
    until("the incident is over", secs(90), over);

    let said = says(&report(&node, &[]), 0, &["1 critical", "all over", "The longest: database_down on local/shop", "INCIDENTS"]);
    assert!(said.lines().all(|line| line.chars().count() <= 140), "{said}");
    let json: Value =
        serde_json::from_slice(&report(&node, &["--json", "--region", "local", "--target", "shop"]).stdout).expect("JSON");
    let by_rule = json["incidents"]["byRule"].as_array().expect("rules");
    assert!(by_rule.iter().any(|rule| rule["rule"] == "database_down" && rule["total"] == 1), "{json:#}");
    assert_eq!((&json["targets"], &json["incidents"]["open"]), (&1.into(), &0.into()), "{json:#}");
    assert!(json["cost"][0]["mean"].as_f64().is_some_and(|share| share > 0.0 && share < 0.5), "{json:#}");

    let file = dir.path().join("night.html");
    let name = file.to_str().expect("text");
    says(&report(&node, &["--html", name]), 0, &["database_down", "written to"]);
    let page = read(&file);
    assert!(is_well_formed(&page) && page.contains("database_down") && !page.contains("<script"), "{page}");
    let keeps = node.get("/api/databases/local/shop/history?metric=status").status() == 200;
    eprintln!("the node keeps a history: {keeps}");
    if keeps {
        assert!(page.contains("<svg") && json["sight"][0]["unseenSeconds"].is_f64(), "{json:#}\n{page}");
    } else {
        assert!(page.contains("tells no history") && json["sight"][0]["unseenSeconds"].is_null(), "{json:#}\n{page}");
        says(&report(&node, &[]), 0, &["the node tells no history", "WHAT THIS NODE DOES NOT TELL"]);
    }

    says(
        &report(&node, &["--html", dir.path().to_str().expect("text")]),
        2,
        &["--html", "that is a folder", "name a file in it"],
    );
    says(&report(&node, &["--region", "elsewhere"]), 1, &["no region named \"elsewhere\" is watched"]);
    says(&report(&node, &["--target", "shops"]), 1, &["no target named \"shops\" is watched"]);
}
