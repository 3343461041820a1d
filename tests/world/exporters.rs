//! Beside those whose names Isobar uses: what an exporter says of a server or a pooler, Isobar says too, under the same name, with the same
//! labels, and the same figure as far as a moment between two readings allows. And a real Prometheus reads all of it.
//!
//! Counters are caught between two pages of Isobar: one from before the exporter's, and the first that has come as far. Gauges are
//! looked at until both agree, since only then nothing moved between the readings.

mod peer;
mod prometheus;
mod side;

use isobar::sandbox::{PgBouncer, Postgres};

use crate::support::{Node, Session, secs};
use peer::Peer;
use side::{Page, agree};

const EXPORTER_LABELS: &str = "/metrics?labels=exporter";

/// Some of each kind: rows, blocks, temporary files, commits, rollbacks.
const WORK: [&str; 8] = [
    "CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 50000) g",
    "CREATE INDEX ON t (a)",
    "UPDATE t SET a = a + 1 WHERE a < 5000",
    "DELETE FROM t WHERE a < 1000",
    "SET work_mem = '64kB'",
    "SELECT count(*) FROM (SELECT a FROM t ORDER BY a DESC OFFSET 1) s",
    "DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM a FROM t WHERE a = i; COMMIT; END LOOP; END $$",
    "DO $$ BEGIN FOR i IN 1..300 LOOP PERFORM 1; ROLLBACK; END LOOP; END $$",
];

/// `pg_*` of both, without what tells whose they are: one server is asked here.
fn postgres_side_by_side(major: u32) {
    let server = Postgres::builder().major(major).with_statements().setting("track_io_timing", "on").start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("SQL");
    let worker = Session::open(&server.superuser_url("shop"), "worker");
    for statement in WORK {
        worker.run(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    drop(worker);
    let _idle = Session::open_many(2, &server.superuser_url("shop"), "web");
    let open = Session::open(&server.superuser_url("shop"), "job");
    open.run("BEGIN; SELECT 1").expect("a transaction");
    let busy = Session::open(&server.superuser_url("shop"), "report");
    let _answer = busy.start("SELECT pg_sleep(300)");

    // As soon as may be: what is read each half a minute would be compared as seldom.
    let region = format!("region = \"test\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n", server.url("shop"));
    let (node, _dir) = Node::configured(&[("global.toml", "[sampling]\nupkeep = \"5s\"\n"), ("test.toml", &region)]);
    node.expect("test/shop", "all of it seen", secs(30), |sample| {
        sample["database"]["sizeBytes"].is_u64() && sample["queryPerformance"]["totalQueries"].is_u64()
    });
    let theirs = Peer::postgres(&server);
    let of_shop = |page: Page| page.only("pg_").having("datname", "shop").without(&["server", "version"]);
    let mine =
        || of_shop(Page::read(&node.get(EXPORTER_LABELS).text().expect("a page"))).without(&["region", "instance"]).folded();
    let shared = agree(mine, || of_shop(theirs.page()).less_isobars_sessions(&server, "shop"));
    let expected = [
        "pg_database_size_bytes",
        "pg_settings_max_connections",
        "pg_settings_superuser_reserved_connections",
        "pg_stat_activity_count",
        "pg_stat_activity_max_tx_duration",
        "pg_stat_database_blk_read_time",
        "pg_stat_database_blk_write_time",
        "pg_stat_database_blks_hit",
        "pg_stat_database_blks_read",
        "pg_stat_database_conflicts",
        "pg_stat_database_deadlocks",
        "pg_stat_database_numbackends",
        "pg_stat_database_temp_bytes",
        "pg_stat_database_temp_files",
        "pg_stat_database_tup_deleted",
        "pg_stat_database_tup_fetched",
        "pg_stat_database_tup_inserted",
        "pg_stat_database_tup_returned",
        "pg_stat_database_tup_updated",
        "pg_stat_database_xact_commit",
        "pg_stat_database_xact_rollback",
        "pg_static",
        "pg_up",
    ];
    let missing: Vec<_> = expected.into_iter().filter(|name| !shared.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {shared:?}");
}

#[test]
fn postgres_13_reads_as_by_its_exporter() {
    postgres_side_by_side(13);
}

#[test]
fn postgres_15_reads_as_by_its_exporter() {
    postgres_side_by_side(15);
}

#[test]
fn postgres_18_reads_as_by_its_exporter() {
    postgres_side_by_side(18);
}

#[test]
fn pgbouncer_reads_as_by_its_exporters() {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let pooler = PgBouncer::builder().database("shop", &server).pool_mode("transaction").default_pool_size(2).start();
    let pooler = pooler.expect("PgBouncer");
    let clients = Session::open_many(4, &pooler.client_url("shop"), "web");
    for _ in 0..50 {
        clients[0].run("SELECT 1").expect("an answer");
    }
    let _answers: Vec<_> = clients.iter().map(|client| client.start("SELECT pg_sleep(300)")).collect();

    let node = Node::watch(&[&server.url("shop"), "--pooler", &pooler.console_url()]);
    node.expect("local/shop", "clients wait", secs(20), |sample| sample["connectionPool"]["waitingClients"] == 2);
    let ours = || Page::read(&node.get(EXPORTER_LABELS).text().expect("a page")).only("pgbouncer_");
    let of_shop = |page: Page| page.without(&["region", "instance"]).having("database", "shop");

    // Debian's, whose names are its own: what they mean tells which of ours they are.
    let debians = Peer::pgbouncer(&pooler);
    let places = ["name", "host", "port"];
    let names = agree(|| of_shop(ours()).without(&places), || of_shop(debians.page().named_as_the_others()));
    assert_eq!(names.len(), 8, "{names:?}");

    // pgbouncer_exporter's, each from the column that it reads.
    let names = agree(|| of_shop(ours()), || of_shop(side::console(&pooler)));
    assert!(names.len() >= 18 && names.contains("pgbouncer_pools_client_maxwait_seconds"), "{names:?}");
}
