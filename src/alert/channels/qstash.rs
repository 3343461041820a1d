//! Upstash QStash: takes a webhook's message and delivers it, with attempts of its own, also while Isobar is down. The key is its
//! deduplication id: within ten minutes a repeat is taken and not delivered again.
//!
//! The signature is made when QStash takes the message. A receiver that holds to the five minutes of Standard Webhooks therefore refuses what
//! QStash delivers later than that; `retries` and `retry_delay` are to be chosen with that in mind.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    Channel, Checked, Failure, Nature, Parcel, Receipt,
    http::{self, Answer, Http},
    signature::{WebhookSigner, webhook_headers},
    webhook,
};
use crate::{alert::settings::ChannelKind, model::Timestamp};

/// How long QStash waits for the receiver: what Standard Webhooks advise.
const RECEIVER: &str = "15s";

/// QStash's own limit.
const MOST_RETRIES: u32 = 20;

/// A publisher to one destination.
pub(super) struct Qstash {
    http: Http,
    publish: Url,
    keys: Url,
    headers: HeaderMap,
    token: HeaderValue,
    signer: Option<WebhookSigner>,
}

impl Qstash {
    /// A publisher with these settings.
    pub(super) fn new(kind: &ChannelKind) -> Result<Self, String> {
        let ChannelKind::Qstash { base_url, token, destination, secret, retries, retry_delay, callback_url, .. } = kind else {
            return Err("these are not settings of QStash".into());
        };
        let to = http::address("url", destination.expose_secret())?;
        let base = http::address("base_url", base_url)?;
        let below = |path: &str| http::address("base_url", &format!("{}{path}", base.as_str().trim_end_matches('/')));
        let publish = below(&format!("/v2/publish/{to}"))?;
        let headers = settled(*retries, retry_delay, callback_url.as_deref())?;
        let bearer = http::secret_header("token", &format!("Bearer {}", token.expose_secret().trim()))?;
        let secrets: Vec<&SecretString> = [token, destination].into_iter().chain(secret).collect();
        Ok(Self {
            http: Http::new(&[&http::root(&base), &to], &secrets)?,
            publish,
            keys: below("/v2/keys")?,
            headers,
            token: bearer,
            signer: secret.as_ref().map(WebhookSigner::new).transpose()?,
        })
    }

    async fn tell(&self, parcel: &Parcel) -> Result<Receipt, Failure> {
        if let Some(receipt) = webhook::nothing_to_tell(parcel) {
            return Ok(receipt);
        }
        let body = webhook::body(parcel)?;
        let mut request = self.http.post(&self.publish).headers(self.headers.clone()).header("authorization", self.token.clone());
        request = request.header("upstash-deduplication-id", parcel.key.as_str());
        for (name, value) in webhook_headers(self.signer.as_ref(), &parcel.key, parcel.now, &body) {
            request = request.header(format!("upstash-forward-{name}"), value);
        }
        let answer = self.http.call(request.body(body)).await?;
        if !answer.is_success() {
            return Err(self.refusal(&answer, parcel.now));
        }
        let taken = Taken::read(&answer.body);
        let known = if taken.is_repeat { ", known already" } else { "" };
        let id = taken.message_id.map(|id| self.http.quote(&id));
        let answer = format!("{} {}{known}", answer.status, id.as_deref().unwrap_or("without an id"));
        Ok(Receipt { answer, reference: id })
    }

    /// Its limits end at a moment of their own headers.
    fn refusal(&self, answer: &Answer, now: Timestamp) -> Failure {
        match self.http.refusal(answer, now) {
            Failure::Retry { why, after: None } if answer.status == 429 => {
                Failure::Retry { why, after: reset(&answer.headers, now) }
            }
            failure => failure,
        }
    }
}

/// The headers that are the same for every message.
fn settled(retries: u32, delay: &str, callback: Option<&str>) -> Result<HeaderMap, String> {
    if retries > MOST_RETRIES {
        return Err(format!("`retries` is more than {MOST_RETRIES}"));
    }
    let mut all = vec![
        ("content-type", "application/json".to_owned()),
        ("upstash-method", "POST".into()),
        ("upstash-retries", retries.to_string()),
        ("upstash-timeout", RECEIVER.into()),
    ];
    all.extend((!delay.trim().is_empty()).then(|| ("upstash-retry-delay", delay.trim().to_owned())));
    if let Some(url) = callback {
        let url = http::address("callback_url", url).map(|_| url.to_owned())?; // as it stands, since the signature names it so
        all.extend([("upstash-callback", url.clone()), ("upstash-failure-callback", url)]);
    }
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        let key = name.strip_prefix("upstash-").unwrap_or(name).replace('-', "_");
        headers.insert(name, http::secret_header(&key, &value)?);
    }
    Ok(headers)
}

struct Taken {
    message_id: Option<String>,
    is_repeat: bool,
}

impl Taken {
    /// One message, or those of a URL group: the first stands for all.
    fn read(body: &str) -> Self {
        let said: Value = serde_json::from_str(body).unwrap_or_default();
        let one = said.get("messages").unwrap_or(&said);
        let one = one.get(0).unwrap_or(one);
        let message_id = one.get("messageId").and_then(Value::as_str).map(Into::into);
        Self { message_id, is_repeat: one.get("deduplicated").and_then(Value::as_bool).unwrap_or_default() }
    }
}

/// `RateLimit-Reset` and `Burst-RateLimit-Reset` are Unix seconds; the limit that is exhausted counts.
fn reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    ["burst-ratelimit", "ratelimit"].into_iter().find_map(|limit| {
        let reset = number(&format!("{limit}-reset"))?;
        (number(&format!("{limit}-remaining")).unwrap_or(0) <= 0).then_some(())?;
        Some(Duration::from_secs(u64::try_from(reset - now.0.timestamp()).unwrap_or_default()))
    })
}

impl Channel for Qstash {
    fn nature(&self) -> Nature {
        http::keyed(20, Duration::from_millis(50))
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(self.tell(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async {
            let result = match self.http.call(self.http.get(&self.keys).header("authorization", self.token.clone())).await {
                Ok(answer) if answer.is_success() => Ok(format!("{} the token is good", answer.status)),
                Ok(answer) if matches!(answer.status, 401 | 403) => {
                    Err(format!("{} the token is not good: tokens are of one region, see `base_url`", answer.status))
                }
                Ok(answer) => Err(self.http.said(&answer)),
                Err(failure) => Err(failure.to_string()),
            };
            vec![Checked { what: "sign-in".into(), result }]
        })
    }
}
