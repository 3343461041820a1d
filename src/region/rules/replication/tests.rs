use std::sync::Arc;

use super::*;
use crate::{
    clock,
    model::vitals::{Change, Role},
    region::seen::Signal,
};

fn find(replication: Replication) -> Finding {
    let seen = Seen { replication: Signal::Fresh(Arc::new(replication)), ..Seen::default() };
    lag(&seen, &Thresholds::default())
}

fn breach(replication: Replication) -> Breach {
    match find(replication) {
        Finding::Breach(breach) => breach,
        other => panic!("no breach but {other:?}"),
    }
}

fn behind(upstream: Upstream) -> Replication {
    Replication { role: Role::Replica, upstream: Some(upstream), ..Replication::default() }
}

fn late(lag: f64) -> Upstream {
    Upstream { streaming: true, lag_seconds: Some(lag), lag_bytes: Some(5 << 20), ..Upstream::default() }
}

fn slot(retained: u64, status: &str) -> Replication {
    let slot = Slot { name: "feed".into(), retained_bytes: Some(retained), wal_status: Some(status.into()), ..Slot::default() };
    Replication { slots: vec![slot], slot_limit_bytes: Some(100 << 20), ..Replication::default() }
}

#[test]
fn a_replica_is_judged_by_the_age_of_what_it_shows() {
    let levels = [(7.9, "Clear"), (8.0, "Between"), (10.0, "Between"), (10.1, "Breach"), (60.1, "Breach")];
    for (lag, expected) in levels {
        assert!(format!("{:?}", find(behind(late(lag)))).starts_with(expected), "{lag} s");
    }
    assert!(!breach(behind(late(60.0))).critical);
    let critical = breach(behind(late(75.0)));
    assert_eq!((critical.critical, critical.value, critical.threshold), (true, Some(75.0), Some(60.0)));
    assert_eq!(
        critical.message,
        "The replica shows what was true 75.0 s ago, 5 MiB behind: it receives, but replays too slowly."
    );
}

#[test]
fn the_cause_is_named() {
    assert!(breach(behind(Upstream { paused: true, ..late(20.0) })).message.contains("replay is paused"));
    assert!(breach(behind(Upstream { streaming: false, ..late(20.0) })).message.contains("receives nothing"));
}

#[test]
fn a_failover_before_is_named() {
    let at = clock::wall();
    let change = Change { at, role: Role::Primary, timeline: Some(3), other_system: false };
    let message = breach(Replication { change: Some(change.clone()), ..behind(late(20.0)) }).message;
    assert!(message.contains("; until ") && message.ends_with(" UTC it was a primary on timeline 3."), "{message}");
    let message = breach(Replication { change: Some(Change { other_system: true, ..change }), ..behind(late(20.0)) }).message;
    assert!(message.contains("; since ") && message.ends_with(" UTC this is another system than before."), "{message}");
}

#[test]
fn a_promotion_ends_the_lag() {
    assert!(matches!(find(Replication { upstream: None, role: Role::Primary, ..behind(late(99.0)) }), Finding::Clear));
}

#[test]
fn a_primary_answers_for_followers_that_nobody_watches() {
    let follower = |watched| {
        let replica = Replica {
            application: "reports".into(),
            address: Some("10.0.0.2".into()),
            replay_lag_seconds: Some(75.0),
            write_lag_seconds: Some(0.1),
            replay_lag_bytes: Some(2_048),
            watched,
            ..Replica::default()
        };
        Replication { replicas: vec![replica], ..Replication::default() }
    };
    assert!(matches!(find(follower(true)), Finding::Clear));
    let breach = breach(follower(false));
    assert!(breach.critical);
    let expected = "The replica reports at 10.0.0.2 is 75.0 s late, 2 KiB behind: it replays too slowly, or replay is paused.";
    assert_eq!(breach.message, expected);
}

#[test]
fn a_slot_is_judged_by_its_share_of_the_limit() {
    assert!(matches!(find(slot(69 << 20, "reserved")), Finding::Clear));
    assert!(matches!(find(slot(80 << 20, "reserved")), Finding::Between(_)));
    let found = breach(slot(81 << 20, "extended"));
    assert_eq!((found.critical, found.value), (false, None), "a share is no lag");
    assert_eq!(found.message, "The slot feed retains 81 MiB of WAL, 81% of what it may before it is lost: nobody reads it.");
    let endless = Replication { slot_limit_bytes: None, ..slot(u64::MAX, "extended") };
    assert!(matches!(find(endless), Finding::Clear), "without a limit there is no share of it");
}

#[test]
fn a_lost_slot_goes_on_until_it_is_dropped() {
    let lost = Replication { slots: vec![Slot { retained_bytes: None, ..slot(0, "lost").slots.remove(0) }], ..slot(0, "lost") };
    assert!(breach(lost).message.contains("is lost"));
}

#[test]
fn a_lag_that_is_not_known_keeps_no_slot_from_clearing() {
    assert!(matches!(find(behind(Upstream::default())), Finding::Clear));
}

#[test]
fn what_is_not_read_is_not_judged() {
    for replication in [Signal::Absent, Signal::Stale] {
        assert!(matches!(lag(&Seen { replication, ..Seen::default() }, &Thresholds::default()), Finding::Unseen));
    }
}
