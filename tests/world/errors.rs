//! What fails shows under its own name, without anybody reading a log: a deadlock, a killed session, a cancelled statement, a client
//! with a wrong password.

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::Value;

use crate::{
    support::{Node, Session},
    truth::{SOON, ask, number, shop, watch},
};

fn errors(node: &Node) -> Value {
    node.json("/api/databases/local/shop")["vitals"]["errors"].clone()
}

fn deadlock(url: &str) {
    let (one, other) = (Session::open(url, "one"), Session::open(url, "other"));
    one.run("BEGIN; UPDATE accounts SET sum = 1 WHERE id = 1").expect("a lock");
    other.run("BEGIN; UPDATE accounts SET sum = 1 WHERE id = 2").expect("a lock");
    let waits = one.start("UPDATE accounts SET sum = 2 WHERE id = 2");
    let ends = [other.run("UPDATE accounts SET sum = 2 WHERE id = 1"), waits.recv().expect("an answer")];
    assert_eq!(ends.iter().filter(|end| end.is_err()).count(), 1, "{ends:?}");
}

fn each_cause_has_its_name(major: u32) {
    let server = shop(Postgres::builder().major(major).setting("deadlock_timeout", "10ms"), true);
    let accounts = "CREATE TABLE accounts AS SELECT id, 0 AS sum FROM generate_series(1, 2) id; GRANT ALL ON accounts TO PUBLIC";
    server.sql("shop", accounts).expect("a table");
    let pooler = PgBouncer::builder().database("shop", &server).start().expect("PgBouncer");
    let wrong = format!("postgres://isobar:wrong@{}:{}/shop?sslmode=disable", pooler.host(), pooler.port());
    // A window that holds all of it, however slow the machine is.
    let front = format!("[[target.pooler]]\nkind = \"pgbouncer\"\nclient_url = \"{wrong}\"");
    let (node, _dir) = watch(&server, "statements = \"60s\"\nclient_check = \"1s\"", &front);
    node.expect("local/shop", "an interval of the counters", SOON, |sample| {
        number(sample, "/queryPerformance/errorRate").is_some()
    });

    deadlock(&server.superuser_url("shop"));
    let doomed = Session::open_many(3, &server.superuser_url("shop"), "doomed");
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'doomed'";
    assert!((ask(&server, kill) - 3.0).abs() < f64::EPSILON);
    let impatient = Session::open(&server.superuser_url("shop"), "impatient");
    for _ in 0..5 {
        impatient.run("BEGIN; SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(60)").expect_err("a cancelled statement");
        impatient.run("ROLLBACK").expect("an end");
    }
    drop((doomed, impatient));

    let told = |errors: &Value| {
        let errors = &errors["lately"];
        let refused = errors["connections"].as_array().is_some_and(|all| all.iter().any(|one| one["outcome"] == "auth_failed"));
        let killed = errors["sessionsKilled"].as_u64();
        // One of the deadlock, the other of whose ends never came, and those cancelled.
        errors["deadlocks"] == 1
            && errors["rollbacks"].as_u64().is_some_and(|count| (6..=8).contains(&count))
            && refused
            && if major >= 14 { killed == Some(3) } else { killed.is_none() }
    };
    let (seen, took) = crate::support::until("each cause under its name", SOON, || {
        let errors = errors(&node);
        if told(&errors) { Ok(errors) } else { Err(errors.to_string()) }
    });
    println!("PostgreSQL {major}: {seen} after {took:?}");
    assert_eq!(seen["total"]["deadlocks"], 1, "{seen}");
    let lately = &seen["lately"];
    assert_eq!(lately["pooler"], Value::Null, "PgBouncer counts none: {seen}");
    let way = format!("{}:{}", pooler.host(), pooler.port());
    assert_eq!(lately["connections"][0]["path"], way.as_str(), "{seen}");

    let metrics = node.get("/metrics").text().expect("a page");
    let has = |name: &str, labels: &str| metrics.lines().any(|line| line.starts_with(name) && line.contains(labels));
    assert!(has("isobar_errors_total", "cause=\"deadlock\"} 1"), "{metrics}");
    assert!(has("isobar_connection_errors_total", &format!("path=\"{way}\",outcome=\"auth_failed\"")), "{metrics}");
    assert_eq!(has("isobar_errors_total", "cause=\"session_killed\"} 3"), major >= 14, "{metrics}");
    let rate = number(&node.sample("local/shop"), "/queryPerformance/errorRate").expect("a rate");
    let (failed, all) = (
        lately["rollbacks"].as_f64().unwrap_or_default() + lately["sessionsKilled"].as_f64().unwrap_or_default(),
        lately["transactions"].as_f64().expect("transactions"),
    );
    assert!((rate - (failed / all).min(1.0)).abs() < 0.1, "{rate} of {failed} in {all}");
}

#[test]
fn each_cause_has_its_name_on_13() {
    each_cause_has_its_name(13);
}

#[test]
fn each_cause_has_its_name_on_15() {
    each_cause_has_its_name(15);
}

#[test]
fn each_cause_has_its_name_on_18() {
    each_cause_has_its_name(18);
}
