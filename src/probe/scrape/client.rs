//! One question to a page of metrics: bounded in time and in what is read, unpacked, without redirects, its secret in no log and no error.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Client, Response, Url, header::HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::time::timeout;

use super::{Kind, Source, text::Figures, token::jwt, trust::refused};
use crate::{
    clock,
    model::sample::Missing,
    probe::{
        classify::{bounded, deepest},
        management::{client::client, pace::Said},
    },
};

/// A host that does not answer by then is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// For all of it, the body's last byte included.
const LIMIT: Duration = Duration::from_secs(10);
/// A project's page is some 200 KiB; that of a Supavisor with ten thousand pools some megabytes.
const MOST_READ: usize = 8 << 20;
/// What a health check says is a line.
const MOST_HEALTH: usize = 64 << 10;
/// How long a token is good for, seconds; clocks differ.
const TOKEN_LASTS: i64 = 120;
/// Checks of its own that a pooler names; it has four.
const MOST_CHECKS: usize = 8;

/// Reads one source.
#[derive(Debug)]
pub struct Reader {
    client: Client,
    source: Source,
}

/// An answer.
#[derive(Debug)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// What it says of a limit.
    pub said: Said,
    /// The figures, or why there are none.
    pub figures: Result<Figures, Missing>,
}

#[derive(Deserialize)]
struct Unwell {
    failed_checks: Vec<String>,
}

impl Reader {
    /// A client for that source.
    pub fn new(source: Source) -> Result<Self, Missing> {
        let client = client(&source.url, CONNECT, LIMIT);
        let client = client.map_err(|error| lack(&source, &format!("have no client: {}", deepest(&error)), None))?;
        Ok(Self { client, source })
    }

    /// What it reads.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The page; an error when nobody answered.
    pub async fn read(&self) -> Result<Heard, Missing> {
        let heard = timeout(LIMIT, self.ask()).await;
        heard.unwrap_or_else(|_| Err(lack(&self.source, "cannot be read: no whole answer in time", None)))
    }

    /// What a pooler's own health check finds wrong; none when nothing, or when it does not tell.
    pub async fn unwell(&self) -> Option<String> {
        if self.source.kind != Kind::Supavisor {
            return None;
        }
        let mut url = Url::parse(&self.source.url).ok()?;
        url.set_path("/api/health");
        let asked = async {
            let response = self.client.get(url).send().await.ok()?;
            let broken = response.status().as_u16() == 503;
            let body = whole(response, MOST_HEALTH).await.ok().flatten()?;
            let unwell: Unwell = serde_json::from_slice(&body).ok().filter(|_| broken)?;
            let checks: Vec<_> = unwell.failed_checks.iter().take(MOST_CHECKS).map(|check| bounded(check)).collect();
            Some(format!("its own health check fails: {}", checks.join(", ")))
        };
        timeout(CONNECT, asked).await.ok().flatten()
    }

    async fn ask(&self) -> Result<Heard, Missing> {
        let broken = |error: reqwest::Error| {
            let (why, fix) = match refused(&error) {
                Some((why, fix)) => (why, Some(fix)),
                None if error.is_timeout() => ("no whole answer in time".to_owned(), None),
                None if error.is_connect() => (format!("no connection: {}", deepest(&error)), None),
                None => (deepest(&error), None),
            };
            lack(&self.source, &format!("cannot be read: {why}"), fix)
        };
        let request = self.client.get(&self.source.url).header("authorization", self.authorization()?);
        let request = request.header("accept", "text/plain").header("accept-encoding", "identity");
        let response = request.send().await.map_err(|error| broken(error.without_url()))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &str| header(name)?.parse::<u64>().ok();
        let said = Said { remaining: None, reset: number("retry-after").or_else(|| number("x-ratelimit-reset")) };
        let status = response.status().as_u16();
        if status != 200 {
            let (cause, fix) = self.source.refusal(status);
            return Ok(Heard { status, said, figures: Err(lack(&self.source, &format!("{cause} ({status})"), fix)) });
        }
        let cannot = |why: &str| lack(&self.source, &format!("cannot be read: {why}"), None);
        if header("content-encoding").is_some_and(|packed| !packed.eq_ignore_ascii_case("identity")) {
            return Ok(Heard { status, said, figures: Err(cannot("they come packed, which nobody asked for")) });
        }
        let Some(body) = whole(response, MOST_READ).await.map_err(|error| broken(error.without_url()))? else {
            return Ok(Heard { status, said, figures: Err(cannot(&format!("they are longer than {} MiB", MOST_READ >> 20))) });
        };
        let wanted = self.source.wanted();
        // Megabytes take some hundred milliseconds, which others should not wait for.
        let read = tokio::task::spawn_blocking(move || {
            let text = std::str::from_utf8(&body).map_err(|_| "it is no text".to_owned())?;
            Figures::read(text, &wanted)
        });
        let read = read.await.unwrap_or_else(|_| Err("it cannot be parsed".to_owned()));
        Ok(Heard { status, said, figures: read.map_err(|why| cannot(&why)) })
    }

    fn authorization(&self) -> Result<HeaderValue, Missing> {
        let secret = self.source.secret.expose_secret();
        let text = match self.source.kind {
            Kind::Supabase => format!("Basic {}", STANDARD.encode(format!("service_role:{secret}"))),
            Kind::Supavisor => format!("Bearer {}", jwt(secret, clock::wall().unix_ms() / 1_000 + TOKEN_LASTS)),
        };
        let header = HeaderValue::from_str(&text);
        let mut header = header.map_err(|_| lack(&self.source, "cannot be asked for: no header can carry the key", None))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The whole body; none when it is longer than that.
async fn whole(mut response: Response, most: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Who asks says which figure it is that is missing.
pub(super) fn lack(source: &Source, what: &str, fix: Option<&str>) -> Missing {
    Missing { field: String::new(), cause: format!("{} {what}", source.title()), fix: fix.map(str::to_owned) }
}
