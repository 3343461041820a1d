use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    model::{Rule, outlook::Outlook, vitals::Host},
    region::rules::find,
};

const GIB: f64 = 1_073_741_824.0;
const MINUTES: Duration = Duration::from_mins(20);
const HOURS: Duration = Duration::from_hours(40);

/// A disk of 200 GiB with 100 free.
fn disk() -> Seen {
    let host =
        Host { disk_free_bytes: Some((100.0 * GIB) as u64), disk_size_bytes: Some((200.0 * GIB) as u64), ..Host::default() };
    Seen { host: Signal::Fresh(Arc::new(host)), ..Seen::default() }
}

/// That fills by so many GiB a day since the start, and in the last minutes.
fn seen(usual: f64, lately: f64) -> Seen {
    let pace = |gib: f64, over| Some(Pace { per_day: gib * GIB, over });
    Seen { disk_pace: pace(usual, HOURS), disk_pace_lately: pace(lately, MINUTES), ..disk() }
}

/// And by its history.
fn kept([at_least, per_day, at_most]: [f64; 3], seen: Seen) -> Seen {
    let [at_least, per_day, at_most] = [at_least, per_day, at_most].map(|gib| gib * GIB);
    let over = Duration::from_hours(7 * 24);
    let outlook = Outlook { disk: Some(Filling { per_day, at_least, at_most, over }), ..Outlook::default() };
    Seen { outlook: Signal::Fresh(Arc::new(outlook)), ..seen }
}

/// What the whole rule says: the level, and in which words.
#[track_caller]
fn said(seen: &Seen) -> (&'static str, String) {
    match find(Rule::SizeGrowth, seen, &Thresholds::default()).expect("it is judged") {
        Finding::Breach(Breach { critical: true, message, .. }) => ("critical", message),
        Finding::Breach(breach) => ("high", breach.message),
        Finding::Between(breach) => ("between", breach.message),
        Finding::Clear => ("clear", String::new()),
        Finding::Unseen => ("unseen", String::new()),
    }
}

/// The level of the disk's part alone: of the size of its database nothing is known.
#[track_caller]
fn level(seen: &Seen) -> &'static str {
    let grows = Seen { growth_per_day: Some(0.0), size_bytes: Some(1), ..seen.clone() };
    said(&grows).0
}

#[test]
fn a_history_that_fills_the_disk_within_a_week_is_told_with_its_bounds() {
    let (level, message) = said(&kept([18.0, 20.0, 25.0], seen(0.0, 0.0)));
    let expected = "The disk is full in 5.0 days (4.0 days to 5.6 days), by its history of 7.0 days: 100 GiB are free, and what is on it \
                    grows by 20 GiB a day.";
    assert_eq!((level, message.as_str()), ("high", expected), "though nothing is seen of it since the start");
    let (level, message) = said(&kept([90.0, 110.0, 130.0], seen(0.0, 0.0)));
    assert!(level == "critical" && message.contains("in 22 hours (18 hours to 27 hours), by its history"), "{message}");
}

#[test]
fn a_history_that_does_not_fill_the_disk_is_believed_before_a_short_pace() {
    // As after a start in the midst of a load: 20 GiB a day would fill it in five days.
    assert_eq!(level(&seen(20.0, 20.0)), "high");
    assert_eq!(level(&kept([-0.5, 0.1, 0.8], seen(20.0, 20.0))), "clear");
    assert_eq!(level(&kept([0.9, 1.0, 1.1], seen(20.0, 20.0))), "clear", "it fills, in three months");
    assert_eq!(level(&kept([-9.0, -8.0, -7.0], seen(20.0, 20.0))), "clear", "it empties");
    assert_eq!(level(&kept([11.0, 13.0, 15.0], seen(0.0, 0.0))), "between", "7.7 days");
}

#[test]
fn a_history_that_leaves_it_open_leaves_it_to_what_was_seen() {
    let open = [-5.0, 10.0, 30.0];
    assert_eq!(level(&kept(open, seen(0.1, 0.0))), "clear");
    let (level, message) = said(&kept(open, seen(20.0, 0.0)));
    assert!(level == "high" && message.contains("full in 5.0 days, by the last 40 hours: "), "{message}");
}

#[test]
fn a_sudden_fill_is_told_whatever_the_history_says() {
    for seen in [seen(0.0, 240.0), kept([-0.5, 0.1, 0.8], seen(0.0, 240.0)), kept([18.0, 20.0, 25.0], seen(1.0, 240.0))] {
        let (level, message) = said(&seen);
        let expected =
            "The disk is full in 10 hours, by the last 20 minutes: 100 GiB are free, and what is on it grows by 240 GiB a day.";
        assert_eq!((level, message.as_str()), ("critical", expected));
    }
    // At 80 GiB a day there are 30 hours: no reason to begin with, but none to be over.
    assert_eq!(level(&kept([-0.5, 0.1, 0.8], seen(0.0, 80.0))), "between");
    assert_eq!(level(&kept([-0.5, 0.1, 0.8], seen(0.0, 45.0))), "clear");
    let (level, message) = said(&kept([18.0, 20.0, 25.0], seen(0.0, 80.0)));
    assert!(level == "high" && message.contains("by its history"), "{message}");
}

#[test]
fn of_two_ends_that_are_near_the_sooner_is_told() {
    let by = |history: [f64; 3], lately: f64| said(&kept(history, seen(0.0, lately))).1;
    assert!(by([150.0, 200.0, 250.0], 300.0).contains("in 8 hours, by the last 20 minutes"));
    assert!(by([300.0, 400.0, 500.0], 150.0).contains("in 6 hours (5 hours to 8 hours), by its history"));
}

#[test]
fn a_history_does_without_the_size_of_the_disk() {
    let host = Host { disk_free_bytes: Some((100.0 * GIB) as u64), ..Host::default() };
    let bare = Seen { host: Signal::Fresh(Arc::new(host)), ..Seen::default() };
    assert_eq!(said(&bare).0, "unseen");
    let Some(Finding::Breach(breach)) = find(Rule::SizeGrowth, &kept([18.0, 20.0, 25.0], bare), &Thresholds::default()) else {
        panic!("no breach");
    };
    assert_eq!((breach.value, breach.threshold), (None, None));
    assert!(breach.message.starts_with("The disk is full in 5.0 days"), "{}", breach.message);
}
