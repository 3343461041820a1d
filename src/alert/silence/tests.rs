use super::*;
use crate::{
    alert::{Now, incident::Subject},
    model::{Evidence, Reason, Rule, Severity},
};

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse().expect("a moment"))
}

fn incident(target: Option<&str>) -> Incident {
    let (rule, severity, since) = (Rule::PoolWaiting, Severity::High, at("2026-11-23T08:00:00Z"));
    let subject = Subject { region: "us-east-1".into(), target: target.map(Into::into), rule, scope: String::new() };
    let (message, evidence) = (String::new(), Evidence::default());
    let reason = Reason { rule, severity, value: None, threshold: None, since, message, evidence };
    Incident::begin("id".into(), subject, reason, Now { steady: since, wall: since })
}

#[test]
fn matchers_match_all_that_is_given_and_stars_match_anything() {
    for (region, target, rule, severity, expected) in [
        ("", "", "", "", true),
        ("us-east-1", "app", "pool_waiting", "high", true),
        ("us-*", "", "pool_*", "", true),
        ("us-east-?", "a*p", "", "", true),
        ("us-east", "", "", "", false),
        ("us-east-1", "shop", "", "", false),
        ("", "", "pool_saturated", "", false),
        ("", "", "", "critical", false),
        ("", "APP", "", "", false),
    ] {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let matchers = Matchers { region: given(region), target: given(target), rule: given(rule), severity: given(severity) };
        assert_eq!(Pattern::new(&matchers).matches(&incident(Some("app"))), expected, "{matchers:?}");
    }
    let target = |text: &str| Pattern::new(&Matchers { target: Some(text.into()), ..Matchers::default() });
    assert!(!target("app").matches(&incident(None)), "a region has no target");
    assert!(target("*").matches(&incident(None)));
}

/// Berlin is two hours ahead of UTC in summer and one in winter; its clocks went back on 2026-10-25 and go forward on 2027-03-28.
#[test]
fn recurring_windows_follow_the_clock_of_their_place() {
    let berlin = chrono_tz::Europe::Berlin;
    for (cron, minutes, wall, expected) in [
        ("0 2 * * *", 120, "2026-11-23T00:59:59Z", false),
        ("0 2 * * *", 120, "2026-11-23T01:00:00Z", true),
        ("0 2 * * *", 120, "2026-11-23T02:59:59Z", true),
        ("0 2 * * *", 120, "2026-11-23T03:00:00Z", false),
        ("0 2 * * *", 120, "2026-07-01T00:30:00Z", true),
        ("0 2 * * *", 120, "2026-07-01T02:30:00Z", false),
        // The night that has two o'clock twice, and the one that has none.
        ("0 1 * * *", 60, "2026-10-24T23:30:00Z", true),
        ("0 1 * * *", 60, "2026-10-25T00:00:00Z", false),
        ("30 3 * * *", 60, "2026-10-25T02:45:00Z", true),
        ("30 3 * * *", 60, "2027-03-28T01:45:00Z", true),
        // Across midnight, and longer than a day.
        ("0 23 * * *", 120, "2026-11-23T23:30:00Z", true),
        ("0 0 * * 6", 2_880, "2026-11-22T12:00:00Z", true),
        ("0 0 * * 6", 2_880, "2026-11-23T12:00:00Z", false),
        ("this is no schedule", 60, "2026-11-23T12:00:00Z", false),
    ] {
        let window = Window::new(&When::Recurring { cron: cron.into(), lasts: Duration::from_mins(minutes), zone: berlin });
        assert_eq!(window.is_active(at(wall)), expected, "{cron} for {minutes} min at {wall}");
    }
}

#[test]
fn a_window_of_once_has_a_beginning_and_an_end_or_neither() {
    let (starts, ends) = (Some(at("2026-11-23T08:00:00Z")), Some(at("2026-11-23T09:00:00Z")));
    for (starts, ends, wall, expected) in [
        (starts, ends, "2026-11-23T07:59:59Z", false),
        (starts, ends, "2026-11-23T08:00:00Z", true),
        (starts, ends, "2026-11-23T09:00:00Z", false),
        (None, ends, "2020-01-01T00:00:00Z", true),
        (starts, None, "2030-01-01T00:00:00Z", true),
        (None, None, "2030-01-01T00:00:00Z", true),
    ] {
        assert_eq!(Window::new(&When::Once { starts, ends }).is_active(at(wall)), expected, "{starts:?} {ends:?} {wall}");
    }
}

#[test]
fn looking_tells_of_beginnings_and_ends_once() {
    let when = When::Once { starts: Some(at("2026-11-23T08:00:10Z")), ends: Some(at("2026-11-23T08:00:20Z")) };
    let (name, reason, matchers) = ("move".into(), "moving".into(), Matchers::default());
    let mut silences = Silences::new(&[PlannedSilence { name, maintenance: false, matchers, when, reason }], Vec::new());
    let looks: String = (0..30)
        .map(|second| if silences.look(at("2026-11-23T08:00:00Z").after(Duration::from_secs(second))) { '!' } else { '.' })
        .collect();
    assert_eq!(looks, "..........!.........!.........");
}

#[test]
fn one_that_ended_is_forgotten_only_when_no_clock_can_be_so_wrong() {
    let ends = at("2026-11-23T08:00:00Z");
    let made = Silence {
        id: "s1".into(),
        kind: SilenceKind::Api,
        matchers: Matchers::default(),
        starts_at: None,
        ends_at: Some(ends),
        schedule: None,
        by: "ana".into(),
        reason: String::new(),
        active: true,
    };
    let mut silences = Silences::new(&[], vec![made]);
    let minutes = |minutes| ends.after(Duration::from_mins(minutes));
    assert_eq!((silences.list(minutes(10)).len(), silences.prune(minutes(10))), (0, false));
    assert_eq!(silences.list(ends.before(Duration::from_mins(1))).len(), 1, "the clock went back");
    assert!(silences.prune(minutes(60)));
}
