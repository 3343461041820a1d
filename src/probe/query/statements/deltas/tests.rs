use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::{clock, probe::governor::MARK};

const TEN: Duration = Duration::from_secs(10);
const APP: u32 = 5;

fn server(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + seconds)
}

fn row(query: i64, calls: u64, total_ms: f64) -> Row {
    let key = Key { user: 10, database: APP, query, toplevel: true };
    Row { key, counters: Counters { calls, total_ms, rows: calls, hit: calls * 3, read: calls, squares: 0.0 }, since: None }
}

/// A reading of 14 and later.
fn at(taken: i64, reset: i64, dealloc: u64, rows: Vec<Row>) -> Snapshot {
    Snapshot { rows, info: Some(Info { dealloc, reset: server(reset), taken: server(taken) }) }
}

/// A reading of 13.
fn old(rows: Vec<Row>) -> Snapshot {
    Snapshot { rows, info: None }
}

fn step(deltas: &mut Deltas, snapshot: Snapshot) -> (Option<Duration>, Queries) {
    let interval = deltas.step(snapshot, TEN, clock::wall());
    (interval.elapsed, interval.queries(APP, 100.0, &Known::default()))
}

/// Calls and milliseconds of the interval after two readings.
fn between(first: Snapshot, second: Snapshot) -> (Option<u64>, u64, f64) {
    let mut deltas = Deltas::default();
    step(&mut deltas, first);
    let (elapsed, queries) = step(&mut deltas, second);
    (elapsed.map(|elapsed| elapsed.as_secs()), queries.calls, queries.total_ms)
}

#[test]
fn the_first_reading_is_only_a_base() {
    let (elapsed, queries) = step(&mut Deltas::default(), at(0, -500, 0, vec![row(1, 1_000_000, 9e9)]));
    assert_eq!((elapsed, queries.interval_ms, queries.calls, queries.calls_total), (None, None, 0, 1_000_000));
    assert!(queries.statements.is_empty());
}

#[test]
fn what_happened_between_two_readings() {
    let began = |row: Row, seconds| Row { since: Some(server(seconds)), ..row };
    for (what, first, second, expected) in [
        ("a difference", at(0, -9, 0, vec![row(1, 100, 50.0)]), at(10, -9, 0, vec![row(1, 150, 75.0)]), (Some(10), 50, 25.0)),
        ("nothing", at(0, -9, 0, vec![row(1, 100, 50.0)]), at(10, -9, 0, vec![row(1, 100, 50.0)]), (Some(10), 0, 0.0)),
        ("a new entry", at(0, -9, 0, vec![]), at(10, -9, 0, vec![row(1, 3, 9.0)]), (Some(10), 3, 9.0)),
        ("a vanished entry", at(0, -9, 0, vec![row(1, 100, 50.0)]), at(10, -9, 1, vec![]), (Some(10), 0, 0.0)),
        ("evicted and back", at(0, -9, 0, vec![row(1, 100, 50.0)]), at(10, -9, 1, vec![row(1, 4, 8.0)]), (Some(10), 4, 8.0)),
        (
            "more calls but less time",
            at(0, -9, 0, vec![row(1, 9, 50.0)]),
            at(10, -9, 1, vec![row(1, 10, 1.0)]),
            (Some(10), 10, 1.0),
        ),
        (
            "back and overtaken, seen by stats_since",
            at(0, -9, 0, vec![began(row(1, 10, 5.0), -5)]),
            at(10, -9, 1, vec![began(row(1, 30, 15.0), 3)]),
            (Some(10), 30, 15.0),
        ),
        ("a reset in between", at(0, -9, 0, vec![row(1, 9, 5.0)]), at(10, 6, 0, vec![row(1, 20, 7.0)]), (Some(4), 20, 7.0)),
        ("another server's table", at(0, -9, 0, vec![row(1, 9, 5.0)]), at(10, -7, 0, vec![row(1, 99, 7e6)]), (None, 0, 0.0)),
        ("a reset of 13", old(vec![row(1, 90, 5.0), row(2, 7, 1.0)]), old(vec![row(1, 2, 1.0)]), (Some(10), 2, 1.0)),
        ("an update to 14", old(vec![row(1, 90, 5.0)]), at(10, -9, 0, vec![row(1, 99, 7.0)]), (None, 0, 0.0)),
    ] {
        assert_eq!(between(first, second), expected, "{what}");
    }
}

#[test]
fn calls_since_the_reset_never_fall_by_an_eviction() {
    let mut deltas = Deltas::default();
    let mut total = |snapshot| step(&mut deltas, snapshot).1.calls_total;
    assert_eq!(total(at(0, -9, 0, vec![row(1, 100, 1.0), row(2, 40, 1.0)])), 140);
    assert_eq!(total(at(10, -9, 1, vec![row(1, 101, 1.0)])), 141);
    assert_eq!(total(at(20, -9, 1, vec![row(1, 101, 1.0), row(2, 2, 1.0)])), 143);
    assert_eq!(total(at(30, 25, 0, vec![row(1, 5, 1.0)])), 5);
}

#[test]
fn slow_is_a_mean_of_the_interval_not_of_a_lifetime() {
    let mut deltas = Deltas::default();
    step(&mut deltas, at(0, -9, 0, vec![row(1, 1_000_000, 1e6), row(2, 10, 1e6)]));
    let (_, queries) = step(&mut deltas, at(10, -9, 0, vec![row(1, 1_000_020, 1e6 + 20_000.0), row(2, 110, 1e6 + 100.0)]));
    assert_eq!((queries.calls, queries.slow_calls), (120, 20));
    assert_eq!(queries.statements.iter().map(|one| one.slow).collect::<Vec<_>>(), [true, false]);
    assert!((queries.statements[0].share - 20_000.0 / 20_100.0).abs() < 1e-9);
    assert_eq!(queries.statements[0].cache_hit_ratio, Some(0.75));
    assert_eq!(queries.mean_ms(), Some(20_100.0 / 120.0));
}

#[test]
fn only_the_targets_database_and_only_what_clients_sent_make_the_totals() {
    let key = |row: Row, database, toplevel| Row { key: Key { database, toplevel, ..row.key }, ..row };
    let mut deltas = Deltas::default();
    step(&mut deltas, at(0, -9, 0, vec![]));
    let rows = vec![row(1, 5, 50.0), key(row(1, 5, 40.0), APP, false), key(row(1, 7, 7.0), APP + 1, true)];
    let (_, queries) = step(&mut deltas, at(10, -9, 0, rows));
    assert_eq!((queries.calls, queries.total_ms, queries.calls_total), (5, 50.0, 5));
    assert_eq!(queries.statements.len(), 2);
}

#[test]
fn the_list_is_bounded_and_begins_with_the_largest() {
    let mut deltas = Deltas::default();
    step(&mut deltas, at(0, -9, 0, vec![]));
    let (_, queries) = step(&mut deltas, at(10, -9, 0, (0..5_000).map(|id| row(id, 1, id as f64)).collect()));
    assert_eq!(queries.statements.len(), Queries::MOST_STATEMENTS);
    assert_eq!(queries.statements[0].query_id, "4999");
    assert_eq!(queries.calls, 5_000);
}

#[test]
fn our_own_statements_are_metered_and_left_out() {
    let mut deltas = Deltas::default();
    let mut known = Known::new(10);
    deltas.step(at(0, -9, 0, vec![]), TEN, clock::wall());
    let other_role = Row { key: Key { user: 11, ..row(1, 1, 1.0).key }, ..row(1, 1, 1.0) };
    let interval = deltas.step(at(10, -9, 0, vec![row(1, 40, 20.0), row(2, 1, 5.0), other_role]), TEN, clock::wall());
    assert_eq!(interval.own(&known), None);
    let now: Instant = clock::now();
    let mut wants = known.wants(now, &interval, &[APP]);
    wants.texts.sort_unstable();
    assert_eq!(wants, super::super::Wants { texts: vec![1, 2], roles: true });
    known.learn([(1, format!("SELECT {MARK} 1")), (2, "SELECT 'x'".into())].into());
    assert_eq!(interval.own(&known), Some(Own { calls: 40, exec: Duration::from_millis(20) }));
    let queries = interval.queries(APP, 100.0, &known);
    assert_eq!(queries.calls, 2);
    assert_eq!(queries.statements[0].text.as_deref(), Some("SELECT ?"));
    assert_eq!(queries.statements[0].user, "10");
}

#[test]
fn the_spread_of_single_times_is_that_of_the_interval() {
    let told = |calls, total_ms, stddev_ms| {
        let mut row = row(1, calls, total_ms);
        row.counters.squares = Counters::squares(calls, total_ms, stddev_ms);
        row
    };
    let mut deltas = Deltas::default();
    step(&mut deltas, at(0, -9, 0, vec![told(100, 1_000.0, 0.0)]));
    // Twenty more: half of them 10 ms, half 30 ms, a spread of 10 ms, and of less over all 120.
    let all = [vec![10.0; 110], vec![30.0; 10]].concat();
    let mean = all.iter().sum::<f64>() / 120.0;
    let spread = (all.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / 120.0).sqrt();
    let (_, queries) = step(&mut deltas, at(10, -9, 0, vec![told(120, mean * 120.0, spread)]));
    let statement = &queries.statements[0];
    assert!((statement.mean_ms - 20.0).abs() < 1e-9 && (statement.stddev_ms.unwrap() - 10.0).abs() < 1e-6, "{statement:?}");
    let (_, queries) = step(&mut deltas, at(20, -9, 0, vec![row(1, 130, mean * 120.0 + 50.0)]));
    assert_eq!(queries.statements[0].stddev_ms, None, "not told");
}
