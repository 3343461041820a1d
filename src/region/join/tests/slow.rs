//! Slow signals: whole, new only once, and gone when nobody reads them any more.

use super::*;
use crate::{
    model::{
        Rule,
        outlook::{Outlook, Unusual},
        vitals::{Host, Replication, Vitals},
    },
    probe::{database::machine, scrape::text::Figures},
};

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

/// What the provider's page tells of a disk.
fn page(size: u64, free: u64) -> Host {
    let disk = "{mountpoint=\"/data\"}";
    let text = format!("node_filesystem_size_bytes{disk} {size}\nnode_filesystem_avail_bytes{disk} {free}\n");
    let figures = Figures::read(&text, machine::WANTED).expect("metrics");
    machine::host(&figures, None, Duration::ZERO).expect("a machine")
}

#[test]
fn the_disk_fills_by_all_that_is_on_it_and_not_by_one_database() {
    let gib = 1_u64 << 30;
    let mut target = Target::new(0);
    for minute in 0..=30_u64 {
        // One GiB an hour, whoever writes it, with 40 GiB free at the end; what the database itself does may not be seen.
        let used = 60 * gib + gib * minute / 60;
        let size = 100 * gib + gib / 2;
        let host = page(size, size - used);
        target.take(minute * 60_000, Body::Host(Ok(Arc::new(host))));
    }
    let seen = target.joined.see(target.at(30 * 60_000 + 2));
    let per_day = seen.disk_per_day.expect("known after half an hour");
    assert!((per_day / gib as f64 - 24.0).abs() < 0.1, "{per_day}");
    let found = crate::region::rules::find(crate::model::Rule::SizeGrowth, &seen, &Thresholds::default());
    let Some(crate::region::rules::Finding::Breach(breach)) = found else { panic!("{found:?}") };
    assert!(breach.high && !breach.critical, "40 GiB at 24 GiB a day are 40 hours");
    assert!(
        breach.message.contains("40 hours") && breach.message.contains("what is on it grows by 24 GiB a day"),
        "{}",
        breach.message
    );
}

#[test]
fn what_the_past_says_is_judged_and_grows_old() {
    let mut target = Target::new(0);
    let mut thresholds = Thresholds::default();
    thresholds.rules.get_mut(&Rule::Anomaly).expect("its settings").enabled = true;
    target.joined.judge_by(&thresholds);
    let unusual = Unusual { metric: String::new(), now: 412.0, edge: 130.0, message: "Average query time 412 ms.".into() };
    let outlook = Outlook { unusual: vec![unusual], growth_per_day: Some(0.05) };
    target.take(0, activity(0));
    target.joined.look_out(target.at(0), outlook.clone());
    assert_eq!(target.sample(0).database.growth_per_day, Some(0.05), "after a start the past has to do");
    let mut is_unusual = |ms: u64| {
        target.take(ms, activity(0));
        if ms == 300_000 {
            target.joined.look_out(target.at(ms), outlook.clone());
        }
        let sample = target.sample(ms);
        sample.reasons.iter().any(|reason| reason.rule == Rule::Anomaly && reason.message == "Average query time 412 ms.")
    };
    assert!(!is_unusual(1_000) && !is_unusual(299_000));
    assert!(is_unusual(301_000), "for five minutes");
    assert!(is_unusual(1_000_000), "nobody said that it is over");
    target.joined.look_out(target.at(1_001_000), Outlook::default());
    target.take(1_001_000, activity(0));
    assert!(target.sample(1_001_000).reasons.is_empty());
    assert_eq!(target.sample(1_001_000).database.growth_per_day, None);
}
