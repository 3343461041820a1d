//! `[[channel]]`: the ways to people, by kind. What a provider would refuse is refused here already: a key of the wrong length, a
//! secret that is none, a template that does not fill in.

mod email;
mod qstash;

use std::{collections::BTreeMap, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::SecretString;

use super::{
    links,
    section::{Findings, Place, Section, Text},
};
use crate::alert::{
    message::Templates,
    settings::{ChannelKind, ChannelSettings},
};

/// A channel as escalations refer to it, also when it cannot be used.
pub(super) struct Named<'a> {
    pub(super) name: String,
    pub(super) at: Place<'a>,
    pub(super) settings: Option<ChannelSettings>,
}

#[derive(Clone, Copy)]
enum Kind {
    Slack,
    Email,
    Webhook,
    Qstash,
    Pagerduty,
    Alertmanager,
}

const KINDS: [(&str, Kind); 6] = [
    ("slack", Kind::Slack),
    ("email", Kind::Email),
    ("webhook", Kind::Webhook),
    ("qstash", Kind::Qstash),
    ("pagerduty", Kind::Pagerduty),
    ("alertmanager", Kind::Alertmanager),
];

/// What every kind may hold.
const COMMON: [&str; 4] = ["body", "kind", "name", "title"];

const LONGEST_NAME: usize = 64;

const ROUTING_KEY: usize = 32;

impl Kind {
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Slack => &["api_url", "channel", "signing_secret", "token", "webhook_url"],
            Self::Email => &email::KEYS,
            Self::Webhook => &["headers", "secret", "url"],
            Self::Qstash => &qstash::KEYS,
            Self::Pagerduty => &["events_url", "routing_key"],
            Self::Alertmanager => &["labels", "token", "url", "urls"],
        }
    }
}

pub(super) fn read<'a>(findings: &mut Findings<'_>, root: &Section<'a>, folder: &Path) -> Vec<Named<'a>> {
    let mut channels: Vec<Named<'a>> = Vec::new();
    for section in root.tables(findings, "channel") {
        let name = section.required(findings, "name", "\"ops\"");
        if let Some(name) = &name {
            if !is_name(&name.value) {
                let fix = format!("use lower-case letters, digits, `_` and `-`, at most {LONGEST_NAME}");
                findings.problem(&name.at, "is not a name for a channel", fix);
            }
            if channels.iter().any(|other| other.name == name.value) {
                findings.problem(&name.at, "another channel has this name", "give each channel its own name");
            }
        }
        let kind = channel(findings, &section, folder);
        let (title, body) = (section.given(findings, "title"), section.given(findings, "body"));
        let tried = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.value.clone());
        for (text, tried) in [(&title, (tried(&title), None)), (&body, (None, tried(&body)))] {
            if let (Some(text), Err(wrong)) = (text, Templates::new(tried.0.as_deref(), tried.1.as_deref())) {
                let fix = "it is a minijinja template over the message, e.g. \"{{ title }}\"";
                findings.problem(&text.at, format!("cannot be used: {wrong}"), fix);
            }
        }
        if let Some(name) = name {
            let text = |text: Option<Text<'_>>| text.map(|text| text.value);
            let settings =
                kind.map(|kind| ChannelSettings { name: name.value.clone(), kind, title: text(title), body: text(body) });
            channels.push(Named { name: name.value, at: section.place(), settings });
        }
    }
    channels
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(letter)
}

/// Where it leads; none when what matters most is missing.
fn channel(findings: &mut Findings<'_>, section: &Section<'_>, folder: &Path) -> Option<ChannelKind> {
    let names = KINDS.map(|(name, _)| name);
    section.required(findings, "kind", &format!("\"...\", one of {}", names.join(", ")))?;
    let kind = section.choice(findings, "kind", "a kind of channel that isobar knows", &KINDS)?;
    let mut known = [&COMMON, kind.keys()].concat();
    known.sort_unstable();
    section.only(findings, &known, (&[], ""));
    match kind {
        Kind::Slack => slack(findings, section),
        Kind::Email => email::read(findings, section, folder).map(ChannelKind::Email),
        Kind::Webhook => webhook(findings, section),
        Kind::Qstash => qstash::read(findings, section),
        Kind::Pagerduty => pagerduty(findings, section),
        Kind::Alertmanager => alertmanager(findings, section),
    }
}

fn slack(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<ChannelKind> {
    if section.has("webhook_url") == section.has("token") {
        let (message, fix) = if section.has("token") {
            ("has both webhook_url and token", "keep token and channel: with them one incident is one message that changes")
        } else {
            ("has neither token nor webhook_url", "add token and channel of a Slack app, or webhook_url of an incoming webhook")
        };
        findings.problem(&section.place(), message, fix);
        return None;
    }
    if section.has("webhook_url") {
        let url = private_link(findings, section, "webhook_url", "\"https://hooks.slack.com/services/...\"");
        for key in ["api_url", "channel", "signing_secret"].into_iter().filter(|key| section.has(key)) {
            findings.warn(&section.at(key), "has no effect with webhook_url", "remove it, or use token and channel");
        }
        return Some(ChannelKind::SlackWebhook { url: url?.value.into() });
    }
    let token = section.required(findings, "token", "\"${SLACK_TOKEN}\"").and_then(|token| in_header(findings, token));
    let channel = section.required(findings, "channel", "\"C0123456789\"");
    let signing_secret = section.given(findings, "signing_secret").map(|text| text.value.into());
    let api_url = base(findings, section, "api_url", "https://slack.com/api");
    Some(ChannelKind::SlackBot { token: token?.value.into(), channel: channel?.value, signing_secret, api_url })
}

fn webhook(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<ChannelKind> {
    let url = private_link(findings, section, "url", "\"https://...\"");
    let secret = webhook_secret(findings, section);
    let mut headers = BTreeMap::new();
    if let Some(table) = section.table(findings, "headers") {
        for (name, _) in table.entries() {
            let Some(value) = table.text(findings, name) else { continue };
            let own = name.to_ascii_lowercase();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                findings.problem(&value.at, "is not the name of a header", "use letters, digits and `-`");
            } else if own.starts_with("webhook-") || ["content-length", "content-type", "host"].contains(&own.as_str()) {
                findings.problem(&value.at, "is a header that isobar sets itself", "remove it");
            } else if let Some(value) = in_header(findings, value) {
                headers.insert(name.to_owned(), value.value.into());
            }
        }
    }
    Some(ChannelKind::Webhook { url: url?.value.into(), secret, headers })
}

fn pagerduty(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<ChannelKind> {
    let key = section.required(findings, "routing_key", "\"${PAGERDUTY_ROUTING_KEY}\"")?;
    let events_url = base(findings, section, "events_url", "https://events.pagerduty.com/v2/enqueue");
    if key.value.len() != ROUTING_KEY || !key.value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let fix = "take the integration key of an Events API v2 integration, in the service's settings at PagerDuty";
        findings.problem(&key.at, format!("is not a routing key: those have {ROUTING_KEY} letters and digits"), fix);
    }
    Some(ChannelKind::Pagerduty { routing_key: key.value.into(), events_url })
}

fn alertmanager(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<ChannelKind> {
    let one = section.given(findings, "url");
    let problems = findings.problems.len();
    let written = one.into_iter().chain(section.texts(findings, "urls")).collect::<Vec<_>>();
    if written.is_empty() && findings.problems.len() == problems {
        let fix = "add urls = [\"http://alertmanager:9093\"], with all peers of a cluster";
        findings.problem(&section.place(), "has neither urls nor url", fix);
    }
    let token = section.given(findings, "token").and_then(|token| in_header(findings, token));
    let mut urls = Vec::new();
    for text in written {
        if links::check(findings, &text) {
            if token.is_some() {
                links::warn_unless_private(findings, &text.value, &text.at);
            }
            urls.push(text.value.trim_end_matches('/').into());
        }
    }
    let mut labels = BTreeMap::new();
    if let Some(table) = section.table(findings, "labels") {
        for (name, _) in table.entries() {
            let Some(value) = table.text(findings, name) else { continue };
            let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
            if name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit()) {
                labels.insert(name.to_owned(), value.value);
            } else {
                findings.problem(&value.at, "is not the name of a label", "use letters, digits and `_`, not a digit first");
            }
        }
    }
    (!urls.is_empty()).then(|| ChannelKind::Alertmanager { urls, token: token.map(|token| token.value.into()), labels })
}

/// An address that must be there and that is as secret as a password.
fn private_link<'a>(findings: &mut Findings<'_>, section: &Section<'a>, key: &str, example: &str) -> Option<Text<'a>> {
    let text = section.required(findings, key, example)?;
    links::warn_unless_private(findings, &text.value, &text.at);
    links::check(findings, &text).then_some(text)
}

/// A provider's own address, unless another is given, e.g. of a proxy.
fn base(findings: &mut Findings<'_>, section: &Section<'_>, key: &str, usual: &str) -> String {
    let text = section.given(findings, key).filter(|text| links::check(findings, text));
    if let Some(text) = &text {
        links::warn_unless_private(findings, &text.value, &text.at);
    }
    text.map_or_else(|| usual.to_owned(), |text| text.value.trim_end_matches('/').to_owned())
}

/// What a header can carry.
fn in_header<'a>(findings: &mut Findings<'_>, text: Text<'a>) -> Option<Text<'a>> {
    if text.value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Some(text);
    }
    findings.problem(&text.at, "holds characters that a header cannot carry", "use visible ASCII characters");
    None
}

/// `secret`: signs what is sent, as Standard Webhooks.
fn webhook_secret(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<SecretString> {
    let text = section.given(findings, "secret")?;
    let bytes = text.value.strip_prefix("whsec_").and_then(|coded| BASE64_STANDARD.decode(coded).ok());
    if bytes.is_none_or(|bytes| !(24..=64).contains(&bytes.len())) {
        let fix = "make one: echo \"whsec_$(openssl rand -base64 32)\"";
        findings.problem(&text.at, "is not `whsec_` with base64 of 24 to 64 bytes", fix);
        return None;
    }
    Some(text.value.into())
}
