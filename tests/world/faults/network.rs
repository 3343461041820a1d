//! The way to the server, and time itself: names that do not resolve, packets that vanish, a wall clock that jumps.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use isobar::sandbox::{Postgres, password};

use super::{Fault, SOON, assert_nothing_left, expect_blind, healthy, shop, watch};
use crate::support::{Node, node::BINARY, secs};

const LOST_NAME: Fault<'_> = Fault {
    name: "name does not resolve, from the start",
    target: "local/shop",
    rule: "database_down",
    causes: &["dns_failed"],
    says: "its host name does not resolve",
};

#[test]
fn a_name_that_never_resolved_is_told_as_such() {
    let started = Instant::now();
    let node = Node::watch(&["postgres://isobar@isobar-test.invalid:5432/shop"]);
    let sample = LOST_NAME.seen(&node, secs(10), started);
    assert_eq!(sample["reachability"]["outcome"], "dns_failed");
    assert_eq!(sample["reachability"]["failedPhase"], "dns");
    expect_blind(&node, "local/shop");
}

/// In a mount namespace of its own, a node has a hosts file that the test may change; the machine's stays as it is.
#[test]
fn a_name_that_stops_resolving_is_told_as_such() {
    let server = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = folder.path().join("hosts");
    let known = "127.0.0.1 localhost\n127.0.0.1 isobar-test.invalid\n";
    fs::write(&hosts, known).expect("written");
    let Some(mut command) = with_hosts(&hosts) else { return };
    let url = format!("postgres://isobar:{}@isobar-test.invalid:{}/shop", password(), server.port());
    command.args(["watch", "--listen", "127.0.0.1:0", &url]);
    let node = healthy(Node::launch(command));
    let fault = Fault { name: "name stops resolving, sessions cut", ..LOST_NAME };
    fault.strike(&node, SOON, || {
        fs::write(&hosts, "127.0.0.1 localhost\n").expect("written");
        server.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'isobar'").expect("cut");
    });
    expect_blind(&node, "local/shop");
    fault.recover(&node, || fs::write(&hosts, known).expect("written"));
    assert_nothing_left(&server);
}

/// The binary with another hosts file; none where the machine does not allow that.
fn with_hosts(hosts: &Path) -> Option<Command> {
    let mut allowed = Command::new("unshare");
    allowed.args(["--map-root-user", "--mount", "true"]).stderr(Stdio::null());
    if !allowed.status().is_ok_and(|status| status.success()) {
        eprintln!("SKIP  | the machine allows no mount namespaces");
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""])
        .arg(hosts)
        .arg(BINARY);
    Some(command)
}

/// A rule that drops all packets from and to a port of loopback; gone when it is dropped.
struct BlackHole {
    table: String,
}

impl BlackHole {
    fn around(port: u16) -> Option<Self> {
        let hole = Self { table: format!("isobar_test_{port}") };
        let table = &hole.table;
        let rules = format!(
            "add table inet {table}; add chain inet {table} out {{ type filter hook output priority 0; }}; \
             add rule inet {table} out tcp dport {port} drop; add rule inet {table} out tcp sport {port} drop"
        );
        nft(&rules).then_some(hole)
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        nft(&format!("delete table inet {}", self.table));
    }
}

fn nft(rules: &str) -> bool {
    Command::new("nft").arg(rules).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn packets_that_vanish_are_a_server_that_is_down() {
    let server = shop();
    let node = watch(&server);
    let fault = Fault {
        name: "black hole: packets dropped",
        rule: "database_down",
        causes: &["tcp_timeout"],
        says: "no answer to the TCP handshake",
        ..LOST_NAME
    };
    let started = Instant::now();
    let Some(hole) = BlackHole::around(server.port()) else {
        eprintln!("SKIP  | the machine lets us drop no packets (nft as root)");
        return;
    };
    let sample = fault.seen(&node, secs(10), started);
    assert_eq!(sample["reachability"]["outcome"], "tcp_timeout");
    assert_eq!(sample["reachability"]["failedPhase"], "tcp");
    expect_blind(&node, "local/shop");
    fault.recover(&node, || drop(hole));
    assert_nothing_left(&server);
}

/// libfaketime moves the wall clock of a running process and leaves its monotonic clock alone, as an administrator's `date -s` does.
#[test]
fn a_wall_clock_that_jumps_changes_no_judgement() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    if !Path::new(library).exists() {
        eprintln!("SKIP  | no libfaketime");
        return;
    }
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let folder = tempfile::tempdir().expect("a folder");
    let shift = folder.path().join("shift");
    fs::write(&shift, "+0").expect("written");
    let mut command = Command::new(BINARY);
    command.args(["watch", "--listen", "127.0.0.1:0", &server.url("shop")]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &shift);
    command.envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
    let node = healthy(Node::launch(command));
    for jump in ["+2d", "-2d", "+0"] {
        let year_day =
            |node: &Node| node.sample("local/shop")["timestamp"].as_str().unwrap_or_default().get(..10).map(str::to_owned);
        let before = year_day(&node);
        fs::write(&shift, jump).expect("written");
        node.expect("local/shop", "timestamps jump", SOON, |sample| {
            assert_eq!(sample["status"], "healthy", "{sample}");
            assert!(sample["connectionPool"]["utilization"].is_number(), "{sample}");
            year_day(&node) != before
        });
        let since = Instant::now();
        node.expect("local/shop", "3 s of samples that stay healthy and whole", secs(10), |sample| {
            assert_eq!(sample["status"], "healthy", "after {jump}: {sample}");
            assert!(sample["connectionPool"]["utilization"].is_number(), "after {jump}: {sample}");
            since.elapsed() > secs(3)
        });
        let rate = node.sample("local/shop")["queryPerformance"]["errorRate"].clone();
        assert!(rate.is_null() || rate == 0.0, "{rate}");
    }
    let fault = Fault { name: "server killed, after the clock jumped", causes: &["tcp_refused"], says: "is down", ..LOST_NAME };
    fault.strike(&node, SOON, || server.kill());
    fault.recover(&node, || server.restart().expect("a restart"));
    assert_nothing_left(&server);
}
