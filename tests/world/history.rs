//! The past: what a real node kept of a real server is true, reaches up to now, and outlives its end; and a hundred `kill -9` while it is
//! written lose two seconds at most.

mod life;

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use isobar::{history::store::Store, model::history::Past, sandbox::Postgres};
use nix::sys::signal::Signal;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value;

use crate::support::{Life, Node, Session, secs, until};
use life::{Wish, question};

/// Seconds told of by points.
fn known(series: &Value) -> u64 {
    series["points"].as_array().expect("points").iter().map(|point| point["count"].as_u64().expect("a count")).sum()
}

#[test]
fn what_was_so_is_told_and_outlives_the_node() {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    let _idle = Session::open_many(7, &server.superuser_url("shop"), "web");
    let target = format!("region = \"local\"\n\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n", server.url("shop"));
    let sampling = "[sampling]\nstatements = \"1s\"\nsize = \"5s\"\n";
    let (node, dir) = Node::configured(&[("global.toml", sampling), ("local.toml", &target)]);
    node.expect_status("local/shop", "healthy", "", secs(15));
    let history = "/api/databases/local/shop/history?metric=";
    let (second_by_second, _) = until("eight seconds", secs(20), || {
        let told = node.json(&format!(
            "{history}connectionPool.idleConnections,database.maxConnections,database.sizeBytes&from=-2m&step=1s"
        ));
        if told["series"][2]["points"].as_array().is_some_and(|points| points.len() >= 8) {
            Ok(told)
        } else {
            Err(told.to_string())
        }
    });
    let last = |series: &Value| series["points"].as_array().and_then(|points| points.last()?["last"].as_f64()).expect("a value");
    let series = second_by_second["series"].as_array().expect("three");
    assert!(series.iter().all(|series| series["resolution"] == "raw" && series["stepMs"] == 1_000));
    // Ours come beside them.
    assert!((7.0..=12.0).contains(&last(&series[0])), "{}", series[0]);
    assert!((last(&series[1]) - 100.0).abs() < 0.1, "{}", series[1]);
    let size = server.sql("shop", "SELECT pg_database_size('shop')").expect("a size")[0]
        .get(0)
        .and_then(|size| size.parse::<f64>().ok());
    assert!((last(&series[2]) / size.expect("a number") - 1.0).abs() < 0.05, "{}", series[2]);
    let hour = node.json(&format!("{history}reachability.phases.tcp&from=-1d&step=1h"));
    let points = hour["points"].as_array().expect("points");
    assert!(hour["resolution"] == "1h" && points.iter().all(|point| point["percentiles"]["p95"].is_f64()), "{hour}");
    assert_eq!(node.get(&format!("{history}utilization")).status(), 400);
    let (metrics, ready) = (node.get("/metrics").text().expect("text"), node.json("/readyz"));
    assert!(metrics.contains("\nisobar_history_ok 1\n") && metrics.contains("\nisobar_history_pending_rows 0\n"), "{metrics}");
    assert_eq!((&ready["status"], &ready["warnings"]), (&"ready".into(), &Value::Array(Vec::new())));
    let file = fs::metadata(dir.path().join("isobar.db")).expect("a file");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);

    let whole = format!("{history}status&from=-10m&step=1s");
    let before = known(&node.json(&whole));
    let (status, took) = node.stop();
    assert!(status.success() && took < secs(5), "{status} after {took:?}");
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let node = Node::run(dir.path());
        node.expect_status("local/shop", "healthy", "", secs(15));
        let (told, _) = until("all that was, and more", secs(10), || {
            let told = node.json(&whole);
            if known(&told) > before + 2 { Ok(told) } else { Err(told.to_string()) }
        });
        assert!(known(&told) > before, "{told}");
        node.stop_by(signal);
    }
}

/// Where a life begins.
const LIFE: &str = concat!(module_path!(), "::life::a_life");

/// Seconds known of a figure, in steps of so many, from one second to another.
fn told(store: &Store, from: i64, to: i64, step: u64) -> Vec<(i64, u32)> {
    let mut all = Vec::new();
    for from in (from..to).step_by(7_200) {
        let answer = store.series(&question(from, (from + 7_200).min(to), step)).expect("an answer");
        all.extend(answer[0].points.iter().map(|point| (point.at.unix_ms() / 1_000, point.count)));
    }
    all
}

#[test]
fn a_hundred_kills_lose_two_seconds_each_at_most() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut rng = SmallRng::seed_from_u64(11);
    let begin = life::begin();
    let mut noted: Vec<Vec<i64>> = Vec::new();
    let mut from = begin;
    for nth in 0..100 {
        let path = dir.path().join(format!("noted-{nth}"));
        let one = Life::begin(LIFE, &Wish { folder: dir.path().into(), noted: path.clone(), from }, Stdio::null());
        // It has written at least once; or it is killed in its first steps.
        if rng.random_bool(0.9) {
            until("it writes", secs(20), || {
                fs::metadata(&path).map_or(0, |file| file.len()).checked_sub(8).ok_or_else(|| "not yet".into())
            });
        }
        let (born, lives) = (Instant::now(), Duration::from_millis(rng.random_range(0..200)));
        while born.elapsed() < lives {
            thread::park_timeout(Duration::from_millis(1));
        }
        drop(one);
        let mut bytes = Vec::new();
        let _ = fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        let seconds: Vec<i64> = bytes.as_chunks::<8>().0.iter().map(|one| i64::from_le_bytes(*one)).collect();
        from = seconds.last().map_or(from, |last| last + 7);
        noted.push(seconds);
    }
    let names: Vec<_> =
        fs::read_dir(dir.path()).expect("a folder").filter_map(|one| one.ok()?.file_name().into_string().ok()).collect();
    assert!(!names.iter().any(|name| name.contains("corrupt") || name == "complaint"), "{names:?}");
    let mut keeper = life::keeper(dir.path());
    life::record(&mut keeper, from);
    let store = keeper.store();
    let known = told(&store, begin, from + 1, 1);
    let (mut seconds, mut gone) = (0, 0);
    for life in &noted {
        let missing: Vec<i64> =
            life.iter().copied().filter(|at| known.binary_search_by_key(at, |(known, _)| *known).is_err()).collect();
        let last = life.last().copied().unwrap_or_default();
        assert!(missing.iter().all(|at| *at > last - 2), "{missing:?} of a life that ended with {last}");
        (seconds, gone) = (seconds + life.len(), gone + missing.len());
    }
    println!("{seconds} seconds in {} lives, {gone} lost", noted.len());
    assert!(seconds > 2_000, "too little to prove anything: {seconds}");
    let sum = |step| told(&store, begin, from + 1, step).iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
    assert_eq!([sum(10), sum(300), sum(3_600)], [known.len() as u64; 3], "what is coarse tells of the same seconds");
}
