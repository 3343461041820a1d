//! Slack's incoming webhooks: success is the two letters `ok` and nothing else.

use futures_util::future::BoxFuture;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use super::{
    super::{
        Channel, Checked, Failure, Nature, Parcel, Receipt,
        http::{self, Http},
    },
    Page, failure, nature,
};
use crate::{alert::message::Templates, model::alert::AlertEvent};

/// One incoming webhook.
pub(in super::super) struct Incoming {
    http: Http,
    url: Url,
    templates: Templates,
}

impl Incoming {
    /// The webhook at this address.
    pub(in super::super) fn new(url: &SecretString, templates: Templates) -> Result<Self, String> {
        let address = http::address("webhook_url", url.expose_secret())?;
        Ok(Self { http: Http::new(&[&address], &[url])?, url: address, templates })
    }

    async fn tell(&self, parcel: &Parcel) -> Result<Receipt, Failure> {
        if parcel.order.event == AlertEvent::Update {
            return Ok(Receipt { answer: "nothing to tell: a webhook's messages cannot be changed".into(), reference: None });
        }
        let page = Page::new(&self.templates, parcel, false);
        let answer = self.http.call(self.http.post(&self.url).json(&page.body())).await?;
        let word = answer.body.trim();
        match answer.status {
            200 if word == "ok" => Ok(Receipt { answer: "200 ok".into(), reference: None }),
            200 => Err(Failure::Retry { why: format!("{}: not Slack's `ok`", self.http.said(&answer)), after: None }),
            400..500 if is_code(word) && !matches!(answer.status, 408 | 425 | 429) => Err(failure(&self.http.quote(word), None)),
            _ => Err(self.http.refusal(&answer, parcel.now)),
        }
    }
}

/// Slack's errors are single words.
fn is_code(word: &str) -> bool {
    !word.is_empty() && word.len() <= 60 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

impl Channel for Incoming {
    fn nature(&self) -> Nature {
        nature(false)
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(self.tell(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async { vec![self.http.reach(Method::HEAD, &http::root(&self.url)).await] })
    }
}
