//! A target whose only way leads through a pooler in transaction mode, as at Supabase: every session of the server is anybody's in
//! turn, and `pg_stat_statements` lives in a schema of its own that no search path names.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::Value;

use crate::{
    support::{Node, Session, secs, until},
    truth::{SOON, activity, in_one_interval, number, queries},
};

/// Long enough for every session of the pool to be replaced some times.
const LASTING: Duration = secs(15);

/// A machine that stands still for a moment lets all that was asked run out of time together, and says so; the next answers end that.
const STALL: Duration = secs(3);

/// What a sample must have without a console.
const FIGURES: &[&str] = &[
    "/connectionPool/totalConnections",
    "/queryPerformance/averageQueryTime",
    "/queryPerformance/errorRate",
    "/database/sizeBytes",
    "/database/maxConnections",
    "/database/cacheHitRatio",
    "/reachability/phases/auth",
];

/// A server with the extension where Supabase has it, under a name that needs quotes.
fn server(major: u32) -> Postgres {
    let builder = Postgres::builder().major(major).with_statements().setting("autovacuum", "off");
    let server = builder.start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE SCHEMA \"extensions of it\"").expect("a schema");
    server.sql("shop", "GRANT USAGE ON SCHEMA \"extensions of it\" TO isobar").expect("a grant");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements SCHEMA \"extensions of it\"").expect("the extension");
    server
}

/// Its sessions live for three seconds, and there are some to spare: a pool that has none is another test's matter.
fn pooler(server: &Postgres, settings: &[(&str, &str)]) -> PgBouncer {
    let mut builder = PgBouncer::builder().database("shop", server).pool_mode("transaction").default_pool_size(8);
    for (name, value) in [("server_lifetime", "3")].iter().chain(settings) {
        builder = builder.setting(name, value);
    }
    builder.start().expect("PgBouncer")
}

fn watch(url: &str, target: &str) -> (Node, tempfile::TempDir) {
    let global = "[sampling]\nstatements = \"2s\"\nclient_check = \"1s\"\nsize = \"5s\"\nimpact_budget = 0.2\n";
    let region = format!("region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{url}\"\n{target}\n");
    Node::configured(&[("global.toml", global), ("local.toml", &region)])
}

/// Other clients of the same pool, who take the sessions in turn with the node; they end with their drop.
struct Crowd {
    goes_on: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn gather(url: &str) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let client = |_| {
            let (goes_on, session) = (Arc::clone(&goes_on), Session::open(url, "crowd"));
            std::thread::spawn(move || while goes_on.load(Ordering::Relaxed) && session.run("SELECT pg_sleep(0.02)").is_ok() {})
        };
        let clients = (0..3).map(client).collect();
        Self { goes_on, clients }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

fn is_whole(sample: &Value) -> bool {
    let missing = sample["probe"]["missing"].as_array().into_iter().flatten().map(|one| &one["field"]);
    sample["status"] == "healthy"
        && FIGURES.iter().all(|figure| number(sample, figure).is_some())
        && missing.eq(["database.growthPerDay"])
}

/// Nothing is wrong, and sessions, counters, sizes and statements are read; on a busy machine the governor slows lanes, and a fresh client
/// may wait for its turn.
fn is_undisturbed(sample: &Value) -> bool {
    const MAY_LACK: [&str; 4] =
        ["database.growthPerDay", "queryPerformance.errorRate", "connectionPool.averageWaitTime", "database.cacheHitRatio"];
    let mut missing = sample["probe"]["missing"].as_array().into_iter().flatten().filter_map(|one| one["field"].as_str());
    sample["status"] == "healthy" && missing.all(|field| MAY_LACK.contains(&field))
}

fn is_read_whole(major: u32) {
    let server = server(major);
    let pooler = pooler(&server, &[]);
    let (node, _dir) = watch(&pooler.client_url("shop"), "");
    node.expect("local/shop", "all figures", SOON, is_whole);
    let crowd = Crowd::gather(&pooler.client_url("shop"));

    let session = Session::open(&pooler.client_url("shop"), "web");
    let (_, counted) = in_one_interval(&node, || {
        for _ in 0..15 {
            session.run("SELECT pg_sleep(0.01), 'counted'").expect("a sleep");
        }
    });
    // Its text may come later: texts are dear, and asked for seldom.
    let sleeps = |one: &&Value| one["calls"] == 15 && number(one, "/meanMs").is_some_and(|mean| (10.0..30.0).contains(&mean));
    assert!(counted["statements"].as_array().is_some_and(|all| all.iter().any(|one| sleeps(&one))), "{counted}");
    let ours = |one: &&Value| one["text"].as_str().is_none_or(|text| text.contains("set_config") || text.starts_with("COMMIT"));
    until("texts are known, and what watching takes is left out", secs(60), || {
        let queries = queries(&node);
        let found = queries["statements"].as_array().and_then(|all| all.iter().find(ours).cloned());
        found.map_or(Ok(()), |found| Err(found.to_string()))
    });

    let worker = Session::open(&server.url("shop"), "worker");
    worker.start("SELECT pg_sleep(600)");
    until("the active session, and none of ours", SOON, || {
        let activity = activity(&node);
        let sessions = activity["sessions"].as_array().cloned().unwrap_or_default();
        let ours = sessions.iter().any(|one| one["application"] == "isobar");
        let seen = sessions.iter().any(|one| one["application"] == "worker" && one["waitEvent"] == "PgSleep");
        if seen && !ours { Ok(()) } else { Err(activity.to_string()) }
    });

    let began = Instant::now();
    let mut taken = std::collections::HashSet::new();
    let mut stalled: Option<Instant> = None;
    while began.elapsed() < LASTING {
        let sample = node.sample("local/shop");
        if is_undisturbed(&sample) {
            stalled = None;
            taken.insert(sample["timestamp"].to_string());
        } else {
            let since = stalled.get_or_insert_with(Instant::now).elapsed();
            assert!(since < STALL, "after {:?}, for {since:?}: {sample}\n{}", began.elapsed(), pooler.log());
        }
    }
    assert!(taken.len() > 20, "{} samples in {LASTING:?}", taken.len());

    drop(crowd);
    pooler.kill();
    node.expect_status("local/shop", "unhealthy", "database_down", SOON);
    pooler.restart().expect("a restart");
    // Without anybody's statements there is no average of them.
    let _crowd = Crowd::gather(&pooler.client_url("shop"));
    let (sample, _) = node.expect("local/shop", "all figures again", secs(60), is_whole);
    assert!(sample["probe"]["serverVersion"].as_str().is_some_and(|version| version.starts_with(&major.to_string())));
    assert!(!node.log().contains("prepared statement"), "{}", node.log());
    println!("PostgreSQL {major}: impact {}", sample["probe"]["impact"]);
}

#[test]
fn behind_a_pooler_postgresql_13_is_read_whole() {
    is_read_whole(13);
}

#[test]
fn behind_a_pooler_postgresql_15_is_read_whole() {
    is_read_whole(15);
}

#[test]
fn behind_a_pooler_postgresql_18_is_read_whole() {
    is_read_whole(18);
}

#[test]
fn a_pooler_that_swallows_options_is_found_out_and_one_can_be_told_of() {
    let server = server(18);
    let pooler = pooler(&server, &[("ignore_startup_parameters", "extra_float_digits,options")]);
    let _crowd = Crowd::gather(&pooler.client_url("shop"));
    let url = pooler.client_url("shop");
    for (url, target) in [(url.clone(), ""), (format!("{url}?pgbouncer=true"), ""), (url, "pool_mode = \"transaction\"")] {
        let (node, _dir) = watch(&url, target);
        node.expect("local/shop", "all figures", SOON, is_whole);
    }
}

#[test]
fn one_who_says_that_a_shared_pooler_gives_sessions_is_put_right_by_its_answers() {
    let server = server(15);
    let pooler = pooler(&server, &[]);
    let _crowd = Crowd::gather(&pooler.client_url("shop"));
    let (node, _dir) = watch(&pooler.client_url("shop"), "pool_mode = \"session\"");
    node.expect("local/shop", "all figures", SOON, is_whole);
}
