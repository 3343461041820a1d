//! A change in a database is soon on the stream, whatever else is slow. The budget itself (500 ms at p95) is a bench's; here the
//! bound has slack for a loaded machine, and the measured times are printed.

use std::time::{Duration, Instant};

use isobar::sandbox::{Postgres, runtime};
use tokio_postgres::NoTls;

use crate::support::{Node, secs};

/// As many as a p95 needs to mean something.
const CHANGES: usize = 30;

/// Three times the budget.
const BOUND: Duration = Duration::from_millis(1_500);

/// Begins and ends an active session, each right after the change before was told: the stream's worst moment; how long each took to show up as `connectionPool.activeConnections`.
fn delays(node: &Node, server: &Postgres, target: &str, database: &str) -> Vec<Duration> {
    let stream = node.stream(&format!("?target={target}"));
    stream.expect("a snapshot", secs(5), |event| event.kind == "snapshot");
    let url = server.superuser_url(database);
    let client = runtime::block_on(async move {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a session");
        tokio::spawn(connection);
        std::sync::Arc::new(client)
    });
    let shows = |active: u64, since: Instant| {
        let event = stream.expect(&format!("{active} active"), secs(20), |event| {
            event.kind == "update" && event.data["connectionPool"]["activeConnections"] == active
        });
        event.at.saturating_duration_since(since)
    };
    let mut delays = Vec::new();
    for _ in 0..CHANGES / 2 {
        let (asked, begun) = (std::sync::Arc::clone(&client), Instant::now());
        runtime::handle().spawn(async move { asked.simple_query("SELECT 'marker', pg_sleep(60)").await });
        delays.push(shows(1, begun));
        let (cancel, ended) = (client.cancel_token(), Instant::now());
        runtime::block_on(async move { cancel.cancel_query(NoTls).await.expect("a cancelled query") });
        delays.push(shows(0, ended));
    }
    delays.sort();
    delays
}

fn assert_fresh(what: &str, delays: &[Duration]) {
    let (p50, p95) = (delays[delays.len() / 2], delays[delays.len() * 95 / 100]);
    println!("{what}: p50 {p50:?}, p95 {p95:?}, worst {:?}", delays.last());
    assert!(p95 < BOUND, "{what}: p95 {p95:?}");
}

#[test]
fn also_while_statements_and_sizes_are_read_and_another_target_is_frozen() {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    server
        .sql("shop", "DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE 'CREATE TABLE t' || i || ' (a int)'; END LOOP; END $$")
        .expect("tables");
    // Nearly as many different statements as are kept by default, 5,000.
    let shapes = ["a", "count(*)", "max(a)"].iter().flat_map(|what| (1..=2_000).map(move |table| (what, table)));
    let distinct: Vec<_> = shapes.take(4_900).map(|(what, table)| format!("SELECT {what} FROM t{table}")).collect();
    server.sql("shop", &distinct.join(";")).expect("statements");
    let frozen = Postgres::start().expect("PostgreSQL");
    let region = format!(
        "region = \"test\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n[[target]]\nname = \"frozen\"\nurl = \"{}\"\n",
        server.url("shop"),
        frozen.url("postgres")
    );
    // As often as may be configured, with a budget that keeps the governor out of it.
    let global = "[sampling]\nstatements = \"1s\"\nsize = \"5s\"\nimpact_budget = 0.2\n";
    let (node, _dir) = Node::configured(&[("global.toml", global), ("test.toml", &region)]);
    node.expect("test/shop", "statements and size seen", secs(30), |sample| {
        sample["database"]["sizeBytes"].is_u64() && sample["queryPerformance"]["queriesPerSecond"].is_f64()
    });
    node.expect_status("test/frozen", "healthy", "", secs(10));
    let kept = server.sql("shop", "SELECT count(*) FROM pg_stat_statements").expect("SQL");
    let kept: u32 = kept[0].get(0).expect("a count").parse().expect("a number");
    assert!(kept > 4_000, "{kept} statements");
    assert_fresh("reading 5,000 statements and 2,000 tables", &delays(&node, &server, "shop", "shop"));
    frozen.freeze();
    node.expect_status("test/frozen", "unhealthy", "", secs(15));
    let delays = delays(&node, &server, "shop", "shop");
    frozen.thaw();
    assert_fresh("beside a frozen server", &delays);
}
