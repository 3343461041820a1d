//! Slack: an incoming webhook and the Web API with a bot's token. One message a second and channel, refusals inside a 200, blocks
//! within their limits, edits of known messages by channel id alone, and buttons that call back with a signature.

mod blocks;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Mutex,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    http::{Answer, Refusal, Request, Server},
    log::Log,
};

/// A message as people see it now.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) channel: String,
    pub(crate) ts: String,
    /// The message whose thread it is in.
    pub(crate) thread: Option<String>,
    pub(crate) text: String,
    pub(crate) blocks: Vec<Value>,
    /// How often it was changed.
    pub(crate) edits: usize,
}

impl Message {
    /// Everything it says, blocks and all.
    pub(crate) fn says(&self) -> String {
        format!("{}\n{}", self.text, Value::from(self.blocks.clone()))
    }

    /// The value of its button.
    pub(crate) fn button(&self) -> Option<String> {
        let elements = self.blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
        elements.filter(|element| element["type"] == "button").find_map(|button| button["value"].as_str().map(Into::into))
    }
}

/// One call that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `webhook`, `chat.postMessage` or `chat.update`.
    pub(crate) method: &'static str,
    pub(crate) ts: String,
    pub(crate) body: Value,
}

/// A workspace with the channels `#ops` and `#other`, which the bot is in, `#private`, which it is not, and `#archived`.
pub(crate) struct Slack {
    server: Server,
    state: std::sync::Arc<State>,
}

struct State {
    messages: Log<Message>,
    calls: Log<Call>,
    every: Mutex<Duration>,
    last: Mutex<BTreeMap<String, Instant>>,
}

const CHANNELS: [(&str, &str); 4] =
    [("#ops", "C0OPS"), ("#other", "C0OTHER"), ("#private", "C0PRIVATE"), ("#archived", "C0ARCHIVED")];
const WEBHOOK: &str = "/services/T0ISOBAR/B0HOOK/hook-secret-24-characters";

impl Slack {
    pub(crate) const TOKEN: &str = "xoxb-double-1234567890-abcdefghij";
    pub(crate) const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

    pub(crate) fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST)
    }

    /// At another address of this machine.
    pub(crate) fn start_at(address: Ipv4Addr) -> Self {
        let every = Mutex::new(Duration::from_secs(1));
        let state = std::sync::Arc::new(State { messages: Log::new(), calls: Log::new(), every, last: Mutex::default() });
        let seen = std::sync::Arc::clone(&state);
        Self { server: Server::start_at(address, move |request| seen.answer(request)), state }
    }

    /// Lets messages in at any rate.
    pub(crate) fn at_any_rate(self) -> Self {
        *self.state.every.lock().expect("every") = Duration::ZERO;
        self
    }

    pub(crate) fn api_url(&self) -> String {
        self.server.url("/api")
    }

    pub(crate) fn webhook_url(&self) -> String {
        self.server.url(WEBHOOK)
    }

    /// Posted messages, replies among them, as they are now.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.state.messages.all()
    }

    /// Every call that was taken, edits too.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.all()
    }

    #[track_caller]
    pub(crate) fn expect(&self, messages: usize, within: Duration) -> Vec<Message> {
        self.state.messages.expect(messages, within)
    }

    /// As `expect`, for calls, edits too.
    #[track_caller]
    pub(crate) fn expect_calls(&self, calls: usize, within: Duration) -> Vec<Call> {
        self.state.calls.expect(calls, within)
    }

    #[track_caller]
    pub(crate) fn stays(&self, messages: usize, during: Duration) {
        self.state.messages.stays(messages, during);
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }

    /// Somebody deletes a message.
    pub(crate) fn delete(&self, ts: &str) {
        self.state.messages.change(|messages| messages.retain(|message| message.ts != ts));
    }

    /// Somebody presses the button with this value at that Unix second: headers and body of Slack's call.
    pub(crate) fn press(value: &str, user: &str, seconds: i64) -> (Vec<(String, String)>, Vec<u8>) {
        Self::send(
            &json!({
                "type": "block_actions",
                "user": { "id": "U0ADA", "username": user, "name": user, "team_id": "T0ISOBAR" },
                "actions": [{ "action_id": "isobar_ack", "block_id": format!("ack-{value}"), "type": "button", "value": value }],
            }),
            seconds,
        )
    }

    /// Any call of Slack's, signed.
    pub(crate) fn send(payload: &Value, seconds: i64) -> (Vec<(String, String)>, Vec<u8>) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let quote = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        let body = format!("payload={}", payload.to_string().bytes().map(quote).collect::<String>()).into_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(Self::SIGNING_SECRET.as_bytes()).expect("a key");
        mac.update(format!("v0:{seconds}:").as_bytes());
        mac.update(&body);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("x-slack-request-timestamp", seconds.to_string()),
            ("x-slack-signature", format!("v0={}", hex::encode(mac.finalize().into_bytes()))),
        ];
        (headers.map(|(name, value)| (name.to_owned(), value)).to_vec(), body)
    }
}

fn refused(code: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": code }))
}

impl State {
    fn answer(&self, request: &Request) -> Answer {
        if request.method != "POST" {
            return Answer::new(405, "");
        }
        match request.path.strip_prefix("/api/") {
            None => self.webhook(request),
            Some(_) if request.header("authorization").is_none() => refused("not_authed"),
            Some(_) if !request.is_authorized(Slack::TOKEN) => refused("invalid_auth"),
            Some("auth.test") => {
                Answer::json(200, &json!({ "ok": true, "user": "isobar", "team": "Weather", "user_id": "U0BOT" }))
            }
            Some("chat.postMessage") => self.post(request),
            Some("chat.update") => self.update(request),
            Some(_) => refused("unknown_method"),
        }
    }

    fn webhook(&self, request: &Request) -> Answer {
        if request.path != WEBHOOK {
            return Answer::new(404, "no_service");
        }
        let Some(body) = request.json() else { return Answer::new(400, "invalid_payload") };
        if let Err(code) = blocks::check(&body) {
            return Answer::new(400, code);
        }
        if !self.is_in_rate("webhook") {
            let body = json!({ "retry_after": 1, "ok": false, "error": "rate_limited" });
            return Answer::json(429, &body).with("retry-after", "1");
        }
        self.keep("webhook", "C0HOOK", None, body);
        Answer::new(200, "ok")
    }

    fn post(&self, request: &Request) -> Answer {
        let Some(body) = request.json() else { return refused("invalid_json") };
        let name = body["channel"].as_str().unwrap_or_default();
        let Some((_, id)) = CHANNELS.iter().find(|(known, id)| name == *known || name == *id || known[1..] == *name) else {
            return refused("channel_not_found");
        };
        match *id {
            "C0PRIVATE" => return refused("not_in_channel"),
            "C0ARCHIVED" => return refused("is_archived"),
            _ => {}
        }
        if let Err(code) = blocks::check(&body) {
            return refused(code);
        }
        let thread = body["thread_ts"].as_str().map(str::to_owned);
        if thread.as_ref().is_some_and(|ts| !self.messages.all().iter().any(|message| message.ts == *ts)) {
            return refused("thread_not_found");
        }
        if !self.is_in_rate(id) {
            return Answer::json(429, &json!({ "ok": false, "error": "ratelimited" })).with("retry-after", "1");
        }
        let ts = self.keep("chat.postMessage", id, thread, body);
        Answer::json(200, &json!({ "ok": true, "channel": id, "ts": ts, "message": {} }))
    }

    fn update(&self, request: &Request) -> Answer {
        let Some(body) = request.json() else { return refused("invalid_json") };
        let (channel, ts) = (body["channel"].as_str().unwrap_or_default(), body["ts"].as_str().unwrap_or_default());
        if !CHANNELS.iter().any(|(_, id)| *id == channel) {
            return refused("channel_not_found"); // by id alone
        }
        if let Err(code) = blocks::check(&body) {
            return refused(code);
        }
        let is_changed = self.messages.change(|messages| {
            let message = messages.iter_mut().find(|message| message.channel == channel && message.ts == ts)?;
            message.text = body["text"].as_str().unwrap_or_default().into();
            if let Some(blocks) = body["blocks"].as_array() {
                message.blocks.clone_from(blocks); // what is left out stays
            }
            message.edits += 1;
            Some(())
        });
        if is_changed.is_none() {
            return refused("message_not_found");
        }
        let answer = Answer::json(200, &json!({ "ok": true, "channel": channel, "ts": ts }));
        self.calls.push(Call { method: "chat.update", ts: ts.into(), body });
        answer
    }

    fn is_in_rate(&self, channel: &str) -> bool {
        let (now, every) = (Instant::now(), *self.every.lock().expect("every"));
        let mut last = self.last.lock().expect("last");
        let is_free = last.get(channel).is_none_or(|last| now.duration_since(*last) >= every);
        if is_free {
            last.insert(channel.into(), now);
        }
        is_free
    }

    fn keep(&self, method: &'static str, channel: &str, thread: Option<String>, body: Value) -> String {
        self.messages.change(|messages| {
            let ts = format!("1763887560.{:06}", self.calls.all().len() + 100);
            let blocks = body["blocks"].as_array().cloned().unwrap_or_default();
            let text = body["text"].as_str().unwrap_or_default().to_owned();
            messages.push(Message { channel: channel.into(), ts: ts.clone(), thread, text, blocks, edits: 0 });
            self.calls.push(Call { method, ts: ts.clone(), body });
            ts
        })
    }
}
