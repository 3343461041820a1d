use super::*;
use crate::{clock, probe::database::upkeep::Database};

fn database(name: &str, xid_age: u64, multixact: u32, multixact_age: u64) -> Database {
    Database { name: name.to_owned(), xid_age, multixact_age, multixact, temp_bytes: 0 }
}

fn raw(next_xid: u64, databases: Vec<Database>) -> Raw {
    Raw { version: 150_018, next_xid: Some(next_xid), wal: Some(0), databases, ..Raw::default() }
}

/// What is shown after each of these readings, so many seconds apart.
fn views(every: u64, readings: Vec<Raw>) -> Vec<Upkeep> {
    let (mut keeper, start) = (Keeper::default(), clock::now());
    let times = (0_u32..).map(|nth| start + Duration::from_secs(every) * nth);
    readings.into_iter().zip(times).map(|(raw, at)| keeper.step(at, raw).view("shop", None)).collect()
}

fn close(seen: Option<f64>, expected: f64) -> bool {
    seen.is_some_and(|seen| (seen - expected).abs() < expected.abs() * 1e-6)
}

#[test]
fn the_oldest_database_counts_and_one_s_own_is_shown_beside() {
    let all = vec![database("old", 900, 1, 5), database("shop", 100, 1, 7), database("new", 3, 1, 0)];
    let view = &views(30, vec![raw(1_000, all)])[0];
    assert_eq!((view.xid_age, view.xid_database.as_deref()), (Some(900), Some("old")));
    assert_eq!((view.multixact_age, view.multixact_database.as_deref()), (Some(7), Some("shop")));
    assert_eq!((view.own_xid_age, view.own_multixact_age), (Some(100), Some(7)));
    assert_eq!(view.age_limit, Some(2_144_483_647));
    assert_eq!((view.xids_per_second, view.wraparound_in_seconds), (None, None), "one reading tells no rate");
}

#[test]
fn the_time_left_is_that_of_the_kind_of_ids_that_ends_first() {
    let at = |xid, age, multixact_age| raw(xid, vec![database("shop", age, 10, multixact_age)]);
    let views = views(10, vec![at(1_000, 500, 0), at(2_000, 1_500, 0), at(3_000, 2_500, 4_000)]);
    assert!(close(views[1].xids_per_second, 100.0) && close(views[2].xids_per_second, 100.0));
    assert!(close(views[1].wraparound_in_seconds, (2_144_483_647.0 - 1_500.0) / 100.0), "{:?}", views[1]);
    assert!(close(views[2].multixacts_per_second, 200.0));
    assert!(close(views[2].wraparound_in_seconds, (2_144_483_647.0 - 4_000.0) / 200.0), "{:?}", views[2]);
}

#[test]
fn nothing_used_up_is_no_end_and_beyond_the_limit_it_is_now() {
    let at = |xid, age| raw(xid, vec![database("shop", age, 10, 0)]);
    assert_eq!(views(30, vec![at(5, 100), at(5, 100)])[1].wraparound_in_seconds, None);
    assert_eq!(views(30, vec![at(5, 2_147_000_000), at(9, 2_147_000_004)])[1].wraparound_in_seconds, Some(0.0));
}

#[test]
fn multixact_ids_go_round() {
    let at = |xid, multixact, age| raw(xid, vec![database("shop", 1, multixact, age)]);
    let views = views(10, vec![at(1, u32::MAX - 9, 5), at(1, u32::MAX - 9, 105)]);
    assert!(close(views[1].multixacts_per_second, 10.0), "{:?}", views[1]);
}

#[test]
fn a_vacuum_lowers_the_age_and_not_the_rate() {
    let at = |xid, age| raw(xid, vec![database("shop", age, 10, 0)]);
    let views = views(10, vec![at(1_000, 900), at(2_000, 20)]);
    assert!(close(views[1].xids_per_second, 100.0), "{:?}", views[1]);
}

#[test]
fn the_rate_of_ids_is_that_of_ten_minutes() {
    let at = |xid| raw(xid, vec![database("shop", 1, 10, 0)]);
    let burst = std::iter::once(at(0)).chain((0..40).map(|_| at(60_000)));
    let views = views(30, burst.collect());
    assert!(close(views[1].xids_per_second, 2_000.0));
    assert!(close(views[20].xids_per_second, 100.0));
    assert_eq!(views[21].xids_per_second, Some(0.0), "the burst is over");
}

#[test]
fn what_goes_backwards_begins_anew() {
    let at =
        |xid, wal, temp_bytes| Raw { wal: Some(wal), ..raw(xid, vec![Database { temp_bytes, ..database("shop", 1, 10, 0) }]) };
    let views = views(10, vec![at(500, 1_000, 100), at(100, 50, 10), at(200, 1_050, 510)]);
    assert_eq!((views[1].xids_per_second, views[1].wal_bytes_per_second, views[1].temp_bytes_per_second), (None, None, None));
    assert!(close(views[2].xids_per_second, 10.0) && close(views[2].wal_bytes_per_second, 100.0), "{:?}", views[2]);
    assert!(close(views[2].temp_bytes_per_second, 50.0));
}

#[test]
fn version_13_keeps_fewer_ids_back() {
    let old = Raw { version: 130_022, ..raw(1, vec![database("shop", 1, 1, 1)]) };
    assert_eq!(views(30, vec![old])[0].age_limit, Some(2_146_483_647));
}

#[test]
fn a_reading_is_shared_until_it_is_old() {
    let (mut keeper, start) = (Keeper::default(), clock::now());
    keeper.step(start, raw(1, vec![]));
    assert!(keeper.latest(start).is_some());
    assert!(keeper.latest(start + Duration::from_secs(1)).is_none());
}
