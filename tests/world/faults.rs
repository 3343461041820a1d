//! Everything that breaks, broken for real: each fault is made on a throw-away server while the real binary watches. A test holds
//! the status and its cause, that what cannot be seen is null and never healthy, that all is well again without a restart of
//! Isobar, and that no session of Isobar's is left on the server. Times are printed as rows of `docs/failure-modes.md`;
//! deadlines are three times the budget, for a loaded machine.

mod access;
mod databases;
mod lasting;
mod network;
mod poolers;
mod server;
mod sessions;
mod statistics;

use std::time::{Duration, Instant};

use isobar::sandbox::{self, PgBouncer, Postgres};
use serde_json::Value;

use crate::support::{Node, node::reason, secs, until};
use sessions::one;

/// Three times the 2 s of the budget.
const SOON: Duration = secs(6);

/// What must be seen of a fault.
struct Fault<'a> {
    /// For the table.
    name: &'a str,
    target: &'a str,
    rule: &'a str,
    /// Any of these.
    causes: &'a [&'a str],
    /// A part of the message.
    says: &'a str,
}

impl Fault<'_> {
    /// Makes the fault and waits until the target is unhealthy by that rule and cause.
    #[track_caller]
    fn strike(&self, node: &Node, within: Duration, make: impl FnOnce()) -> Value {
        let started = Instant::now();
        make();
        self.seen(node, within, started)
    }

    /// The fault was made at that time.
    #[track_caller]
    fn seen(&self, node: &Node, within: Duration, started: Instant) -> Value {
        let (sample, _) = node
            .expect(self.target, self.name, within, |sample| sample["status"] == "unhealthy" && self.reason(sample).is_some());
        eprintln!("FAULT | {} | {} | {} ms", self.name, self.rule, started.elapsed().as_millis());
        let reason = self.reason(&sample).expect("as waited for");
        let message = reason["message"].as_str().unwrap_or_default();
        assert!(message.contains(self.says), "{}: {message}", self.name);
        assert!(!sample.to_string().contains(sandbox::password()), "a password in {sample}");
        sample
    }

    fn reason<'a>(&self, sample: &'a Value) -> Option<&'a Value> {
        let cause = |reason: &&Value| self.causes.is_empty() || self.causes.iter().any(|it| reason["evidence"]["cause"] == *it);
        reason(sample, self.rule).filter(cause)
    }

    /// Ends the fault and waits until the target is healthy.
    #[track_caller]
    fn recover(&self, node: &Node, mend: impl FnOnce()) -> Value {
        mend();
        let started = Instant::now();
        let (sample, _) = node.expect_status(self.target, "healthy", "", secs(15));
        eprintln!("AGAIN | {} | {} | {} ms", self.name, self.rule, started.elapsed().as_millis());
        assert_eq!(sample["reasons"], Value::Array(Vec::new()));
        sample
    }
}

/// A server with the database `shop` and its statements.
fn shop() -> Postgres {
    with_shop(Postgres::builder().with_statements().start().expect("PostgreSQL"))
}

fn with_shop(server: Postgres) -> Postgres {
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    server
}

/// A node that watches `local/shop`, once it is healthy.
fn watch(server: &Postgres) -> Node {
    healthy(Node::watch(&[&server.url("shop")]))
}

/// The same with a pooler in front, its console and its clients' way.
fn watch_behind(server: &Postgres, pooler: &PgBouncer) -> Node {
    let node = Node::watch(&[&server.url("shop"), "--pooler", &pooler.client_url("shop")]);
    node.expect("local/shop", "a first check through the pooler", SOON, |sample| {
        sample["reachability"]["viaPooler"]["outcome"] == "ok" && sample["poolers"][0]["up"] == true
    });
    healthy(node)
}

fn healthy(node: Node) -> Node {
    node.expect("local/shop", "a first full sight", secs(10), |sample| {
        sample["status"] == "healthy" && sample["connectionPool"]["utilization"].is_number()
    });
    node
}

/// Until all that the sessions tell is null, with the cause, and the status never healthy meanwhile.
#[track_caller]
fn expect_blind(node: &Node, target: &str) {
    let sight = [
        ("connectionPool", "totalConnections"),
        ("connectionPool", "activeConnections"),
        ("connectionPool", "idleConnections"),
        ("connectionPool", "idleInTransaction"),
        ("connectionPool", "waitingClients"),
        ("connectionPool", "averageWaitTime"),
        ("connectionPool", "maxWaitTime"),
        ("connectionPool", "utilization"),
        ("connectionPool", "poolSize"),
        ("queryPerformance", "averageActiveSessions"),
        ("database", "activeConnections"),
        ("database", "maxConnections"),
    ];
    let (sample, _) = node.expect(target, "blind", SOON, |sample| {
        assert_ne!(sample["status"], "healthy", "while blind: {sample}");
        sight.iter().all(|(part, field)| sample[part][field].is_null())
    });
    assert!(missing(&sample, "connectionPool").is_some(), "{sample}");
}

/// The cause of a figure that is missing.
fn missing<'a>(sample: &'a Value, field: &str) -> Option<&'a str> {
    let lacks = sample["probe"]["missing"].as_array()?;
    let lack = lacks.iter().find(|lack| lack["field"] == field)?;
    lack["cause"].as_str().filter(|cause| !cause.is_empty())
}

/// At most the two resident sessions stay on the server.
#[track_caller]
fn assert_nothing_left(server: &Postgres) {
    assert_sessions(server, 2);
}

#[track_caller]
fn assert_sessions(server: &Postgres, most: u32) {
    until("sessions of Isobar's", secs(10), || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'isobar'";
        let count: u32 = one(server, "postgres", count).parse().expect("a count");
        if count <= most { Ok(()) } else { Err(count.to_string()) }
    });
}
