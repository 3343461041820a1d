//! A webhook: the alert itself as JSON, signed as Standard Webhooks when a secret is set. `webhook-id` is the key and stays the same
//! at every attempt, so a receiver knows a repeat.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use reqwest::{
    Method, Url,
    header::{HeaderMap, HeaderName},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{
    Channel, Checked, Failure, Nature, Parcel, Receipt,
    http::{self, Http},
    signature::{WebhookSigner, webhook_headers},
};
use crate::{
    alert::message::compose,
    model::alert::{Alert, AlertEvent},
};

/// What a receiver gets.
#[derive(Serialize)]
struct Body<'a> {
    event: AlertEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<&'a Arc<Alert>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<&'a [Arc<Alert>]>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
}

/// The body of a webhook: `{"event","alert"}` or `{"event":"digest","alerts"}`, and `notes` when something must be said beside it.
pub(super) fn body(parcel: &Parcel) -> Result<Vec<u8>, Failure> {
    let order = &parcel.order;
    let notes = compose(parcel).notes;
    let is_digest = order.event == AlertEvent::Digest;
    let body = Body {
        event: order.event,
        alert: order.alert().filter(|_| !is_digest),
        alerts: is_digest.then_some(order.alerts.as_slice()),
        notes: &notes,
    };
    serde_json::to_vec(&body).map_err(|error| Failure::Permanent(format!("the alert cannot be written as JSON: {error}")))
}

/// What a channel answers that cannot change its messages.
pub(super) fn nothing_to_tell(parcel: &Parcel) -> Option<Receipt> {
    let is_edit = parcel.order.event == AlertEvent::Update;
    is_edit.then(|| Receipt { answer: "nothing to tell: messages cannot be changed there".into(), reference: None })
}

/// A receiver.
pub(super) struct Webhook {
    http: Http,
    url: Url,
    signer: Option<WebhookSigner>,
    headers: HeaderMap,
}

impl Webhook {
    /// The receiver at this address.
    pub(super) fn new(
        url: &SecretString,
        secret: Option<&SecretString>,
        headers: &BTreeMap<String, SecretString>,
    ) -> Result<Self, String> {
        let address = http::address("url", url.expose_secret())?;
        let mut further = HeaderMap::new();
        for (name, value) in headers {
            let key = format!("headers.{name}");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{key}` is not the name of a header"))?;
            further.insert(name, http::secret_header(&key, value.expose_secret())?);
        }
        let secrets: Vec<&SecretString> = [url].into_iter().chain(secret).chain(headers.values()).collect();
        let signer = secret.map(WebhookSigner::new).transpose()?;
        Ok(Self { http: Http::new(&[&address], &secrets)?, url: address, signer, headers: further })
    }

    async fn tell(&self, parcel: &Parcel) -> Result<Receipt, Failure> {
        if let Some(receipt) = nothing_to_tell(parcel) {
            return Ok(receipt);
        }
        let body = body(parcel)?;
        let mut request = self.http.post(&self.url).header("content-type", "application/json").headers(self.headers.clone());
        for (name, value) in webhook_headers(self.signer.as_ref(), &parcel.key, parcel.now, &body) {
            request = request.header(name, value);
        }
        let answer = self.http.call(request.body(body)).await?;
        match answer.status {
            200..300 => Ok(Receipt { answer: self.http.said(&answer), reference: None }),
            410 => Err(Failure::Permanent("the receiver said 410 Gone: disabled".into())),
            _ => Err(self.http.refusal(&answer, parcel.now)),
        }
    }
}

impl Channel for Webhook {
    fn nature(&self) -> Nature {
        http::keyed(10, Duration::from_millis(100))
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(self.tell(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async { vec![self.http.reach(Method::OPTIONS, &self.url).await] })
    }
}
