//! What providers call back: a button pressed in Slack, the end of a delivery by QStash. Nothing of the body is read before its signature is
//! found right; the channel is the one whose secret verifies it. A call that comes twice does no harm: who takes an alert twice has it.

use secrecy::SecretString;
use serde::Deserialize;

use super::signature::{self, Distrust};
use crate::{
    alert::settings::{ChannelKind, ChannelSettings},
    model::{
        Timestamp,
        alert::{AlertRefusal, Callback, Provider},
    },
};

/// The action of the acknowledge button.
pub(super) const ACKNOWLEDGE: &str = "isobar_ack";

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackAction {
    /// Somebody takes an alert.
    Acknowledge {
        /// The alert.
        id: String,
        /// Who, e.g. `ada (Slack)`.
        by: String,
    },
    /// A delivery by QStash has ended.
    Delivered {
        /// What QStash called the message when it took it.
        message_id: String,
        /// Why it was not delivered.
        failed: Option<String>,
    },
    /// Nothing that concerns Isobar.
    Nothing,
}

/// Verifies a provider's call and reads it.
pub fn callback(settings: &[ChannelSettings], callback: &Callback, now: Timestamp) -> Result<CallbackAction, AlertRefusal> {
    match callback.provider {
        Provider::Slack => slack(settings, callback, now),
        Provider::Qstash => qstash(settings, callback, now),
    }
}

fn header<'a>(callback: &'a Callback, name: &str) -> &'a str {
    callback.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// One that is trusted, or the refusal that got furthest.
fn trusted(from: &str, missing: &str, found: Vec<Result<(), Distrust>>) -> Result<(), AlertRefusal> {
    if found.iter().any(Result::is_ok) {
        return Ok(());
    }
    let worst = found.into_iter().filter_map(Result::err).max();
    Err(AlertRefusal::Forbidden(worst.map_or_else(|| missing.to_owned(), |distrust| format!("{from}: {distrust}"))))
}

fn unreadable(from: &str) -> AlertRefusal {
    AlertRefusal::Invalid(format!("{from}: the body cannot be read"))
}

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Default, Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    username: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: Option<String>,
}

fn slack(settings: &[ChannelSettings], callback: &Callback, now: Timestamp) -> Result<CallbackAction, AlertRefusal> {
    let secrets = settings.iter().filter_map(|channel| match &channel.kind {
        ChannelKind::SlackBot { signing_secret, .. } => signing_secret.as_ref(),
        _ => None,
    });
    let (timestamp, signature) = (header(callback, "x-slack-request-timestamp"), header(callback, "x-slack-signature"));
    let verify = |secret| signature::slack(secret, timestamp, &callback.body, signature, now);
    trusted("Slack", "no channel has a `signing_secret`", secrets.map(verify).collect())?;

    let payload = payload(&callback.body).ok_or_else(|| unreadable("Slack"))?;
    let call: Interaction = serde_json::from_str(&payload).map_err(|_| unreadable("Slack"))?;
    let pressed = call.actions.into_iter().find(|action| action.action_id == ACKNOWLEDGE);
    let Some(id) = pressed.and_then(|action| action.value).filter(|_| call.kind == "block_actions") else {
        return Ok(CallbackAction::Nothing);
    };
    let User { id: user, name, username } = call.user;
    let by = [name, username, user].into_iter().flatten().find(|name| !name.trim().is_empty());
    Ok(CallbackAction::Acknowledge { id, by: format!("{} (Slack)", by.unwrap_or_else(|| "somebody".into())) })
}

/// The form's one field.
fn payload(body: &[u8]) -> Option<String> {
    let mut form = reqwest::Url::parse("http://form/").ok()?;
    form.set_query(Some(std::str::from_utf8(body).ok()?));
    form.query_pairs().find(|(key, _)| key == "payload").map(|(_, value)| value.into_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    #[serde(alias = "sourceMessageID", alias = "messageId")]
    source_message_id: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    retried: u32,
    #[serde(default)]
    max_retries: u32,
    #[serde(default)]
    dlq_id: Option<String>,
}

fn qstash(settings: &[ChannelSettings], callback: &Callback, now: Timestamp) -> Result<CallbackAction, AlertRefusal> {
    let jwt = header(callback, "upstash-signature");
    let found = settings.iter().filter_map(|channel| match &channel.kind {
        ChannelKind::Qstash { callback_url: Some(url), current_signing_key, next_signing_key, .. } => {
            let keys: Vec<&SecretString> = current_signing_key.iter().chain(next_signing_key).collect();
            (!keys.is_empty()).then(|| signature::qstash(&keys, url, &callback.body, jwt, now))
        }
        _ => None,
    });
    trusted("QStash", "no channel has a `callback_url` and a `current_signing_key`", found.collect())?;

    let end: Delivery = serde_json::from_slice(&callback.body).map_err(|_| unreadable("QStash"))?;
    let is_taken = (200..300).contains(&end.status);
    if !is_taken && end.dlq_id.is_none() && end.retried < end.max_retries {
        return Ok(CallbackAction::Nothing); // it tries again
    }
    let failed = (!is_taken).then(|| format!("the receiver answered {}", end.status));
    Ok(CallbackAction::Delivered { message_id: end.source_message_id, failed })
}
