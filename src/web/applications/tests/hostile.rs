//! The endpoint itself: who may tell, in which forms, and what it does with bodies that nobody should send.

use std::{io::Write, sync::Arc};

use actix::{Actor, Context, Handler};
use actix_web::{
    body::MessageBody,
    dev::ServiceResponse,
    test::{TestRequest, call_service, init_service, read_body},
    web::Data,
};
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use tokio::sync::mpsc;

use super::{addresses, hikari, node_postgres};
use crate::{
    model::vitals::Told,
    otlp::{Refusal, Response},
    web::{Settings, State, routes, tests as web},
};

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const GZIP: (&str, &str) = ("Content-Encoding", "gzip");

/// Who watches `eu/shop`.
struct Ear(mpsc::UnboundedSender<Told>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Told> for Ear {
    type Result = ();

    fn handle(&mut self, told: Told, _: &mut Self::Context) {
        self.0.send(told).unwrap();
    }
}

fn state(settings: &Settings) -> (Data<State>, mpsc::UnboundedReceiver<Told>) {
    let state = web::state(settings, web::two());
    let (said, heard) = mpsc::unbounded_channel();
    state.shared.addresses.store(Arc::new(addresses()));
    state.shared.applications.store(Arc::new([("eu".into(), Ear(said).start().recipient())].into()));
    (state, heard)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn post(headers: &[(&str, &str)], body: Vec<u8>) -> TestRequest {
    headers
        .iter()
        .fold(TestRequest::post().uri("/v1/metrics"), |request, header| request.insert_header(*header))
        .set_payload(body)
}

async fn said<M: Message + Default>(answer: ServiceResponse<impl MessageBody>) -> M {
    assert_eq!(web::header(&answer, "content-type"), "application/x-protobuf");
    M::decode(read_body(answer).await).unwrap()
}

#[actix_web::test]
async fn all_forms_are_taken_told_on_and_answered_in_kind() {
    let (state, mut heard) = state(&Settings::default());
    let app = init_service(routes::app(state)).await;
    let export = node_postgres("db.example.com:5432/shop");
    let json = serde_json::to_vec(&export).unwrap();
    for (headers, body) in [
        (&[PROTOBUF][..], export.encode_to_vec()),
        (&[PROTOBUF, GZIP], packed(&export.encode_to_vec())),
        (&[("Content-Type", "application/json; charset=utf-8")], json.clone()),
        (&[JSON, GZIP], packed(&json)),
    ] {
        let answer = call_service(&app, post(headers, body).to_request()).await;
        assert_eq!(answer.status(), 200, "{headers:?}");
        if headers[0] == PROTOBUF {
            assert_eq!(said::<Response>(answer).await, Response::default());
        } else {
            assert_eq!(web::header(&answer, "content-type"), "application/json");
            assert_eq!(read_body(answer).await, "{}");
        }
        let told = heard.recv().await.unwrap();
        assert_eq!((told.target.to_string().as_str(), told.pools[0].used), ("eu/shop", Some(9)), "{headers:?}");
    }
}

#[actix_web::test]
async fn what_is_not_taken_is_said_in_a_partial_success() {
    let (state, _heard) = state(&Settings::default());
    let app = init_service(routes::app(state)).await;
    // No target of that name is in the world yet.
    let answer = call_service(&app, post(&[PROTOBUF], hikari(1, 1.0).encode_to_vec()).to_request()).await;
    assert_eq!(answer.status(), 200);
    let partial = said::<Response>(answer).await.partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 8);
    assert!(partial.error_message.contains("eu/shop"), "{partial:?}");
}

#[actix_web::test]
async fn hostile_bodies_are_refused_with_a_reason() {
    let (state, _heard) = state(&Settings::default());
    let app = init_service(routes::app(state)).await;
    let whole = hikari(1, 1.0).encode_to_vec();
    let bomb = packed(&vec![0; 64 << 20]);
    assert!(bomb.len() < 128 << 10, "a small body");
    let mut cut = packed(&whole);
    cut.truncate(cut.len() / 2);
    // A list in a list in a list; and a message that says that it is longer than it is.
    let deep = format!(r#"{{"resourceMetrics":{}"#, "[".repeat(100_000));
    for (headers, body, status) in [
        (&[PROTOBUF][..], vec![0; (1 << 20) + 1], 413),
        (&[PROTOBUF, GZIP], bomb, 413),
        (&[PROTOBUF], whole[..whole.len() - 3].to_vec(), 400),
        (&[PROTOBUF], b"\x0a\xff\xff\xff\xff\x0f".to_vec(), 400),
        (&[PROTOBUF, GZIP], cut, 400),
        (&[PROTOBUF, GZIP], whole.clone(), 400),
        (&[JSON], deep.into_bytes(), 400),
        (&[JSON], whole.clone(), 400),
        (&[JSON], br#"{"resourceMetrics":7}"#.to_vec(), 400),
        (&[("Content-Type", "text/plain")], whole.clone(), 415),
        (&[("Content-Type", "application/grpc")], whole.clone(), 415),
        (&[], whole.clone(), 415),
        (&[PROTOBUF, ("Content-Encoding", "br")], whole.clone(), 415),
        (&[PROTOBUF, ("Content-Encoding", "zstd")], whole.clone(), 415),
    ] {
        let answer = call_service(&app, post(headers, body).to_request()).await;
        assert_eq!(answer.status(), status, "{headers:?}");
        let is_protobuf = headers.first() == Some(&PROTOBUF);
        let refusal = if is_protobuf {
            said::<Refusal>(answer).await
        } else {
            serde_json::from_slice::<Refusal>(&read_body(answer).await).unwrap()
        };
        assert!(refusal.code > 0 && !refusal.message.is_empty(), "{headers:?}: {refusal:?}");
    }
    let answer = call_service(&app, post(&[PROTOBUF], Vec::new()).to_request()).await;
    assert_eq!(answer.status(), 200, "nothing to say is said well");
}

#[actix_web::test]
async fn who_is_too_many_is_told_when_to_come_again() {
    let (state, _heard) = state(&Settings::default());
    let app = init_service(routes::app(state.clone())).await;
    let turns = state.intake.try_acquire_many(super::super::intake::AT_ONCE as u32).unwrap();
    let answer = call_service(&app, post(&[PROTOBUF], Vec::new()).to_request()).await;
    assert_eq!((answer.status().as_u16(), web::header(&answer, "retry-after")), (429, "1"));
    drop(turns);
    assert_eq!(call_service(&app, post(&[PROTOBUF], Vec::new()).to_request()).await.status(), 200);
}

#[actix_web::test]
async fn only_those_who_have_a_token_may_tell() {
    let ingest = Settings { ingest_token: Some("tell".into()), ..Settings::default() };
    let all = Settings { ingest_token: Some("tell".into()), public_details: true, ..web::tokens() };
    for (settings, token, status) in [
        (&Settings::default(), None, 200),
        (&ingest, None, 401),
        (&ingest, Some("tell"), 200),
        (&web::tokens(), None, 401),
        (&web::tokens(), Some("view"), 200),
        (&all, None, 401),
        (&all, Some("tell"), 200),
        (&all, Some("view"), 200),
        (&all, Some("oper"), 200),
        (&all, Some("guess"), 401),
    ] {
        let app = init_service(routes::app(state(settings).0)).await;
        let mut request = post(&[PROTOBUF], Vec::new());
        if let Some(token) = token {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), status, "{token:?}");
        if status == 401 {
            assert!(web::header(&answer, "www-authenticate").starts_with("Bearer"));
            assert_eq!(said::<Refusal>(answer).await.code, 16);
        }
    }
    // It opens no other door.
    let app = init_service(routes::app(state(&Settings { ingest_token: Some("tell".into()), ..web::tokens() }).0)).await;
    let read = TestRequest::get().uri("/api/databases").insert_header(("Authorization", "Bearer tell"));
    assert_eq!(call_service(&app, read.to_request()).await.status(), 401);
    let page = post(&[JSON, ("Origin", "https://evil.example")], b"{}".to_vec());
    let open = init_service(routes::app(state(&Settings::default()).0)).await;
    assert_eq!(call_service(&open, page.to_request()).await.status(), 403, "another site's page");
}
