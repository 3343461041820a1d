//! The ways to people: one adapter per kind, each knowing its provider's rules. An adapter makes one call at a time when it is asked
//! to; whether, when and how often is the outbox's to decide.

mod alertmanager;
mod callback;
pub mod email;
mod http;
mod pagerduty;
mod qstash;
mod signature;
mod slack;
mod webhook;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{
    message::Templates,
    order::Order,
    settings::{ChannelKind, ChannelSettings},
};
use crate::model::Timestamp;

pub use callback::{CallbackAction, callback};

/// One message on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parcel {
    /// What to tell whom.
    pub order: Order,
    /// Its idempotency key.
    pub key: String,
    /// What the channel's earlier receipt in this lane referred to, e.g. Slack's channel and `ts`; none before the first.
    pub reference: Option<String>,
    /// Whether it may have been delivered before a crash.
    pub possible_repeat: bool,
    /// Whether its first notice was never delivered and it is over by now: "fired and recovered" in one message.
    pub fired_and_recovered: bool,
    /// The wall clock, for signatures and dates.
    pub now: Timestamp,
}

/// What a provider said when it took a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its answer in a few words, without secrets, e.g. `200 ok`.
    pub answer: String,
    /// What later messages of the lane refer to.
    pub reference: Option<String>,
}

/// Why a call failed. Texts hold no secret: no URL, no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Failure {
    /// It was not taken, and may be later: no connection, 429, 5xx.
    #[error("{why}")]
    Retry {
        /// What was said.
        why: String,
        /// Not before this, when the provider said so.
        after: Option<Duration>,
    },
    /// It may have been taken: the connection broke, or no answer came in time, when the message was on its way.
    #[error("{why}")]
    Doubt {
        /// What happened.
        why: String,
    },
    /// It will not work again: a wrong token, an unknown channel, a message it refuses.
    #[error("{0}")]
    Permanent(String),
}

/// How a channel is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nature {
    /// The same key twice is one message to people: safe to send again when in doubt.
    pub keyed: bool,
    /// An earlier message can be changed: it gets `Update` orders.
    pub edits: bool,
    /// A firing alert must be sent again this often or the provider thinks it over.
    pub refresh: Option<Duration>,
    /// Calls that may be made at once after a rest.
    pub burst: u32,
    /// One more call is allowed each so often.
    pub every: Duration,
}

/// What a check found, without sending anything to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What was looked at: `connect`, `tls`, `sign-in`, `channel`, ...
    pub what: String,
    /// What was found, or what is wrong.
    pub result: Result<String, String>,
}

/// A way to people.
pub trait Channel: Send + Sync {
    /// How it is to be used.
    fn nature(&self) -> Nature;

    /// The addresses it leads to, each with messages of its own; empty when there is just one way.
    fn recipients(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes one call; bounded in time by itself (15 s).
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>>;

    /// Looks whether it would work, as far as that is possible without telling anybody.
    fn check(&self) -> BoxFuture<'_, Vec<Checked>>;
}

/// A shared channel.
pub type Shared = Arc<dyn Channel>;

/// The channel of these settings; an error says what is wrong with them, without secrets.
pub fn build(settings: &ChannelSettings) -> Result<Shared, String> {
    let templates = Templates::new(settings.title.as_deref(), settings.body.as_deref())?;
    let bare = |kind: &str| match (&settings.title, &settings.body) {
        (None, None) => Ok(()),
        _ => Err(format!("a {kind} channel sends the alert itself: `title` and `body` have no place in it")),
    };
    Ok(match &settings.kind {
        ChannelKind::SlackWebhook { url } => Arc::new(slack::Incoming::new(url, templates)?),
        ChannelKind::SlackBot { token, channel, signing_secret, api_url } => {
            Arc::new(slack::Bot::new(token, channel, signing_secret.is_some(), api_url, templates)?)
        }
        ChannelKind::Email(mail) => Arc::new(email::Email::new(mail, settings.title.clone(), settings.body.clone())?),
        ChannelKind::Webhook { url, secret, headers } => {
            bare("webhook")?;
            Arc::new(webhook::Webhook::new(url, secret.as_ref(), headers)?)
        }
        kind @ ChannelKind::Qstash { .. } => {
            bare("qstash")?;
            Arc::new(qstash::Qstash::new(kind)?)
        }
        ChannelKind::Pagerduty { routing_key, events_url } => {
            Arc::new(pagerduty::Pagerduty::new(routing_key, events_url, templates)?)
        }
        ChannelKind::Alertmanager { urls, token, labels } => {
            Arc::new(alertmanager::Alertmanager::new(urls, token.as_ref(), labels, templates)?)
        }
    })
}
