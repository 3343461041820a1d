//! PgBouncer: pools by what the test's clients hold, waits by how long it kept them waiting, the way in by going it.

use std::time::{Duration, Instant};

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::{Value, json};

use super::{SOON, number, shop, watch};
use crate::support::{Node, Session, assert_close, until};

fn pgbouncer(server: &Postgres, size: u32) -> PgBouncer {
    let pooler = PgBouncer::builder().database("shop", server).user("app").pool_mode("transaction").default_pool_size(size);
    pooler.start().expect("PgBouncer")
}

fn console(pooler: &PgBouncer) -> String {
    format!("[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{}\"\n", pooler.console_url())
}

fn wait(sample: &Value, which: &str) -> f64 {
    number(sample, &format!("/connectionPool/{which}")).unwrap_or(-1.0)
}

#[test]
fn two_poolers_are_the_sum_of_what_their_clients_hold() {
    let server = shop(Postgres::builder(), true);
    server.create_role("app").expect("a role");
    let (first, second) = (pgbouncer(&server, 4), pgbouncer(&server, 3));
    let hold = |pooler: &PgBouncer, count| {
        let clients = Session::open_many(count, &pooler.url_as("app", "shop"), "web");
        clients.iter().for_each(|client| drop(client.run("BEGIN").expect("a transaction")));
        clients
    };
    let (clients, _others) = (hold(&first, 3), hold(&second, 1));
    clients[0].run("COMMIT").expect("a commit");
    let (node, _dir) = watch(&server, "", &(console(&first) + &console(&second)));
    let (sample, _) = node.expect("local/shop", "both poolers", SOON, |sample| {
        sample["connectionPool"]["totalConnections"] == 4 && number(sample, "/connectionPool/averageWaitTime").is_some()
    });
    let pool = &sample["connectionPool"];
    assert_eq!((&pool["activeConnections"], &pool["idleConnections"], &pool["poolSize"]), (&json!(3), &json!(1), &json!(7)));
    assert_eq!((&pool["idleInTransaction"], &pool["waitingClients"]), (&json!(3), &json!(0)), "{pool}");
    assert!(wait(&sample, "maxWaitTime").abs() < f64::EPSILON);
    assert_close("utilization", wait(&sample, "utilization"), 0.5, 1e-9);
    let expected = json!([{ "database": "shop", "user": "app", "mode": "transaction", "size": 4, "clientsActive": 3,
        "clientsWaiting": 0, "serversActive": 2, "serversIdle": 1, "serversOther": 0, "maxWaitTime": 0.0, "paused": false }]);
    assert_eq!(sample["poolers"][0]["pools"], expected, "{sample}");
    let other = &sample["poolers"][1];
    assert_eq!(other["name"], format!("127.0.0.1:{}", second.port()));
    assert_eq!(
        (&other["up"], &other["pools"][0]["size"], &other["pools"][0]["serversActive"]),
        (&json!(true), &json!(3), &json!(1))
    );
    assert!(sample["reachability"]["viaPooler"].is_null(), "no client_url: {sample}");
}

/// Keeps a client waiting behind a holder until `enough` of its waiting was seen; how long it waited.
fn keep_waiting(node: &Node, pooler: &PgBouncer, enough: Duration) -> f64 {
    let holder = Session::open(&pooler.url_as("app", "shop"), "holder");
    let waiter = Session::open(&pooler.url_as("app", "shop"), "waiter");
    waiter.run("SELECT 1").expect("a server of its pool");
    holder.run("BEGIN").expect("a transaction");
    node.expect("local/shop", "nothing was assigned lately", SOON, |sample| {
        sample["connectionPool"]["activeConnections"] == 1 && sample["poolerDetails"][0]["meanWaitMs"].is_null()
    });
    let began = Instant::now();
    let answer = waiter.start("SELECT 1");
    node.expect("local/shop", "a client that waits for so long", SOON, |sample| {
        let now = began.elapsed().as_secs_f64() * 1e3;
        let seen = wait(sample, "maxWaitTime");
        if sample["connectionPool"]["waitingClients"] == 1 {
            assert!(seen <= now + 20.0, "older than it can be: {seen} after {now}");
            assert!((wait(sample, "averageWaitTime") - seen).abs() < 1e-6, "nothing is assigned: the age of the queue: {sample}");
        }
        seen >= enough.as_secs_f64() * 1e3
    });
    holder.run("COMMIT").expect("a commit");
    answer.recv().expect("an answer").expect("a server");
    began.elapsed().as_secs_f64() * 1e3
}

#[test]
fn waits_are_as_long_as_the_test_kept_clients_waiting() {
    let server = shop(Postgres::builder(), true);
    server.create_role("app").expect("a role");
    let pooler = pgbouncer(&server, 1);
    let (node, _dir) = watch(&server, "fast = \"100ms\"", &console(&pooler));
    for enough in [Duration::from_millis(400), Duration::from_millis(1_600)] {
        let waited = keep_waiting(&node, &pooler, enough);
        let (sample, _) = node.expect("local/shop", "the mean of the wait that ended", SOON, |sample| {
            sample["connectionPool"]["waitingClients"] == 0 && sample["poolerDetails"][0]["meanWaitMs"].is_f64()
        });
        let mean = wait(&sample, "averageWaitTime");
        println!("waited {waited} ms, seen {mean} ms");
        assert!((mean - waited).abs() <= 20.0, "waited {waited} ms, seen {mean} ms");
        assert!(wait(&sample, "maxWaitTime").abs() < f64::EPSILON);
    }
}

#[test]
fn the_oldest_waiter_ages_with_the_poolers_own_clock() {
    let server = shop(Postgres::builder(), true);
    server.create_role("app").expect("a role");
    let pooler = pgbouncer(&server, 1);
    let (node, _dir) = watch(&server, "fast = \"100ms\"", &console(&pooler));
    let clients = Session::open_many(3, &pooler.url_as("app", "shop"), "web");
    clients[0].run("BEGIN").expect("a transaction");
    let began = Instant::now();
    let waiting = [clients[1].start("SELECT 1"), clients[2].start("SELECT 1")];
    let own = || {
        let rows = pooler.console("SHOW POOLS").expect("pools");
        let row = rows.iter().find(|row| row.get("user") == Some("app")).expect("its pool");
        let field = |name: &str| row.get(name).and_then(|value| value.parse::<f64>().ok()).expect("a number");
        field("maxwait") * 1e3 + field("maxwait_us") / 1e3
    };
    // A reading taken between two looks at the pooler lies between what they showed.
    let ((low, seen, high), _) = until("a reading between two looks", SOON, || {
        let low = own();
        let before = node.sample("local/shop")["connectionPool"]["maxWaitTime"].clone();
        let (sample, _) = node.expect("local/shop", "another reading", SOON, |sample| {
            sample["connectionPool"]["maxWaitTime"] != before && sample["connectionPool"]["waitingClients"] == 2
        });
        let (seen, high) = (wait(&sample, "maxWaitTime"), own());
        if low > 1_000.0 && seen >= low { Ok((low, seen, high)) } else { Err(format!("{low} {seen} {high}")) }
    });
    assert!(low <= seen && seen <= high && high <= began.elapsed().as_secs_f64() * 1e3 + 20.0, "{low} {seen} {high}");
    assert!(seen % 1_000.0 != 0.0, "whole seconds: {seen}");
    clients[0].run("COMMIT").expect("a commit");
    waiting.iter().for_each(|answer| drop(answer.recv().expect("an answer").expect("a server")));
}

#[test]
fn a_client_goes_the_way_through_the_pooler() {
    let server = shop(Postgres::builder(), true);
    let pooler = pgbouncer(&server, 2);
    let client = format!("client_url = \"{}\"\n", pooler.client_url("shop"));
    let (node, _dir) = watch(&server, "client_check = \"1s\"", &(console(&pooler) + &client));
    let (sample, _) = node.expect("local/shop", "both ways in", SOON, |sample| {
        sample["reachability"]["viaPooler"]["outcome"] == "ok" && sample["reachability"]["outcome"] == "ok"
    });
    let way = &sample["reachability"]["viaPooler"];
    let phase = |name: &str| number(way, &format!("/phases/{name}")).unwrap_or_default();
    let sum = ["dns", "tcp", "tls", "auth", "firstQuery"].into_iter().map(phase).sum();
    let acquire = number(way, "/acquire").expect("a time");
    assert_close("acquire is the sum of its phases", acquire, sum, 0.02);
    assert!(acquire > 0.05 && acquire < 1_000.0, "{way}");
    assert_eq!(sample["poolers"][0]["up"], true);
}

#[test]
fn without_a_pooler_the_wait_is_what_a_fresh_client_measured() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, "client_check = \"1s\"", "");
    let (sample, _) = node.expect("local/shop", "a fresh client", SOON, |sample| sample["reachability"]["outcome"] == "ok");
    let phase = |name: &str| number(&sample, &format!("/reachability/phases/{name}")).unwrap_or_default();
    let sum = ["dns", "tcp", "tls", "auth"].into_iter().map(phase).sum();
    assert_close("the wait", wait(&sample, "averageWaitTime"), sum, 0.02);
    assert_eq!(sample["connectionPool"]["waitingClients"], 0);
}
