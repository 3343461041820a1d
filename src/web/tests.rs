mod acting;
mod advised;
pub(super) mod alerts;
pub(super) mod clustered;
mod page;
mod past;
mod trends;

use std::collections::BTreeSet;

use actix_web::{
    dev::ServiceResponse,
    http::{Method, StatusCode},
    test::{TestRequest, call_service, init_service, read_body, read_body_json},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::clock;
use crate::model::{
    RegionName, Report, Rule, Severity, Status,
    alert::AlertState,
    report::RosterState,
    world::{NodeState, Region, Target, Trend},
};

const GOLDEN: &str = include_str!("../../tests/golden/web/report.json");

/// A report with every field set that can be.
pub(super) fn report() -> Report {
    serde_json::from_str(GOLDEN).unwrap()
}

/// The same report with another name and figures changed by hand.
pub(super) fn renamed(target: &str, change: impl FnOnce(&mut crate::model::Sample)) -> Report {
    let mut report = report();
    let sample = Arc::make_mut(&mut report.sample);
    sample.target = target.into();
    change(sample);
    report
}

/// A world of one region with these reports.
pub(super) fn world(reports: &[Report]) -> World {
    let trend = Trend {
        metric: "connectionPool.utilization".into(),
        now: 0.4,
        mean: 0.3,
        min: 0.1,
        max: 0.5,
        slope_per_minute: 0.01,
        window_ms: 300_000,
    };
    let trends = Arc::new(vec![trend]);
    let target = |report: &Report| {
        (
            report.sample.target.clone(),
            Arc::new(Target { trends: trends.clone(), ..Target::of(report.clone(), "n1".into(), clock::now()) }),
        )
    };
    let roster = RosterState { targets: 2, probes: 6, seen: 2, ..RosterState::default() };
    let node = NodeState { heard: clock::now(), heard_at: report().sample.timestamp, roster: roster.clone() };
    let region = Region {
        status: Status::Degraded,
        heard: Some(clock::now()),
        heard_at: reports.first().map(|report| report.sample.timestamp),
        roster,
        targets: reports.iter().map(target).collect(),
        nodes: [("n1".into(), node)].into(),
        ..Region::unseen()
    };
    let regions = [(RegionName::from("us-east-1"), Arc::new(region))].into();
    World { status: Status::Degraded, updated_at: report().sample.timestamp, judged: clock::now(), cut_off: [].into(), regions }
}

pub(super) fn two() -> World {
    world(&[
        renamed("billing", |sample| {
            sample.status = Status::Healthy;
            sample.reasons.clear();
        }),
        report(),
    ])
}

fn shared(world: World) -> Shared {
    Shared {
        world: Arc::new(ArcSwap::from_pointee(world)),
        alerts: Arc::default(),
        desk: Arc::default(),
        bus: None,
        interest: Arc::default(),
        addresses: Arc::default(),
        applications: Arc::default(),
        pushes: Arc::default(),
        uploads: Arc::default(),
        advice: Arc::default(),
        history: None,
        keeping: Arc::default(),
        insights: Arc::default(),
        node: "n1".into(),
        version: "0.1.0",
        started: report().sample.timestamp,
    }
}

pub(super) fn state(settings: &Settings, world: World) -> Data<State> {
    let shared = shared(world);
    state_of(settings, shared)
}

fn state_of(settings: &Settings, shared: Shared) -> Data<State> {
    let initial = shared.world.load_full();
    Data::new(State {
        access: access::Access::new(settings),
        places: settings.places.clone(),
        stream: WebActor::new(1, initial, shared.alerts.clone(), Arc::default()).start(),
        interests: interest::Interests::new(shared.interest.clone()).into(),
        shared,
        health: health::Cache::default(),
        seats: Arc::default(),
        callbacks: tokio::sync::Semaphore::new(commands::CALLBACKS_AT_ONCE),
        applications: Mutex::default(),
        intake: tokio::sync::Semaphore::new(applications::intake::AT_ONCE),
        past: tokio::sync::Semaphore::new(super::past::AT_ONCE),
        points: Default::default(),
        tls: false,
    })
}

pub(super) fn tokens() -> Settings {
    Settings { viewer_token: Some("view".into()), operator_token: Some("oper".into()), ..Settings::default() }
}

pub(super) fn header<'a>(answer: &'a ServiceResponse<impl actix_web::body::MessageBody>, name: &str) -> &'a str {
    answer.headers().get(name).unwrap().to_str().unwrap()
}

/// Where a value leaves its schema: a missing, an extra or a wrongly typed field.
fn strays(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(routes::OPENAPI).unwrap();
    walk(&document, schema, value, at)
}

fn walk(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return walk(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let fits = any.iter().map(|one| walk(document, one, value, at)).min_by_key(Vec::len);
        return fits.unwrap_or_default();
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let takes = |word: &Value| word == kind || (word == "number" && kind == "integer");
    if !schema["type"].as_array().map_or_else(|| takes(&schema["type"]), |any| any.iter().any(takes)) {
        return vec![format!("{at} is {kind}, not {}", schema["type"])];
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return vec![format!("{at}: {value} is not listed")];
    }
    match value {
        Value::Array(items) => items.iter().flat_map(|item| walk(document, &schema["items"], item, &format!("{at}[]"))).collect(),
        Value::Object(fields) => {
            let mut found = Vec::new();
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap()) {
                    found.push(format!("{at}.{name} is missing"));
                }
            }
            for (name, value) in fields {
                let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                match known {
                    Some(Value::Bool(_)) => {}
                    Some(schema) => found.extend(walk(document, schema, value, &format!("{at}.{name}"))),
                    None => found.push(format!("{at}.{name} is not in the schema")),
                }
            }
            found
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_report_is_exactly_the_golden_json() {
    assert_eq!(serde_json::to_value(report()).unwrap(), serde_json::from_str::<Value>(GOLDEN).unwrap());
}

#[actix_web::test]
async fn every_answer_has_the_described_shape_and_every_address_is_described() {
    let document: Value = serde_json::from_str(routes::OPENAPI).unwrap();
    let mut served = BTreeSet::new();
    let probe = actix_web::App::new().configure(|app| {
        served = routes::addresses(app).into_iter().collect();
    });
    drop(probe);
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(served.iter().map(|(path, _)| *path).collect::<BTreeSet<_>>(), described);
    for (path, allow) in &served {
        let methods: BTreeSet<_> =
            document["paths"][path].as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let allowed: BTreeSet<_> = allow.split(", ").filter(|method| *method != "HEAD").map(str::to_owned).collect();
        assert_eq!(methods, allowed, "{path}");
    }
    let shared = shared(two());
    shared.alerts.store(alerts::book().into());
    shared.advice.store(advised::advice().into());
    let shared = Shared { history: Some(Arc::<past::Always>::default()), ..shared };
    shared.insights.store(trends::insights().into());
    let app = init_service(routes::app(state_of(&Settings::default(), shared))).await;
    let mut shapes = 0;
    for (path, allow) in &served {
        if !allow.starts_with("GET") || matches!(*path, "/api/stream" | "/openapi.json") {
            continue;
        }
        let real = path.replace("{region}", "us-east-1").replace("{target}", "marketing").replace("{id}", alerts::ID);
        let real = real.replace("/history", "/history?metric=connectionPool.averageWaitTime").replace("{rule}", "pool_waiting");
        let real = real.replace("/assets/{tag}/{path}", &assets::addressed("/assets/TAG/icon.svg"));
        let answer = call_service(&app, TestRequest::get().uri(&real).to_request()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{real}");
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if !schema.is_null() {
            let body: Value = read_body_json(answer).await;
            assert_eq!(strays(schema, &body, path), Vec::<String>::new());
            shapes += 1;
        }
    }
    assert_eq!(shapes, 19);
}

#[actix_web::test]
async fn the_whole_world_decides_what_a_load_balancer_hears() {
    for (status, code, word) in [
        (Status::Healthy, 200, "pass"),
        (Status::Degraded, 200, "warn"),
        (Status::Unhealthy, 503, "fail"),
        (Status::Unknown, 503, "fail"),
    ] {
        let app = init_service(routes::app(state(&tokens(), World { status, ..two() }))).await;
        let answer = call_service(&app, TestRequest::get().uri("/api/health").to_request()).await;
        assert_eq!(answer.status(), code);
        let body: Value = read_body_json(answer).await;
        let expected = json!({"status": status, "regions": {"us-east-1": "degraded"}, "updatedAt": "2026-11-23T08:46:00.123Z"});
        assert_eq!(body, expected);
        let request = TestRequest::get().uri("/api/health").insert_header(("Accept", "application/health+json, */*;q=0.1"));
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(header(&answer, "content-type"), "application/health+json");
        assert_eq!(read_body(answer).await, format!(r#"{{"status":"{word}"}}"#));
    }
}

#[actix_web::test]
async fn the_worst_is_the_data_of_database_health() {
    let app = init_service(routes::app(state(&Settings::default(), two()))).await;
    let answer = call_service(&app, TestRequest::get().uri("/api/health/database").to_request()).await;
    let body: Value = read_body_json(answer).await;
    assert_eq!((&body["data"]["target"], body["databases"].as_array().unwrap().len()), (&json!("marketing"), 2));
    let unseen = World::unseen(["us-east-1".into()], report().sample.timestamp, clock::now());
    let app = init_service(routes::app(state(&Settings::default(), unseen))).await;
    let answer = call_service(&app, TestRequest::get().uri("/api/health/database").to_request()).await;
    assert_eq!(answer.status(), 500);
    let body: Value = read_body_json(answer).await;
    assert_eq!((&body["status"], &body["message"]), (&json!("error"), &json!("Health check failed")));
    let answer = call_service(&app, TestRequest::get().uri("/readyz").to_request()).await;
    assert_eq!(answer.status(), 503);
}

#[actix_web::test]
async fn refusals_have_the_right_status_code_and_headers() {
    let app = init_service(routes::app(state(&tokens(), two()))).await;
    let long = format!("/api/health?x={}", "y".repeat(3000));
    let table = [
        (Method::GET, "/nothing", "view", 404, "not_found"),
        (Method::POST, "/api/health", "view", 405, "method_not_allowed"),
        (Method::HEAD, "/api/stream", "view", 405, "method_not_allowed"),
        (Method::GET, "/api/health?region=nowhere", "", 404, "no_such_region"),
        (Method::GET, "/api/databases", "", 401, "unauthenticated"),
        (Method::GET, "/api/databases", "wrong", 401, "wrong_token"),
        (Method::GET, "/api/databases?status=sad", "view", 400, "bad_request"),
        (Method::GET, "/api/databases?region=nowhere", "oper", 404, "no_such_region"),
        (Method::GET, "/api/databases/us-east-1/none", "view", 404, "no_such_target"),
        (Method::GET, "/api/runbooks/pool_waiting", "", 401, "unauthenticated"),
        (Method::GET, "/api/runbooks/pool_wating", "view", 404, "no_such_rule"),
        (Method::GET, "/api/runbooks/..%2Fdecisions%2F0009-tripwire-and-knock", "view", 404, "no_such_rule"),
        (Method::GET, "/api/alerts?from=yesterday", "view", 400, "bad_request"),
        (Method::GET, "/assets/000000000000/icon.svg", "", 404, "not_found"),
        (Method::POST, "/targets", "view", 405, "method_not_allowed"),
        (Method::GET, "/api/stream?target=none", "view", 404, "no_such_target"),
        (Method::GET, &long, "", 414, "uri_too_long"),
    ];
    for (method, uri, token, status, code) in table {
        let mut request = TestRequest::default().method(method.clone()).uri(uri);
        if !token.is_empty() {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), status, "{method} {uri}");
        assert_eq!(answer.headers().contains_key("allow"), status == 405);
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        let body: Value = read_body_json(answer).await;
        assert_eq!(body["error"]["code"], code, "{method} {uri}");
    }
}

/// Reads from a stream until what came holds a text.
async fn until(answer: &mut (impl futures_util::Stream<Item = reqwest::Result<Bytes>> + Unpin), text: &str) -> String {
    let mut came = String::new();
    let reading = async {
        while !came.contains(text) {
            came.push_str(std::str::from_utf8(&answer.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap();
    came
}

#[actix_web::test]
async fn a_real_reader_gets_a_snapshot_then_updates_and_may_resume_and_stopping_is_quick() {
    let settings = Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
    let running = start(&settings, shared(two())).unwrap();
    let url = format!("http://{}/api/stream?target=marketing", running.addr);
    crate::crypto::install();
    let answer = reqwest::get(&url).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["content-encoding"], "identity");
    let mut stream = Box::pin(answer.bytes_stream());
    let first = until(&mut stream, "\"databases\"").await;
    assert!(first.contains("event: snapshot\n") && !first.contains("billing"), "{first}");
    let changed = renamed("marketing", |sample| sample.connection_pool.waiting_clients = Some(7));
    let world = Arc::new(world(std::slice::from_ref(&changed)));
    running.recipient.try_send(WorldChange { world, reports: vec![changed], removed: Vec::new() }).unwrap();
    running.alerts.try_send(alerts::change("firing")).unwrap();
    let update = until(&mut stream, "event: alert").await;
    let data = update.lines().skip_while(|line| *line != "event: update").find_map(|line| line.strip_prefix("data: ")).unwrap();
    let expected = json!({"region": "us-east-1", "target": "marketing", "timestamp": "2026-11-23T08:46:00.123Z",
        "connectionPool": {"waitingClients": 7}});
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), expected);
    let id = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let again = reqwest::Client::new().get(&url).header("Last-Event-ID", id).send().await.unwrap();
    let missed = until(&mut Box::pin(again.bytes_stream()), "event: alert").await;
    assert!(missed.contains("event: update") && !missed.contains("event: snapshot"), "{missed}");
    let began = clock::now();
    running.stop().await;
    assert!(stream.next().await.is_none_or(|chunk| chunk.is_ok()), "the stream ends whole");
    assert!(clock::now() - began < Duration::from_secs(1));
}
