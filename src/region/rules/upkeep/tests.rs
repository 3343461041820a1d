use std::sync::Arc;

use super::*;
use crate::region::seen::Signal;

const LIMIT: u64 = 2_144_483_647;

fn message(upkeep: Upkeep) -> String {
    let seen = Seen { upkeep: Signal::Fresh(Arc::new(upkeep)), ..Seen::default() };
    match wraparound(&seen, &Thresholds::default()) {
        Finding::Breach(breach) => breach.message,
        other => panic!("no breach but {other:?}"),
    }
}

/// So many of each are used up, a thousand transactions a second, ten multixacts.
fn used(xids: u64, multixacts: u64) -> Upkeep {
    Upkeep {
        xid_age: Some(xids),
        multixact_age: Some(multixacts),
        age_limit: Some(LIMIT),
        wraparound_in_seconds: Some(60.0),
        xids_per_second: Some(1_000.0),
        multixacts_per_second: Some(10.0),
        holders: vec![Holder { kind: "slot".into(), name: "feed".into(), age: 900_000_000, ..Holder::default() }],
        ..Upkeep::default()
    }
}

#[test]
fn the_time_left_is_that_of_the_kind_that_is_named() {
    let xids = message(used(LIMIT - 86_400_000, 5));
    assert!(xids.contains("of the transaction ids") && xids.contains("; 24 hours are left"), "{xids}");
    let multixacts = message(used(5, LIMIT - 86_400_000));
    assert!(multixacts.contains("of the multixact ids") && multixacts.contains("; 100 days are left"), "{multixacts}");
}

#[test]
fn a_kind_that_is_not_used_up_now_has_no_time_left() {
    let idle = message(Upkeep { multixacts_per_second: Some(0.0), ..used(5, LIMIT - 1_000) });
    assert!(!idle.contains("are left"), "{idle}");
}

#[test]
fn who_holds_transactions_back_is_not_blamed_for_multixacts() {
    assert!(message(used(1_700_000_000, 5)).contains("held back by the slot feed"));
    assert!(!message(used(1_900_000_000, 5)).contains("held back"), "less than half of it is its own");
    let multixacts = message(used(5, 1_700_000_000));
    assert!(!multixacts.contains("held back"), "{multixacts}");
}
