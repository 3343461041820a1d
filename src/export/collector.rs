//! One push over HTTP and what its answer means, as OTLP wants it: 429, 502, 503 and 504 and whatever breaks may be tried again, not before
//! Retry-After; any other refusal is for good. A 200 may say that some points were not taken.
//!
//! A few KiB of the answer are read. Errors carry no URL and no header; what a collector answers is
//! not quoted, since some echo what they were sent.

use std::time::Duration;

use prost::Message;
use reqwest::{
    Client, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;

use super::{
    Settings,
    http::{self, broken, line, packed, retry_after},
};
use crate::{
    model::Timestamp,
    otlp::{Export, Response},
};

/// No answer of a collector that matters is longer.
const MOST_READ: usize = 64 << 10;

/// How a push ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ended {
    /// Taken, but for so many points.
    Taken { rejected: u64, why: String },
    /// Not now.
    Later { why: String, after: Option<Duration> },
    /// Never.
    Refused(String),
}

/// A client with where to push.
#[derive(Clone)]
pub(super) struct Collector {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

impl Collector {
    /// A client for these settings; an error shows no secret.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let mut url = Url::parse(settings.endpoint.expose_secret().trim()).map_err(|_| "its endpoint is no URL".to_owned())?;
        if !url.path().ends_with("/v1/metrics") {
            let path = format!("{}/v1/metrics", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value.expose_secret()).ok());
            let (known, mut value) = parsed.ok_or_else(|| format!("the header {name} cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(known, value);
        }
        let client = http::client(&url)?;
        Ok(Self { client, url, headers })
    }

    /// Pushes it.
    pub(super) async fn push(&self, export: &Export, wall: Timestamp) -> Ended {
        let body = match packed(&export.encode_to_vec()) {
            Ok(body) => body,
            Err(error) => return Ended::Refused(format!("it cannot be packed: {error}")),
        };
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        let request = request.header(CONTENT_TYPE, "application/x-protobuf").header(CONTENT_ENCODING, "gzip").body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ended::Later { why: broken(error), after: None },
        };
        let status = response.status().as_u16();
        match status {
            200..300 => {}
            408 | 429 | 502 | 503 | 504 => {
                return Ended::Later { why: format!("it answers {status}"), after: retry_after(response.headers(), wall) };
            }
            300..400 => return Ended::Refused(format!("it answers {status}; redirects are not followed")),
            _ => return Ended::Refused(format!("it answers {status}")),
        }
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > MOST_READ {
                return Ended::Taken { rejected: 0, why: String::new() };
            }
        }
        // Some answer with nothing, or with words of their own, and mean that all is well.
        let partial = Response::decode(&answer[..]).ok().and_then(|response| response.partial_success);
        let (rejected, why) = partial.map_or_else(Default::default, |partial| {
            (u64::try_from(partial.rejected_data_points).unwrap_or_default(), line(&partial.error_message))
        });
        Ended::Taken { rejected, why }
    }
}
