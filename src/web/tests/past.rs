//! What was, as the API says it.

use std::sync::{Arc, Mutex};

use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use serde_json::{Value, json};

use super::{Settings, Shared, routes, shared, state, state_of, tokens, two};
use crate::model::{
    TargetId, Timestamp,
    history::{FIGURES, Keeping, Past, Percentiles, Point, Question, Resolution, Series, StatementBucket},
};

const GOLDEN: &str = include_str!("../../../tests/golden/web/history.json");

/// A past that is always the same, and notes what it was asked.
#[derive(Debug, Default)]
pub(super) struct Always(Mutex<Vec<Question>>);

impl Past for Always {
    fn series(&self, question: &Question) -> Result<Vec<Series>, String> {
        self.0.lock().unwrap().push(question.clone());
        Ok(question.figures.iter().map(|figure| series(*figure)).collect())
    }

    fn statements(&self, _: &TargetId, _: Timestamp, _: Timestamp) -> Result<Vec<StatementBucket>, String> {
        let bucket = |ms, query: &str, calls, total_ms| StatementBucket {
            at: Timestamp::from_unix_ms(ms).unwrap(),
            query_id: query.to_owned(),
            user: "app".to_owned(),
            calls,
            total_ms,
            rows: 1,
        };
        let began = 1_700_000_100_000;
        Ok(vec![bucket(began, "1", 4, 10.0), bucket(began, "2", 1, 90.5), bucket(began + 300_000, "1", 2, 3.0)])
    }
}

fn series(figure: usize) -> Series {
    let figure = &FIGURES[figure];
    let at = |ms| Timestamp::from_unix_ms(ms).unwrap();
    let percentiles = figure.is_latency.then_some(Percentiles { p50: 2.0, p95: 7.5, p99: 9.0 });
    let point = Point { at: at(1_700_000_000_000), min: 1.0, max: 9.5, mean: 3.25, last: 4.0, count: 300, percentiles };
    Series {
        metric: figure.path.to_owned(),
        unit: figure.unit.to_owned(),
        step_ms: 300_000,
        resolution: Resolution::FiveMinutes,
        points: vec![point, Point { at: at(1_700_000_300_000), count: 12, ..point }],
    }
}

/// One that cannot be read.
#[derive(Debug)]
struct Broken;

impl Past for Broken {
    fn series(&self, _: &Question) -> Result<Vec<Series>, String> {
        Err("disk I/O error in /secret/path".to_owned())
    }

    fn statements(&self, _: &TargetId, _: Timestamp, _: Timestamp) -> Result<Vec<StatementBucket>, String> {
        Err(String::new())
    }
}

async fn get(shared: Shared, query: &str) -> (u16, Value) {
    ask(shared, &format!("history{query}")).await
}

async fn ask(shared: Shared, what: &str) -> (u16, Value) {
    let app = init_service(routes::app(state_of(&Settings::default(), shared))).await;
    let uri = format!("/api/databases/us-east-1/marketing/{what}");
    let answer = call_service(&app, TestRequest::get().uri(&uri).to_request()).await;
    (answer.status().as_u16(), read_body_json(answer).await)
}

fn with(past: Arc<dyn Past>) -> Shared {
    Shared { history: Some(past), ..shared(two()) }
}

#[actix_web::test]
async fn one_metric_is_a_series_and_several_are_a_list() {
    let past: Arc<Always> = Arc::default();
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let (status, one) = get(with(past.clone()), "?metric=connectionPool.averageWaitTime&from=-2h&step=5m").await;
    assert_eq!((status, &one), (200, &golden["series"][0]));
    let (status, all) = get(with(past.clone()), "?metric=connectionPool.averageWaitTime,status").await;
    assert_eq!((status, &all), (200, &golden));
    let asked = past.0.lock().unwrap();
    assert_eq!(asked[0].target, TargetId::new("us-east-1", "marketing"));
    assert_eq!((asked[0].to.since(asked[0].from).as_secs(), asked[0].step.unwrap().as_secs()), (7_200, 300));
    assert_eq!((asked[1].to.since(asked[1].from).as_secs(), asked[1].step, asked[1].figures.len()), (3_600, None, 2));
}

/// One whose figures are kept in four bytes.
#[derive(Debug)]
struct Short;

impl Past for Short {
    fn series(&self, question: &Question) -> Result<Vec<Series>, String> {
        let mut all = Always::default().series(question)?;
        for point in all.iter_mut().flat_map(|series| &mut series.points) {
            let percentiles = Percentiles { p50: f64::from(0.1_f32), p95: f64::from(0.7_f32), p99: f64::from(0.9_f32) };
            (point.mean, point.percentiles) = (f64::from(0.3_f32), Some(percentiles));
        }
        Ok(all)
    }

    fn statements(&self, _: &TargetId, _: Timestamp, _: Timestamp) -> Result<Vec<StatementBucket>, String> {
        Ok(Vec::new())
    }
}

#[actix_web::test]
async fn figures_have_no_more_digits_than_are_kept() {
    let app = init_service(routes::app(state_of(&Settings::default(), with(Arc::new(Short))))).await;
    for metrics in ["status", "status,probe.impact"] {
        let uri = format!("/api/databases/us-east-1/marketing/history?metric={metrics}");
        let body = read_body(call_service(&app, TestRequest::get().uri(&uri).to_request()).await).await;
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains(r#""mean":0.3,"#) && text.contains(r#"{"p50":0.1,"p95":0.7,"p99":0.9}"#), "{text}");
    }
}

#[actix_web::test]
async fn statements_have_a_past_too() {
    let (status, body) = ask(with(Arc::<Always>::default()), "queries/history?from=-2h").await;
    let point = |at: &str, calls: u64, mean: f64, total: f64| json!({"at": at, "calls": calls, "meanMs": mean, "totalMs": total});
    let expected = json!({"stepMs": 300_000, "statements": [
        {"queryId": "2", "user": "app", "points": [point("2023-11-14T22:15:00.000Z", 1, 90.5, 90.5)]},
        {"queryId": "1", "user": "app", "points": [
            point("2023-11-14T22:15:00.000Z", 4, 2.5, 10.0), point("2023-11-14T22:20:00.000Z", 2, 1.5, 3.0),
        ]},
    ]});
    assert_eq!((status, body), (200, expected));
    for (past, query, status, code) in [
        (None, "", 503, "not_ready"),
        (Some(Arc::new(Broken) as Arc<dyn Past>), "", 503, "not_ready"),
        (Some(Arc::<Always>::default()), "?from=-30d", 400, "bad_request"),
        (Some(Arc::<Always>::default()), "?to=soon", 400, "bad_request"),
    ] {
        let (got, said) = ask(Shared { history: past, ..shared(two()) }, &format!("queries/history{query}")).await;
        assert_eq!((got, &said["error"]["code"]), (status, &json!(code)), "{query}");
    }
}

#[actix_web::test]
async fn refusals_say_what_is_wrong_and_nothing_of_what_is_inside() {
    let (status, said) = get(shared(two()), "?metric=status").await;
    assert_eq!((status, &said["error"]["code"]), (503, &json!("not_ready")));
    assert!(said["error"]["message"].as_str().unwrap().contains("[history] path in global.toml"));
    let (status, said) = get(with(Arc::new(Broken)), "?metric=status").await;
    assert_eq!((status, said.to_string().contains("secret")), (503, false));
    let (status, said) = get(with(Arc::<Always>::default()), "?metric=utilization").await;
    assert_eq!((status, said["error"]["message"].as_str().unwrap().contains("connectionPool.utilization?")), (400, true));
    let app = init_service(routes::app(state(&tokens(), two()))).await;
    for (uri, token, status) in [
        ("marketing/history?metric=status", "", 401),
        ("none/history?metric=status", "view", 404),
        ("marketing/history", "view", 400),
    ] {
        let request = TestRequest::get().uri(&format!("/api/databases/us-east-1/{uri}"));
        let request = request.insert_header(("Authorization", format!("Bearer {token}")));
        let request = if token.is_empty() { TestRequest::get().uri(&format!("/api/databases/us-east-1/{uri}")) } else { request };
        assert_eq!(call_service(&app, request.to_request()).await.status(), status, "{uri}");
    }
}

#[actix_web::test]
async fn a_past_that_is_not_kept_on_disk_is_a_warning_and_its_cause_is_not_for_strangers() {
    let shared = shared(two());
    shared.keeping.store(Arc::new(Keeping { is_on: true, trouble: Some("the disk is full".into()), ..Keeping::default() }));
    for (token, expected) in [("view", "history: not kept on disk: the disk is full"), ("", "history: not kept on disk")] {
        let app = init_service(routes::app(state_of(&tokens(), shared.clone()))).await;
        let mut request = TestRequest::get().uri("/readyz");
        if !token.is_empty() {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let body: Value = read_body_json(call_service(&app, request.to_request()).await).await;
        assert_eq!((&body["status"], &body["warnings"]), (&json!("ready"), &json!([expected])));
    }
}
