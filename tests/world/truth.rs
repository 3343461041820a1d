//! Every figure against reality: sessions that the test opened, statements of known number and duration, transactions that it
//! counted, clients that it kept waiting for a known time, bytes that it added. Within 2% where the truth is exact, waits
//! within 20 ms.

mod pooler;
mod sessions;
mod size;
mod statements;
mod transactions;
mod unknown;

use std::time::Duration;

use isobar::sandbox::Postgres;
use serde_json::Value;

use crate::support::{Node, secs, until};

/// Long for anything that takes a few seconds at most on a loaded machine.
pub(crate) const SOON: Duration = secs(20);

/// A server with a database `shop` and, when wanted, its statements counted; nothing else stirs in it.
pub(crate) fn shop(builder: isobar::sandbox::postgres::Builder, statements: bool) -> Postgres {
    let server = builder.with_statements().setting("autovacuum", "off").start().expect("PostgreSQL (`make test` installs it)");
    server.create_database("shop").expect("a database");
    if statements {
        server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    }
    server
}

/// A node that watches `shop` with this sampling, more lines for the target, and thresholds.
pub(crate) fn watch(server: &Postgres, sampling: &str, target: &str) -> (Node, tempfile::TempDir) {
    let region = format!("region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n{target}\n", server.url("shop"));
    Node::configured(&[("global.toml", &format!("[sampling]\n{sampling}\n")), ("local.toml", &region)])
}

/// A number of the sample, by its JSON pointer.
pub(crate) fn number(sample: &Value, pointer: &str) -> Option<f64> {
    sample.pointer(pointer).and_then(Value::as_f64)
}

/// The first column of the only row, as `postgres` in another database: it leaves no trace in `shop`.
pub(crate) fn ask(server: &Postgres, sql: &str) -> f64 {
    let rows = server.sql("postgres", sql).expect("an answer");
    rows[0].get(0).expect("a value").parse().expect("a number")
}

/// The sessions of `shop`.
pub(crate) fn activity(node: &Node) -> Value {
    node.json("/api/databases/local/shop/activity")["activity"].clone()
}

/// The statements of `shop` over the last interval.
pub(crate) fn queries(node: &Node) -> Value {
    node.json("/api/databases/local/shop/queries")["queries"].clone()
}

/// Runs `burst` within one statements interval and tells the sample and the statements of that interval. A burst that did not
/// fit into one, since the machine was busy, is run again in the next.
pub(crate) fn in_one_interval(node: &Node, mut burst: impl FnMut()) -> (Value, Value) {
    let next = |after: &Value| {
        until("the next statements interval", SOON, || {
            let queries = queries(node);
            if queries["intervalMs"].is_f64() && queries["takenAt"] != *after { Ok(queries) } else { Err(queries.to_string()) }
        })
        .0
    };
    for _ in 0..5 {
        let before = next(&Value::Null)["takenAt"].clone();
        let started = next(&before)["takenAt"].clone();
        burst();
        if queries(node)["takenAt"] != started {
            continue;
        }
        let seen = next(&started);
        let (sample, _) = node.expect("local/shop", "the sample of that interval", SOON, |sample| {
            number(sample, "/queryPerformance/averageQueryTime").is_some()
        });
        if queries(node)["takenAt"] == seen["takenAt"] {
            return (sample, seen);
        }
    }
    panic!("no burst fitted into an interval");
}
