//! Consoles that lack something: what it is needed for is not known, and everything else is.

use super::*;

const DATABASES: &str =
    "name|host|port|database|force_user|pool_size|reserve_pool|max_connections|current_connections|paused|disabled
    app|db1|5432|appdb|-|20|5|0|9|0|0";

/// Reads these a second apart, each with its wait and its transactions; what leads to `appdb` after each.
fn reads(pools: &str, databases: &str, totals: &[&str]) -> Vec<Leading> {
    let mut console = Console::new(Dialect::Pgbouncer, ConnInfo::parse("postgres://stats@pgb:6432/pgbouncer").unwrap());
    let start = clock::now();
    let mut read = |(nth, totals): (u64, &&str)| {
        let now = start + Duration::from_secs(nth);
        let totals = if totals.is_empty() { Table::default() } else { table(totals) };
        let view = console.view(now, &table(pools), &table(databases), &Table::default(), &totals);
        view.expect("the pools").for_target(None, &[host("db1", 5432)], "appdb")
    };
    (0..).zip(totals).map(&mut read).collect()
}

fn lacks(found: &Leading) -> Vec<(&str, &str)> {
    found.missing.iter().map(|missing| (missing.field.as_str(), missing.cause.as_str())).collect()
}

#[test]
fn what_a_pool_is_nothing_without_is_an_error_that_names_it() {
    let mut lacks = Lacks::default();
    let mut wrong = |lines: &str| tables::pools(&table(lines), Dialect::Pgbouncer, &mut lacks).unwrap_err();
    for column in ["database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle"] {
        assert_eq!(wrong(&POOLS[0].1.replacen(column, "else", 1)), format!("SHOW POOLS has no {column}"));
    }
    assert_eq!(wrong(&POOLS[0].1.replace("|9|", "|nine|")), "SHOW POOLS: cl_active is not a number");
}

#[test]
fn the_least_that_a_console_tells_is_shown() {
    let pools = "database|user|cl_active|cl_waiting|sv_active|sv_idle\n app|web|9|0|5|2";
    let [found] = reads(pools, DATABASES, &[TOTALS[2].2]).try_into().expect("one");
    let pool = &found.pools[0];
    assert_eq!((pool.clients_active, pool.clients_waiting, pool.size), (9, Some(0), Some(20)));
    assert_eq!((pool.servers_active, pool.servers_idle, pool.servers_other), (Some(5), Some(2), None));
    assert_eq!((pool.max_wait_time, pool.mode.as_str()), (Some(0.0), ""), "nobody waits");
    let expected = [
        (
            "connectionPool.maxWaitTime",
            "the console's SHOW POOLS has no maxwait; what is shown is for how long a queue has not moved",
        ),
        ("poolers.pools", "the console's SHOW POOLS has no pool_mode"),
        ("poolers.pools.serversOther", "the console's SHOW POOLS has no sv_used, sv_tested, sv_login"),
    ];
    assert_eq!(lacks(&found), expected);
    assert_eq!((found.detail.databases.len(), found.detail.counters.len()), (1, 1));
}

#[test]
fn how_long_a_queue_stands_is_seen_where_it_is_not_told_and_transactions_are() {
    let pools = "database|user|cl_active|cl_waiting|sv_active|sv_idle\n app|web|9|3|5|2";
    let waits = |totals: &[&str]| -> Vec<_> {
        reads(pools, DATABASES, totals).iter().map(|found| found.pools[0].max_wait_time).collect()
    };
    let counted = TOTALS[2].2;
    assert_eq!(waits(&[counted, counted, &counted.replace("|12|10|", "|13|11|")]), [Some(0.0), Some(1e3), Some(0.0)]);
    assert_eq!(waits(&[counted.replace("xact_count", "else").as_str(); 2]), [None; 2]);
    assert_eq!(waits(&["", ""]), [None; 2]);
}

#[test]
fn a_gap_in_databases_or_counters_leaves_the_pools() {
    let pools = POOLS[0].1;
    let read = |databases: &str, totals: &str| reads(pools, databases, &[totals]).pop().expect("one");
    let shown = |found: &Leading| (found.pools[0].clients_waiting, found.pools[0].max_wait_time, found.pools[0].size);
    let (some, counted) = ((Some(3), Some(2345.678)), TOTALS[2].2);

    let found = read(&DATABASES.replace("reserve_pool", "else").replace("max_connections", "other"), counted);
    assert_eq!(shown(&found), (some.0, some.1, Some(20)));
    assert_eq!((found.detail.databases.len(), found.detail.counters.len()), (0, 1), "no row of zeros");
    assert_eq!(lacks(&found), [("poolers.databases", "the console's SHOW DATABASES has no reserve_pool_size, max_connections")]);

    let found = read(&DATABASES.replace("pool_size", "else"), counted);
    assert_eq!((shown(&found), lacks(&found)[0].0), ((some.0, some.1, None), "poolers.pools.size"));

    let found = read(DATABASES, &counted.replace("query_time", "else").replace("bytes_sent", "other"));
    assert_eq!((shown(&found), found.detail.counters.len()), ((some.0, some.1, Some(20)), 0));
    assert_eq!(lacks(&found), [("poolers.counters", "the console's SHOW STATS has no query_time, bytes_sent")]);

    let found = read(DATABASES, &counted.replace("wait_time", "else"));
    assert_eq!((found.detail.counters.len(), found.detail.counters[0].wait_seconds), (1, None));
    assert_eq!(lacks(&found), [("connectionPool.averageWaitTime", "the console's SHOW STATS has no wait_time")]);

    let found = read(DATABASES, "");
    assert_eq!((shown(&found), lacks(&found)[0].1), ((some.0, some.1, Some(20)), "the console's SHOW STATS has no answer"));
}

#[test]
fn databases_that_cannot_be_told_apart_are_looked_for_by_name() {
    let mut console = Console::new(Dialect::Pgbouncer, ConnInfo::parse("postgres://stats@pgb:6432/pgbouncer").unwrap());
    let (pools, databases) = (table(POOLS[0].1), table(&DATABASES.replacen("name", "else", 1)));
    let view = console.view(clock::now(), &pools, &databases, &Table::default(), &table(TOTALS[2].2)).expect("the pools");
    let found = view.for_target(None, &[host("db1", 5432)], "app");
    assert_eq!((found.pools.len(), found.pools[0].size), (1, None));
    assert_eq!(lacks(&found), [("poolers.pools.size", "the console's SHOW DATABASES has no name")]);
}
