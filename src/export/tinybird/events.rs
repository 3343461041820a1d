//! One request to Tinybird's Events API, and what its answer means.
//!
//! It waits until the rows are in the database (`wait=true`): at one request per interval that costs nothing, and what was said to be there
//! is. Errors carry no URL, no token and nothing of what the other side wrote.

use std::time::Duration;

use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use secrecy::ExposeSecret;
use serde::Deserialize;

pub use super::courier::Ended;
use super::{
    super::http::{self, broken, packed, retry_after},
    Settings,
};
use crate::model::Timestamp;

/// No answer that matters is longer.
const MOST_READ: usize = 64 << 10;
/// A later moment is one since 1970, and no length of time.
const LONGEST_RESET: f64 = 1e9;

/// What is said of a batch that was taken.
#[derive(Debug, Deserialize)]
struct Said {
    successful_rows: Option<u64>,
    #[serde(default)]
    quarantined_rows: u64,
}

/// A client with where to send.
#[derive(Clone)]
pub struct Events {
    client: Client,
    url: Url,
    authorization: HeaderValue,
    datasource: String,
}

impl Events {
    /// A client for these settings; an error shows no secret.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let mut url = Url::parse(settings.url.expose_secret().trim()).map_err(|_| "its url is no URL".to_owned())?;
        let path = format!("{}/v0/events", url.path().trim_end_matches('/').trim_end_matches("/v0/events"));
        url.set_path(&path);
        url.query_pairs_mut().clear().append_pair("name", &settings.datasource).append_pair("wait", "true");
        let bearer = format!("Bearer {}", settings.token.expose_secret().trim());
        let mut authorization = HeaderValue::from_str(&bearer).map_err(|_| "its token cannot be sent".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self { client: http::client(&url)?, url, authorization, datasource: settings.datasource.clone() })
    }

    /// Sends these rows.
    pub async fn send(&self, rows: &[String], wall: Timestamp) -> Ended {
        let mut text = rows.join("\n");
        text.push('\n');
        self.post(text.as_bytes(), wall).await
    }

    /// Sends nothing, to learn whether rows would be taken: what is wrong with the place, the token or the data source.
    pub async fn knock(&self, wall: Timestamp) -> Result<(), String> {
        match self.post(b"", wall).await {
            // Some refuse what has no row in it, but only those whom they let in.
            Ended::Taken { .. } | Ended::Partly(_) | Ended::Refused(_) => Ok(()),
            Ended::TooBig => Err("it answers 413 to nothing".to_owned()),
            Ended::Later { why, .. } | Ended::Closed(why) => Err(why),
        }
    }

    async fn post(&self, body: &[u8], wall: Timestamp) -> Ended {
        let body = match packed(body) {
            Ok(body) => body,
            Err(error) => return Ended::Later { why: format!("it cannot be packed: {error}"), after: None },
        };
        let request = self.client.post(self.url.clone()).header(AUTHORIZATION, self.authorization.clone());
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").header(CONTENT_ENCODING, "gzip").body(body);
        match request.send().await {
            Ok(response) => self.meaning(response, wall).await,
            Err(error) => Ended::Later { why: broken(error), after: None },
        }
    }

    async fn meaning(&self, mut response: Response, wall: Timestamp) -> Ended {
        let (status, name) = (response.status().as_u16(), &self.datasource);
        let closed = |why: String| Ended::Closed(format!("it answers {status}: {why}"));
        match status {
            200..300 => {}
            300..400 => {
                return closed("redirects are not followed; set url in [tinybird] to the host of the API itself".to_owned());
            }
            400 => return Ended::Refused("it answers 400: it cannot read what was sent".to_owned()),
            401 | 403 => {
                return closed(format!(
                    "set token in [tinybird] to one with DATASOURCE:APPEND on {name}, of the workspace that url leads to"
                ));
            }
            404 => {
                return closed(format!(
                    "set url in [tinybird] to the API's host of the workspace's region, and make the data source {name} \
                     (deploy/tinybird)"
                ));
            }
            413 => return Ended::TooBig,
            422 => {
                let why = format!(
                    "it answers 422: something behind {name} fails, e.g. a materialized view; the rows are not sent again"
                );
                return Ended::Partly(why);
            }
            408 | 429 | 500..600 => {
                return Ended::Later { why: format!("it answers {status}"), after: pause(response.headers(), wall) };
            }
            _ => return Ended::Refused(format!("it answers {status}")),
        }
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > MOST_READ {
                break;
            }
        }
        // A status says that they are there, whatever the words.
        let said = serde_json::from_slice(&answer).unwrap_or(Said { successful_rows: None, quarantined_rows: 0 });
        Ended::Taken { successful: said.successful_rows, quarantined: said.quarantined_rows }
    }
}

/// How long it wants to be left alone.
fn pause(headers: &HeaderMap, wall: Timestamp) -> Option<Duration> {
    let reset = || {
        let seconds: f64 = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
        let seconds = if seconds > LONGEST_RESET { seconds - wall.unix_ms() as f64 / 1_000.0 } else { seconds };
        Duration::try_from_secs_f64(seconds).ok()
    };
    retry_after(headers, wall).or_else(reset)
}
