use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{pools::above, sight::unseen, *};
use crate::{
    cli::report::{
        gather::{FIGURES, Past, QUERY_TIME, SIZE, STATUS, Scope, UTILIZATION, WAIT, WAITING},
        told,
    },
    model::{
        Sample, TargetId,
        alert::Alert,
        history::{Point, Series},
    },
};

const HOUR: i64 = 3_600_000;

pub(crate) fn at(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).expect("a moment")
}

fn start() -> Timestamp {
    at("2026-11-23T00:00:00Z")
}

fn scope() -> Scope {
    Scope { from: start(), to: at("2026-11-30T00:00:00Z"), region: None, target: None }
}

fn sample(region: &str, target: &str, status: &str) -> Sample {
    let golden: Value = serde_json::from_str(include_str!("../../../../tests/golden/web/report.json")).expect("JSON");
    let mut sample = golden["sample"].clone();
    (sample["region"], sample["target"], sample["status"]) = (region.into(), target.into(), status.into());
    sample["probe"]["throttled"] = Value::Null;
    serde_json::from_value(sample).expect("a sample")
}

/// An alert of `rule` on `place`, from one moment to another, told to a channel so many milliseconds after it began.
pub(crate) fn alert(rule: &str, place: (&str, &str), severity: &str, times: (&str, Option<&str>), told: &[(&str, u64)]) -> Alert {
    let golden: Value = serde_json::from_str(include_str!("../../../../tests/golden/web/alerts.json")).expect("JSON");
    let mut alert = golden["alert"].clone();
    let began = at(times.0);
    let parts = [
        ("id", json!(format!("{rule}-{}-{}", place.1, began.unix_ms()))),
        ("fingerprint", json!(format!("{rule}-{}", place.1))),
        ("rule", rule.into()),
        ("region", place.0.into()),
        ("target", place.1.into()),
        ("affects", json!([place.1])),
        ("severity", severity.into()),
        ("startedAt", json!(began)),
        ("resolvedAt", json!(times.1.map(at))),
        ("resolved", times.1.is_some().into()),
        ("state", if times.1.is_some() { "resolved" } else { "firing" }.into()),
        ("threshold", json!(if rule == "pool_saturated" { 0.7 } else { 500.0 })),
        ("flaps", 0.into()),
    ];
    for (key, value) in parts {
        alert[key] = value;
    }
    let delivery = |(channel, ms): &(&str, u64)| {
        let mut delivery = golden["alert"]["deliveries"][0].clone();
        let sent = began.after(std::time::Duration::from_millis(*ms));
        (delivery["channel"], delivery["queuedAt"], delivery["sentAt"]) = ((*channel).into(), json!(began), json!(sent));
        delivery
    };
    alert["deliveries"] = told.iter().map(delivery).collect();
    serde_json::from_value(alert).expect("an alert")
}

/// Hour by hour; `value` gives the smallest, mean and largest, none what was not seen.
fn series(figure: &str, value: impl Fn(i64) -> Option<(f64, f64, f64)>) -> Series {
    let latency = [WAIT, QUERY_TIME].contains(&figure);
    let point = |hour: i64| {
        let (min, mean, max) = value(hour)?;
        let at = Timestamp(start().0 + chrono::Duration::milliseconds(hour * HOUR));
        let mut point = json!({ "at": at, "min": min, "max": max, "mean": mean, "last": mean, "count": 3_600 });
        if latency {
            point["percentiles"] = json!({ "p50": mean, "p95": max * 0.8, "p99": max });
        }
        Some(point)
    };
    let points: Vec<_> = (0..168).filter_map(point).collect();
    serde_json::from_value(json!({ "metric": figure, "unit": "1", "stepMs": HOUR, "resolution": "1h", "points": points }))
        .expect("a series")
}

/// A past in which every night from two to four the pool is full, and the target was not seen on the third day for six hours.
fn past(load: f64, down_from: i64) -> Past {
    let seen = |hour: i64| !(54..60).contains(&hour);
    let value = |figure: &'static str| {
        move |hour: i64| {
            let busy = if (2..4).contains(&(hour % 24)) { load } else { load / (2.0 + (hour % 5) as f64 / 4.0) };
            let value = match figure {
                STATUS if hour >= down_from => (2.0, 2.0, 2.0),
                STATUS => (0.0, 0.0, 0.0),
                _ if hour >= down_from => return None,
                UTILIZATION => (busy * 0.8, busy * 0.9, busy),
                WAITING if busy > 0.9 => (0.0, 2.0, 14.0),
                WAITING => (0.0, 0.0, 0.0),
                WAIT => (0.1, busy * busy * 40.0, busy.powi(3) * 900.0),
                QUERY_TIME => (1.0, 3.0 + busy, 9.0 + busy * 20.0),
                SIZE => {
                    let size = 1.8e9 * load + hour as f64 * 2e6;
                    (size, size, size)
                }
                _ => (0.001, 0.0013, 0.004),
            };
            seen(hour).then_some(value)
        }
    };
    let series = FIGURES.into_iter().map(|figure| (figure, series(figure, value(figure)))).collect();
    Past { series, ..Past::default() }
}

/// A week of two targets: one that hurts, one that is well.
pub(crate) fn week() -> Gathered {
    let marketing = ("us-east-1", "marketing");
    let alerts = vec![
        alert(
            "database_down",
            ("eu-west-1", "billing"),
            "critical",
            ("2026-11-28T10:00:00Z", None),
            &[("slack-ops", 800), ("email-oncall", 301_000)],
        ),
        alert(
            "pool_waiting",
            marketing,
            "critical",
            ("2026-11-24T02:10:00Z", Some("2026-11-24T02:14:10Z")),
            &[("slack-ops", 1_200)],
        ),
        alert("pool_waiting", marketing, "high", ("2026-11-25T02:10:00Z", Some("2026-11-25T02:10:31Z")), &[("slack-ops", 2_200)]),
        alert("pool_saturated", marketing, "high", ("2026-11-24T02:05:00Z", Some("2026-11-24T03:58:00Z")), &[]),
        alert("pool_waiting", marketing, "high", ("2026-11-01T02:10:00Z", Some("2026-11-01T02:10:31Z")), &[("slack-ops", 9_000)]),
    ];
    let mut full = past(0.97, 1_000);
    full.trends = told::leniently(&json!({
        "lookedAt": "2026-11-29T23:00:00Z",
        "sentence": "Its pool is fuller than last week by a fifth.",
        "changes": [{"metric": QUERY_TIME, "sentence": "Queries take 12 ms instead of 2.9 ms since 2026-11-26 09:00 UTC.", "holds": true},
            {"metric": WAIT, "sentence": "This is over.", "holds": false}],
        "slopes": [{"metric": SIZE, "per": "day", "slope": 48e6, "low": 40e6, "high": 70e6, "overSeconds": 6e5}],
        "forecasts": [{"what": "disk", "subject": null, "runsOutAt": "2026-12-15T00:00:00Z", "earliest": "2026-12-13T00:00:00Z",
            "latest": "2026-12-19T00:00:00Z", "sentence": "The disk is full about 2026-12-15."}],
        "trends": [{"metric": UTILIZATION, "slopePerMinute": 0.1}],
    }));
    full.queries = told::leniently(&json!({
        "queries": {"statements": [{"queryId": "-123456789012345678", "text": "select * from orders where id = $1"}]},
        "regressions": [{"kind": "slower", "queryId": "-123456789012345678", "user": "app", "since": "2026-11-26T09:00:00Z",
            "sentence": "The query -123456789012345678 of app takes 12 ms instead of 2.9 ms."}],
    }));
    let golden: Value = serde_json::from_str(include_str!("../../../../tests/golden/web/recommendations.json")).expect("JSON");
    let advice = json!({
        "recommendations": [golden["recommendations"][0]],
        "unknown": golden["unknown"],
        "past": golden["past"],
        "score": {"compared": 3, "withinBounds": 2, "asPredicted": 1},
    });
    Gathered {
        scope: scope(),
        samples: vec![sample("us-east-1", "marketing", "healthy"), sample("eu-west-1", "billing", "unknown")],
        alerts,
        advice: told::leniently(&advice),
        pasts: BTreeMap::from([
            (TargetId::new("us-east-1", "marketing"), full),
            (TargetId::new("eu-west-1", "billing"), past(0.6, 130)),
        ]),
        lacks: BTreeSet::new(),
        tells: Tells { history: true, trends: true, regressions: true, advice: true },
    }
}

/// The same from a node that tells no more than the first ones did.
pub(crate) fn bare() -> Gathered {
    let week = week();
    let tells = Tells { history: false, trends: false, regressions: false, advice: false };
    let lacks = ["history", "advice"].map(|what| format!("{what}: this node is of a version that does not tell"));
    Gathered { pasts: BTreeMap::new(), advice: told::Advice::default(), lacks: lacks.into(), tells, ..week }
}

#[test]
fn incidents_are_counted_once_and_only_within_the_time() {
    let report = Report::of(&week());
    let incidents = &report.incidents;
    assert_eq!((incidents.total, incidents.open, incidents.noise, incidents.hidden), (4, 1, 1, 0));
    assert_eq!(incidents.by_rule[0].rule, "pool_waiting");
    assert!((incidents.by_rule[0].seconds - 281.0).abs() < 1e-9, "{:?}", incidents.by_rule);
    let told = &incidents.told;
    assert_eq!((told.incidents, told.median_seconds, told.slowest_seconds), (3, Some(1.2), Some(2.2)));
    let channels: Vec<_> = told.channels.iter().map(|it| (it.channel.as_str(), it.incidents, it.slowest_seconds)).collect();
    assert_eq!(channels, [("email-oncall", 1, Some(301.0)), ("slack-ops", 3, Some(2.2))]);
    assert_eq!(incidents.longest.as_ref().map(|one| one.rule.as_str()), Some("database_down"));
    assert_eq!(incidents.most_frequent.as_ref().map(|it| it.times), Some(2));
}

#[test]
fn a_pool_is_as_bad_as_long_as_it_was_above_the_threshold_that_its_incidents_tell() {
    let report = Report::of(&week());
    let [worst, other] = report.pools.as_slice() else { panic!("{:?}", report.pools) };
    assert_eq!((worst.place.as_str(), worst.threshold, worst.threshold_is_default), ("us-east-1/marketing", 0.7, false));
    assert_eq!((other.threshold, other.threshold_is_default, other.seconds_above), (0.8, true, 0.0));
    // Seven nights of two hours.
    assert!((worst.seconds_above - 14.0 * 3_600.0).abs() < 1.0, "{worst:?}");
    assert!((worst.client_seconds.expect("known") - 14.0 * 7_200.0).abs() < 1.0, "{worst:?}");
    assert!((worst.seconds_seen - 162.0 * 3_600.0).abs() < 1.0, "{worst:?}");
}

fn point(min: f64, mean: f64, max: f64, count: u32) -> Point {
    Point { at: start(), min, max, mean, last: mean, count, percentiles: None }
}

#[test]
fn of_a_bucket_that_was_partly_above_a_level_the_part_is_between_what_it_can_be() {
    assert!((above(&point(0.9, 0.95, 1.0, 60), 0.8) - 1.0).abs() < 1e-9);
    assert!(above(&point(0.1, 0.5, 0.8, 60), 0.8).abs() < 1e-9, "at the level is not above it");
    for (min, mean, max, level) in [(0.1, 0.11, 1.0, 0.8), (0.0, 0.5, 1.0, 0.6), (0.7, 0.95, 1.0, 0.8)] {
        let share = above(&point(min, mean, max, 60), level);
        let (least, most) = (((mean - level) / (max - level)).max(0.0), ((mean - min) / (level - min)).min(1.0));
        assert!((least..=most).contains(&share), "{share} is not within {least}..{most}");
    }
}

#[test]
fn what_was_not_kept_or_not_known_was_not_seen() {
    let hours = |hours: i64| Timestamp(start().0 + chrono::Duration::hours(hours));
    let status = |value: f64| {
        move |hour: i64| (!(10..13).contains(&hour)).then_some(if hour == 20 { (0.0, value, 3.0) } else { (0.0, 0.0, 0.0) })
    };
    let (seconds, gaps) = unseen(&series(STATUS, status(1.5)), hours(0), hours(24));
    assert!((seconds - 3.5 * 3_600.0).abs() < 1e-6, "half of a mixed hour counts: {seconds}");
    assert_eq!(gaps, [Gap { from: hours(10), to: hours(13) }, Gap { from: hours(20), to: hours(21) }]);
    let (seconds, gaps) = unseen(&series(STATUS, |_| None), hours(0), hours(24));
    assert_eq!((seconds, gaps.len()), (24.0 * 3_600.0, 1), "nothing at all was seen never");
    let mut sparse = series(STATUS, |_| Some((0.0, 0.0, 0.0)));
    sparse.points.iter_mut().for_each(|point| point.count = 360);
    sparse.points[5].count = 180;
    let (seconds, gaps) = unseen(&sparse, hours(0), hours(24));
    assert!((seconds - 1_800.0).abs() < 1e-6, "one sample in ten seconds is sight too: {seconds}");
    assert_eq!(gaps, [Gap { from: hours(5), to: hours(6) }]);
}

#[test]
fn what_fails_with_its_server_is_hidden_by_it_when_it_is_over_too() {
    let mut gathered = week();
    let mut down = gathered.alerts[0].clone();
    (down.id, down.rule, down.resolved) = ("down".into(), crate::model::Rule::DatabaseDown, true);
    (down.suppressed_by, down.deliveries, down.resolved_at) =
        (None, Vec::new(), Some(down.started_at.after(std::time::Duration::from_secs(40))));
    let mut waits = down.clone();
    (waits.id, waits.rule) = ("waits".into(), crate::model::Rule::PoolWaiting);
    waits.started_at = down.started_at.after(std::time::Duration::from_secs(3));
    let mut later = waits.clone();
    (later.id, later.started_at) = ("later".into(), down.started_at.after(std::time::Duration::from_mins(10)));
    gathered.alerts = vec![waits, later, down];
    let told = Report::of(&gathered).incidents;
    let hidden = |id: &str| told.all.iter().find(|one| one.id == id).expect("told").hidden_by.clone();
    assert_eq!((hidden("waits").as_deref(), hidden("later"), hidden("down")), (Some("down"), None, None));
    assert_eq!((told.hidden, told.all.last().map(|one| one.id.as_str())), (1, Some("waits")), "what is hidden comes last");
}

#[test]
fn what_is_before_the_past_is_no_time_without_sight() {
    let mut gathered = week();
    let begins = at("2026-11-25T00:00:00Z");
    for past in gathered.pasts.values_mut() {
        past.series.values_mut().for_each(|series| series.points.retain(|point| point.at >= begins));
    }
    let report = Report::of(&gathered);
    assert!(report.lacks.iter().any(|lack| lack.starts_with("before 2026-11-25 00:00 UTC")), "{:?}", report.lacks);
    assert!(report.sight.iter().all(|sight| sight.gaps.iter().all(|gap| gap.from >= begins)), "{:?}", report.sight);
}

#[test]
fn the_largest_change_is_said_once() {
    let mut gathered = week();
    let changed = gathered.pasts.values_mut().find(|past| past.trends.changes.iter().any(|change| change.holds));
    let trends = &mut changed.unwrap().trends;
    trends.sentence = Some("Average query time up 38% since 08:05 UTC, from 3 ms to 4 ms; query 8123 is 71% of it.".into());
    trends.changes[0].sentence = "Average query time up 38% since 08:05 UTC, from 3 ms to 4 ms.".into();
    let said = Report::of(&gathered).trends;
    assert_eq!(said.iter().filter(|it| it.text.contains("up 38%")).count(), 1, "{said:?}");
}

#[test]
fn a_node_that_keeps_nothing_makes_nothing_look_fine() {
    let report = Report::of(&Gathered { alerts: Vec::new(), ..bare() });
    assert!(report.sight.iter().all(|sight| sight.unseen_seconds.is_none()));
    assert!(report.summary[0].contains("tells no history"), "{:?}", report.summary);
    assert!(report.summary[1].contains("not known"), "{:?}", report.summary);
    assert!(report.summary[2].contains("eu-west-1/billing is not seen now"), "{:?}", report.summary);
}

#[test]
fn of_a_longer_time_than_is_remembered_that_is_said() {
    let mut gathered = week();
    assert!(Report::of(&gathered).lacks.is_empty());
    gathered.scope.from = at("2026-10-30T00:00:00Z");
    let report = Report::of(&gathered);
    assert!(report.lacks[0].contains("forgets them 7d after their end"), "{:?}", report.lacks);
    assert_eq!(report.incidents.total, 5);
}
