use chrono::DateTime;

use super::*;
use crate::model::{Status, TargetId};

fn now(ms: i64, ahead: i64) -> Now {
    let at = |ms| Timestamp(DateTime::from_timestamp_millis(1_795_000_000_000 + ms).expect("a moment"));
    Now { steady: at(ms), wall: at(ms + ahead) }
}

fn sample(utilization: Option<f64>) -> Sample {
    let text = format!(
        r#"{{"timestamp":"2026-11-23T08:46:00.123Z","region":"us","target":"app","status":"{}","reasons":[],
        "connectionPool":{{"utilization":{}}},"queryPerformance":{{}},"database":{{"cacheHitRatio":0.5}},"poolers":[],
        "reachability":{{"phases":{{}}}},"probe":{{"intervalMs":250,"connections":2,"missing":[]}}}}"#,
        Status::Healthy.as_str(),
        utilization.map_or("null".to_owned(), |value| value.to_string())
    );
    serde_json::from_str(&text).expect("a sample")
}

fn chart(figures: &Figures, rule: Rule, now: Now) -> Vec<(i64, Option<f64>)> {
    let points = figures.chart(rule, now).points;
    points.into_iter().map(|(at, value)| (at - 1_795_000_000_000, value.map(f64::round))).collect()
}

#[test]
fn a_point_is_the_worst_of_two_seconds_and_gaps_are_gaps() {
    let mut figures = Figures::default();
    for (ms, utilization) in [(0, Some(0.1)), (500, Some(0.4)), (1_900, Some(0.2)), (2_100, None), (10_000, Some(0.3))] {
        figures.add(now(ms, 0).steady, &sample(utilization));
    }
    let points = chart(&figures, Rule::PoolSaturated, now(10_000, 0));
    assert_eq!(points, [(0, Some(40.0)), (2_000, None), (8_000, None), (10_000, Some(30.0))]);
    assert_eq!(chart(&figures, Rule::RegionBlind, now(10_000, 0)), []);
    assert_eq!(figures.chart(Rule::CacheHitLow, now(0, 0)).unit, "%");
}

#[test]
fn only_the_last_five_minutes_are_kept_and_their_times_are_those_on_the_wall() {
    let mut figures = Figures::default();
    for second in 0..1_000 {
        figures.add(now(second * 1_000, 0).steady, &sample(Some(0.5)));
    }
    let points = chart(&figures, Rule::PoolSaturated, now(999_000, 600_000));
    assert_eq!((points.len(), points[0].0, points[149].0), (150, 700_000 + 600_000, 998_000 + 600_000));
    assert!(points.windows(2).all(|pair| pair[1].0 - pair[0].0 == 2_000));
    assert_eq!(chart(&figures, Rule::PoolSaturated, now(10_000_000, 0)), [], "long ago");
}

#[test]
fn a_thousand_targets_fit_into_eight_mebibytes() {
    let mut figures = Figures::default();
    for second in 0..1_000 {
        figures.add(now(second * 1_000, 0).steady, &sample(Some(0.5)));
    }
    let names = size_of::<TargetId>() + 64;
    let one = size_of::<Figures>() + figures.points.capacity() * size_of::<Point>() + names;
    assert!(one * 1_000 < 8 << 20, "{one} bytes each");
}
