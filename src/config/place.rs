//! Where something stands in a file, and what of it may be repeated in a message.

use std::ops::Range;

use super::problem::Problem;

/// Keys whose values may hold a secret, wherever they stand.
/// (Some mail servers take a token for a user's name.)
const SECRET: [&str; 25] = [
    "access_token",
    "api_url",
    "base_url",
    "callback_url",
    "client_url",
    "current_signing_key",
    "events_url",
    "heartbeat_url",
    "next_signing_key",
    "operator_token",
    "metrics_secret",
    "metrics_url",
    "password",
    "patroni",
    "redis",
    "routing_key",
    "secret",
    "secret_key",
    "signing_secret",
    "token",
    "url",
    "urls",
    "username",
    "viewer_token",
    "webhook_url",
];

/// Tables whose values may each hold a secret.
const SECRET_TABLES: [&str; 1] = ["headers"];

/// Longer values are not repeated in a message; the line is named anyway.
const LONGEST_SHOWN: usize = 80;

/// One file, by name and text.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl File<'_> {
    pub(super) fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Where something stands.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) file: File<'a>,
    pub(super) span: Option<Range<usize>>,
    pub(super) key: String,
    /// Whether what stands there may be repeated.
    pub(super) shown: bool,
}

impl<'a> Place<'a> {
    /// A span that belongs to no key, e.g. of a syntax error, whose text is best not repeated.
    pub(super) fn bare(file: File<'a>, span: Option<Range<usize>>) -> Self {
        Self { file, span, key: String::new(), shown: false }
    }

    /// Whether a value stands there that may be repeated.
    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    fn is_secret(&self) -> bool {
        let names = || self.key.split('.').map(|part| part.split('[').next().unwrap_or_default());
        names().next_back().is_some_and(|name| SECRET.contains(&name)) || names().any(|name| SECRET_TABLES.contains(&name))
    }

    pub(super) fn problem(&self, message: String, fix: String) -> Problem {
        let written = self.span.clone().and_then(|span| self.file.text.get(span)).filter(|_| self.shown);
        // A connection string may have been put under the wrong key.
        let secret = self.is_secret() || written.is_some_and(|text| text.contains('@') || text.contains("password"));
        let value = written.filter(|text| secret || (text.len() <= LONGEST_SHOWN && !text.contains('\n')));
        Problem {
            file: self.file.name.to_owned(),
            line: self.span.clone().map(|span| self.file.line(span.start)),
            key: self.key.clone(),
            value: value.map(|text| if secret { "***" } else { text }.to_owned()),
            message,
            fix,
        }
    }
}
