//! Statements of a known number and duration within one interval, and against `pg_stat_statements` itself.

use isobar::sandbox::Postgres;

use super::{ask, in_one_interval, number, shop, watch};
use crate::support::{Session, assert_close};

/// Calls and execution time of the sleeps so far, as the extension counts them.
fn counted(server: &Postgres, what: &str) -> f64 {
    let sql = format!(
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT coalesce(sum({what}), 0) FROM pg_stat_statements s \
         JOIN pg_database d ON d.oid = s.dbid WHERE datname = 'shop'"
    );
    ask(server, &sql)
}

#[test]
fn statements_of_known_number_and_duration_are_counted() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, "statements = \"2s\"", "[target.thresholds]\naverage_query_ms = 30");
    let session = Session::open(&server.url_as("postgres", "shop"), "web");
    let sleeps = "total_exec_time) FILTER (WHERE query LIKE 'SELECT pg_sleep%'";
    let (mut all_before, mut sleeps_before) = (0.0, 0.0);
    let (sample, queries) = in_one_interval(&node, || {
        (all_before, sleeps_before) = (counted(&server, "calls"), counted(&server, sleeps));
        for _ in 0..20 {
            session.run("SELECT pg_sleep(0.01)").expect("a sleep");
        }
        for _ in 0..5 {
            session.run("SELECT pg_sleep(0.05), 'slow'").expect("a sleep");
        }
    });
    let total_ms = counted(&server, sleeps) - sleeps_before;
    let figure = |name: &str| number(&sample, &format!("/queryPerformance/{name}")).unwrap_or_else(|| panic!("{name}: {sample}"));
    assert_eq!((queries["calls"].as_u64(), queries["slowCalls"].as_u64()), (Some(25), Some(5)), "{queries}");
    assert_close("average query time", figure("averageQueryTime"), total_ms / 25.0, 0.02);
    assert!(figure("averageQueryTime") >= 18.0, "25 sleeps of 450 ms");
    assert_close("slow queries", figure("slowQueries"), 5.0, 0.0);
    assert_close("slow query rate", figure("slowQueryRate"), 0.2, 1e-9);
    let interval = number(&queries, "/intervalMs").expect("an interval");
    assert!((1_500.0..6_000.0).contains(&interval), "{interval}");
    assert_close("queries per second", figure("queriesPerSecond"), 25e3 / interval, 1e-9);
    let all = figure("totalQueries");
    assert!(all_before + 25.0 <= all && all <= counted(&server, "calls"), "{all_before} {all}");
    let slow = &queries["statements"].as_array().expect("statements")[0];
    assert_eq!((slow["text"].as_str(), slow["calls"].as_u64()), (Some("SELECT pg_sleep($1), $2"), Some(5)), "{queries}");
}
