//! `kind = "qstash"`: Upstash's queue in between, which delivers to a destination and calls back.

use crate::{
    alert::settings::ChannelKind,
    config::section::{Findings, Section},
};

use super::{base, in_header, private_link, webhook_secret};

pub(super) const KEYS: [&str; 9] =
    ["base_url", "callback_url", "current_signing_key", "next_signing_key", "retries", "retry_delay", "secret", "token", "url"];

/// QStash's own attempts unless told.
const RETRIES: u32 = 3;

/// Seconds, not the half hour that QStash waits by itself: somebody is to be woken.
const RETRY_DELAY: &str = "pow(2, retried) * 1000";

/// Where Isobar takes callbacks.
const CALLBACK: &str = "/api/qstash/callback";

pub(super) fn read(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<ChannelKind> {
    let token = section.required(findings, "token", "\"${QSTASH_TOKEN}\"").and_then(|token| in_header(findings, token));
    let destination = private_link(findings, section, "url", "\"https://...\", where QStash is to deliver to");
    let base_url = base(findings, section, "base_url", "https://qstash.upstash.io");
    let secret = webhook_secret(findings, section);
    let retries = section.whole(findings, "retries", 0..=20).unwrap_or(RETRIES);
    let retry_delay = section.given(findings, "retry_delay").and_then(|text| in_header(findings, text));
    let callback = section.given(findings, "callback_url");
    let current = section.given(findings, "current_signing_key");
    let next = section.given(findings, "next_signing_key");
    if let Some(callback) = &callback {
        let usable = super::links::check(findings, callback);
        if usable && !callback.value.ends_with(CALLBACK) {
            let fix = format!("write this node's address as QStash reaches it, and {CALLBACK} behind it");
            findings.problem(&callback.at, format!("does not end with {CALLBACK}"), fix);
        }
        if current.is_none() {
            let fix = "add current_signing_key and next_signing_key from QStash's console";
            findings.problem(&callback.at, "comes without current_signing_key: no callback could be verified", fix);
        }
    }
    if let Some(next) = next.as_ref().filter(|_| current.is_none() && callback.is_none()) {
        findings.warn(&next.at, "has no effect without callback_url and current_signing_key", "add them, or remove it");
    }
    Some(ChannelKind::Qstash {
        base_url,
        token: token?.value.into(),
        destination: destination?.value.into(),
        secret,
        retries,
        retry_delay: retry_delay.map_or_else(|| RETRY_DELAY.to_owned(), |text| text.value),
        callback_url: callback.map(|text| text.value),
        current_signing_key: current.map(|text| text.value.into()),
        next_signing_key: next.map(|text| text.value.into()),
    })
}
