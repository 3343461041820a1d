//! Slow signals: whole, new only once, and gone when nobody reads them any more.

use super::*;
use crate::model::vitals::{Replication, Vitals};

fn replication(lag: f64) -> Body {
    let upstream = Some(crate::model::vitals::Upstream { lag_seconds: Some(lag), ..Default::default() });
    Body::Replication(Ok(Arc::new(Replication { upstream, ..Replication::default() })))
}

fn lag(vitals: &Vitals) -> Option<f64> {
    vitals.replication.as_ref()?.upstream.as_ref()?.lag_seconds
}

#[test]
fn they_are_told_when_they_are_new_and_again_when_that_was_not_delivered() {
    let mut target = Target::new(0);
    target.take(0, activity(0));
    assert!(target.joined.vitals(target.at(0)).is_none(), "a session is no slow signal");
    target.take(100, replication(1.5));
    let told = target.joined.vitals(target.at(100)).expect("news");
    assert_eq!((lag(&told), told.upkeep.is_none()), (Some(1.5), true));
    assert!(target.joined.vitals(target.at(200)).is_none());
    target.joined.vitals_again();
    assert_eq!(target.joined.vitals(target.at(300)).as_deref(), Some(&*told));
}

#[test]
fn what_is_not_read_any_more_is_none_and_what_cannot_be_read_says_why() {
    let mut target = Target::new(0);
    target.take(0, replication(1.5));
    let cause = Missing { field: "vitals.upkeep".into(), cause: "not allowed".into(), fix: None };
    target.take(60_000, Body::Upkeep(Err(cause.clone())));
    let told = target.joined.vitals(target.at(60_000)).expect("news");
    assert_eq!((lag(&told), told.upkeep.is_none()), (None, true));
    assert!(target.sample(60_000).probe.missing.contains(&cause));
}
