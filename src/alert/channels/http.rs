//! One call over HTTP, and what its outcome means. Bounded in every way: 5 s to connect, 15 s in all, no redirects, a few KiB of the
//! answer. What works later is told from what never will: no connection, 408, 425, 429 and 5xx may be tried again, 429 not before its
//! Retry-After; any other status is a refusal for good. A call that breaks, or hears nothing, after it was connected leaves doubt: the
//! provider may have taken it.
//!
//! Nothing secret leaves this file: errors carry no URL, and what a provider answers is quoted shortly, with every secret of the channel
//! cut out of it, since some providers echo what they were sent.

use std::{error::Error, future::Future, time::Duration};

use chrono::DateTime;
use reqwest::{
    Client, Method, RequestBuilder, Url,
    header::{HeaderMap, HeaderValue},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};

use super::{Checked, Failure, Nature};
use crate::model::Timestamp;

/// All of a call, and of several calls that make up one message.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// A host that does not answer by then is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// No answer of a provider that matters is longer.
const MOST_READ: usize = 8 * 1024;

/// What of an answer is told to people.
const MOST_QUOTED: usize = 200;

/// Shorter pieces of a secret are words, not secrets.
const SHORTEST_PIECE: usize = 8;

/// How a channel is used whose provider knows a repeat by its key.
pub(super) const fn keyed(burst: u32, every: Duration) -> Nature {
    Nature { keyed: true, edits: false, refresh: None, burst, every }
}

/// What a provider answered.
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The beginning of the body.
    pub(super) body: String,
}

impl Answer {
    /// Whether it was taken.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A client with what it must never say.
pub(super) struct Http {
    client: Client,
    secrets: Vec<String>,
}

/// The URL of a setting; an error names the setting alone.
pub(super) fn address(key: &str, url: &str) -> Result<Url, String> {
    let wrong = || format!("`{key}` is not an http:// or https:// URL");
    let parsed = Url::parse(url.trim()).map_err(|_| wrong())?;
    (matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some()).then_some(parsed).ok_or_else(wrong)
}

/// A header's value that no log shows; an error names the setting alone.
pub(super) fn secret_header(key: &str, value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value).map_err(|_| format!("`{key}` holds characters that a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Http {
    /// A client for these addresses.
    pub(super) fn new(urls: &[&Url], secrets: &[&SecretString]) -> Result<Self, String> {
        crate::crypto::install();
        let mut client = Client::builder()
            .user_agent(concat!("isobar/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(LIMIT)
            .redirect(Policy::none());
        if urls.iter().all(|url| url.scheme() == "http") {
            client = client.tls_certs_only([]); // no TLS, so a machine without certificates will do
        }
        let client = client.build().map_err(|error| format!("no client of HTTP: {}", deepest(&error.without_url())))?;
        Ok(Self { client, secrets: forbidden(urls, secrets) })
    }

    /// A POST to the address.
    pub(super) fn post(&self, url: &Url) -> RequestBuilder {
        self.client.post(url.clone())
    }

    /// A GET of the address.
    pub(super) fn get(&self, url: &Url) -> RequestBuilder {
        self.client.get(url.clone())
    }

    /// Makes the call.
    pub(super) async fn call(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let mut response = request.send().await.map_err(|error| self.broken(error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Err(error) if (200..300).contains(&status) => return Err(self.broken(error)),
                Ok(None) | Err(_) => break, // a refusal is one without its words, too
            };
            body.extend_from_slice(&chunk);
            if body.len() > MOST_READ {
                let longest = self.secrets.first().map_or(0, String::len);
                body.truncate(MOST_READ.saturating_sub(longest)); // half a secret at the cut would not be recognised
                break;
            }
        }
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn broken(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let cause = self.quote(&deepest(&error));
        if error.is_builder() {
            return Failure::Permanent(format!("no such call can be made: {cause}"));
        }
        let why = match () {
            () if error.is_timeout() && error.is_connect() => format!("no connection within {} s", CONNECT.as_secs()),
            () if error.is_timeout() => format!("no answer within {} s", LIMIT.as_secs()),
            () if error.is_connect() => format!("no connection: {cause}"),
            () => format!("the connection broke: {cause}"),
        };
        if error.is_connect() { Failure::Retry { why, after: None } } else { Failure::Doubt { why } }
    }

    /// What an answer that is no success means.
    pub(super) fn refusal(&self, answer: &Answer, now: Timestamp) -> Failure {
        let said = self.said(answer);
        match answer.status {
            408 | 425 | 429 | 500.. => Failure::Retry { why: said, after: retry_after(&answer.headers, now) },
            300..400 => Failure::Permanent(format!("{said}: redirects are not followed, give the address it leads to")),
            _ => Failure::Permanent(said),
        }
    }

    /// An answer in a few words: `403 invalid_token`.
    pub(super) fn said(&self, answer: &Answer) -> String {
        format!("{} {}", answer.status, self.quote(&answer.body)).trim_end().to_owned()
    }

    /// The beginning of a text on one line, without secrets.
    pub(super) fn quote(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let line = line.collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MOST_QUOTED) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// Whether somebody speaks HTTP there: any answer is one.
    pub(super) async fn reach(&self, method: Method, url: &Url) -> Checked {
        let result = match self.call(self.client.request(method, url.clone())).await {
            Ok(answer) => Ok(format!("answers {}", answer.status)),
            Err(failure) => Err(failure.to_string()),
        };
        Checked { what: "connect".into(), result }
    }
}

/// The root of an address, which takes no message.
pub(super) fn root(url: &Url) -> Url {
    let mut root = url.clone();
    root.set_path("/");
    root.set_query(None);
    root.set_fragment(None);
    let _ = (root.set_username(""), root.set_password(None));
    root
}

/// Several calls that make up one message, bounded together.
pub(super) async fn bounded<T>(calls: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::Doubt { why: format!("no answer within {} s", LIMIT.as_secs()) };
    tokio::time::timeout(LIMIT, calls).await.unwrap_or_else(|_| Err(late()))
}

/// Seconds or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now.0).to_std().ok().or(Some(Duration::ZERO)),
    }
}

/// The cause that says most: the last of the chain.
fn deepest(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// What no text may hold: the secrets, and the pieces of them and of the addresses that are long enough to be one; longest first.
fn forbidden(urls: &[&Url], secrets: &[&SecretString]) -> Vec<String> {
    let mut all = Vec::new();
    let mut forbid = |whole: &str| {
        let pieces = whole.split(|c: char| !(c.is_ascii_alphanumeric() || "_-+.".contains(c)));
        all.extend(pieces.filter(|piece| piece.len() >= SHORTEST_PIECE).map(str::to_owned));
        all.push(whole.to_owned());
    };
    for part in urls.iter().flat_map(|url| parts(url)) {
        forbid(part);
    }
    for secret in secrets {
        forbid(secret.expose_secret().trim());
    }
    for url in urls {
        all.extend([url.to_string(), url.as_str().trim_end_matches('/').to_owned()]);
    }
    let escaped: Vec<String> = all.iter().filter(|part| part.contains('/')).map(|part| part.replace('/', "\\/")).collect();
    all.extend(escaped);
    all.retain(|part| part.len() >= 4);
    all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    all.dedup();
    all
}

/// The parts of an address that may hold a secret.
fn parts(url: &Url) -> impl Iterator<Item = &str> {
    let parts =
        [url.username(), url.password().unwrap_or_default(), url.path().trim_end_matches('/'), url.query().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests;
