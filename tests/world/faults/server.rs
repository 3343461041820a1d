//! The server itself: killed, frozen, stopped, restarted, recovering, full.

use std::{fs, time::Instant};

use isobar::sandbox::Postgres;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Fault, SOON, assert_nothing_left, expect_blind, missing, sessions::Session, shop, watch, with_shop};
use crate::support::{Node, node::reason, secs, until};

const DOWN: Fault<'_> = Fault {
    name: "server killed",
    target: "local/shop",
    rule: "database_down",
    causes: &["tcp_refused", "lost"],
    says: "The database is down",
};

#[test]
fn a_killed_server_is_down_and_comes_back() {
    let server = shop();
    let node = watch(&server);
    let sample = DOWN.strike(&node, SOON, || server.kill());
    assert_eq!(sample["reachability"]["outcome"], "tcp_refused");
    assert_eq!(sample["reachability"]["failedPhase"], "tcp");
    expect_blind(&node, "local/shop");
    let sample = node.sample("local/shop");
    assert!(missing(&sample, "connectionPool").is_some_and(|cause| cause.contains("refused")), "{sample}");
    DOWN.recover(&node, || server.restart().expect("a restart"));
    assert_nothing_left(&server);
}

#[test]
fn a_server_stopped_in_good_order_or_at_once_is_down_and_comes_back() {
    let server = shop();
    let node = watch(&server);
    for (name, stop) in
        [("server shut down (fast)", Postgres::stop as fn(&_)), ("server shut down (immediate)", Postgres::stop_immediately)]
    {
        let fault = Fault { name, ..DOWN };
        fault.strike(&node, SOON, || stop(&server));
        fault.recover(&node, || server.restart().expect("a restart"));
        assert_nothing_left(&server);
    }
}

#[test]
fn a_crash_of_one_backend_is_survived() {
    let server = shop();
    let node = watch(&server);
    let session = Session::open(&server.superuser_url("shop")).expect("a session");
    let pid = super::one(&server, "shop", "SELECT pid FROM pg_stat_activity WHERE application_name = 'web'");
    kill(Pid::from_raw(pid.parse().expect("a pid")), Signal::SIGKILL).expect("the backend lives");
    drop(session);
    until("the server is back from its crash recovery", secs(10), || {
        server.sql("shop", "SELECT 1").map(drop).map_err(|error| error.to_string())
    });
    let started = Instant::now();
    node.expect_status("local/shop", "healthy", "", secs(10));
    eprintln!("AGAIN | crash of one backend | - | {} ms", started.elapsed().as_millis());
    assert_nothing_left(&server);
}

#[test]
fn a_frozen_server_is_unresponsive_and_does_not_disturb_others() {
    let (server, other) = (shop(), Postgres::start().expect("PostgreSQL"));
    other.create_database("blog").expect("a database");
    let node = Node::watch(&[&server.url("shop"), &other.url("blog")]);
    node.expect_status("local/blog", "healthy", "", secs(10));
    node.expect_status("local/shop", "healthy", "", secs(10));
    let stream = node.stream("?target=blog");
    let fault = Fault {
        name: "server frozen (SIGSTOP)",
        rule: "database_unresponsive",
        causes: &["unresponsive", "query_timeout"],
        says: "answers no trivial query",
        ..DOWN
    };
    let before = stream.expect("a tick before", secs(5), |event| event.kind == "update").at;
    fault.strike(&node, SOON, || server.freeze());
    expect_blind(&node, "local/shop");
    node.expect("local/shop", "a fresh client that hangs", SOON, |sample| sample["reachability"]["outcome"] == "unresponsive");
    let mut at = before;
    let mut longest = secs(0);
    let until = Instant::now();
    while at < until {
        let next = stream.expect("ticks go on", secs(5), |event| event.kind == "update").at;
        longest = longest.max(next - at);
        at = next;
    }
    eprintln!("STILL | longest gap of another target beside a frozen one | - | {} ms", longest.as_millis());
    assert!(longest < secs(2), "another target's stream paused for {longest:?}");
    fault.recover(&node, || server.thaw());
    assert_nothing_left(&server);
    assert_nothing_left(&other);
}

#[test]
fn a_frozen_postmaster_lets_nobody_in_while_sessions_go_on() {
    let server = shop();
    let node = watch(&server);
    let postmaster = Pid::from_raw(server.pids()[0]);
    let fault = Fault {
        name: "postmaster frozen, sessions go on",
        rule: "database_unresponsive",
        causes: &["unresponsive"],
        says: "answers no trivial query",
        ..DOWN
    };
    // Nothing but a fresh client shows it: up to one client check interval, and two attempts.
    let sample = fault.strike(&node, secs(20), || kill(postmaster, Signal::SIGSTOP).expect("it lives"));
    assert!(sample["connectionPool"]["totalConnections"].is_u64(), "the resident session sees: {sample}");
    assert_eq!(sample["reachability"]["outcome"], "unresponsive");
    fault.recover(&node, || kill(postmaster, Signal::SIGCONT).expect("it lives"));
    assert_nothing_left(&server);
}

#[test]
fn a_server_that_recovers_rejects_and_says_why() {
    let server = shop();
    server.sql("shop", "ALTER SYSTEM SET hot_standby = off").expect("a setting");
    let node = watch(&server);
    server.stop();
    let data = server.folder().join("data");
    fs::write(data.join("standby.signal"), "").expect("a file");
    let fault = Fault {
        name: "server in recovery, takes no connections",
        rule: "database_rejecting",
        causes: &["in_recovery", "starting_up"],
        says: "The database rejects new connections: the server is",
        ..DOWN
    };
    std::thread::scope(|scope| {
        // Returns once it is promoted: until then it answers nobody.
        let restart = scope.spawn(|| server.restart());
        fault.seen(&node, secs(15), Instant::now());
        fs::write(data.join("promote"), "").expect("a file");
        let notes = fs::read_to_string(data.join("postmaster.pid")).expect("it runs");
        let postmaster = notes.lines().next().and_then(|pid| pid.parse().ok()).expect("a pid");
        kill(Pid::from_raw(postmaster), Signal::SIGUSR1).expect("it lives");
        restart.join().expect("no panic").expect("a promoted server");
    });
    fault.recover(&node, || ());
    assert_nothing_left(&server);
}

#[test]
fn a_full_server_rejects_and_names_who_holds_it() {
    let server = with_shop(Postgres::builder().with_statements().setting("max_connections", "20").start().expect("PostgreSQL"));
    server.create_role("app").expect("a role");
    let node = watch(&server);
    let fault = Fault {
        name: "all slots taken",
        rule: "database_rejecting",
        causes: &["too_many_connections"],
        says: "all connection slots are taken",
        ..DOWN
    };
    let mut held = Vec::new();
    fault.strike(&node, SOON, || held = Session::open_all(&server.url_as("app", "shop")));
    let (sample, _) = node.expect_status("local/shop", "unhealthy", "pool_saturated", secs(10));
    let saturated = reason(&sample, "pool_saturated").expect("as waited for");
    let most = &saturated["evidence"]["holders"][0];
    assert_eq!((most["application"].as_str(), most["user"].as_str()), (Some("web"), Some("app")), "{saturated}");
    assert!(most["connections"].as_u64() >= Some(13), "{saturated}");
    assert!(sample["connectionPool"]["totalConnections"].as_u64() >= Some(13), "the resident session sees: {sample}");
    fault.recover(&node, || held.clear());
    assert_nothing_left(&server);
}
