//! Rows at Tinybird: what came there is true, and an outage, a crash, a wrong token and rows that do not fit are said and harm nothing else.

use std::{collections::BTreeSet, path::Path, process::Command};

use isobar::sandbox::{Postgres, Redis};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    doubles::{Mood, Refusal, Tinybird},
    support::{Node, node::BINARY, secs, series, until},
};

fn server() -> Postgres {
    let server = Postgres::builder().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server
}

fn region(server: &Postgres, targets: usize) -> String {
    let target = |nth: usize| format!("\n[[target]]\nname = \"shop{nth}\"\nurl = \"{}\"\n", server.url("shop"));
    format!("region = \"local\"\n{}", (0..targets).map(target).collect::<String>())
}

fn global(url: &str, token: &str, more: &str) -> String {
    format!("[tinybird]\nurl = \"{url}\"\ntoken = \"{token}\"\nevery = \"1s\"\n{more}")
}

/// A metric that counts, or says yes or no.
fn metric(node: &Node, name: &str) -> Option<u64> {
    series(&node.get("/metrics").text().expect("text")).get(name).map(|value| *value as u64)
}

#[track_caller]
fn expect_metric(node: &Node, name: &str, wanted: impl Fn(u64) -> bool) {
    until(name, secs(15), || {
        let found = metric(node, name);
        if found.is_some_and(&wanted) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

/// Waits for words in the log, which may come a moment after their effect; they are said once.
#[track_caller]
fn expect_said_once(node: &Node, words: &str) {
    until(words, secs(5), || if node.log().contains(words) { Ok(()) } else { Err(String::new()) });
    assert_eq!(node.log().matches(words).count(), 1, "{words}");
}

#[track_caller]
fn expect_rows(tinybird: &Tinybird, more_than: usize) -> Vec<Value> {
    until("rows", secs(20), || {
        let rows = tinybird.rows();
        if rows.len() > more_than { Ok(rows) } else { Err(format!("{} rows", rows.len())) }
    })
    .0
}

/// The seconds of the rows of one target, each once, without a gap of more than two.
#[track_caller]
fn assert_whole(rows: &[Value]) {
    let times: Vec<&str> = rows.iter().map(|row| row["timestamp"].as_str().expect("a time")).collect();
    assert!(times.is_sorted(), "in their order: {times:?}");
    let keys: BTreeSet<_> = times.iter().collect();
    assert_eq!(keys.len(), times.len(), "each once: {times:?}");
    let seconds = |text: &str| {
        let parts: Vec<f64> = text[11..].split(':').map(|part| part.parse().expect("a number")).collect();
        parts[0] * 3_600.0 + parts[1] * 60.0 + parts[2]
    };
    for pair in times.windows(2) {
        let gap = seconds(pair[1]) - seconds(pair[0]);
        assert!(gap < 2.5 || gap < 0.0, "nothing is missing between {pair:?}");
    }
}

#[test]
fn rows_come_with_true_values_and_an_outage_costs_none() {
    let (server, tinybird) = (server(), Tinybird::start());
    let settings = global(&tinybird.url(), Tinybird::TOKEN, "");
    let (node, config) = Node::configured(&[("global.toml", &settings), ("local.toml", &region(&server, 1))]);
    let row = until("a row with sizes", secs(20), || {
        tinybird.rows().into_iter().find(|row| row["size_bytes"].is_u64() && row["status"] == "healthy").ok_or_else(String::new)
    })
    .0;
    let truth = |sql: &str| {
        let rows = server.sql("shop", sql).expect("a value");
        rows[0].get(0).and_then(|text| text.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(row["size_bytes"].as_f64(), Some(truth("SELECT pg_database_size('shop')")));
    assert_eq!(row["max_connections"].as_f64(), Some(truth("SHOW max_connections")));
    assert_eq!((&row["region"], &row["database"], &row["rule"]), (&"local".into(), &"shop0".into(), &Value::Null));
    assert!(tinybird.quarantine().is_empty());

    // Away, in three ways; the process is killed in the midst of it.
    tinybird.is_now(Mood::Away(1));
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 0);
    expect_metric(&node, "isobar_tinybird_waiting_rows", |rows| rows >= 2);
    let warnings = node.json("/readyz")["warnings"].to_string();
    assert!(warnings.contains("tinybird: rows are not taken: it answers 503"), "{warnings}");
    let waited = metric(&node, "isobar_tinybird_waiting_rows").expect("a value");
    let known = tinybird.rows().len() as u64 + waited;
    let killed = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    node.stop_by(Signal::SIGKILL);
    let spool = std::fs::read_dir(config.path().join(".isobar")).expect("a folder").flatten();
    let spool = spool.map(|entry| entry.path()).find(|path| path.is_dir()).expect("the spool");
    tear(&spool);
    let node = Node::run(config.path());
    expect_metric(&node, "isobar_tinybird_waiting_rows", |rows| rows >= 2);
    expect_metric(&node, "isobar_tinybird_dropped_rows_total{cause=\"damaged\"}", |rows| rows == 1);
    tinybird.refuse_next(Refusal::Cut);
    tinybird.is_now(Mood::Well);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 1);
    expect_metric(&node, "isobar_tinybird_waiting_rows", |rows| rows == 0);
    let all = expect_rows(&tinybird, tinybird.rows().len() + 1);
    let (before, after): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| row["timestamp"].as_str() < Some(&killed));
    assert!(before.len() as u64 >= known && waited >= 2, "{} of {known}, of which {waited} waited", before.len());
    // While no process ran there was nothing to measure.
    assert_whole(&before);
    assert_whole(&after);
    assert!(!node.log().contains(Tinybird::TOKEN));
    // It ends in the midst of a request without an answer, and the next one brings what waited.
    tinybird.refuse_next(Refusal::Hang);
    expect_metric(&node, "isobar_tinybird_waiting_rows", |rows| rows >= 2);
    let sent = tinybird.rows().len();
    let (status, took) = node.stop();
    assert!(status.success() && took < secs(5), "{took:?}");
    let ended = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let _node = Node::run(config.path());
    let waited = |row: &Value| row["timestamp"].as_str() < Some(&ended);
    until("what waited", secs(15), || {
        let rows = tinybird.rows().into_iter().skip(sent).filter(waited).count();
        if rows >= 2 { Ok(()) } else { Err(rows.to_string()) }
    });
}

/// Leaves a line half-written, as a crash in the midst of a write does.
fn tear(spool: &Path) {
    let files = std::fs::read_dir(spool).expect("the spool").flatten().map(|entry| entry.path());
    let last = files.filter(|path| path.extension().is_some_and(|end| end == "rows")).max().expect("rows");
    let mut bytes = std::fs::read(&last).expect("rows");
    bytes.extend_from_slice(b"0badc0de {\"timestamp\":\"20");
    std::fs::write(&last, bytes).expect("written");
}

#[test]
fn an_outage_without_an_answer_leaves_no_gap_and_a_change_of_status_comes_at_once() {
    let (server, tinybird) = (server(), Tinybird::start());
    let settings = global(&tinybird.url(), Tinybird::TOKEN, "");
    let (node, _config) = Node::configured(&[("global.toml", &settings), ("local.toml", &region(&server, 1))]);
    expect_rows(&tinybird, 2);
    tinybird.refuse_next(Refusal::Hang);
    tinybird.refuse_next(Refusal::Status(503, None));
    expect_metric(&node, "isobar_tinybird_waiting_rows", |rows| rows >= 3);
    let hanging = tinybird.rows().len();
    assert_eq!(node.json("/livez"), node.json("/livez"), "nothing else hangs");
    node.expect_status("local/shop0", "healthy", "", secs(1));
    // Ten seconds until it is given up.
    let rows = expect_rows(&tinybird, hanging + 8);
    assert_whole(&rows);
    server.kill();
    let (_, seen) = node.expect_status("local/shop0", "unhealthy", "", secs(10));
    let (row, came) = until("the change", secs(10), || {
        tinybird.rows().into_iter().find(|row| row["status"] == "unhealthy").ok_or_else(String::new)
    });
    assert!(came < secs(1), "{came:?} after it was seen, which took {seen:?}");
    assert_eq!((&row["rule"], &row["severity"]), (&"database_down".into(), &"critical".into()));
    assert!(tinybird.quarantine().is_empty());
}

#[test]
fn beyond_the_bound_rows_are_dropped_oldest_first_and_that_is_said() {
    let (server, tinybird) = (server(), Tinybird::start());
    tinybird.is_now(Mood::Away(1));
    let settings = global(&tinybird.url(), Tinybird::TOKEN, "spool = \"16KiB\"\nspool_path = \"rows\"\n");
    let (node, config) = Node::configured(&[("global.toml", &settings), ("local.toml", &region(&server, 6))]);
    expect_metric(&node, "isobar_tinybird_dropped_rows_total{cause=\"overflow\"}", |rows| rows >= 6);
    let on_disk: u64 = std::fs::read_dir(config.path().join("rows"))
        .expect("the spool")
        .map(|entry| entry.expect("a file").metadata().expect("a length").len())
        .sum();
    assert!((8 << 10..17 << 10).contains(&on_disk), "{on_disk}");
    assert!(metric(&node, "isobar_tinybird_spool_bytes").expect("a value") <= 16 << 10);
    tinybird.is_now(Mood::Well);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 1);
    expect_said_once(&node, "than [tinybird] spool allows");
    expect_said_once(&node, "rows for Tinybird were dropped since the start");
    let kept = tinybird.rows().len();
    assert!(kept >= 14, "what was within the bound is there: {kept}");
}

#[test]
fn a_data_source_that_is_busy_small_or_broken_gets_what_it_can_take() {
    let (server, tinybird) = (server(), Tinybird::start());
    let settings = global(&tinybird.url(), Tinybird::TOKEN, "");
    let (node, _config) = Node::configured(&[("global.toml", &settings), ("local.toml", &region(&server, 4))]);
    expect_rows(&tinybird, 8);
    for by_reset in [false, true] {
        tinybird.is_now(Mood::Busy { until: None, seconds: 4, by_reset });
        expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 0);
        let before = tinybird.rows().len();
        expect_rows(&tinybird, before + 12);
        assert_eq!(tinybird.too_soon(), 0, "nobody comes before he may");
    }
    tinybird.is_now(Mood::Small(1_000));
    let before = tinybird.batches().len();
    until("smaller requests", secs(20), || {
        let batches = tinybird.batches();
        let small = batches.iter().skip(before).filter(|batch| batch.rows == 1 && batch.bytes < 1_000).count();
        if small > 4 { Ok(()) } else { Err(format!("{small}")) }
    });
    tinybird.is_now(Mood::Broken);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 0);
    tinybird.is_now(Mood::Well);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 1);
    let rows = tinybird.rows();
    let key = |row: &Value| ["region", "database", "timestamp"].map(|part| row[part].to_string());
    assert_eq!(rows.iter().map(key).collect::<BTreeSet<_>>().len(), rows.len(), "after a 422 they are not sent again");
    assert_eq!(metric(&node, "isobar_tinybird_dropped_rows_total{cause=\"refused\"}"), Some(0));
}

#[test]
fn a_wrong_token_is_said_with_the_fix_harms_nothing_else_and_a_right_one_gets_what_waited() {
    let (server, tinybird) = (server(), Tinybird::start());
    let settings = |token: &str| global(&tinybird.url(), token, "");
    let (node, config) = Node::configured(&[("global.toml", &settings(Tinybird::READER)), ("local.toml", &region(&server, 1))]);
    expect_metric(&node, "isobar_tinybird_requests_total{outcome=\"refused\"}", |count| count == 1);
    node.expect_status("local/shop0", "healthy", "", secs(15));
    expect_metric(&node, "isobar_tinybird_waiting_rows", |rows| rows >= 4);
    assert_eq!((tinybird.refused(), tinybird.rows().len()), (1, 0), "it does not try again and again");
    let fix = "it answers 403: set token in [tinybird] to one with DATASOURCE:APPEND on database_health_metrics";
    expect_said_once(&node, fix);
    assert!(!node.log().contains(Tinybird::READER));
    let check = || {
        let output = Command::new(BINARY).args(["check", "--config"]).arg(config.path()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = check();
    assert!(code == Some(2) && said.contains("BROKEN   ") && said.contains(fix) && !said.contains(Tinybird::READER), "{said}");

    std::fs::write(config.path().join("global.toml"), settings(Tinybird::TOKEN)).expect("written");
    node.signal(Signal::SIGHUP);
    let rows = expect_rows(&tinybird, 5);
    assert_whole(&rows);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 1);
    let before = tinybird.rows().len();
    let (code, said) = check();
    assert!(code != Some(2) && said.contains("ok       token: may append"), "{said}");
    assert!(tinybird.quarantine().is_empty() && tinybird.rows().len() <= before + 4, "it sends no row of its own");

    tinybird.is_now(Mood::Elsewhere);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 0);
    expect_said_once(&node, "the API's host of the workspace's region");
}

#[test]
fn rows_that_do_not_fit_are_counted_and_said() {
    let (server, tinybird) = (server(), Tinybird::start());
    let settings = global(&tinybird.url(), Tinybird::TOKEN, "");
    let (node, _config) = Node::configured(&[("global.toml", &settings), ("local.toml", &region(&server, 1))]);
    expect_rows(&tinybird, 1);
    let answer = r#"{"successful_rows":0,"quarantined_rows":1}"#;
    tinybird.refuse_next(Refusal::Answer(200, answer.to_owned()));
    expect_metric(&node, "isobar_tinybird_quarantined_rows_total", |rows| rows == 1);
    expect_metric(&node, "isobar_tinybird_ok", |ok| ok == 1);
    expect_said_once(&node, "it puts rows into quarantine");
    let sent = metric(&node, "isobar_tinybird_rows_total").expect("a value");
    assert!(sent >= 2, "{sent}");
}

/// Another node of the region, which is all that `config` tells of.
fn join(config: &Path, name: &str) -> Node {
    let arguments = ["run", "--region", "local", "--node", name, "--listen", "127.0.0.1:0", "--config"];
    let mut command = Command::new(BINARY);
    command.args(arguments).arg(config);
    Node::launch(command)
}

/// Rows of what is measured from now on.
fn rows_from_now(tinybird: &Tinybird, most: usize) -> Vec<Value> {
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    until("rows of what is measured now", secs(20), || {
        let rows: Vec<Value> = tinybird.rows().into_iter().filter(|row| row["timestamp"].as_str() > Some(&now)).collect();
        if rows.len() >= most { Ok(rows) } else { Err(format!("{} rows", rows.len())) }
    })
    .0
}

#[test]
fn in_a_cluster_each_row_is_sent_by_the_node_that_watches_the_target() {
    let (server, redis, tinybird) = (server(), Redis::start().expect("Redis"), Tinybird::start());
    let dir = tempfile::tempdir().expect("a folder");
    let settings = format!("[bus]\nredis = \"{}\"\n\n{}", redis.url(), global(&tinybird.url(), Tinybird::TOKEN, ""));
    for (name, text) in [("global.toml", &settings), ("local.toml", &region(&server, 6))] {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let (a, b) = (join(dir.path(), "a"), join(dir.path(), "b"));
    let watched = |node: &Node| metric(node, "isobar_node_targets{region=\"local\"}").unwrap_or_default();
    let is_shared = |b: &Node| watched(&a) >= 1 && watched(b) >= 1 && watched(&a) + watched(b) == 6;
    until("each target has one of the two", secs(20), || {
        if is_shared(&b) { Ok(()) } else { Err(format!("{} and {} of 6", watched(&a), watched(&b))) }
    });
    let rows = rows_from_now(&tinybird, 36);
    let pairs: BTreeSet<_> = rows.iter().map(|row| (row["database"].to_string(), row["node"].to_string())).collect();
    assert_eq!(pairs.len(), 6, "each by one: {pairs:?}");
    assert_eq!(pairs.iter().map(|(_, node)| node).collect::<BTreeSet<_>>().len(), 2, "{pairs:?}");
    b.stop_by(Signal::SIGKILL);
    until("the other takes over", secs(15), || if watched(&a) == 6 { Ok(()) } else { Err(String::new()) });
    let rows = rows_from_now(&tinybird, 18);
    let databases: BTreeSet<_> = rows.iter().map(|row| row["database"].to_string()).collect();
    assert!(databases.len() == 6 && rows.iter().all(|row| row["node"] == "a"), "{rows:#?}");
}
