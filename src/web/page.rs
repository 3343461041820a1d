//! The page and its session. The page is one document at many addresses, so that each of its views has a link; whoever has no session gets a
//! form that works without a script and leads to what was asked for.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError,
    http::{Method, StatusCode, header},
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
    assets,
    routes::CONTENT_SECURITY_POLICY,
};
use crate::clock;

/// Holds the page's session.
const COOKIE: &str = "isobar_session";

/// A token and its wrapping; tokens are some tens of bytes.
const LONGEST_BODY: usize = 4_096;

/// Both with the addresses of their files.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let page = include_str!("dashboard/page.html").replace("<!-- preloads -->", &assets::preloads());
    assets::addressed(&page)
});
static SIGN_IN: LazyLock<String> = LazyLock::new(|| assets::addressed(include_str!("dashboard/sign_in.html")));

/// The one script within the page may run, by its hash, and no other: it is there when files that did not arrive are not.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let script = PAGE.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>")).map_or("", |(script, _)| script);
    CONTENT_SECURITY_POLICY.replacen("script-src 'self'", &format!("script-src 'self' {}", assets::source_of(script)), 1)
});

/// Where the page is told who looks at it, and at whom.
const BODY: &str = "<body>";

/// Where the form says what went wrong, and where it carries what was asked for.
const SAID: &str = "<!-- said -->";
const NEXT: &str = "<!-- next -->";

fn html(mut answer: HttpResponseBuilder, page: String) -> HttpResponse {
    answer.content_type("text/html; charset=utf-8").body(page)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Whether a browser that is sent there stays here: `//host` and `/\host` name others, and it skips what cannot be seen.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path[1..].starts_with(['/', '\\']) && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn sign_in_page(refusal: &Refusal, said: &str, next: &str) -> HttpResponse {
    let mut answer = HttpResponse::build(refusal.status_code());
    answer.insert_header((header::WWW_AUTHENTICATE, r#"Bearer realm="isobar""#));
    let next = format!(r#"<input type="hidden" name="next" value="{}">"#, escaped(next));
    html(answer, SIGN_IN.replace(SAID, said).replace(NEXT, &next))
}

/// `GET /` and every address within the page: the page, or the form for those who may not see it.
pub(super) async fn page(
    viewer: Result<Viewer, Refusal>,
    operator: Result<Operator, Refusal>,
    request: HttpRequest,
    state: Data<State>,
) -> HttpResponse {
    shown(StatusCode::OK, viewer.err(), operator.is_ok(), &request, &state)
}

/// Every address that nothing is at: browsers get the page, which says so and leads on; programs get words that they understand.
pub(super) async fn nowhere(
    viewer: Result<Viewer, Refusal>,
    operator: Result<Operator, Refusal>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Refusal> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    let is_browser = request.method() == Method::GET && accepts.is_some_and(|accepts| accepts.starts_with("text/html"));
    if !is_browser || request.path().starts_with("/api/") {
        return Err(Refusal::NotFound);
    }
    Ok(shown(StatusCode::NOT_FOUND, viewer.err(), operator.is_ok(), &request, &state))
}

fn shown(status: StatusCode, refusal: Option<Refusal>, acts: bool, request: &HttpRequest, state: &State) -> HttpResponse {
    if let Some(refusal) = refusal {
        return sign_in_page(&refusal, "", request.uri().path_and_query().map_or("/", |asked| asked.as_str()));
    }
    let word = |is: bool| if is { "yes" } else { "no" };
    let body = format!(
        r#"<body data-acts="{}" data-session="{}" data-version="{}" data-node="{}">"#,
        word(acts),
        word(session(request).is_some()),
        escaped(state.shared.version),
        escaped(&state.shared.node),
    );
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CONTENT_SECURITY_POLICY, POLICY.as_str()));
    html(answer, PAGE.replace(BODY, &body))
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
    let token = if form { field(&body, "token") } else { serde_json::from_slice::<Presented>(&body).ok().map(|body| body.token) };
    let next = if form { field(&body, "next") } else { None }.filter(|next| is_local(next)).unwrap_or_else(|| "/".to_owned());
    let token = token.ok_or_else(|| Refusal::BadRequest(r#"expected {"token": "..."}"#.to_owned()))?;
    let from = request.peer_addr().map(|peer| peer.ip());
    let signed = state.access.sign_in(clock::now(), from, &token, &mut rand::rng());
    if let Err(refusal) = &signed {
        tracing::warn!(?from, %refusal, "sign-in refused");
    }
    match signed {
        Err(refusal @ Refusal::WrongToken) if form => Ok(sign_in_page(&refusal, "This token is not known.", &next)),
        Err(refusal) => Err(refusal),
        Ok((id, role)) => {
            let mut answer = if form {
                HttpResponse::SeeOther().insert_header((header::LOCATION, next)).finish()
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

fn field(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = std::str::from_utf8(form).ok()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_here_is_local() {
        for (path, expected) in [
            ("/", true),
            ("/targets/eu-west-1/shop?tab=queries", true),
            ("/incidents/%2F%2Fevil.example", true),
            ("", false),
            ("targets", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("/\t/evil.example", false),
            ("/\r\nSet-Cookie: a=b", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
            ("/é", false),
        ] {
            assert_eq!(is_local(path), expected, "{path:?}");
        }
    }
}
