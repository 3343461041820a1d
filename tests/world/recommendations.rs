//! What is advised, taken: clients who wait behind a small pool, the size that is recommended, and the wait that follows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use isobar::sandbox::{PgBouncer, Postgres, runtime};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value;

use crate::{
    support::{Node, secs, until},
    truth::{shop, watch},
};

/// Clients, and their mean pause in seconds: with 20 ms of work and as much of waiting some 170 transactions a second.
const CLIENTS: u64 = 40;
const PAUSE: f64 = 0.195;
/// Windows of twenty seconds on a machine that does other things too.
const WINDOW: &str = "[advice]\nwindow = \"20s\"\nevery = \"2s\"\n";

/// Clients who work until this drops.
struct Load(Arc<AtomicBool>);

impl Load {
    fn start(pooler: &PgBouncer) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        for nth in 0..CLIENTS {
            let (url, ended) = (pooler.url_as("app", "shop"), Arc::clone(&ends));
            runtime::handle().spawn(async move {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a client");
                tokio::spawn(connection);
                let mut rng = SmallRng::seed_from_u64(nth);
                while !ended.load(Ordering::Relaxed) {
                    let pause = -PAUSE * (1.0 - rng.random::<f64>()).ln();
                    tokio::time::sleep(std::time::Duration::from_secs_f64(pause)).await;
                    if client.simple_query("SELECT pg_sleep(0.02)").await.is_err() {
                        break;
                    }
                }
            });
        }
        Self(ends)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The pool's transactions and the seconds that clients waited, by its own counters.
fn totals(pooler: &PgBouncer) -> (f64, f64) {
    let rows = pooler.console("SHOW STATS_TOTALS").expect("totals");
    let row = rows.iter().find(|row| row.get("database") == Some("shop")).expect("its row");
    let number = |name: &str| row.get(name).and_then(|value| value.parse::<f64>().ok()).expect("a number");
    (number("xact_count"), number("wait_time") / 1e6)
}

/// The recommendation about the pool, when it is as wanted.
fn advised(node: &Node, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = || {
        let answer = node.json("/api/databases/local/shop/recommendations");
        let lists = ["recommendations", "past"].iter().filter_map(|list| answer[*list].as_array());
        let found = lists.flatten().find(|one| wanted(one));
        found.cloned().ok_or_else(|| answer.to_string())
    };
    until(what, secs(60), look).0
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in {value}"))
}

#[test]
fn a_recommended_size_brings_the_wait_that_was_predicted() {
    let server = shop(Postgres::builder(), true);
    server.create_role("app").expect("a role");
    let builder = PgBouncer::builder().database("shop", &server).user("app").pool_mode("transaction");
    let pooler = builder.default_pool_size(4).start().expect("PgBouncer");
    let console = format!("[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{}\"\n", pooler.console_url());
    let (node, _dir) = watch(&server, &format!("fast = \"250ms\"\n{WINDOW}"), &console);
    let load = Load::start(&pooler);

    let advice = advised(&node, "a larger pool, from a whole window", |one| {
        one["kind"] == "enlarge_pool" && one["predicted"].is_object() && number(one, "/evidence/0/value") >= 18.0
    });
    let to: u32 = advice["change"]["to"].as_str().and_then(|to| to.parse().ok()).expect("a size");
    let predicted = number(&advice, "/predicted/meanWaitMs");
    let before = number(&advice, "/evidence/3/value");
    assert!((5..=12).contains(&to) && advice["change"]["from"] == "4", "{advice}");
    assert!(before > 3.0 && predicted < before / 2.0, "{advice}");
    assert!(advice["change"]["command"].as_str().is_some_and(|command| command.contains("RELOAD;")), "{advice}");
    assert!(advice["outcome"].is_null(), "{advice}");

    let file = pooler.folder().join("pgbouncer.ini");
    let ini = std::fs::read_to_string(&file).expect("its configuration");
    let ini = ini.replace("default_pool_size = 4", &format!("default_pool_size = {to}"));
    std::fs::write(&file, ini).expect("a written configuration");
    pooler.console("RELOAD").expect("a reload");
    let (count, waited) = totals(&pooler);

    let taken = advised(&node, "what came of it", |one| one["id"] == advice["id"] && one["outcome"]["meanWaitMs"].is_f64());
    let (later_count, later_waited) = totals(&pooler);
    drop(load);
    let own = (later_waited - waited) / (later_count - count) * 1e3;
    let (seen, told) = (number(&taken, "/outcome/meanWaitMs"), number(&taken, "/outcome/predicted/meanWaitMs"));
    println!(
        "waited {before:.2} ms with 4; predicted {predicted:.2} ms with {to}; then {seen:.2} ms, by PgBouncer's counters {own:.2} ms"
    );
    let near = |wait: f64| (wait - told).abs() <= f64::max(3.0, told / 2.0);
    assert!(near(seen) && near(own), "predicted {told}: {taken}");
    assert_eq!(taken["outcome"]["verdict"], "as_predicted", "{taken}");
    let answer = node.json("/api/recommendations");
    assert_eq!(answer["score"], serde_json::json!({"compared": 1, "withinBounds": 1, "asPredicted": 1}), "{answer}");
}
