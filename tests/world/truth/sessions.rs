//! Sessions: states, holders, ages, chains, what the active ones wait for.

use isobar::sandbox::Postgres;
use serde_json::{Value, json};

use super::{SOON, activity, ask, number, shop, watch};
use crate::support::{Session, assert_close, until};

fn find<'a>(list: &'a Value, key: &str, value: &Value) -> &'a Value {
    list.as_array().and_then(|list| list.iter().find(|one| one[key] == *value)).unwrap_or(&Value::Null)
}

#[test]
fn states_holders_and_slots_are_those_of_the_sessions_opened() {
    let server = shop(Postgres::builder().setting("max_connections", "40"), true);
    server.create_database("other").expect("a database");
    server.create_role("app").expect("a role");
    server.create_role("batch").expect("a role");
    let web = Session::open_many(7, &server.url_as("app", "shop"), "web");
    for sleeper in &web[..3] {
        sleeper.start("SELECT pg_sleep(600)");
    }
    let jobs = Session::open_many(3, &server.url_as("batch", "shop"), "billing");
    for job in &jobs {
        job.run("BEGIN").expect("a transaction");
    }
    jobs[0].run("SELECT 1 / 0").expect_err("an aborted transaction");
    let _elsewhere = Session::open_many(5, &server.url_as("app", "other"), "web");

    let (node, _dir) = watch(&server, "statements = \"2s\"", "");
    let (sample, _) = node.expect("local/shop", "ten sessions, three of them active for a second", SOON, |sample| {
        sample["connectionPool"]["totalConnections"] == 10
            && number(sample, "/queryPerformance/averageActiveSessions") == Some(3.0)
            && sample["probe"]["connections"] == 2
            && number(sample, "/connectionPool/utilization").is_some_and(|used| (used * 37.0 - 17.0).abs() < 0.01)
    });
    let pool = &sample["connectionPool"];
    assert_eq!((&pool["activeConnections"], &pool["idleConnections"]), (&json!(3), &json!(4)), "{pool}");
    assert_eq!((&pool["idleInTransaction"], &pool["waitingClients"]), (&json!(3), &json!(0)), "{pool}");
    assert_eq!(pool["poolSize"], 40);
    assert_eq!((&sample["database"]["activeConnections"], &sample["database"]["maxConnections"]), (&json!(3), &json!(40)));
    assert_eq!(sample["probe"]["intervalMs"], 250);
    // Ours and the one that asks are client backends too.
    let backends = ask(&server, "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'");
    assert!((17.0..=18.0).contains(&backends), "{backends}");

    let activity = activity(&node);
    let (web, billing) =
        (find(&activity["holders"], "application", &json!("web")), find(&activity["holders"], "application", &json!("billing")));
    assert_eq!(web["states"], json!({"total": 7, "active": 3, "idle": 4, "idleInTransaction": 0, "hidden": 0}));
    assert_eq!(billing["states"], json!({"total": 3, "active": 0, "idle": 0, "idleInTransaction": 3, "hidden": 0}));
    assert_eq!((&web["user"], &billing["user"]), (&json!("app"), &json!("batch")));
    let sleeping = find(&activity["waits"], "waitEvent", &json!("PgSleep"));
    assert_eq!((&sleeping["waitEventType"], &sleeping["sessions"]), (&json!("Timeout"), &json!(3.0)), "{activity}");
}

#[test]
fn a_half_second_of_work_is_its_share_of_the_active_sessions() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, "fast = \"100ms\"", "");
    let session = Session::open(&server.url("shop"), "web");
    let session = (session.start("SELECT pg_sleep(0.5)"), session);
    let (_, _) = node.expect("local/shop", "a half", SOON, |sample| {
        if session.0.try_recv().is_ok() {
            session.1.start("SELECT pg_sleep(0.5)");
        }
        number(sample, "/queryPerformance/averageActiveSessions").is_some_and(|mean| (0.4..=0.6).contains(&mean))
    });
}

#[test]
fn ages_are_those_of_the_transactions() {
    let server = shop(Postgres::builder(), true);
    let session = Session::open(&server.url("shop"), "billing");
    session.run("BEGIN; SELECT pg_sleep(0.7)").expect("a transaction");
    let pid = session.pid();
    let (node, _dir) = watch(&server, "fast = \"100ms\"", "");
    let (seen, _) = until("the transaction", SOON, || {
        let activity = activity(&node);
        if activity["oldestTransactionMs"].is_f64() { Ok(activity) } else { Err(activity.to_string()) }
    });
    // In milliseconds by the server's own clock.
    let ages = |of: &str| ask(&server, &format!("SELECT 1e3 * extract(epoch FROM {of}) FROM pg_stat_activity WHERE pid = {pid}"));
    let (transaction, idle) = (ages("clock_timestamp() - xact_start"), ages("clock_timestamp() - state_change"));
    let between = ages("state_change - xact_start");
    let number = |pointer| super::number(&seen, pointer).expect("an age");
    let (seen_transaction, seen_idle) = (number("/oldestTransactionMs"), number("/oldestIdleInTransactionMs"));
    // Exact between the two of one reading; each is as old as the reading when it is compared with now.
    assert!(((seen_transaction - seen_idle) - between).abs() < 20.0, "{seen} {between}");
    for (seen, now) in [(seen_transaction, transaction), (seen_idle, idle)] {
        assert!(seen <= now + 20.0 && now - seen < 1_500.0, "{seen} {now}");
    }
    assert_eq!(find(&seen["sessions"], "pid", &json!(pid))["transactionMs"].as_f64(), Some(seen_transaction));
    assert_eq!(number("/holders/0/oldestTransactionMs").to_bits(), seen_transaction.to_bits());
}

#[test]
fn a_blocking_chain_names_its_root() {
    let server = shop(Postgres::builder(), true);
    let app = || Session::open(&server.superuser_url("shop"), "web");
    let root = Session::open(&server.superuser_url("shop"), "billing");
    root.run("CREATE TABLE stock AS SELECT 1 AS id").expect("a table");
    root.run("BEGIN; UPDATE stock SET id = 1").expect("a lock");
    let (second, third) = (app(), app());
    let (root_pid, second_pid, third_pid) = (root.pid(), second.pid(), third.pid());
    let waits = second.start("BEGIN; UPDATE stock SET id = 2");
    let (node, _dir) = watch(&server, "statements = \"2s\"", "[thresholds]\nblocked_age = \"1s\"");
    until("the first to wait", SOON, || {
        let activity = activity(&node);
        if activity["blocked"] == 1 { Ok(()) } else { Err(activity.to_string()) }
    });
    third.start("UPDATE stock SET id = 3");
    let (sample, _) = node.expect_status("local/shop", "unhealthy", "blocking_chain", SOON);
    let (activity, _) = until("both wait", SOON, || {
        let activity = activity(&node);
        let both = activity["blocked"] == 2 && find(&activity["sessions"], "pid", &json!(third_pid))["blockedBy"] != json!([]);
        if both { Ok(activity) } else { Err(activity.to_string()) }
    });
    let blockers = |pid: i64| find(&activity["sessions"], "pid", &json!(pid))["blockedBy"].clone();
    assert_eq!((blockers(second_pid), blockers(third_pid)), (json!([root_pid]), json!([second_pid])));
    let reason = find(&sample["reasons"], "rule", &json!("blocking_chain"));
    let message = reason["message"].as_str().expect("a message");
    assert!(message.contains(&format!("the root blocker is pid {root_pid} of billing (user postgres)")), "{message}");
    let truth = ask(
        &server,
        &format!(
            "SELECT 1e3 * extract(epoch FROM clock_timestamp() - query_start) FROM pg_stat_activity WHERE pid = {second_pid}"
        ),
    );
    let longest = number(&activity, "/longestBlockedMs").expect("an age");
    assert!(longest <= truth + 20.0 && truth - longest < 5_000.0, "{longest} {truth}");
    assert_close("sessions waiting for locks", activity["waits"].as_array().map_or(0, Vec::len) as f64, 2.0, 0.5);

    root.run("COMMIT").expect("a commit");
    waits.recv().expect("an answer").expect("the lock");
    second.run("COMMIT").expect("a commit");
    node.expect("local/shop", "nobody waits", SOON, |sample| sample["status"] == "healthy");
}
