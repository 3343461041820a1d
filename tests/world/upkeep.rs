//! What keeps a database fit, against SQL asked by hand: a table full of dead rows, an index that failed, a sequence near its end, a prepared
//! transaction, a lock; and that none of it is waited for.

use isobar::sandbox::Postgres;
use serde_json::Value;

use crate::{
    support::{Node, Session, assert_close, secs, series, strays, until},
    truth::{SOON, ask, shop, watch},
};

/// Upkeep each five seconds, the shortest there is; tables are looked at once in a test. A busy machine makes every round trip long, and a small
/// budget would have upkeep slowed first.
const SAMPLING: &str = "upkeep = \"5s\"\nimpact_budget = 0.2";

/// A server with everything that can be wrong inside a database.
fn neglected(major: u32) -> Postgres {
    let server = shop(Postgres::builder().major(major).setting("max_prepared_transactions", "5"), false);
    let all = "CREATE TABLE worn (id int, v int); INSERT INTO worn SELECT g, 1 FROM generate_series(1, 20000) g;
        CREATE TABLE twice (id int); INSERT INTO twice VALUES (1), (1);
        CREATE TABLE small (id serial); SELECT setval('small_id_seq', 2000000000);
        CREATE TABLE narrow (id int2); CREATE SEQUENCE wide OWNED BY narrow.id; SELECT setval('wide', 30000);
        CREATE SEQUENCE down INCREMENT -1 MINVALUE -100 MAXVALUE -1; SELECT setval('down', -91);
        CREATE SEQUENCE round MAXVALUE 10 CYCLE; SELECT setval('round', 9);
        CREATE SEQUENCE fresh; CREATE SEQUENCE half MAXVALUE 101; SELECT setval('half', 40);
        GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO isobar;";
    server.sql("shop", all).expect("what is neglected");
    server.sql("shop", "UPDATE worn SET v = 2 WHERE id <= 7000").expect("dead rows");
    server.sql("shop", "CREATE UNIQUE INDEX CONCURRENTLY broken ON twice (id)").expect_err("twice the same");
    server.sql("shop", "BEGIN; INSERT INTO twice VALUES (3); PREPARE TRANSACTION 'forgotten';").expect("a prepared one");
    server
}

/// What is shown of `shop`, once it is as wanted.
#[track_caller]
fn upkeep(node: &Node, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let (sample, _) = node.expect("local/shop", what, secs(40), |sample| wanted(&sample["vitals"]["upkeep"]));
    sample["vitals"]["upkeep"].clone()
}

fn surveyed(upkeep: &Value) -> bool {
    upkeep["tables"].is_object() && upkeep["xidsPerSecond"].is_number() && upkeep["walBytesPerSecond"].is_number()
}

fn text(row: &Value, fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| row[*field].as_str().unwrap_or_default().to_owned()).collect()
}

fn agrees(major: u32) {
    let server = neglected(major);
    let idle = Session::open(&server.url_as("postgres", "shop"), "sleepy");
    idle.run("BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE twice IN SHARE UPDATE EXCLUSIVE MODE").expect("a lock");
    // A statement takes the snapshot.
    idle.run("SELECT count(*) FROM worn").expect("a snapshot");
    for _ in 0..50 {
        server.sql("shop", "SELECT pg_current_xact_id()").expect("a transaction id");
    }
    let (node, _dir) = watch(&server, SAMPLING, "");
    let seen = upkeep(&node, "all of upkeep", surveyed);
    println!("PostgreSQL {major}: {seen}");

    let ages = "FROM pg_database ORDER BY 1 DESC LIMIT 1";
    let xid_age = seen["xidAge"].as_f64().expect("an age");
    assert!((ask(&server, &format!("SELECT age(datfrozenxid) {ages}")) - xid_age).abs() < 20.0, "{seen}");
    assert_eq!(seen["multixactAge"].as_f64(), Some(ask(&server, &format!("SELECT mxid_age(datminmxid) {ages}"))));
    let own = ask(&server, "SELECT age(datfrozenxid) FROM pg_database WHERE datname = 'shop'");
    assert!((seen["ownXidAge"].as_f64().expect("an age") - own).abs() < 20.0, "{seen}");
    assert_eq!(seen["ageLimit"], if major < 14 { 2_146_483_647_u64 } else { 2_144_483_647 });
    assert_eq!((&seen["autovacuumWorkers"], &seen["autovacuumMaxWorkers"]), (&0.into(), &3.into()), "{seen}");

    let holders = seen["holders"].as_array().expect("holders");
    let held = |kind: &str| holders.iter().find(|holder| holder["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {seen}"));
    assert_eq!(held("session")["name"], format!("pid {} postgres sleepy", idle.pid()));
    assert!(held("session")["age"].as_u64() >= Some(50), "{seen}");
    assert_eq!(text(held("prepared"), &["name", "database"]), ["forgotten", "shop"]);
    assert_eq!((&seen["prepared"]["count"], &seen["prepared"]["oldest"]), (&1.into(), &"forgotten".into()), "{seen}");
    assert!(seen["prepared"]["oldestSeconds"].as_f64().is_some_and(|age| (0.0..120.0).contains(&age)), "{seen}");

    let locks = seen["locks"].as_array().expect("locks");
    let lock = locks.iter().find(|lock| lock["mode"] == "shareupdateexclusivelock").expect("the lock");
    assert_eq!((&lock["granted"], &lock["waiting"]), (&1.into(), &0.into()));

    let tables = &seen["tables"];
    assert_eq!((&tables["dead"][0]["name"], &tables["dead"][0]["dead"]), (&"worn".into(), &7_000.into()), "{seen}");
    assert_eq!(tables["invalidIndexes"].as_array().map(Vec::len), Some(1), "{seen}");
    assert_eq!(text(&tables["invalidIndexes"][0], &["schema", "name", "table"]), ["public", "broken", "twice"]);
    let near: Vec<_> =
        tables["sequences"].as_array().expect("sequences").iter().map(|it| text(it, &["name"]).remove(0)).collect();
    assert_eq!(near, ["small_id_seq", "wide", "down"], "{seen}");
    assert_close("small_id_seq", tables["sequences"][0]["used"].as_f64().expect("a share"), 2e9 / 2_147_483_647.0, 0.001);
    assert_close("wide", tables["sequences"][1]["used"].as_f64().expect("a share"), 30_000.0 / 32_767.0, 0.001);
    assert_eq!(seen["missing"], Value::Array(vec![]), "{seen}");

    checkpoints_agree(major, &server, &node);
    assert_eq!(seen["io"].as_array().is_some_and(|io| !io.is_empty()), major >= 16, "{seen}");
    metrics_agree(major, &node);
    let document = node.json("/openapi.json");
    let schema = document.pointer("/components/schemas/Upkeep").expect("a schema");
    assert_eq!(strays(&document, schema, &seen, "upkeep"), Vec::<String>::new());
}

/// A checkpoint that the test asks for is counted, and WAL that it writes shows.
fn checkpoints_agree(major: u32, server: &Postgres, node: &Node) {
    server.sql("shop", "INSERT INTO worn SELECT g, 1 FROM generate_series(1, 20000) g; CHECKPOINT").expect("a checkpoint");
    // Some 1.4 MB within an interval of five seconds.
    upkeep(node, "the WAL that it wrote", |seen| seen["walBytesPerSecond"].as_f64().is_some_and(|rate| rate > 100_000.0));
    let (view, requested) =
        if major >= 17 { ("pg_stat_checkpointer", "num_requested") } else { ("pg_stat_bgwriter", "checkpoints_req") };
    until("the checkpoint is counted", secs(40), || {
        let truth = ask(server, &format!("SELECT {requested} FROM {view}"));
        let seen = node.sample("local/shop")["vitals"]["upkeep"]["checkpoints"].clone();
        if truth >= 1.0 && seen["requested"].as_f64() == Some(truth) { Ok(()) } else { Err(format!("{truth}: {seen}")) }
    });
}

fn metrics_agree(major: u32, node: &Node) {
    let page = series(&node.get("/metrics").text().expect("a page"));
    let of = |name: &str, labels: &str| {
        let key = format!("{name}{{region=\"local\",target=\"shop\"{labels}}}");
        page.get(&key).copied().unwrap_or_else(|| panic!("no {key}"))
    };
    let lock = |mode: &str| of("pg_locks_count", &format!(",datname=\"shop\",mode=\"{mode}\""));
    assert!((lock("shareupdateexclusivelock") - 1.0).abs() < 0.1 && lock("accessexclusivelock").abs() < 0.1);
    let worn = ",datname=\"shop\",schemaname=\"public\",relname=\"worn\"";
    assert!((of("pg_stat_user_tables_n_dead_tup", worn) - 7_000.0).abs() < 0.1);
    assert!(of("pg_database_wraparound_age_datfrozenxid_seconds", ",datname=\"shop\"") > 0.0);
    let checkpoints =
        if major >= 17 { "pg_stat_checkpointer_num_requested_total" } else { "pg_stat_bgwriter_checkpoints_req_total" };
    assert!(of(checkpoints, "") >= 1.0);
    assert!((of("isobar_prepared_transactions", "") - 1.0).abs() < 0.1 && (of("isobar_invalid_indexes", "") - 1.0).abs() < 0.1);
    let families = ["isobar_xid", "isobar_wal", "isobar_io_", "isobar_sequence", "pg_locks", "pg_stat_user", "pg_stat_bgwriter"];
    let many = page.keys().filter(|key| families.iter().any(|family| key.starts_with(family))).count();
    assert!((20..200).contains(&many), "{many} series");
}

#[test]
fn upkeep_agrees_with_postgresql_13() {
    agrees(13);
}

#[test]
fn upkeep_agrees_with_postgresql_15() {
    agrees(15);
}

#[test]
fn upkeep_agrees_with_postgresql_18() {
    agrees(18);
}

#[test]
fn what_is_locked_is_passed_over_and_the_rest_is_read() {
    let server = neglected(15);
    let holder = Session::open(&server.url_as("postgres", "shop"), "migration");
    let locks =
        "BEGIN; LOCK TABLE worn, small IN ACCESS EXCLUSIVE MODE; ALTER SEQUENCE wide CACHE 2; ALTER SEQUENCE fresh CACHE 2";
    holder.run(locks).expect("locks");
    let (node, _dir) = watch(&server, SAMPLING, "");
    let seen = upkeep(&node, "what is not locked", |seen| seen["tables"].is_object());
    let tables = &seen["tables"];
    assert_eq!(tables["dead"][0]["name"], "worn", "its figures need no lock: {seen}");
    assert_eq!(tables["invalidIndexes"].as_array().map(Vec::len), Some(1), "{seen}");
    let near: Vec<_> =
        tables["sequences"].as_array().expect("sequences").iter().map(|it| text(it, &["name"]).remove(0)).collect();
    assert_eq!(near, ["small_id_seq", "down"], "the locked one is passed over: {seen}");
    assert_eq!(seen["missing"][0]["cause"], "2 of the sequences are locked", "{seen}");
    let waited = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'isobar' AND NOT l.granted";
    assert!(ask(&server, waited).abs() < 0.1, "nothing of ours waits");
    node.expect_status("local/shop", "healthy", "", SOON);
}

#[test]
fn what_the_role_may_not_see_is_named_with_its_grant() {
    let server = neglected(15);
    server
        .sql("shop", "REVOKE SELECT ON ALL SEQUENCES IN SCHEMA public FROM isobar; REVOKE pg_monitor FROM isobar")
        .expect("revoked");
    let (node, _dir) = watch(&server, SAMPLING, "");
    let seen = upkeep(&node, "what may be seen", |seen| seen["tables"].is_object());
    let missing: Vec<_> = seen["missing"].as_array().expect("a list").iter().map(|it| text(it, &["field", "fix"])).collect();
    assert_eq!(
        missing,
        [
            ["upkeep.holders", "GRANT pg_monitor TO isobar;"],
            ["upkeep.tables.sequences", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO isobar;"],
        ]
    );
    assert_eq!(seen["autovacuumWorkers"], Value::Null, "not none: {seen}");
    assert_eq!((&seen["tables"]["dead"][0]["name"], &seen["prepared"]["count"]), (&"worn".into(), &1.into()), "{seen}");
    let listed = node.sample("local/shop")["probe"]["missing"].to_string();
    assert!(listed.contains("upkeep.tables.sequences"), "{listed}");
}
