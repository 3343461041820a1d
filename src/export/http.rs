//! What both destinations do alike over HTTP: a client, packing, what went wrong in words without secrets, and when to come again.
//!
//! Bounded: 5 s to connect, 10 s in all, no redirects.

use std::{error::Error, io::Write, time::Duration};

use chrono::DateTime;
use flate2::{Compression, write::GzEncoder};
use reqwest::{Client, Url, header::HeaderMap, redirect::Policy};

use crate::model::Timestamp;

/// A host that does not answer by then is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// All of a request.
const LIMIT: Duration = Duration::from_secs(10);
/// What of another's words goes to the log.
const MOST_QUOTED: usize = 200;

/// A client for this address.
pub(super) fn client(url: &Url) -> Result<Client, String> {
    crate::crypto::install();
    let mut client = Client::builder()
        .user_agent(concat!("isobar/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(LIMIT)
        .redirect(Policy::none());
    if url.scheme() == "http" {
        client = client.tls_certs_only([]); // no TLS, so a machine without certificates will do
    }
    client.build().map_err(|error| format!("no client of HTTP: {}", deepest(&error.without_url())))
}

/// Gzip.
pub(super) fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes)?;
    packer.finish()
}

/// Why there is no answer.
pub(super) fn broken(error: reqwest::Error) -> String {
    let error = error.without_url();
    match () {
        () if error.is_timeout() && error.is_connect() => format!("no connection within {} s", CONNECT.as_secs()),
        () if error.is_timeout() => format!("no answer within {} s", LIMIT.as_secs()),
        () if error.is_connect() => format!("no connection: {}", deepest(&error)),
        () => format!("the connection broke: {}", deepest(&error)),
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

/// Another's words as one short line.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(MOST_QUOTED).collect()
}

/// Seconds or a date.
pub(super) fn retry_after(headers: &HeaderMap, wall: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - wall.0).to_std().ok(),
    }
}
