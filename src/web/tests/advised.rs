//! What is advised, as the API says it.

use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use serde_json::Value;

use super::{Settings, alerts, routes, shared, state_of, two};
use crate::model::advice::{Advice, Change, Fact, Kind, Outcome, Predicted, Recommendation, Unknown, Verdict};

const GOLDEN: &str = include_str!("../../../tests/golden/web/recommendations.json");

pub(super) fn advice() -> Advice {
    let predicted =
        Predicted { mean_wait_ms: 1.2, p95_wait_ms: 8.1, utilization: 0.58, server_connections: 6, low: 0.4, high: 2.9 };
    let enlarge = Recommendation {
        id: "0123456789abcdef".into(),
        region: "us-east-1".into(),
        target: "marketing".into(),
        kind: Kind::EnlargePool,
        subject: "marketing (app) at pgb.internal:6432".into(),
        title: "Give the pool 6 server connections instead of 4".into(),
        change: Change {
            setting: "pool_size".into(),
            from: Some("4".into()),
            to: Some("6".into()),
            command: Some("RELOAD;".into()),
            undo: Some("RELOAD;".into()),
        },
        evidence: vec![Fact { what: "transactions".into(), value: 170.5, unit: "1/s".into() }],
        predicted: Some(predicted),
        confidence: 0.81,
        confidence_reason: "how much single times vary is assumed (cv² = 1)".into(),
        caution: "Not when the server has no processor to spare.".into(),
        outcome: None,
        value: 3.0,
    };
    let outcome = Outcome {
        taken_at: super::report().sample.timestamp,
        to: 6,
        predicted: Some(predicted),
        mean_wait_ms: Some(0.9),
        utilization: Some(0.57),
        service_before_ms: 20.1,
        service_ms: Some(20.3),
        within_bounds: Some(true),
        verdict: Verdict::AsPredicted,
    };
    let taken =
        Recommendation { id: "fedcba9876543210".into(), target: "billing".into(), outcome: Some(outcome), ..enlarge.clone() };
    let stay = Recommendation {
        id: "00000000000000ff".into(),
        kind: Kind::DoNotEnlargePool,
        change: Change { to: None, command: None, undo: None, ..enlarge.change.clone() },
        predicted: None,
        ..enlarge.clone()
    };
    let unknown = Unknown {
        region: "us-east-1".into(),
        target: "billing".into(),
        subject: "billing (app) at pgb.internal:6432".into(),
        cause: "it was seen for 10 s, of 90 s that are needed".into(),
    };
    Advice { recommendations: vec![enlarge, stay], unknown: vec![unknown], past: vec![taken] }
}

#[actix_web::test]
async fn advice_is_exactly_the_golden_json_and_may_be_of_one_target() {
    let shared = shared(two());
    shared.alerts.store(alerts::book().into());
    shared.advice.store(advice().into());
    let app = init_service(routes::app(state_of(&Settings::default(), shared))).await;
    let ask =
        async |path: &str| -> Value { read_body_json(call_service(&app, TestRequest::get().uri(path).to_request()).await).await };
    let all = ask("/api/recommendations").await;
    assert_eq!(all, serde_json::from_str::<Value>(GOLDEN).unwrap(), "{all:#}");
    for path in ["/api/databases/us-east-1/billing/recommendations", "/api/recommendations?target=billing"] {
        let one = ask(path).await;
        assert_eq!((&one["recommendations"], &one["past"]), (&serde_json::json!([]), &all["past"]), "{path}");
        assert_eq!(one["unknown"].as_array().unwrap().len(), 1);
        assert_eq!(one["score"]["withinBounds"], 1);
    }
    let other = ask("/api/databases/us-east-1/marketing/recommendations").await;
    assert_eq!((&other["past"], &other["score"]["compared"]), (&serde_json::json!([]), &serde_json::json!(0)));
    assert_eq!(ask("/api/databases/us-east-1/none/recommendations").await["error"]["code"], "no_such_target");
}
