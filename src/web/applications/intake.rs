//! `POST /v1/metrics`, as OTLP over HTTP wants it: protobuf or JSON, plain or gzip, answered in the same form; what may be sent again is a
//! 429 or 503 with Retry-After, everything else is for good. Bounded before anything is taken from memory: the body as it comes and
//! as it unfolds, and how many are read at once.

use std::io::Read;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, ContentEncoding},
    },
    web::{self, Data, Payload},
};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use prost::Message;
use serde::Serialize;

use super::book::Taken;
use crate::{
    clock,
    otlp::{Export, PartialSuccess, Refusal as Told, Response},
    web::{State, answer::Refusal, asker::Teller, commands::whole},
};

/// A body as it comes.
const LONGEST_BODY: usize = 1 << 20;

/// As it unfolds: thousands of points. An empty metric is two bytes and takes fifty times as many in memory, so this is what bounds that.
const LONGEST_UNFOLDED: usize = 2 << 20;

/// Requests that are read at once; a sender that is told to wait a second does.
pub(in crate::web) const AT_ONCE: usize = 2;

const WAIT_SECONDS: u32 = 1;

/// Which form a request has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

/// Why a request is not taken.
struct Refused {
    status: StatusCode,
    why: String,
}

impl Refused {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status_code(), refusal.to_string())
    }
}

/// The handler.
pub(in crate::web) async fn metrics(
    teller: Result<Teller, Refusal>,
    request: HttpRequest,
    state: Data<State>,
    body: Payload,
) -> HttpResponse {
    let form = match form(&request) {
        Ok(form) => form,
        Err(refused) => return refuse(Form::Json, &refused),
    };
    match taken(teller, &request, &state, body, form).await {
        Ok(taken) => answer(form, &taken),
        Err(refused) => refuse(form, &refused),
    }
}

async fn taken(
    teller: Result<Teller, Refusal>,
    request: &HttpRequest,
    state: &Data<State>,
    body: Payload,
    form: Form,
) -> Result<Taken, Refused> {
    teller?;
    let is_packed = is_packed(request)?;
    let Ok(_turn) = state.intake.try_acquire() else {
        return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, "too many requests at once; try again soon"));
    };
    let body = whole(body, LONGEST_BODY).await?;
    let read = web::block(move || read(&body, form, is_packed)).await;
    let export = read.map_err(|_| Refused::from(Refusal::Internal))??;
    let (world, addresses) = (state.shared.world.load(), state.shared.addresses.load());
    let is_known = |id: &crate::model::TargetId| world.target(id.region.as_str(), id.target.as_str()).is_some();
    let taken = {
        let mut book = state.applications.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        book.take(&export, clock::now(), clock::wall(), &addresses, is_known)
    };
    state.tallied(&taken);
    let doors = state.shared.applications.load();
    for told in &taken.told {
        if let Some(door) = doors.get(&told.target.region) {
            // What is lost is said again with the next telling.
            let _ = door.try_send(told.clone());
        }
    }
    Ok(taken)
}

fn form(request: &HttpRequest) -> Result<Form, Refused> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" => Ok(Form::Protobuf),
        "application/json" => Ok(Form::Json),
        _ => Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the Content-Type must be application/x-protobuf or application/json",
        )),
    }
}

fn is_packed(request: &HttpRequest) -> Result<bool, Refused> {
    let Some(coding) = request.headers().get(header::CONTENT_ENCODING) else { return Ok(false) };
    match coding.to_str().unwrap_or_default().parse() {
        Ok(ContentEncoding::Gzip) => Ok(true),
        Ok(ContentEncoding::Identity) => Ok(false),
        _ => Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the Content-Encoding must be gzip or identity")),
    }
}

fn read(body: &Bytes, form: Form, is_packed: bool) -> Result<Export, Refused> {
    let bad = |why: &str| Refused::new(StatusCode::BAD_REQUEST, why);
    let mut unfolded = Vec::new();
    let bytes: &[u8] = if is_packed {
        let mut packed = MultiGzDecoder::new(&body[..]).take(LONGEST_UNFOLDED as u64 + 1);
        packed.read_to_end(&mut unfolded).map_err(|_| bad("the body is not gzip, or is cut off"))?;
        if unfolded.len() > LONGEST_UNFOLDED {
            return Err(Refused::from(Refusal::BodyTooLarge(LONGEST_UNFOLDED)));
        }
        &unfolded
    } else {
        body
    };
    match form {
        Form::Protobuf => Export::decode(bytes).map_err(|_| bad("the body is no ExportMetricsServiceRequest")),
        Form::Json => serde_json::from_slice(bytes).map_err(|_| bad("the body is no ExportMetricsServiceRequest in JSON")),
    }
}

fn answer(form: Form, taken: &Taken) -> HttpResponse {
    let partial_success = (taken.rejected > 0).then(|| PartialSuccess {
        rejected_data_points: i64::try_from(taken.rejected).unwrap_or(i64::MAX),
        error_message: taken.whys.join("; "),
    });
    said(StatusCode::OK, form, &Response { partial_success })
}

fn refuse(form: Form, refused: &Refused) -> HttpResponse {
    // gRPC's words for the same: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE, INTERNAL.
    let code = match refused.status {
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        _ => 3,
    };
    let mut answer = said(refused.status, form, &Told { code, message: refused.why.clone() });
    let more = match refused.status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, r#"Bearer realm="isobar""#.to_owned())),
        StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, WAIT_SECONDS.to_string())),
        _ => None,
    };
    if let Some((name, value)) = more
        && let Ok(value) = header::HeaderValue::from_str(&value)
    {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn said(status: StatusCode, form: Form, body: &(impl Message + Serialize)) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    match form {
        Form::Protobuf => answer.content_type("application/x-protobuf").body(body.encode_to_vec()),
        Form::Json => answer.content_type("application/json").body(serde_json::to_vec(body).unwrap_or_default()),
    }
}
