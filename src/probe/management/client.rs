//! One question to the Management API: bounded in time and in what is read, without redirects, its token in no log and no error.

use std::time::Duration;

use reqwest::{Client, Url, header::HeaderValue, redirect::Policy};
use secrecy::ExposeSecret;

use super::{
    Project,
    answer::{self, Listed, Way, missing, refusal},
    pace::Said,
};
use crate::{
    clock,
    model::{sample::Missing, vitals::Service},
    probe::classify::deepest,
};

/// A host that does not answer by then is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// More than the API's own limit of a health check, which is asked for below.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the API may take to look at the services, milliseconds.
const LOOK_MS: u32 = 5_000;
/// Health is one KiB; a list of a thousand projects some hundred.
const MOST_READ: usize = 1 << 20;
/// Those that stand between an application and its database, and those beside it.
const SERVICES: &str = "auth,db,pooler,realtime,rest,storage";

/// Asks on behalf of a project's settings.
#[derive(Debug)]
pub struct Asker {
    client: Client,
    project: Project,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// What it says of the limit.
    pub said: Said,
    /// The body.
    pub body: Vec<u8>,
}

impl Asker {
    /// A client for that address.
    pub fn new(project: Project) -> Result<Self, Missing> {
        let client = client(&project.api, CONNECT, LIMIT);
        let client = client.map_err(|error| missing(format!("no client of HTTP: {}", deepest(&error)), None))?;
        Ok(Self { client, project })
    }

    /// What it asks for.
    pub const fn project(&self) -> &Project {
        &self.project
    }

    /// How the project's services are, with what was said of the limit.
    pub async fn health(&self) -> Result<(Said, u16, Result<Vec<Service>, Missing>), Missing> {
        let path = format!("/v1/projects/{}/health?services={SERVICES}&timeout_ms={LOOK_MS}", self.project.reference);
        let heard = self.ask(&path).await?;
        let services =
            if heard.status == 200 { answer::services(&heard.body, clock::wall()) } else { Err(refusal(heard.status)) };
        Ok((heard.said, heard.status, services))
    }

    /// All projects that the token's owner may see.
    pub async fn projects(&self) -> Result<Vec<Listed>, Missing> {
        let heard = self.ask("/v1/projects").await?;
        if heard.status == 200 { answer::projects(&heard.body) } else { Err(refusal(heard.status)) }
    }

    /// The ways to the databases of one of them.
    pub async fn ways(&self, reference: &str) -> Result<Vec<Way>, Missing> {
        let heard = self.ask(&format!("/v1/projects/{reference}/config/database/pooler")).await?;
        if heard.status == 200 { answer::ways(&heard.body) } else { Err(refusal(heard.status)) }
    }

    async fn ask(&self, path: &str) -> Result<Heard, Missing> {
        let broken = |error: reqwest::Error| {
            let why = match () {
                () if error.is_timeout() => "no answer in time".to_owned(),
                () if error.is_connect() => format!("no connection: {}", deepest(&error)),
                () => deepest(&error),
            };
            missing(format!("the Management API cannot be asked: {why}"), None)
        };
        let url = Url::parse(&format!("{}{path}", self.project.api.trim_end_matches('/')));
        let url = url.map_err(|_| missing("the Management API's address is no URL".to_owned(), Some("correct `api_url`")))?;
        let token = HeaderValue::from_str(&format!("Bearer {}", self.project.token.expose_secret()));
        let mut token = token.map_err(|_| {
            missing("the access token holds characters that no header can carry".to_owned(), Some("correct `access_token`"))
        })?;
        token.set_sensitive(true);
        let request = self.client.get(url).header("authorization", token);
        let mut response = request.send().await.map_err(|error| broken(error.without_url()))?;
        let number = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let said = Said {
            remaining: number("x-ratelimit-remaining"),
            reset: number("x-ratelimit-reset").or_else(|| number("retry-after")),
        };
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(error.without_url()))? {
            if body.len() + chunk.len() > MOST_READ {
                return Err(missing(format!("the Management API's answer is longer than {MOST_READ} bytes"), None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Heard { status, said, body })
    }
}

/// A client for this address, bounded in time, that follows no redirects.
pub(in crate::probe) fn client(url: &str, connect: Duration, limit: Duration) -> Result<Client, reqwest::Error> {
    crate::crypto::install();
    let mut client = Client::builder()
        .user_agent(concat!("isobar/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .timeout(limit)
        .redirect(Policy::none());
    if url.starts_with("http://") {
        client = client.tls_certs_only([]); // no TLS, so a machine without certificates will do
    }
    client.build()
}
