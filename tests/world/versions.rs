//! Every supported major version of PostgreSQL, behind PgBouncer: all figures, a kill, a return.

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::Value;

use crate::{
    support::{Session, secs, until},
    truth::{SOON, activity, in_one_interval, number, shop, watch},
};

/// All that a sample must have on every version.
const FIGURES: &[&str] = &[
    "/connectionPool/totalConnections",
    "/connectionPool/activeConnections",
    "/connectionPool/idleConnections",
    "/connectionPool/idleInTransaction",
    "/connectionPool/waitingClients",
    "/connectionPool/averageWaitTime",
    "/connectionPool/maxWaitTime",
    "/connectionPool/utilization",
    "/connectionPool/poolSize",
    "/queryPerformance/averageQueryTime",
    "/queryPerformance/slowQueries",
    "/queryPerformance/totalQueries",
    "/queryPerformance/errorRate",
    "/queryPerformance/slowQueryRate",
    "/queryPerformance/queriesPerSecond",
    "/queryPerformance/averageActiveSessions",
    "/database/size",
    "/database/sizeBytes",
    "/database/activeConnections",
    "/database/maxConnections",
    "/database/cacheHitRatio",
    "/reachability/phases/auth",
    "/reachability/viaPooler/acquire",
];

fn works(major: u32) {
    let server = shop(Postgres::builder().major(major), true);
    let pooler = PgBouncer::builder().database("shop", &server).pool_mode("transaction").start().expect("PgBouncer");
    let poolers = format!(
        "[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{}\"\nclient_url = \"{}\"",
        pooler.console_url(),
        pooler.client_url("shop")
    );
    let (node, _dir) = watch(&server, "statements = \"2s\"\nclient_check = \"1s\"", &poolers);
    let (sample, took) = node.expect_status("local/shop", "healthy", "", SOON);
    println!("PostgreSQL {major}: healthy after {took:?}");
    let version = sample["probe"]["serverVersion"].as_str().expect("a version");
    assert!(version.starts_with(&major.to_string()) || version.is_empty(), "{version}");

    let session = Session::open(&pooler.client_url("shop"), "web");
    let (_, queries) = in_one_interval(&node, || {
        for _ in 0..15 {
            session.run("SELECT pg_sleep(0.01), 'counted'").expect("a sleep");
        }
    });
    let counted = |one: &&Value| one["text"] == "SELECT pg_sleep($1), $2";
    let statement = queries["statements"].as_array().and_then(|all| all.iter().find(counted)).expect("the sleeps");
    assert_eq!(statement["calls"], 15, "{queries}");
    let mean = number(statement, "/meanMs").expect("a mean");
    assert!((10.0..30.0).contains(&mean), "{mean}");

    let worker = Session::open(&server.url("shop"), "worker");
    worker.start("SELECT pg_sleep(600)");
    let (active, _) = until("the active session", SOON, || {
        let activity = activity(&node);
        let found =
            activity["sessions"].as_array().and_then(|all| all.iter().find(|one| one["application"] == "worker").cloned());
        found.filter(|session| session["waitEvent"] == "PgSleep").ok_or_else(|| activity.to_string())
    });
    assert_eq!((active["state"].as_str(), active["waitEventType"].as_str()), (Some("active"), Some("Timeout")));
    assert_eq!(active["queryId"].is_string(), major >= 14, "{active}");

    let (sample, _) =
        node.expect("local/shop", "all figures", SOON, |sample| FIGURES.iter().all(|figure| number(sample, figure).is_some()));
    let missing: Vec<_> = sample["probe"]["missing"].as_array().into_iter().flatten().map(|one| one["field"].clone()).collect();
    assert_eq!(missing, ["database.growthPerDay"], "{sample}");
    assert!(sample["probe"]["serverVersion"].as_str().is_some_and(|version| version.starts_with(&major.to_string())));

    server.kill();
    let (_, took) = node.expect_status("local/shop", "unhealthy", "database_down", SOON);
    println!("PostgreSQL {major}: unhealthy after {took:?}");
    server.restart().expect("a restart");
    let (_, took) = node.expect_status("local/shop", "healthy", "", secs(60));
    println!("PostgreSQL {major}: healthy after {took:?}");
}

macro_rules! versions {
    ($($name:ident: $major:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            works($major);
        })*
    };
}

versions! {
    postgresql_13: 13,
    postgresql_14: 14,
    postgresql_15: 15,
    postgresql_16: 16,
    postgresql_17: 17,
    postgresql_18: 18,
}
