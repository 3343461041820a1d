use super::{lacks::Lacks, tables::PoolRow, *};
use crate::{model::counters::PoolerCounters, probe::conninfo::Host};

/// A table from lines: the first names the columns, the others are rows; `-` is NULL.
fn table(lines: &str) -> Table {
    let mut lines = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| line.split('|'));
    let columns = lines.next().unwrap().map(ToOwned::to_owned).collect();
    let value = |text: &str| (text != "-").then(|| text.to_owned());
    Table { columns, rows: lines.map(|row| row.map(value).collect()).collect() }
}

const POOLS: [(&str, &str); 4] = [
    (
        "1.16",
        "database|user|cl_active|cl_waiting|cl_cancel_req|sv_active|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode
         app|web|9|3|0|5|2|1|1|1|2|345678|transaction",
    ),
    (
        "1.18",
        "database|user|cl_active|cl_waiting|cl_active_cancel_req|cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode
         app|web|9|3|7|7|5|7|7|2|1|1|1|2|345678|transaction",
    ),
    (
        "1.24",
        "database|user|cl_active|cl_waiting|cl_active_cancel_req|cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode|load_balance_hosts
         app|web|9|3|7|7|5|7|7|2|1|1|1|2|345678|transaction|-",
    ),
    (
        "another order, and something new",
        "pool_mode|new|maxwait_us|maxwait|sv_login|sv_tested|sv_used|sv_idle|sv_active|cl_waiting|cl_active|user|database
         transaction|x|345678|2|1|1|1|2|5|3|9|web|app",
    ),
];

const DATABASES: [(&str, &str); 3] = [
    (
        "1.16",
        "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|pool_mode|max_connections|current_connections|paused|disabled
         app|db1|5432|appdb|-|20|0|5|-|0|9|1|0
         pgbouncer|-|6432|pgbouncer|pgbouncer|2|0|0|statement|0|0|0|0",
    ),
    (
        "1.23",
        "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|server_lifetime|pool_mode|max_connections|current_connections|paused|disabled
         app|db1|5432|appdb|-|20|0|5|3600|-|0|9|1|0
         pgbouncer|-|6432|pgbouncer|pgbouncer|2|0|0|3600|statement|0|0|0|0",
    ),
    (
        "1.25",
        "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool_size|server_lifetime|pool_mode|load_balance_hosts|max_connections|current_connections|max_client_connections|current_client_connections|paused|disabled
         app|db1|5432|appdb|-|20|0|5|3600|-|-|0|9|0|12|1|0
         pgbouncer|-|6432|pgbouncer|pgbouncer|2|0|0|3600|statement|-|0|0|0|0|0|0",
    ),
];

const TOTALS: [(&str, Option<u64>, &str); 4] = [
    (
        "1.16",
        None,
        "database|xact_count|query_count|bytes_received|bytes_sent|xact_time|query_time|wait_time
         app|10|20|300|400|5000000|4000000|1500000",
    ),
    (
        "1.16, STATS",
        None,
        "database|total_xact_count|total_query_count|total_received|total_sent|total_xact_time|total_query_time|total_wait_time|avg_xact_count|avg_query_count|avg_recv|avg_sent|avg_xact_time|avg_query_time|avg_wait_time
         app|10|20|300|400|5000000|4000000|1500000|9|9|9|9|9|9|9",
    ),
    (
        "1.23",
        Some(12),
        "database|server_assignment_count|xact_count|query_count|bytes_received|bytes_sent|xact_time|query_time|wait_time
         app|12|10|20|300|400|5000000|4000000|1500000",
    ),
    (
        "1.24, STATS",
        Some(12),
        "database|total_server_assignment_count|total_xact_count|total_query_count|total_received|total_sent|total_xact_time|total_query_time|total_wait_time|total_client_parse_count|total_server_parse_count|total_bind_count|avg_server_assignment_count|avg_xact_count|avg_query_count|avg_recv|avg_sent|avg_xact_time|avg_query_time|avg_wait_time|avg_client_parse_count|avg_server_parse_count|avg_bind_count
         app|12|10|20|300|400|5000000|4000000|1500000|1|1|1|9|9|9|9|9|9|9|9|9|9|9",
    ),
];

#[test]
fn pools_are_read_from_every_version() {
    for (version, lines) in POOLS {
        let expected = PoolRow {
            database: "app".into(),
            user: "web".into(),
            mode: "transaction".into(),
            clients_active: 9,
            clients_waiting: 3,
            servers_active: 5,
            servers_idle: 2,
            servers_other: 3,
            max_wait_ms: 2345.678,
            ..PoolRow::default()
        };
        let mut lacks = Lacks::default();
        assert_eq!(tables::pools(&table(lines), Dialect::Pgbouncer, &mut lacks), Ok(vec![expected]), "{version}");
        assert_eq!(lacks, Lacks::default(), "{version}");
    }
}

#[test]
fn databases_are_read_from_every_version() {
    for (version, lines) in DATABASES {
        let mut lacks = Lacks::default();
        let rows = tables::databases(&table(lines), Dialect::Pgbouncer, &mut lacks);
        assert_eq!(lacks, Lacks::default(), "{version}");
        let app = &rows[0];
        assert_eq!(
            (app.name.as_str(), app.host.as_str(), app.port, app.database.as_str()),
            ("app", "db1", 5432, "appdb"),
            "{version}"
        );
        assert_eq!((app.pool_size, app.reserve_pool, app.max_connections, app.current_connections), (20, 5, 0, 9), "{version}");
        assert_eq!((app.paused, app.disabled, &app.force_user), (true, false, &None), "{version}");
        assert_eq!((rows[1].host.as_str(), rows[1].force_user.as_deref()), ("", Some("pgbouncer")), "{version}");
    }
}

#[test]
fn counters_are_read_from_every_version() {
    for (version, server_assignments, lines) in TOTALS {
        let expected = PoolerCounters {
            database: "app".into(),
            server_assignments,
            transactions: 10,
            queries: 20,
            received_bytes: 300,
            sent_bytes: 400,
            transaction_seconds: 5.0,
            query_seconds: 4.0,
            wait_seconds: Some(1.5),
        };
        let expected = Totals { counters: expected, errors: None };
        let mut lacks = Lacks::default();
        assert_eq!(tables::totals(&table(lines), Dialect::Pgbouncer, &mut lacks), vec![expected], "{version}");
        assert_eq!(lacks, Lacks::default(), "{version}");
    }
}

#[test]
fn settings_are_read_when_they_are_there() {
    let lists = table("list|items\n databases|3\n used_clients|17");
    let config = table("key|value|default|changeable\n max_client_conn|500|100|yes\n default_pool_size|25|20|yes");
    let version = table("version\n PgBouncer 1.25.2");
    let read = tables::settings(&lists, &config, &version);
    assert_eq!((read.version.as_deref(), read.used_clients), (Some("1.25.2"), Some(17)));
    assert_eq!((read.max_client_connections, read.default_pool_size), (Some(500), Some(25)));
    let nothing = Table::default();
    assert_eq!(tables::settings(&nothing, &nothing, &nothing), Settings::default());
}

fn nothing() -> ConsoleView {
    ConsoleView {
        name: String::new(),
        dialect: Dialect::Pgbouncer,
        settings: Settings::default(),
        pools: Vec::new(),
        databases: Vec::new(),
        totals: Vec::new(),
        waited: BTreeMap::new(),
        paused: false,
        tells_waits: true,
        tells_age: true,
        lacks: Lacks::default(),
    }
}

fn database(name: &str, host: &str, port: u16, dbname: &str) -> PoolerDatabase {
    PoolerDatabase {
        name: name.into(),
        host: host.into(),
        port,
        database: dbname.into(),
        pool_size: 20,
        ..PoolerDatabase::default()
    }
}

fn pool(database: &str, waiting: u32, max_wait_ms: f64) -> PoolRow {
    PoolRow {
        database: database.into(),
        user: "web".into(),
        mode: "transaction".into(),
        clients_waiting: waiting,
        max_wait_ms,
        ..PoolRow::default()
    }
}

fn host(name: &str, port: u16) -> Host {
    Host { name: name.into(), addr: None, port }
}

#[test]
fn the_databases_that_lead_to_a_target_are_found() {
    let view = ConsoleView {
        databases: vec![
            database("app", "db1", 5432, "appdb"),
            database("app_ro", "DB1,db2", 5432, "appdb"),
            database("local", "127.0.0.1", 5433, "shop"),
            database("socket", "", 5434, "shop"),
            database("inner", "10.0.0.7", 5435, "shop"),
            database("bare", "db9", 5432, "bare"),
            database("pgbouncer", "", 6432, "pgbouncer"),
        ],
        ..nothing()
    };
    let finds = |client: Option<&str>, name: &str, port: u16, dbname: &str, expected: &[&str]| {
        let found = view.leading_to(client, &[host(name, port)], dbname);
        assert_eq!(found, expected, "{client:?} {name}:{port}/{dbname}");
    };
    finds(Some("app"), "elsewhere", 1, "x", &["app"]);
    finds(Some("made on demand"), "db1", 5432, "appdb", &["made on demand"]);
    finds(None, "db1", 5432, "appdb", &["app", "app_ro"]);
    finds(None, "db2", 5432, "appdb", &["app_ro"]);
    finds(None, "localhost", 5433, "shop", &["local"]);
    finds(None, "::1", 5434, "shop", &["socket"]);
    finds(None, "db.internal", 5435, "shop", &["inner"]);
    finds(None, "db1", 9999, "bare", &["bare"]);
    finds(None, "localhost", 6432, "pgbouncer", &[]);
    finds(Some("pgbouncer"), "db1", 5432, "appdb", &[]);
}

#[test]
fn a_pool_has_its_databases_size_and_is_paused_with_it() {
    let mut view = ConsoleView {
        name: "pgb:6432".into(),
        pools: vec![pool("app", 3, 2345.678), pool("other", 9, 9e3), pool("pgbouncer", 0, 0.0)],
        databases: vec![database("app", "db1", 5432, "appdb"), database("other", "db1", 5432, "other")],
        ..nothing()
    };
    let read = |view: &ConsoleView| view.for_target(None, &[host("db1", 5432)], "appdb");
    let Leading { pools, detail, mean_wait_ms, .. } = read(&view);
    assert_eq!((pools.len(), pools[0].size, pools[0].paused, pools[0].max_wait_time), (1, Some(20), false, Some(2345.678)));
    assert_eq!((detail.name.as_str(), detail.databases.len(), detail.assignments), ("pgb:6432", 1, 0));
    assert_eq!(mean_wait_ms, Some(2345.678), "nothing assigned yet: the age of the queue");
    view.databases[0].disabled = true;
    assert!(read(&view).pools[0].paused);
    view.databases.clear();
    view.settings.default_pool_size = Some(7);
    assert_eq!(view.for_target(Some("app"), &[], "x").pools[0].size, Some(7));
}

/// Readings of one database, 250 ms apart: total wait (ms), assignments as 1.23 counts them, transactions, servers active, clients
/// waiting and the age of the queue (ms); and the mean that each shows.
type Script<'a> = [(u32, Option<u64>, u64, u32, u32, f64, Option<f64>)];

fn plays(mode: &str, script: &Script<'_>) {
    let start = clock::now();
    let mut waits = Waits::default();
    for (nth, &(wait, server_assignments, transactions, servers_active, waiting, age, expected)) in (0..).zip(script) {
        let pools = vec![PoolRow { mode: mode.into(), servers_active, ..pool("app", waiting, age) }];
        let wait_seconds = Some(f64::from(wait) / 1e3);
        let database = String::from("app");
        let counters = PoolerCounters { database, server_assignments, transactions, wait_seconds, ..PoolerCounters::default() };
        let totals = vec![Totals { counters, errors: None }];
        let waited = waits.step(start + Duration::from_millis(250) * nth, &totals, &pools);
        let view = ConsoleView { pools, totals, waited, ..nothing() };
        let mean = view.for_target(Some("app"), &[], "app").mean_wait_ms;
        let near = match (mean, expected) {
            (Some(mean), Some(expected)) => (mean - expected).abs() < 1e-6,
            (mean, expected) => mean == expected,
        };
        assert!(near, "{mode}, reading {nth}: {mean:?}, expected {expected:?}");
    }
}

#[test]
fn assignments_are_taken_as_counted() {
    plays(
        "transaction",
        &[
            (0, Some(0), 0, 0, 0, 0.0, None),
            (100, Some(10), 0, 1, 0, 0.0, Some(10.0)),
            (100, Some(10), 0, 1, 4, 200.0, Some(10.0)),
            (100, Some(20), 0, 1, 0, 0.0, Some(5.0)),
        ],
    );
}

#[test]
fn before_1_23_they_are_what_arrived_less_what_queued() {
    plays(
        "transaction",
        &[
            (0, None, 100, 2, 0, 0.0, None),
            // Seven asked: two waited 20 ms each and were served, three were served at once, two wait.
            (40, None, 107, 2, 2, 10.0, Some(8.0)),
            // Nobody asked, one of the two was served.
            (140, None, 107, 2, 1, 100.0, Some(140.0 / 6.0)),
        ],
    );
}

#[test]
fn a_wait_that_moved_counts_one_assignment_at_least() {
    plays("transaction", &[(0, None, 5, 2, 1, 900.0, Some(900.0)), (1000, None, 5, 2, 1, 5.0, Some(1000.0))]);
}

#[test]
fn in_session_mode_those_who_left_the_queue_count() {
    plays("session", &[(0, None, 5, 2, 3, 900.0, Some(900.0)), (2000, None, 900, 2, 1, 300.0, Some(1000.0))]);
}

#[test]
fn a_stuck_queue_is_as_slow_as_it_is_old() {
    plays("transaction", &[(5, Some(1), 9, 2, 3, 100.0, Some(100.0)), (5, Some(1), 9, 2, 3, 350.0, Some(350.0))]);
}

#[test]
fn an_idle_pool_waits_for_nothing() {
    plays("transaction", &[(5, Some(1), 9, 0, 0, 0.0, None), (5, Some(1), 9, 0, 0, 0.0, Some(0.0))]);
}

#[test]
fn the_window_slides_by_a_second() {
    let mut script = vec![(0, Some(0), 0, 0, 0, 0.0, None), (500, Some(1), 0, 0, 0, 0.0, Some(500.0))];
    script.extend([(500, Some(1), 0, 0, 0, 0.0, Some(500.0)); 3]);
    script.push((500, Some(1), 0, 0, 0, 0.0, Some(0.0)));
    plays("transaction", &script);
}

#[test]
fn a_restart_starts_anew() {
    plays(
        "transaction",
        &[
            (500, Some(9), 9, 0, 0, 0.0, None),
            (700, Some(11), 9, 0, 0, 0.0, Some(100.0)),
            (3, Some(1), 1, 0, 0, 0.0, None),
            (7, Some(2), 2, 0, 0, 0.0, Some(4.0)),
        ],
    );
}

#[test]
fn a_database_that_appears_started_from_nothing() {
    let start = clock::now();
    let mut waits = Waits::default();
    assert!(waits.step(start, &[], &[]).is_empty());
    let app = PoolerCounters { database: "app".into(), wait_seconds: Some(0.3), transactions: 1, ..PoolerCounters::default() };
    let waited = waits.step(start + Duration::from_millis(250), &[Totals { counters: app, errors: None }], &[]);
    assert_eq!(waited["app"], Waited { wait_ms: 300.0, assignments: 1 });
}
mod gaps;
mod others;
