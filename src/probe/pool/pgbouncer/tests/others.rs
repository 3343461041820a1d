//! The consoles of other poolers, from answers with the columns that their sources have.

use super::*;
use crate::{clock, model::sample::Pool};

/// What a console answered to one command; nothing when it does not know it.
fn answer(console: &str, command: &str) -> Table {
    let said = console.split("> ").find_map(|part| part.strip_prefix(command)).unwrap_or_default();
    if said.is_empty() { Table::default() } else { table(said) }
}

fn url() -> ConnInfo {
    ConnInfo::parse("postgres://stats@pooler:6432/console").unwrap()
}

/// Reads a console's answers one after the other, a second apart.
fn reads(dialect: Dialect, answers: &[String]) -> ConsoleView {
    let mut console = Console::new(dialect, url());
    let start = clock::now();
    let mut view = None;
    for (nth, said) in (0..).zip(answers) {
        let of = |command: &str| answer(said, command);
        console.known.settings = tables::settings(&of("SHOW LISTS"), &of("SHOW CONFIG"), &of("SHOW VERSION"));
        let (pools, databases, stats) = (of("SHOW POOLS"), of("SHOW DATABASES"), of("SHOW STATS"));
        let read = console.view(start + Duration::from_secs(nth), &pools, &databases, &Table::default(), &stats);
        view = Some(read.unwrap());
    }
    view.unwrap()
}

fn shop(view: &ConsoleView) -> Leading {
    view.for_target(None, &[host("db1", 5432)], "shop")
}

/// Clients, servers, size, wait.
type Figures = (u32, u32, u32, u32, u32, Option<u32>, f64);

fn figures(pool: &Pool) -> Figures {
    let told = |figure: Option<u32>| figure.expect("told");
    let servers = [pool.servers_active, pool.servers_idle, pool.servers_other].map(told);
    let wait = pool.max_wait_time.expect("told");
    (pool.clients_active, told(pool.clients_waiting), servers[0], servers[1], servers[2], pool.size, wait)
}

const PGCAT: &str = include_str!("../../../../../tests/golden/consoles/pgcat.txt");
const ODYSSEY: &str = include_str!("../../../../../tests/golden/consoles/odyssey.txt");
const PGDOG: &str = include_str!("../../../../../tests/golden/consoles/pgdog.txt");

#[test]
fn pgcat_has_a_pool_over_several_servers() {
    let view = reads(Dialect::Pgcat, &[PGCAT.to_owned()]);
    let found = shop(&view);
    let names: Vec<_> = found.pools.iter().map(|pool| format!("{}/{}", pool.database, pool.user)).collect();
    assert_eq!(names, ["store/app", "store/batch"], "by the servers behind, whatever the pool is called");
    assert_eq!(figures(&found.pools[0]), (9, 3, 4, 2, 1, Some(10), 2345.678), "idle clients count, and every server's size");
    assert_eq!(figures(&found.pools[1]), (1, 0, 1, 0, 0, Some(2), 0.0));
    assert_eq!((found.errors, found.paused, found.all_banned), (Some(9), false, false));
    assert_eq!(found.banned, ["db2:5432"]);
    let [counters] = found.detail.counters.as_slice() else { panic!("{:?}", found.detail.counters) };
    let seconds = (counters.transaction_seconds, counters.query_seconds, counters.wait_seconds);
    assert_eq!((counters.transactions, seconds), (151, (6.0, 6.0, Some(2.0))), "milliseconds, and microseconds of waits");
    assert_eq!((found.detail.version.as_deref(), found.detail.used_clients), (Some("1.2.0"), Some(5)));
    assert_eq!(found.missing, []);

    let paused = PGCAT.replace("|4|0|0\n", "|4|1|0\n");
    assert!(shop(&reads(Dialect::Pgcat, &[paused])).paused);
    let banned = PGCAT.replace("|4|0|0\n", "|4|0|1\n").replace("|1|0|0\nother", "|1|0|1\nother");
    assert!(shop(&reads(Dialect::Pgcat, &[banned])).all_banned);
}

#[test]
fn odysseys_zero_waits_are_not_believed() {
    let moved = ODYSSEY.replace("shop|100|", "shop|101|");
    let view = reads(Dialect::Odyssey, &[ODYSSEY.to_owned(), moved.clone(), moved.clone(), moved]);
    let found = shop(&view);
    assert_eq!(found.pools.len(), 2, "its console is nobody's pool");
    assert_eq!(figures(&found.pools[0]), (6, 3, 4, 0, 0, Some(4), 2_000.0), "as long as nothing moved");
    assert_eq!((found.mean_wait_ms, found.errors, found.detail.counters[0].wait_seconds), (None, None, None));
    let missing: Vec<_> = found.missing.iter().map(|missing| missing.field.as_str()).collect();
    assert_eq!(missing, ["connectionPool.maxWaitTime", "connectionPool.averageWaitTime"]);
    let [database] = found.detail.databases.as_slice() else { panic!("{:?}", found.detail.databases) };
    assert_eq!((database.pool_size, database.current_connections, &database.force_user), (4, 10, &None), "one row of two routes");
    assert_eq!((found.detail.version.as_deref(), found.detail.used_clients), (Some("1.4.1-0c5b1a2-release"), Some(8)));

    let told = ODYSSEY.replace("|0|0|transaction\nshop|batch", "|1|500000|transaction\nshop|batch");
    let found = shop(&reads(Dialect::Odyssey, &[told]));
    assert_eq!((found.pools[0].max_wait_time, found.missing), (Some(1_500.0), vec![]), "one that tells is believed");
}

#[test]
fn pgdog_has_rows_for_each_server() {
    let view = reads(Dialect::Pgdog, &[PGDOG.to_owned()]);
    let found = shop(&view);
    assert_eq!(found.pools.len(), 2);
    assert_eq!(figures(&found.pools[0]), (4, 3, 4, 2, 1, Some(10), 2345.678), "of the target's own server");
    assert_eq!(found.pools[1].size, None, "more connections than there are by default: the user has a size of its own");
    assert_eq!((found.errors, found.paused, found.all_banned), (Some(9), false, false));
    assert_eq!(found.missing[0].field, "poolers.pools.clientsActive");
    let [counters] = found.detail.counters.as_slice() else { panic!("{:?}", found.detail.counters) };
    assert_eq!((counters.transaction_seconds, counters.wait_seconds, counters.server_assignments), (6.0, Some(2.0), Some(131)));
    assert_eq!((found.detail.version.as_deref(), found.detail.used_clients), (Some("0.1.52"), Some(11)));

    let replica = view.for_target(None, &[host("db2", 5432)], "shop");
    assert_eq!((replica.all_banned, replica.banned), (true, vec!["db2:5432".to_owned()]));
    let both = view.for_target(Some("shop"), &[host("elsewhere", 1)], "x");
    assert_eq!(figures(&both.pools[0]), (4, 3, 4, 3, 1, Some(20), 2345.678), "all servers, when none is the target's");
    let paused = PGDOG.replace("transaction|f|f|t|7", "transaction|t|f|t|7");
    assert!(shop(&reads(Dialect::Pgdog, &[paused])).pools[0].paused);
}

#[test]
fn a_column_that_a_pooler_lacks_is_named() {
    let lacking = |said: &str, name: &str| said.replacen(name, "something_else", 1);
    let wrong = |dialect, said: &str| {
        let mut console = Console::new(dialect, url());
        let of = |command: &str| answer(said, command);
        let view = console.view(clock::now(), &of("SHOW POOLS"), &of("SHOW DATABASES"), &Table::default(), &of("SHOW STATS"));
        view.unwrap_err()
    };
    assert_eq!(wrong(Dialect::Pgcat, &lacking(PGCAT, "cl_waiting")), "SHOW POOLS has no cl_waiting");
    assert_eq!(wrong(Dialect::Odyssey, &lacking(ODYSSEY, "sv_idle")), "SHOW POOLS has no sv_idle");

    let found = shop(&reads(Dialect::Pgdog, &[lacking(PGDOG, "sv_total")]));
    assert_eq!((found.pools[0].servers_active, found.pools[0].servers_other, found.pools[0].size), (Some(4), None, None));
    assert!(
        found.missing.iter().any(|missing| missing.cause == "the console's SHOW POOLS has no sv_total"),
        "{:?}",
        found.missing
    );
    let found = shop(&reads(Dialect::Odyssey, &[lacking(ODYSSEY, "pool_size")]));
    assert_eq!((found.pools[0].clients_active, found.pools[0].size, found.detail.databases), (6, None, vec![]));
}

#[test]
fn a_pause_of_all_shows_in_the_state_alone() {
    let state = |paused: &str| table(&format!("key|value\n active|no\n paused|{paused}\n suspended|no"));
    assert_eq!([tables::is_paused(&state("yes")), tables::is_paused(&state("no"))], [true, false]);
    let view = ConsoleView { pools: vec![pool("app", 0, 0.0)], paused: true, ..nothing() };
    let found = view.for_target(Some("app"), &[], "app");
    assert!(found.paused && found.pools[0].paused);
}
