//! QStash: takes messages with a token, knows repeats for ten minutes, delivers to their destination with attempts of its own (without the
//! waits between them), and says by a signed callback how it ended.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    http::{Answer, Refusal, Request, Server, post},
    log::Log,
    receiver::unix_seconds,
};

/// How long a repeat is known.
const WINDOW: Duration = Duration::from_mins(10);

/// One message that was taken, repeats not counted.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) id: String,
    pub(crate) destination: String,
    pub(crate) body: Value,
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) struct Qstash {
    server: Server,
    log: Log<Published>,
    repeats: Log<String>,
}

impl Qstash {
    pub(crate) const TOKEN: &str = "eyJVc2VySUQiOiJkb3VibGUifQ==";
    pub(crate) const CURRENT_KEY: &str = "sig_current_7RvLjqfZBvP5KEUimQCEBfQy";
    pub(crate) const NEXT_KEY: &str = "sig_next_4rAjbG4xbJ3hQvJ6YpBFFpGhqZm";

    pub(crate) fn start() -> Self {
        let (log, repeats) = (Log::new(), Log::new());
        let (taken, again, known) = (log.clone(), repeats.clone(), Mutex::new(BTreeMap::new()));
        let server = Server::start(move |request| answer(request, &taken, &again, &known));
        Self { server, log, repeats }
    }

    pub(crate) fn base_url(&self) -> String {
        self.server.url("")
    }

    pub(crate) fn messages(&self) -> Vec<Published> {
        self.log.all()
    }

    /// Deduplication ids that came again within their window.
    pub(crate) fn repeats(&self) -> Vec<String> {
        self.repeats.all()
    }

    #[track_caller]
    pub(crate) fn expect(&self, messages: usize, within: Duration) -> Vec<Published> {
        self.log.expect(messages, within)
    }

    #[track_caller]
    pub(crate) fn stays(&self, messages: usize, during: Duration) {
        self.log.stays(messages, during);
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }

    /// `Upstash-Signature` for a call to this address with this body at that Unix second.
    pub(crate) fn sign(key: &str, url: &str, body: &[u8], seconds: i64) -> String {
        let claims = json!({
            "iss": "Upstash", "sub": url, "iat": seconds, "nbf": seconds, "exp": seconds + 300, "jti": "jwt_double",
            "body": URL_SAFE.encode(Sha256::digest(body)),
        });
        Self::jwt(key, &json!({ "alg": "HS256", "typ": "JWT" }), &claims)
    }

    /// Any token, signed with this key.
    pub(crate) fn jwt(key: &str, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

fn wrong(what: &str) -> Answer {
    Answer::json(400, &json!({ "error": what }))
}

/// A header that does not have the form QStash asks for.
fn misshapen(request: &Request) -> Option<&'static str> {
    let is = |name: &str, good: &dyn Fn(&str) -> bool| request.header(name).is_none_or(good);
    let is_span = |text: &str| text.ends_with(['s', 'm', 'h', 'd']) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_sum = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-*/().,".contains(&byte));
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let rules: [(&str, &dyn Fn(&str) -> bool); 7] = [
        ("upstash-method", &|text| matches!(text, "GET" | "POST" | "PUT" | "PATCH" | "DELETE")),
        ("upstash-retries", &|text| text.parse::<u32>().is_ok_and(|count| count <= 20)),
        ("upstash-timeout", &is_span),
        ("upstash-retry-delay", &is_sum),
        ("upstash-deduplication-id", &is_id),
        ("upstash-callback", &is_url),
        ("upstash-failure-callback", &is_url),
    ];
    rules.into_iter().find(|(name, good)| !is(name, *good)).map(|(name, _)| name)
}

fn answer(request: &Request, log: &Log<Published>, repeats: &Log<String>, known: &Mutex<BTreeMap<String, Instant>>) -> Answer {
    if !request.is_authorized(Qstash::TOKEN) {
        return Answer::json(401, &json!({ "error": "invalid token" }));
    }
    if request.method == "GET" && request.path == "/v2/keys" {
        return Answer::json(200, &json!({ "current": Qstash::CURRENT_KEY, "next": Qstash::NEXT_KEY }));
    }
    let Some(destination) = request.path.strip_prefix("/v2/publish/").filter(|to| to.starts_with("http")) else {
        return wrong("no destination");
    };
    if let Some(name) = misshapen(request) {
        return wrong(&format!("invalid {name}"));
    }
    let mut known = known.lock().expect("known");
    known.retain(|_, at| at.elapsed() < WINDOW);
    let key = request.header("upstash-deduplication-id").unwrap_or_default().to_owned();
    if known.contains_key(&key) {
        repeats.push(key);
        return Answer::json(202, &json!({ "messageId": "msg_repeat", "deduplicated": true }));
    }
    if !key.is_empty() {
        known.insert(key, Instant::now());
    }
    let id = format!("msg_{}", log.all().len() + 1);
    let (destination, headers) = (destination.to_owned(), request.headers.clone());
    let body = request.json().unwrap_or_default();
    log.push(Published { id: id.clone(), destination: destination.clone(), body, headers });
    let (sent, request) = (id.clone(), request.clone());
    thread::spawn(move || deliver(&sent, &destination, &request));
    Answer::json(200, &json!({ "messageId": id }))
}

fn deliver(id: &str, to: &str, request: &Request) {
    let forwarded = request.headers.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("upstash-forward-").or((name == "content-type").then_some(name))?;
        Some((name.to_owned(), value.clone()))
    });
    let mut headers: Vec<(String, String)> = forwarded.collect();
    headers.push(("upstash-message-id".into(), id.into()));
    let most: u32 = request.header("upstash-retries").and_then(|text| text.parse().ok()).unwrap_or(3);
    for retried in 0..=most {
        let mut headers = headers.clone();
        headers.push(("upstash-retried".into(), retried.to_string()));
        let signature = Qstash::sign(Qstash::CURRENT_KEY, to, &request.body, unix_seconds());
        headers.push(("upstash-signature".into(), signature));
        let (status, said) = post(to, &headers, &request.body).unwrap_or((0, Vec::new()));
        let is_taken = (200..300).contains(&status);
        let is_over = is_taken || retried == most;
        let mut end = json!({
            "status": status, "header": {}, "body": STANDARD.encode(said), "retried": retried, "maxRetries": most,
            "sourceMessageId": id, "url": to, "method": "POST",
        });
        call_back(request.header("upstash-callback"), &end);
        if is_over && !is_taken {
            end["dlqId"] = format!("dlq_{id}").into();
            call_back(request.header("upstash-failure-callback"), &end);
        }
        if is_over {
            return;
        }
    }
}

fn call_back(url: Option<&str>, end: &Value) {
    let Some(url) = url else { return };
    let body = end.to_string().into_bytes();
    let signature = Qstash::sign(Qstash::CURRENT_KEY, url, &body, unix_seconds());
    let headers = [("content-type", "application/json".to_owned()), ("upstash-signature", signature)];
    let _ = post(url, &headers.map(|(name, value)| (name.to_owned(), value)), &body);
}
