//! What the past says, as the API says it.

use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use serde_json::{Value, json};

use super::{Settings, routes, shared, state_of, two};
use crate::model::{
    TargetId,
    insight::{Band, Change, Episodes, Forecast, Insight, Insights, Per, Regression, RegressionKind, Resource, Season, Slope},
};

const GOLDEN: &str = include_str!("../../../tests/golden/web/trends.json");

pub(super) fn insights() -> Insights {
    let at = super::report().sample.timestamp;
    let metric = || "queryPerformance.averageQueryTime".to_owned();
    let insight = Insight {
        sentence: "Average query time up 38% since 08:05 UTC, from 3.1 ms to 4.28 ms; query 8123 is 71% of it.".into(),
        looked_at: Some(at),
        episodes: Some(Episodes {
            count: 2,
            seconds: 90.0,
            last_at: at,
            over_seconds: 7_200.0,
            most_waiting: Some(38.0),
            longest_wait_ms: Some(4_200.5),
            most_idle_in_transaction: None,
            slowest_query_ms: Some(12.5),
        }),
        changes: vec![Change {
            metric: metric(),
            since: at,
            before: 3.1,
            after: 4.28,
            factor: Some(1.38),
            confidence: 0.999,
            holds: true,
            sentence: "Average query time up 38% since 08:05 UTC, from 3.1 ms to 4.28 ms.".into(),
        }],
        slopes: vec![Slope { metric: metric(), per: Per::Hour, slope: 0.5, low: 0.25, high: 0.75, over_seconds: 7_200.0 }],
        bands: vec![Band { metric: metric(), low: 1.5, middle: 3.0, high: 4.5, days: 14, now: 5.5, unusual_since: Some(at) }],
        seasons: vec![Season { metric: metric(), daily: 0.75, weekly: 0.0, highest_at: 14, lowest_at: 3 }],
        growth_per_day: Some(0.0125),
        forecasts: vec![Forecast {
            what: Resource::Disk,
            subject: None,
            runs_out_at: at,
            earliest: at,
            latest: at,
            sentence: "The disk is full in about 5.0 days.".into(),
        }],
        regressions: vec![Regression {
            kind: RegressionKind::Slower,
            query_id: "8123".into(),
            user: "app".into(),
            since: at,
            before_mean_ms: Some(4.0),
            after_mean_ms: 19.0,
            before_calls_per_second: Some(3.0),
            after_calls_per_second: 3.25,
            share: 0.71,
            sentence: "Each call takes 19 ms instead of 4 ms since 08:05 UTC.".into(),
        }],
    };
    Insights { targets: [(TargetId::new("us-east-1", "marketing"), insight.into())].into() }
}

async fn asked(path: &str) -> Value {
    let shared = shared(two());
    shared.insights.store(insights().into());
    let app = init_service(routes::app(state_of(&Settings::default(), shared))).await;
    read_body_json(call_service(&app, TestRequest::get().uri(path).to_request()).await).await
}

#[actix_web::test]
async fn trends_are_exactly_the_golden_json() {
    let found = asked("/api/databases/us-east-1/marketing/trends").await;
    assert_eq!(found, serde_json::from_str::<Value>(GOLDEN).unwrap(), "{found:#}");
}

#[actix_web::test]
async fn statements_come_with_their_regressions() {
    let found = asked("/api/databases/us-east-1/marketing/queries").await;
    assert_eq!(found["regressions"], serde_json::from_str::<Value>(GOLDEN).unwrap()["regressions"]);
    assert!(found["queries"].is_object());
}

#[actix_web::test]
async fn a_target_whose_past_was_not_looked_at_says_so() {
    let found = asked("/api/databases/us-east-1/billing/trends").await;
    assert_eq!((&found["sentence"], &found["lookedAt"]), (&json!("Its past was not looked at yet."), &json!(null)));
    assert_eq!((found["trends"].as_array().unwrap().len(), &found["changes"]), (1, &json!([])));
}
