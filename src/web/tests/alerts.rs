use std::sync::Mutex;

use actix::{Context, Handler, ResponseFuture};
use actix_web::body::MessageBody;

use super::*;
use crate::model::alert::{Alert, AlertChange, AlertRefusal, AlertStep, ChannelState, Silence};

const GOLDEN: &str = include_str!("../../../tests/golden/web/alerts.json");

/// The id of the golden alert.
pub(in crate::web) const ID: &str = "9f2c64a1d07be835-6922cb28";

#[derive(serde::Deserialize)]
struct Golden {
    alert: Alert,
    steps: Vec<AlertStep>,
    silences: Vec<Silence>,
    channels: Vec<ChannelState>,
}

fn golden() -> Golden {
    serde_json::from_str(GOLDEN).unwrap()
}

/// The golden alert, changed by hand.
pub(in crate::web) fn alert(change: impl FnOnce(&mut Alert)) -> Arc<Alert> {
    let mut alert = golden().alert;
    change(&mut alert);
    Arc::new(alert)
}

/// A book with every field set that can be.
pub(in crate::web) fn book() -> AlertBook {
    let Golden { alert, steps, silences, channels } = golden();
    AlertBook {
        alerts: vec![Arc::new(alert)],
        steps: [(ID.to_owned(), Arc::new(steps))].into(),
        silences,
        channels,
        late_steps: 2,
        not_kept: Some("the disk is full".into()),
    }
}

/// Something that happened to the golden alert.
pub(in crate::web) fn change(event: &'static str) -> AlertChange {
    AlertChange(vec![(event, alert(|_| {}))])
}

/// A desk that writes down what it is asked. What it answers is in the name of what it is asked about.
#[derive(Default)]
struct Desk(Arc<Mutex<Vec<String>>>);

impl Actor for Desk {
    type Context = Context<Self>;
}

impl Desk {
    fn hear<T>(&self, what: &impl std::fmt::Debug, about: &str, fine: T) -> ResponseFuture<Result<T, AlertRefusal>>
    where
        T: 'static,
    {
        self.0.lock().unwrap().push(format!("{what:?}"));
        let answer = match about {
            "none" => Err(AlertRefusal::NotFound("there is no such thing".into())),
            "over" => Err(AlertRefusal::Invalid("it is over".into())),
            "forged" => Err(AlertRefusal::Forbidden("the signature is wrong".into())),
            "hangs" => return Box::pin(std::future::pending()),
            _ => Ok(fine),
        };
        Box::pin(async { answer })
    }
}

macro_rules! hears {
    ($($command:ident => $answer:ty, |$it:ident| $about:expr, $fine:expr;)*) => {
        $(impl Handler<$command> for Desk {
            type Result = ResponseFuture<Result<$answer, AlertRefusal>>;

            fn handle(&mut self, $it: $command, _: &mut Self::Context) -> Self::Result {
                self.hear(&$it, $about, $fine)
            }
        })*
    };
}

hears! {
    Acknowledge => Arc<Alert>, |it| &it.id, alert(|_| {});
    NewSilence => Silence, |it| &it.by, golden().silences.remove(0);
    EndSilence => (), |it| &it.0, ();
    TestChannel => String, |it| &it.0, "200 ok".to_owned();
    Callback => String, |it| std::str::from_utf8(&it.body).unwrap_or_default(), r#"{"done":true}"#.to_owned();
}

/// A state with the book and a desk, and what the desk hears.
pub(super) fn with_desk(settings: &Settings) -> (Data<State>, Arc<Mutex<Vec<String>>>) {
    let (shared, desk) = (shared(two()), Desk::default());
    let heard = desk.0.clone();
    let desk = desk.start();
    shared.alerts.store(book().into());
    shared.desk.store(Some(Arc::new(AlertDoors {
        acknowledge: desk.clone().recipient(),
        silence: desk.clone().recipient(),
        end_silence: desk.clone().recipient(),
        test: desk.clone().recipient(),
        callback: desk.recipient(),
    })));
    (state_of(settings, shared), heard)
}

pub(super) async fn code(answer: ServiceResponse<impl MessageBody>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = read_body_json(answer).await;
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[actix_web::test]
async fn alerts_are_listed_by_what_is_asked_newest_first() {
    let one = |id: &str, state: AlertState, severity, region: &str, rule| {
        alert(|alert| {
            (alert.id, alert.state, alert.severity) = (id.into(), state, severity);
            (alert.region, alert.rule) = (region.into(), rule);
            let over = || serde_json::from_value(json!("2026-11-23T08:50:00Z")).unwrap();
            alert.resolved_at = (state == AlertState::Resolved).then(over);
        })
    };
    let shared = shared(two());
    let book = AlertBook {
        alerts: vec![
            one("e", AlertState::Pending, Severity::Low, "us-east-1", Rule::CacheHitLow),
            one("d", AlertState::Firing, Severity::Critical, "gone-1", Rule::DatabaseDown),
            one("c", AlertState::Firing, Severity::High, "us-east-1", Rule::PoolWaiting),
            one("b", AlertState::Recovering, Severity::Medium, "isobar", Rule::DeliveryFailing),
            one("a", AlertState::Resolved, Severity::Critical, "us-east-1", Rule::DatabaseDown),
        ],
        ..AlertBook::default()
    };
    shared.alerts.store(book.into());
    let app = init_service(routes::app(state_of(&Settings::default(), shared))).await;
    let table = [
        ("", "edcba", 5),
        ("?limit=2", "ed", 5),
        ("?state=firing", "dc", 2),
        ("?state=firing,%20recovering,", "dcb", 3),
        ("?state=", "edcba", 5),
        ("?severity=critical,low&region=us-east-1", "ea", 2),
        ("?rule=database_down", "da", 2),
        ("?rule=delivery_failing&region=isobar", "b", 1),
        ("?region=gone-1", "d", 1),
        ("?region=never-1", "", 0),
        ("?target=marketing&state=resolved", "a", 1),
        ("?target=billing", "", 0),
        ("?from=2026-11-23T08:50:00Z&to=now", "edcba", 5),
        ("?from=2026-11-23T08:50:00.001Z", "edcb", 4),
        ("?to=2026-11-23T08:45:12.001Z", "edcba", 5),
        ("?to=2026-11-23T08:45:12Z", "", 0),
        ("?colour=red", "edcba", 5),
    ];
    for (query, ids, total) in table {
        let answer = call_service(&app, TestRequest::get().uri(&format!("/api/alerts{query}")).to_request()).await;
        assert_eq!(answer.status(), 200, "{query}");
        let body: Value = read_body_json(answer).await;
        let found: String = body["alerts"].as_array().unwrap().iter().map(|alert| alert["id"].as_str().unwrap()).collect();
        assert_eq!((found.as_str(), &body["total"]), (ids, &json!(total)), "{query}");
    }
    for (query, says) in [
        ("?state=burning", "pending, firing, acknowledged, recovering, resolved"),
        ("?severity=warning", "low, medium, high, critical"),
        ("?rule=pool_wating", "pool_waiting"),
        ("?limit=0", "1 to 10000"),
        ("?limit=many", "limit"),
        ("?from=yesterday", "from must be a moment"),
        ("?to=tomorrow", "to must be a moment"),
    ] {
        let answer = call_service(&app, TestRequest::get().uri(&format!("/api/alerts{query}")).to_request()).await;
        assert_eq!(answer.status(), 400, "{query}");
        let body: Value = read_body_json(answer).await;
        assert!(body["error"]["message"].as_str().unwrap().contains(says) || says == "limit", "{query}: {body}");
    }
}

#[actix_web::test]
async fn one_alert_comes_whole_and_explained() {
    let (state, _) = with_desk(&Settings::default());
    let app = init_service(routes::app(state)).await;
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let table = [
        (format!("/api/alerts/{ID}"), golden["alert"].clone()),
        (
            format!("/api/alerts/{ID}/explain"),
            json!({"alert": golden["alert"], "steps": golden["steps"], "deliveries": golden["alert"]["deliveries"]}),
        ),
        ("/api/silences".into(), json!({"silences": golden["silences"]})),
        ("/api/channels".into(), json!({"channels": golden["channels"]})),
    ];
    for (path, expected) in table {
        let answer = call_service(&app, TestRequest::get().uri(&path).to_request()).await;
        assert_eq!(read_body_json::<Value, _>(answer).await, expected, "{path}");
    }
    for path in
        ["/api/alerts/none", "/api/alerts/none/explain", "/api/alerts/%FF%00", &format!("/api/alerts/{}", "x".repeat(1_900))]
    {
        let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(code(answer).await, (404, "no_such_alert".into()), "{path}");
    }
}

#[actix_web::test]
async fn commands_reach_the_desk_as_they_were_meant() {
    let (state, heard) = with_desk(&Settings::default());
    let app = init_service(routes::app(state)).await;
    let ack = format!("/api/alerts/{ID}/ack");
    let silence =
        json!({"matchers": {"region": "eu-*", "rule": "pool_waiting"}, "duration": "2h", "by": "rosa", "reason": "move"});
    let until = json!({"matchers": {"severity": "l?w"}, "startsAt": "2026-11-23T08:00:00Z", "endsAt": "2026-11-23T09:00:00+01:00",
        "by": "rosa", "reason": "x"});
    let until = {
        let mut until = until;
        until["endsAt"] = json!("2026-11-23T10:00:00+01:00");
        until
    };
    let table = [
        (
            TestRequest::post().uri(&ack).set_json(json!({"by": " rosa ", "note": "on it"})),
            200,
            r#"by: "rosa", note: Some("on it")"#,
        ),
        (TestRequest::post().uri(&ack).set_json(json!({"by": "rosa", "note": null})), 200, "note: None"),
        (TestRequest::post().uri("/api/silences").set_json(&silence), 201, "lasts: Some(7200s)"),
        (TestRequest::post().uri("/api/silences").set_json(&until), 201, "ends_at: Some(Timestamp(2026-11-23T09:00:00Z))"),
        (TestRequest::delete().uri("/api/silences/s-1"), 204, r#"EndSilence("s-1")"#),
        (TestRequest::post().uri("/api/channels/slack%20ops/test"), 200, r#"TestChannel("slack ops")"#),
    ];
    for (request, status, expected) in table {
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status().as_u16(), status, "{expected}");
        let newest = heard.lock().unwrap().pop().unwrap();
        assert!(newest.contains(expected), "{newest}");
    }
}

#[actix_web::test]
async fn what_the_desk_refuses_has_the_right_status() {
    let (state, _) = with_desk(&Settings::default());
    let app = init_service(routes::app(state)).await;
    let by = |by: &str| json!({"matchers": {"region": "*"}, "duration": "1h", "by": by, "reason": "r"});
    let ack = |id: &str| TestRequest::post().uri(&format!("/api/alerts/{id}/ack")).set_json(json!({"by": "rosa"}));
    let table = [
        (ack("none"), 404, "no_such_alert"),
        (ack("over"), 409, "conflict"),
        (TestRequest::post().uri("/api/silences").set_json(by("over")), 400, "bad_request"),
        (TestRequest::delete().uri("/api/silences/none"), 404, "no_such_silence"),
        (TestRequest::delete().uri("/api/silences/over"), 409, "conflict"),
        (TestRequest::post().uri("/api/channels/none/test"), 404, "no_such_channel"),
        (TestRequest::post().uri("/api/channels/over/test"), 502, "channel_failed"),
        (TestRequest::post().uri("/api/slack/actions").set_payload("forged"), 403, "bad_signature"),
        (TestRequest::post().uri("/api/qstash/callback").set_payload("forged"), 403, "bad_signature"),
        (TestRequest::post().uri("/api/qstash/callback").set_payload("none"), 404, "not_found"),
        (TestRequest::post().uri("/api/qstash/callback").set_payload("over"), 400, "bad_request"),
    ];
    for (request, status, expected) in table {
        let request = request.to_request();
        let path = request.path().to_owned();
        assert_eq!(code(call_service(&app, request).await).await, (status, expected.to_owned()), "{path}");
    }
}

#[actix_web::test]
async fn a_desk_that_is_missing_or_hangs_costs_a_limited_time() {
    let app = init_service(routes::app(state(&Settings::default(), two()))).await;
    let ack = || TestRequest::post().uri("/api/alerts/hangs/ack").set_json(json!({"by": "rosa"})).to_request();
    assert_eq!(code(call_service(&app, ack()).await).await, (503, "not_ready".into()));
    let (state, _) = with_desk(&Settings::default());
    let app = init_service(routes::app(state)).await;
    tokio::time::pause();
    let table = [
        (ack(), 5_000),
        (TestRequest::delete().uri("/api/silences/hangs").to_request(), 5_000),
        (TestRequest::post().uri("/api/channels/hangs/test").to_request(), 25_000),
        (TestRequest::post().uri("/api/slack/actions").set_payload("hangs").to_request(), 2_500),
    ];
    for (request, limit) in table {
        let (path, began) = (request.path().to_owned(), clock_of_tokio());
        let answer = call_service(&app, request).await;
        assert_eq!(header(&answer, "retry-after"), "5", "{path}");
        assert_eq!(code(answer).await, (503, "not_ready".into()), "{path}");
        let took = (clock_of_tokio() - began).as_millis();
        assert!((limit..limit + 100).contains(&took), "{path}: {took} ms");
    }
}

/// The clock that a test may stop.
#[allow(clippy::disallowed_methods)]
fn clock_of_tokio() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[actix_web::test]
async fn a_providers_call_needs_no_token_and_reaches_the_desk_as_it_came() {
    let (state, heard) = with_desk(&tokens());
    let app = init_service(routes::app(state)).await;
    for (path, provider) in [("/api/slack/actions", "Slack"), ("/api/qstash/callback", "Qstash")] {
        let request =
            TestRequest::post().uri(path).insert_header(("X-Slack-Signature", "v0=AbC")).set_payload("payload=%7B%7D&a=b");
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (200, "application/json"));
        assert_eq!(read_body(answer).await, r#"{"done":true}"#);
        let heard = heard.lock().unwrap().pop().unwrap();
        for part in [provider, r#"("x-slack-signature", "v0=AbC")"#, &format!("{:?}", b"payload=%7B%7D&a=b".to_vec())] {
            assert!(heard.contains(part), "{part} in {heard}");
        }
    }
    for about in ["none", "over"] {
        let request = TestRequest::post().uri("/api/slack/actions").set_payload(about);
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), 200, "Slack shows people nothing else");
        let body: Value = read_body_json(answer).await;
        assert!(body["text"].as_str().is_some_and(|text| text.starts_with("the") || text.starts_with("it is over")), "{body}");
    }
}

#[actix_web::test]
async fn alerts_that_are_not_kept_are_worth_a_warning_but_no_refusal() {
    let (state, _) = with_desk(&Settings::default());
    let shared = state.shared.clone();
    let app = init_service(routes::app(state)).await;
    let ready = || TestRequest::get().uri("/readyz").to_request();
    let answer = call_service(&app, ready()).await;
    assert_eq!(answer.status(), 200);
    let body: Value = read_body_json(answer).await;
    assert_eq!(body["warnings"], json!(["alerts: not kept on disk: the disk is full"]));
    let app_with_tokens = init_service(routes::app(with_desk(&tokens()).0)).await;
    let body: Value = read_body_json(call_service(&app_with_tokens, ready()).await).await;
    assert_eq!(body["warnings"], json!(["alerts: not kept on disk"]), "a stranger need not know why");
    shared.alerts.store(Arc::default());
    assert_eq!(read_body_json::<Value, _>(call_service(&app, ready()).await).await["warnings"], json!([]));
}

#[actix_web::test]
async fn the_page_has_buttons_only_for_those_who_may_use_them() {
    for (settings, token, acts) in [(tokens(), "view", false), (tokens(), "oper", true), (Settings::default(), "", true)] {
        let app = init_service(routes::app(with_desk(&settings).0)).await;
        let request = TestRequest::get().uri("/").insert_header(("Authorization", format!("Bearer {token}")));
        let page = String::from_utf8(read_body(call_service(&app, request.to_request()).await).await.to_vec()).unwrap();
        assert_eq!(page.contains(r#"<body data-acts="yes" "#), acts, "{token}");
    }
}
