//! PgBouncer in front of a server that is fine: killed, restarted, frozen, paused, disabled, exhausted.

use std::time::Instant;

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::Value;

use super::{
    Fault, SOON, assert_sessions, healthy, missing,
    sessions::{Running, Session},
    shop, watch_behind,
};
use crate::support::{Node, node::reason, secs};

const DOWN: Fault<'_> = Fault {
    name: "PgBouncer killed",
    target: "local/shop",
    rule: "pooler_down",
    causes: &["tcp_refused", "lost"],
    says: "The pooler",
};

fn behind() -> (Postgres, PgBouncer, Node) {
    let server = shop();
    let pooler = PgBouncer::builder().database("shop", &server).pool_mode("transaction").start().expect("PgBouncer");
    let node = watch_behind(&server, &pooler);
    (server, pooler, node)
}

/// The resident sessions, and the one that PgBouncer keeps for Isobar's check through it.
fn assert_nothing_left(server: &Postgres, pooler: &PgBouncer) {
    assert_sessions(server, 3);
    let clients = pooler.console("SHOW CLIENTS").expect("its clients");
    let own = clients.iter().filter(|client| client.get("application_name") == Some("isobar")).count();
    assert!(own <= 2, "a console and a check at most: {own}");
}

/// The database itself is seen as before.
fn assert_server_is_fine(sample: &Value) {
    assert_eq!(sample["reachability"]["outcome"], "ok", "{sample}");
    assert!(sample["database"]["maxConnections"].is_u64(), "{sample}");
    for rule in ["database_down", "database_unresponsive", "database_rejecting"] {
        assert!(reason(sample, rule).is_none(), "{sample}");
    }
}

#[test]
fn a_killed_pgbouncer_is_down_while_postgresql_is_fine() {
    let (server, pooler, node) = behind();
    let sample = DOWN.strike(&node, SOON, || pooler.kill());
    assert_server_is_fine(&sample);
    assert_eq!(sample["poolers"][0]["up"], false);
    assert!(sample["connectionPool"]["totalConnections"].is_null(), "{sample}");
    assert!(missing(&sample, "connectionPool").is_some_and(|cause| cause.contains("pooler 127.0.0.1")), "{sample}");
    let (sample, _) = node.expect("local/shop", "clients are refused", SOON, |sample| {
        sample["reachability"]["viaPooler"]["outcome"] == "tcp_refused"
    });
    assert_eq!(sample["reachability"]["viaPooler"]["failedPhase"], "tcp");
    let sample = DOWN.recover(&node, || pooler.restart().expect("a restart"));
    assert!(sample["connectionPool"]["waitingClients"].is_u64(), "{sample}");
    assert_nothing_left(&server, &pooler);
}

#[test]
fn a_restarted_pgbouncer_is_no_incident_that_stays() {
    let (server, pooler, node) = behind();
    for _ in 0..3 {
        pooler.kill();
        pooler.restart().expect("a restart");
        let started = Instant::now();
        node.expect("local/shop", "its new console", SOON, |sample| {
            sample["status"] == "healthy" && sample["poolers"][0]["up"] == true
        });
        eprintln!("AGAIN | PgBouncer restarted | - | {} ms", started.elapsed().as_millis());
    }
    assert_nothing_left(&server, &pooler);
}

#[test]
fn a_frozen_pgbouncer_is_down_while_postgresql_is_fine() {
    let (server, pooler, node) = behind();
    let fault = Fault { name: "PgBouncer frozen (SIGSTOP)", causes: &["unresponsive"], ..DOWN };
    let sample = fault.strike(&node, SOON, || pooler.freeze());
    assert_server_is_fine(&sample);
    assert!(sample["connectionPool"]["totalConnections"].is_null(), "{sample}");
    node.expect("local/shop", "clients get no answer", SOON, |sample| {
        sample["reachability"]["viaPooler"]["outcome"] == "unresponsive"
    });
    fault.recover(&node, || pooler.thaw());
    assert_nothing_left(&server, &pooler);
}

#[test]
fn a_paused_or_disabled_pgbouncer_lets_nobody_through() {
    let (server, pooler, node) = behind();
    let _client = Session::open(&pooler.client_url("shop")).expect("a client, so that there is a pool");
    for (name, make, mend) in [
        ("database paused (PAUSE shop)", "PAUSE shop", "RESUME shop"),
        ("database disabled (DISABLE shop)", "DISABLE shop", "ENABLE shop"),
    ] {
        let fault = Fault { name, causes: &["pooler_paused"], says: "paused or disabled", ..DOWN };
        let sample = fault.strike(&node, SOON, || drop(pooler.console(make).expect(make)));
        assert_server_is_fine(&sample);
        assert!(sample["connectionPool"]["totalConnections"].is_u64(), "its console is seen: {sample}");
        fault.recover(&node, || drop(pooler.console(mend).expect(mend)));
    }
    assert_nothing_left(&server, &pooler);
}

/// No console before 1.19 tells that all of PgBouncer is paused: the clients that wait do, and Isobar's own among them.
#[test]
fn a_wholly_paused_pgbouncer_shows_in_the_clients_that_wait() {
    let (server, pooler, node) = behind();
    let _working = Session::open(&pooler.client_url("shop")).expect("a client").repeat("SELECT pg_sleep(0.01)");
    let waiting = Fault { name: "PgBouncer paused (PAUSE)", rule: "pool_waiting", causes: &[], says: "1 client waits", ..DOWN };
    waiting.strike(&node, SOON, || pooler.pause().expect("a pause"));
    let down = Fault { rule: "pooler_down", causes: &["pool_exhausted"], says: "Clients get no connection", ..waiting };
    assert_server_is_fine(&down.seen(&node, SOON, Instant::now()));
    down.recover(&node, || pooler.resume().expect("a resume"));
    assert_nothing_left(&server, &pooler);
}

/// Two server connections, both held by transactions of the application; three more of its clients wait.
#[test]
fn an_exhausted_pool_is_waited_for_and_not_down() {
    let server = shop();
    server.create_role("app").expect("a role");
    let pooler = PgBouncer::builder()
        .database("shop", &server)
        .user("app")
        .pool_mode("transaction")
        .default_pool_size(2)
        .start()
        .expect("PgBouncer");
    let url = pooler.url_as("app", "shop");
    // Isobar's own client uses the application's pool here, and must not count as one that waits.
    let node = healthy(Node::watch(&[&server.url("shop"), "--pooler", &url, "--pooler", &pooler.console_url()]));
    let holders: Vec<_> = (0..2).map(|_| Session::open(&url).expect("a client")).collect();
    let waiting =
        Fault { name: "pool exhausted: clients wait", rule: "pool_waiting", causes: &[], says: "wait for a connection", ..DOWN };
    let mut waiters = Vec::new();
    waiting.strike(&node, SOON, || {
        holders.iter().for_each(|holder| holder.run("BEGIN; SELECT 1"));
        waiters.extend((0..3).map(|_| Running::ask(&url, "SELECT 1")));
    });
    let saturated = Fault { name: "pool exhausted: saturated", rule: "pool_saturated", says: "100% full", ..waiting };
    saturated.seen(&node, secs(10), Instant::now());
    let watched = Instant::now();
    node.expect("local/shop", "three clients wait for 6 s, and nobody else", secs(10), |sample| {
        assert_eq!(sample["connectionPool"]["waitingClients"], 3, "{sample}");
        assert!(reason(sample, "pooler_down").is_none(), "{sample}");
        watched.elapsed() > secs(6)
    });
    waiting.recover(&node, || holders.iter().for_each(|holder| holder.run("COMMIT")));
    drop((holders, waiters));
    assert_nothing_left(&server, &pooler);
}
