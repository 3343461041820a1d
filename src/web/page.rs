//! The page and its session. The page is three static files; whoever has no session gets a form that works without a script.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

use super::{
    State,
    access::SESSION_LIFE,
    answer::{Refusal, json},
    asker::{Operator, Viewer},
};
use crate::clock;

/// Holds the page's session.
const COOKIE: &str = "isobar_session";

/// A token and its wrapping; tokens are some tens of bytes.
const LONGEST_BODY: usize = 4_096;

const PAGE: &str = include_str!("dashboard/page.html");
const SIGN_IN: &str = include_str!("dashboard/sign_in.html");
const SCRIPT: &str = include_str!("dashboard/page.js");
const STYLE: &str = include_str!("dashboard/page.css");

/// The page's way out.
const LEAVE: &str = r#"<button id="leave" type="button">Sign out</button>"#;

/// The page of those who may only read, and of those who may act too: they get buttons.
const READS: &str = "<body>";
const ACTS: &str = r#"<body data-acts="yes">"#;

/// Where the sign-in page says what went wrong.
const SAID: &str = "<!-- said -->";

fn html(mut answer: HttpResponseBuilder, page: String) -> HttpResponse {
    answer.content_type("text/html; charset=utf-8").body(page)
}

fn sign_in_page(refusal: &Refusal, said: &str) -> HttpResponse {
    let mut answer = HttpResponse::build(refusal.status_code());
    answer.insert_header((header::WWW_AUTHENTICATE, r#"Bearer realm="isobar""#));
    html(answer, SIGN_IN.replace(SAID, said))
}

/// `GET /`: the page, or the form for those who may not see it.
pub(super) async fn page(
    viewer: Result<Viewer, Refusal>,
    operator: Result<Operator, Refusal>,
    request: HttpRequest,
) -> HttpResponse {
    if let Err(refusal) = viewer {
        return sign_in_page(&refusal, "");
    }
    let mut page = PAGE.to_owned();
    // Who did not sign in has nothing to sign out of.
    if session(&request).is_none() {
        page = page.replace(LEAVE, "");
    }
    if operator.is_ok() {
        page = page.replace(READS, ACTS);
    }
    html(HttpResponse::Ok(), page)
}

/// `GET /page.js`.
pub(super) async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(SCRIPT)
}

/// `GET /page.css`.
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

#[derive(Deserialize)]
struct Presented {
    token: String,
}

/// `POST /api/session`: JSON from programs, a form from the page.
pub(super) async fn sign_in(request: HttpRequest, state: Data<State>, body: Payload) -> Result<HttpResponse, Refusal> {
    let form = actix_web::HttpMessage::content_type(&request) == "application/x-www-form-urlencoded";
    let body = body
        .to_bytes_limited(LONGEST_BODY)
        .await
        .map_err(|_| Refusal::BodyTooLarge(LONGEST_BODY))?
        .map_err(|_| Refusal::BadRequest("the body did not arrive whole".to_owned()))?;
    let token = if form { form_token(&body) } else { serde_json::from_slice::<Presented>(&body).ok().map(|body| body.token) };
    let token = token.ok_or_else(|| Refusal::BadRequest(r#"expected {"token": "..."}"#.to_owned()))?;
    let from = request.peer_addr().map(|peer| peer.ip());
    let signed = state.access.sign_in(clock::now(), from, &token, &mut rand::rng());
    if let Err(refusal) = &signed {
        tracing::warn!(?from, %refusal, "sign-in refused");
    }
    match signed {
        Err(refusal @ Refusal::WrongToken) if form => Ok(sign_in_page(&refusal, "This token is not known.")),
        Err(refusal) => Err(refusal),
        Ok((id, role)) => {
            let mut answer = if form {
                HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).finish()
            } else {
                json(StatusCode::OK, &json!({ "role": role }))?
            };
            set_cookie(&mut answer, &id, SESSION_LIFE.as_secs(), state.tls)?;
            Ok(answer)
        }
    }
}

/// `DELETE /api/session`.
pub(super) async fn sign_out(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refusal> {
    if let Some(session) = session(&request) {
        state.access.sign_out(session);
    }
    let mut answer = HttpResponse::NoContent().finish();
    set_cookie(&mut answer, "", 0, state.tls)?;
    Ok(answer)
}

fn set_cookie(answer: &mut HttpResponse, value: &str, seconds: u64, tls: bool) -> Result<(), Refusal> {
    let secure = if tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    answer.headers_mut().insert(header::SET_COOKIE, cookie.parse().map_err(|_| Refusal::Internal)?);
    Ok(())
}

/// The session that a request carries.
pub(super) fn session(request: &HttpRequest) -> Option<&str> {
    let cookies = request.headers().get_all(header::COOKIE).filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn form_token(body: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(body).ok()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8().ok()?.into_owned())
}
