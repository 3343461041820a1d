//! Transactions that the test counted, sessions that it killed, blocks that it read. A session publishes its counters when it
//! ends, so each is closed.

use std::time::{Duration, Instant};

use isobar::sandbox::Postgres;

use super::{SOON, ask, number, shop, watch};
use crate::support::{Node, Session, secs, until};

/// Short enough that a burst which met the end of one is soon run again.
const INTERVAL: &str = "statements = \"5s\"";

fn ready(node: &Node) {
    node.expect("local/shop", "an interval of the counters", SOON, |sample| {
        number(sample, "/queryPerformance/errorRate").is_some()
    });
}

/// Makes a burst of transactions with this error rate, to be seen within 2% of the truth. One that met the end of an interval, and was
/// seen in two parts, is made again.
#[track_caller]
fn expect_error_rate(node: &Node, truth: f64, mut burst: impl FnMut()) {
    let mut seen = Vec::new();
    for _ in 0..5 {
        burst();
        let burst_ended = Instant::now();
        while burst_ended.elapsed() < secs(12) {
            let rate = number(&node.sample("local/shop"), "/queryPerformance/errorRate");
            if rate.is_some_and(|rate| (rate - truth).abs() <= truth * 0.02) {
                return;
            }
            if seen.last() != Some(&rate) {
                seen.push(rate);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
    panic!("no error rate of {truth}, but {seen:?}");
}

#[test]
fn rolled_back_transactions_are_their_share_of_all() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, INTERVAL, "");
    ready(&node);
    expect_error_rate(&node, 0.04, || {
        let session = Session::open(&server.url("shop"), "web");
        for nth in 0..1_000 {
            let end = if nth % 25 == 0 { "ROLLBACK" } else { "COMMIT" };
            session.run(&format!("BEGIN; SELECT 1; {end}")).expect("a transaction");
        }
    });
}

#[test]
fn our_own_transactions_neither_dilute_nor_count() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, "", "");
    ready(&node);
    // So few that our own, a hundred in the window, would make it a third.
    let session = Session::open(&server.url("shop"), "web");
    for _ in 0..100 {
        session.run("BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 1; ROLLBACK").expect("two transactions");
    }
    drop(session);
    node.expect("local/shop", "half of 200 transactions", SOON, |sample| {
        number(sample, "/queryPerformance/errorRate").is_some_and(|rate| (0.4..=0.5).contains(&rate))
    });
}

#[test]
fn killed_sessions_are_errors() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, INTERVAL, "");
    ready(&node);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'doomed'";
    // 474 statements and 26 logins.
    expect_error_rate(&node, 25.0 / 500.0, || {
        let doomed = Session::open_many(25, &server.superuser_url("shop"), "doomed");
        let session = Session::open(&server.url("shop"), "web");
        for _ in 0..474 {
            session.run("SELECT 1").expect("a transaction");
        }
        drop(session);
        assert!((ask(&server, kill) - 25.0).abs() < f64::EPSILON);
        drop(doomed);
    });
}

#[test]
fn the_cache_hit_ratio_is_that_of_the_blocks_touched() {
    let server = shop(Postgres::builder(), true);
    let large = "CREATE TABLE cold AS SELECT repeat('x', 900) FROM generate_series(1, 40000);\
         CREATE TABLE warm AS SELECT repeat('x', 900) FROM generate_series(1, 2400); SELECT count(*) FROM warm";
    server.sql("shop", large).expect("tables");
    server.stop();
    server.restart().expect("a cold cache");
    let (node, _dir) = watch(&server, "", "");
    ready(&node);
    let blocks = || {
        let of = |column: &str| ask(&server, &format!("SELECT {column} FROM pg_stat_database WHERE datname = 'shop'"));
        (of("blks_hit"), of("blks_read"))
    };
    let (hit, read) = blocks();
    let session = Session::open(&server.superuser_url("shop"), "web");
    // A scan of a large table leaves no trace in the cache. So many blocks that those of logins are under 2% of them.
    let scans = "BEGIN; SET max_parallel_workers_per_gather = 0; \
         SELECT (SELECT count(*) FROM warm WHERE nth > 0) FROM generate_series(1, 70) nth; \
         SELECT (SELECT count(*) FROM cold WHERE nth > 0) FROM generate_series(1, 4) nth; COMMIT";
    session.run(scans).expect("scans");
    drop(session);
    // Either may be looked at while only a part of the scans is counted.
    until("the ratio of the blocks touched", SOON, || {
        let (now, sample) = (blocks(), node.sample("local/shop"));
        let (hit, read) = (now.0 - hit, now.1 - read);
        let (seen, truth) = (number(&sample, "/database/cacheHitRatio"), hit / (hit + read));
        let holds = read > 15_000.0 && seen.is_some_and(|seen| (seen - truth).abs() < 0.02);
        if holds { Ok(()) } else { Err(format!("{seen:?} of {hit} hits and {read} reads")) }
    });
}
