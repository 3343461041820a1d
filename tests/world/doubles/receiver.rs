//! A receiver of webhooks that believes only what is signed as Standard Webhooks say, within five minutes.

use std::{
    net::Ipv4Addr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::{
    http::{Answer, Refusal, Request, Server},
    log::Log,
};

/// One webhook that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// `webhook-id`: the same for every repeat.
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) body: Value,
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) struct Receiver {
    server: Server,
    log: Log<Received>,
}

impl Receiver {
    /// Whatever secret a test wants.
    pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// With a secret, only what is signed with it is taken.
    pub(crate) fn start(secret: Option<&str>) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, secret)
    }

    /// At another address of this machine.
    pub(crate) fn start_at(address: Ipv4Addr, secret: Option<&str>) -> Self {
        let secret = secret.map(|secret| STANDARD.decode(secret.trim_start_matches("whsec_")).expect("a secret"));
        let log = Log::new();
        let taken = log.clone();
        let server = Server::start_at(address, move |request| answer(request, secret.as_deref(), &taken));
        Self { server, log }
    }

    /// Where it listens; the path counts as a secret.
    pub(crate) fn url(&self) -> String {
        self.server.url("/hooks/receiver-path-secret?key=receiver-query-secret")
    }

    /// All that it took, repeats too.
    pub(crate) fn messages(&self) -> Vec<Received> {
        self.log.all()
    }

    /// What it took, each id once.
    pub(crate) fn distinct(&self) -> Vec<Received> {
        let mut distinct: Vec<Received> = Vec::new();
        for message in self.log.all() {
            if !distinct.iter().any(|known| known.id == message.id) {
                distinct.push(message);
            }
        }
        distinct
    }

    #[track_caller]
    pub(crate) fn expect(&self, messages: usize, within: Duration) -> Vec<Received> {
        self.log.expect(messages, within)
    }

    #[track_caller]
    pub(crate) fn stays(&self, messages: usize, during: Duration) {
        self.log.stays(messages, during);
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }
}

pub(super) fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

fn answer(request: &Request, secret: Option<&[u8]>, log: &Log<Received>) -> Answer {
    if request.method != "POST" {
        return Answer::new(405, "POST only");
    }
    let Some(id) = request.header("webhook-id") else { return Answer::new(400, "no webhook-id") };
    let stamp = request.header("webhook-timestamp").unwrap_or_default();
    let Ok(seconds) = stamp.parse::<i64>() else { return Answer::new(400, "no webhook-timestamp") };
    if let Some(secret) = secret {
        if (unix_seconds() - seconds).abs() > 300 {
            return Answer::new(401, "too old");
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key");
        mac.update(format!("{id}.{stamp}.").as_bytes());
        mac.update(&request.body);
        let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        if !request.header("webhook-signature").unwrap_or_default().split(' ').any(|given| given == right) {
            return Answer::new(401, "wrong signature");
        }
    }
    let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let Some(body) = request.json().filter(|_| is_json) else { return Answer::new(400, "not JSON") };
    let event = body["event"].as_str().unwrap_or_default().to_owned();
    log.push(Received { id: id.to_owned(), event, body, headers: request.headers.clone() });
    Answer::new(204, "")
}
