//! What a node shows of the others.

use std::time::Instant;

use actix::{Actor, Context, Handler};

use super::*;
use crate::model::{
    Outcome, Phases,
    cluster::{BusState, Interest, Lease, Link, Member, Membership, View},
};

/// The bus of `us-east-1`, which this node leads, and that of `eu-west-1`, which does not answer.
pub(in crate::web) fn bus(now: Instant) -> BusState {
    let member = |node: &str| Member { node: node.into(), boot: 1, leaving: false, wire: 2 };
    let link = |region: &str, trouble: Option<&str>| Link {
        region: region.into(),
        answered: trouble.is_none().then_some(now),
        trouble: trouble.map(ToOwned::to_owned),
        round_trip_ms: trouble.is_none().then_some(1.5),
        read: 7,
        missed: 2,
        skipped: 1,
        lag_ms: trouble.is_none().then_some(12.0),
    };
    let home = Membership {
        region: "us-east-1".into(),
        me: "n1".into(),
        members: vec![member("n1"), member("n2")],
        answered: Some(now),
        lease: Lease::Mine { fence: 3, until: now + Duration::from_hours(1), wiped: false },
    };
    BusState {
        links: [link("us-east-1", None), link("eu-west-1", Some("no answer from redis.internal:6379 in 1 s"))]
            .map(|link| (link.region.clone(), link))
            .into(),
        homes: [("us-east-1".into(), home)].into(),
        written: 40,
        overtaken: 3,
        dropped: 4,
        wire: 2,
        cache: None,
    }
}

/// How a target looks from `eu-west-1`.
pub(in crate::web) fn view() -> View {
    View {
        from: "eu-west-1".into(),
        outcome: Outcome::Ok,
        failed_phase: None,
        message: None,
        checked_at: report().sample.timestamp,
        phases: Phases { tcp: Some(80.0), first_query: Some(81.0), ..Phases::default() },
    }
}

/// A world with a second region that is cut off from here.
fn half_seen() -> World {
    let mut world = two();
    let region = Region { heard: Some(clock::now()), ..Region::unseen() };
    world.regions.insert("eu-west-1".into(), region.into());
    world.cut_off = ["eu-west-1".into()].into();
    world
}

fn with_bus(world: World, bus: BusState) -> Shared {
    Shared { bus: Some(Arc::new(ArcSwap::from_pointee(bus))), ..shared(world) }
}

#[actix_web::test]
async fn health_says_so_when_its_own_view_is_cut_off() {
    let app = init_service(routes::app(state(&tokens(), half_seen()))).await;
    let ask = |uri: &str, form: &str| {
        let request = TestRequest::get().uri(uri).insert_header(("Accept", form)).to_request();
        call_service(&app, request)
    };
    let body: Value = read_body_json(ask("/api/health", "application/json").await).await;
    assert_eq!((&body["cutOff"], &body["regions"]["eu-west-1"]), (&json!(["eu-west-1"]), &json!("unknown")));
    let body: Value = read_body_json(ask("/api/health", "application/health+json").await).await;
    let note = "eu-west-1: this node cannot reach its bus, so its own view is cut off";
    assert_eq!(body, json!({"status": "warn", "notes": [note]}));
    let body: Value = read_body_json(ask("/api/health?region=us-east-1", "application/json").await).await;
    assert_eq!(body.get("cutOff"), None, "that region is seen");
}

#[actix_web::test]
async fn regions_show_their_nodes_and_how_far_away_they_are() {
    let document: Value = serde_json::from_str(routes::OPENAPI).unwrap();
    let schema = &document["components"]["schemas"]["Regions"];
    let shared = with_bus(half_seen(), bus(clock::now()));
    let settings = Settings { places: [("eu-west-1".into(), [52.52, 13.4])].into(), ..Settings::default() };
    let app = init_service(routes::app(state_of(&settings, shared))).await;
    let answer = call_service(&app, TestRequest::get().uri("/api/regions").to_request()).await;
    let body: Value = read_body_json(answer).await;
    assert_eq!(strays(schema, &body, "regions"), Vec::<String>::new());
    let (far, near) = (&body["regions"][0], &body["regions"][1]);
    assert_eq!((&far["cutOff"], &far["trouble"]), (&json!(true), &json!("no answer from redis.internal:6379 in 1 s")));
    assert_eq!((&near["latency"], &near["cutOff"]), (&json!(1.5), &json!(false)));
    assert_eq!((&near["leader"], &far["leader"]), (&json!("n1"), &json!(null)), "only its own regions' leaders are known");
    let berlin = json!({"latitude": 52.52, "longitude": 13.4, "place": "eu-west-1"});
    let virginia = json!({"latitude": 38.9, "longitude": -77.4, "place": "Northern Virginia"});
    assert_eq!((&near["location"], &far["location"]), (&virginia, &berlin), "as its code says, and as configured");
    assert_eq!(near["nodes"], json!([{"node": "n1", "heardAt": "2026-11-23T08:46:00.123Z", "targets": 2}]));
}

#[actix_web::test]
async fn a_sample_shows_how_it_looks_from_elsewhere_as_described() {
    let document: Value = serde_json::from_str(routes::OPENAPI).unwrap();
    let seen = renamed("marketing", |sample| {
        sample.reachability.views = vec![view()];
        let (kind, message) = (crate::model::sample::VerdictKind::Up, "us-east-1 and eu-west-1 reach it".to_owned());
        sample.reachability.verdict = Some(crate::model::sample::Verdict { kind, message });
    });
    let app = init_service(routes::app(state(&Settings::default(), world(&[seen])))).await;
    for (uri, schema) in [("/api/databases", "Databases"), ("/api/databases/us-east-1/marketing", "Details")] {
        let body: Value = read_body_json(call_service(&app, TestRequest::get().uri(uri).to_request()).await).await;
        assert_eq!(strays(&document["components"]["schemas"][schema], &body, uri), Vec::<String>::new());
        assert!(body.to_string().contains(r#""verdict":{"kind":"up""#), "{body}");
    }
}

#[actix_web::test]
async fn why_a_bus_does_not_answer_is_not_for_strangers() {
    let shared = with_bus(half_seen(), bus(clock::now()));
    let app = init_service(routes::app(state_of(&tokens(), shared))).await;
    for (token, tells) in [("", false), ("view", true)] {
        let mut request = TestRequest::get().uri("/readyz");
        if !token.is_empty() {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), StatusCode::OK, "a far region that is dark is no cause to send traffic elsewhere");
        let body: Value = read_body_json(answer).await;
        let warning = body["warnings"][0].as_str().unwrap();
        assert!(warning.starts_with("eu-west-1: this node cannot reach its bus"));
        assert_eq!(warning.contains("redis.internal"), tells);
    }
}

/// Collects what the bus is told.
struct Ear(Arc<std::sync::Mutex<Vec<RegionName>>>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Interest> for Ear {
    type Result = ();

    fn handle(&mut self, interest: Interest, _: &mut Self::Context) {
        self.0.lock().unwrap().push(interest.0);
    }
}

#[actix_web::test]
async fn whoever_looks_closely_is_told_to_the_bus_now_and_then() {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let shared = shared(two());
    shared.interest.store(Some(Arc::new(Ear(heard.clone()).start().recipient())));
    let interests = interest::Interests::new(shared.interest.clone());
    let app = init_service(routes::app(state_of(&Settings::default(), shared))).await;
    let ask = async |uri: &str| drop(call_service(&app, TestRequest::get().uri(uri).to_request()).await);
    ask("/api/databases").await;
    ask("/api/databases/nowhere/none").await;
    for _ in 0..20 {
        ask("/api/databases/us-east-1/marketing/activity").await;
    }
    // On its own clock: ten seconds later once more.
    let now = clock::now();
    interests.tell(now, &"us-east-1".into());
    interests.tell(now + Duration::from_secs(9), &"us-east-1".into());
    interests.tell(now + Duration::from_secs(10), &"us-east-1".into());
    let deadline = clock::now() + Duration::from_secs(5);
    while heard.lock().unwrap().len() < 3 {
        assert!(clock::now() < deadline, "nothing is told");
        tokio::task::yield_now().await;
    }
    assert_eq!(*heard.lock().unwrap(), ["us-east-1".into(), "us-east-1".into(), "us-east-1".into()]);
}
