//! Slack's Web API with a bot's token: one incident is one message that changes.
//!
//! The message is changed first, which may be done twice without anybody noticing; the reply in the thread comes last, so an attempt
//! that fails before it has told nobody anything twice, whatever became of it: only what is posted leaves doubt. A message that is gone, or too old to be edited, is posted anew.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;
use reqwest::{Url, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{
    super::{
        Channel, Checked, Failure, Nature, Parcel, Receipt,
        http::{self, Http},
    },
    Page, failure, nature,
};
use crate::{
    alert::message::Templates,
    model::{Severity, Timestamp, alert::AlertEvent},
};

/// A bot in one channel.
pub(in super::super) struct Bot {
    http: Http,
    token: HeaderValue,
    channel: String,
    has_button: bool,
    post: Url,
    update: Url,
    auth: Url,
    templates: Templates,
}

/// The message of an incident.
struct Message<'a> {
    channel: &'a str,
    ts: &'a str,
    /// How bad it was when the message last changed; empty when that is not known.
    severity: &'a str,
}

/// What came of a call.
enum Said {
    Done(Value),
    /// Refused, with Slack's word for why.
    Refused(String, Option<Duration>),
}

impl Bot {
    /// A bot with this token in this channel, by name or id.
    pub(in super::super) fn new(
        token: &SecretString,
        channel: &str,
        has_button: bool,
        api: &str,
        templates: Templates,
    ) -> Result<Self, String> {
        let method = |name: &str| http::address("api_url", &format!("{}/{name}", api.trim_end_matches('/')));
        let (post, update, auth) = (method("chat.postMessage")?, method("chat.update")?, method("auth.test")?);
        let header = http::secret_header("token", &format!("Bearer {}", token.expose_secret().trim()))?;
        let http = Http::new(&[&http::root(&post)], &[token])?;
        Ok(Self { http, token: header, channel: channel.to_owned(), has_button, post, update, auth, templates })
    }

    async fn call(&self, method: &Url, body: &Value, now: Timestamp) -> Result<Said, Failure> {
        let request = self.http.post(method).header("authorization", self.token.clone()).json(body);
        let answer = self.http.call(request).await?;
        let said: Option<Map<String, Value>> = serde_json::from_str(&answer.body).ok();
        let code = said.as_ref().and_then(|said| said.get("error")).and_then(Value::as_str).map(|code| self.http.quote(code));
        let is_ok = said.as_ref().and_then(|said| said.get("ok")).and_then(Value::as_bool);
        match (answer.status, is_ok, said) {
            (200, Some(true), Some(said)) => Ok(Said::Done(Value::Object(said))),
            (200, Some(false), _) => {
                let code = code.unwrap_or_else(|| "no reason".into());
                Ok(Said::Refused(code, http::retry_after(&answer.headers, now)))
            }
            (200, ..) => Err(Failure::Retry { why: format!("{}: not an answer of Slack", self.http.said(&answer)), after: None }),
            _ => Err(self.http.refusal(&answer, now)),
        }
    }

    async fn done(&self, method: &Url, body: &Value, now: Timestamp) -> Result<Value, Failure> {
        match self.call(method, body, now).await? {
            Said::Done(said) => Ok(said),
            Said::Refused(code, after) => Err(failure(&code, after)),
        }
    }

    async fn tell(&self, parcel: &Parcel, posting: &AtomicBool) -> Result<Receipt, Failure> {
        let page = Page::new(&self.templates, parcel, self.has_button);
        let event = parcel.order.event;
        let Some(message) = parcel.reference.as_deref().and_then(Message::read) else {
            return match event {
                AlertEvent::Update => Ok(Receipt { answer: "nothing to change".into(), reference: None }),
                _ => self.post_anew(parcel, &page, "posted", posting).await,
            };
        };
        let body = with(page.body(), &[("channel", message.channel), ("ts", message.ts), ("parse", "none")]);
        match self.call(&self.update, &body, parcel.now).await? {
            Said::Done(_) => {}
            Said::Refused(code, _) if is_gone(&code) && event == AlertEvent::Update => {
                return Ok(Receipt { answer: format!("nothing to change: {code}"), reference: None });
            }
            Said::Refused(code, _) if is_gone(&code) => {
                return self.post_anew(parcel, &page, &format!("{code}: posted anew"), posting).await;
            }
            Said::Refused(code, after) => return Err(failure(&code, after)),
        }
        let mut answer = "changed".to_owned();
        if is_for_the_thread(parcel, &message) {
            let place = [("channel", message.channel), ("thread_ts", message.ts), ("text", &page.reply()), ("parse", "none")];
            posting.store(true, Ordering::Relaxed);
            self.done(&self.post, &with(json!({ "unfurl_links": false, "unfurl_media": false }), &place), parcel.now).await?;
            answer = "changed, with a reply".into();
        }
        Ok(Receipt { answer, reference: Some(message.with(parcel.order.severity)) })
    }

    async fn post_anew(&self, parcel: &Parcel, page: &Page, done: &str, posting: &AtomicBool) -> Result<Receipt, Failure> {
        posting.store(true, Ordering::Relaxed);
        let body = with(page.body(), &[("channel", &self.channel), ("parse", "none")]);
        let said = self.done(&self.post, &body, parcel.now).await?;
        let text = |key: &str| said.get(key).and_then(Value::as_str);
        let reference = text("channel").zip(text("ts"));
        let reference = reference.map(|(channel, ts)| Message { channel, ts, severity: "" }.with(parcel.order.severity));
        Ok(Receipt { answer: done.to_owned(), reference })
    }
}

impl<'a> Message<'a> {
    fn read(reference: &'a str) -> Option<Self> {
        let mut parts = reference.split(':');
        let (channel, ts) = (parts.next()?, parts.next()?);
        Some(Self { channel, ts, severity: parts.next().unwrap_or_default() })
    }

    fn with(&self, severity: Severity) -> String {
        format!("{}:{}:{}", self.channel, self.ts, severity.as_str())
    }
}

/// The object with these texts.
fn with(mut body: Value, texts: &[(&str, &str)]) -> Value {
    for (key, text) in texts {
        body[*key] = Value::from(*text);
    }
    body
}

/// Whether a message can be changed no more.
fn is_gone(code: &str) -> bool {
    matches!(code, "message_not_found" | "cant_update_message" | "edit_window_closed")
}

/// Whether people are to look up: an edit alone makes no sound.
fn is_for_the_thread(parcel: &Parcel, message: &Message<'_>) -> bool {
    const RISING: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let known = RISING.into_iter().find(|severity| severity.as_str() == message.severity);
    match parcel.order.event {
        AlertEvent::Severity => known.is_none_or(|known| parcel.order.severity > known),
        AlertEvent::Escalation | AlertEvent::Reminder | AlertEvent::Resolved => true,
        _ => false,
    }
}

impl Channel for Bot {
    fn nature(&self) -> Nature {
        nature(true)
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(async {
            let posting = AtomicBool::new(false);
            match http::bounded(self.tell(parcel, &posting)).await {
                Err(Failure::Doubt { why }) if !posting.load(Ordering::Relaxed) => Err(Failure::Retry { why, after: None }),
                result => result,
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async {
            let text = |said: &Value, key: &str| said.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
            let found = self.done(&self.auth, &json!({}), Timestamp(chrono::DateTime::UNIX_EPOCH)).await;
            let result = found.map(|said| self.http.quote(&format!("{} in {}", text(&said, "user"), text(&said, "team"))));
            vec![Checked { what: "sign-in".into(), result: result.map_err(|failure| failure.to_string()) }]
        })
    }
}
