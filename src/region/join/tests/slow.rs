//! Slow signals: whole, new only once, and gone when nobody reads them any more.

use super::*;
use crate::{
    model::{
        Rule,
        outlook::{Filling, Outlook, Unusual},
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
    let pace = seen.disk_pace.expect("known after half an hour");
    assert!((pace.per_day / gib as f64 - 24.0).abs() < 0.1, "{pace:?}");
    let found = crate::region::rules::find(crate::model::Rule::SizeGrowth, &seen, &Thresholds::default());
    let Some(crate::region::rules::Finding::Breach(breach)) = found else { panic!("{found:?}") };
    assert!(breach.high && !breach.critical, "40 GiB at 24 GiB a day are 40 hours");
    assert!(
        breach.message.contains("40 hours, by the last 30 minutes")
            && breach.message.contains("what is on it grows by 24 GiB a day"),
        "{}",
        breach.message
    );
}

/// Half a day of rest and three hours of a fill by so many GiB an hour, as read each two minutes: when the rule fires, in minutes of the fill,
/// and by which past.
fn fired(gib_per_hour: u64, outlook: Option<&Outlook>) -> Option<(u64, String)> {
    let (gib, rest) = (1_u64 << 30, 12 * 60_u64);
    let mut target = Target::new(0);
    for minute in (0..rest + 3 * 60).step_by(2) {
        let used = 50 * gib + gib * gib_per_hour * minute.saturating_sub(rest) / 60;
        let ms = minute * 60_000;
        target.take(ms, Body::Host(Ok(Arc::new(page(100 * gib, (100 * gib).saturating_sub(used))))));
        if let Some(outlook) = outlook {
            target.joined.look_out(target.at(ms), outlook.clone());
        }
        let sample = target.sample(ms);
        if let Some(reason) = sample.reasons.iter().find(|reason| reason.rule == Rule::SizeGrowth) {
            return Some((minute.saturating_sub(rest), format!("{:?}: {}", reason.severity, reason.message)));
        }
    }
    None
}

#[test]
fn a_sudden_fill_is_told_within_half_an_hour_after_a_long_rest() {
    let calm = Filling { per_day: 0.0, at_least: -1e6, at_most: 1e6, over: Duration::from_hours(14 * 24) };
    let calm = Outlook { disk: Some(calm), ..Outlook::default() };
    for outlook in [None, Some(&calm)] {
        // 50 GiB free: full in five hours.
        let (minutes, said) = fired(10, outlook).expect("it is told");
        assert!((10..=30).contains(&minutes), "{minutes}");
        assert!(said.starts_with("Critical: ") && said.contains("by the last 20 minutes"), "{said}");
        // Full in two days: that is for a line through more.
        assert_eq!(fired(1, outlook), None);
    }
}

#[test]
fn a_larger_disk_ends_it_also_where_the_size_of_the_database_is_hidden() {
    let hidden = Missing { field: "database.size".into(), cause: "not allowed".into(), fix: Some("GRANT".into()) };
    let (gib, mut target) = (1_u64 << 30, Target::new(0));
    let mut is_told = |minute: u64, size: u64| {
        target.take(minute * 60_000, Body::Size(Err(hidden.clone())));
        target.take(minute * 60_000, Body::Host(Ok(Arc::new(page(size * gib, size * gib - 50 * gib - gib * minute / 6)))));
        target.sample(minute * 60_000).reasons.iter().any(|reason| reason.rule == Rule::SizeGrowth)
    };
    let told: Vec<bool> = (0..=30).map(|minute| is_told(minute, 100)).collect();
    assert_eq!(told.iter().position(|told| *told), Some(20), "ten minutes of a pace, and ten of the rule");
    assert!(!is_told(31, 10_000));
}

#[test]
fn a_history_that_fills_the_disk_is_told_soon_after_a_start_and_not_when_it_is_old() {
    let gib = (1_u64 << 30) as f64;
    let filling = Filling { per_day: 10.0 * gib, at_least: 8.0 * gib, at_most: 12.0 * gib, over: Duration::from_hours(48) };
    let filling = Outlook { disk: Some(filling), ..Outlook::default() };
    let (minutes, said) = fired(0, Some(&filling)).expect("it is told");
    assert_eq!(minutes, 0);
    assert!(said.starts_with("High: The disk is full in 5.0 days (") && said.contains("by its history of 2.0 days"), "{said}");

    let mut target = Target::new(0);
    let mut at = |minute: u64, outlook: Option<&Outlook>| {
        target.take(minute * 60_000, Body::Host(Ok(Arc::new(page(100 << 30, 50 << 30)))));
        target.take(minute * 60_000, Body::Size(Ok(1 << 30)));
        if let Some(outlook) = outlook {
            target.joined.look_out(target.at(minute * 60_000), outlook.clone());
        }
        let reasons = target.sample(minute * 60_000).reasons.clone();
        reasons.iter().any(|reason| reason.rule == Rule::SizeGrowth)
    };
    let told: Vec<bool> = (0..=12).map(|minute| at(minute, Some(&filling))).collect();
    assert_eq!(told.iter().position(|told| *told), Some(10), "for ten minutes");
    assert!(at(20, None), "eight minutes are not old");
    assert!(!at(30, None), "what was seen since the start says that it does not fill");
}

#[test]
fn what_the_past_says_is_judged_and_grows_old() {
    let mut target = Target::new(0);
    let mut thresholds = Thresholds::default();
    thresholds.rules.get_mut(&Rule::Anomaly).expect("its settings").enabled = true;
    target.joined.judge_by(&thresholds);
    let unusual = Unusual { metric: String::new(), now: 412.0, edge: 130.0, message: "Average query time 412 ms.".into() };
    let outlook = Outlook { unusual: vec![unusual], growth_per_day: Some(0.05), disk: None };
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
