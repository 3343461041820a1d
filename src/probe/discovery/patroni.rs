//! The members of a Patroni cluster, by `GET /cluster` of the first of its REST APIs that answers.
//!
//! Each of them tells of all, as the cluster's store (etcd, Consul, ...) has it; so one that answers is enough, and one that says nothing
//! says nothing about the members. Patroni forgets a member whose node died after its `ttl`, usually 30 s. A target that went away with it
//! would take the incident along that somebody is being woken for: so a member that is not listed any more stays for
//! [`Settings::forget_after`].

mod members;
mod roll;

use std::{path::PathBuf, time::Duration};

use reqwest::{Certificate, Client, Url, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};

pub use members::{Member, read};
pub use roll::Roll;

use crate::probe::classify::deepest;

/// All of one call.
const WITHIN: Duration = Duration::from_secs(3);
/// An answer tells of a few members, some hundred bytes each.
const MOST_READ: usize = 256 * 1024;

/// Where a cluster's members are asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The REST APIs, e.g. `http://10.0.0.1:8008`; role and password in them are for basic authentication.
    pub urls: Vec<SecretString>,
    /// Authorities to trust, PEM; the system's when not given.
    pub ca: Option<PathBuf>,
    /// A member that is not listed any more stays for so long.
    pub forget_after: Duration,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let urls = |of: &Self| of.urls.iter().map(|url| url.expose_secret().to_owned()).collect::<Vec<_>>();
        (urls(self), &self.ca, self.forget_after) == (urls(other), &other.ca, other.forget_after)
    }
}

/// Whether this can be the address of a REST API; the reason when it cannot, without the address.
pub fn check_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "is not a URL")?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(()),
        _ => Err("is not an http:// or https:// URL"),
    }
}

/// One cluster's REST APIs.
#[derive(Debug)]
pub struct Cluster {
    client: Client,
    urls: Vec<Url>,
    /// The one that answered last is asked first.
    turn: usize,
}

impl Cluster {
    /// Reads the authorities; nothing is asked yet.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        crate::crypto::install();
        let urls: Vec<Url> = settings.urls.iter().filter_map(|url| Url::parse(url.expose_secret().trim()).ok()).collect();
        let mut client = Client::builder()
            .user_agent(concat!("isobar/", env!("CARGO_PKG_VERSION")))
            .timeout(WITHIN)
            .redirect(Policy::none())
            .no_proxy();
        if let Some(path) = &settings.ca {
            let pem = std::fs::read(path).map_err(|error| format!("patroni_ca cannot be read ({})", error.kind()))?;
            let authorities = Certificate::from_pem_bundle(&pem).ok().filter(|authorities| !authorities.is_empty());
            let authorities = authorities.ok_or("patroni_ca holds no certificate in PEM")?;
            client = client.tls_certs_only(authorities);
        } else if urls.iter().all(|url| url.scheme() == "http") {
            client = client.tls_certs_only([]); // no TLS, so a machine without certificates will do
        }
        let client = client.build().map_err(|error| format!("no client of HTTP: {}", deepest(&error.without_url())))?;
        Ok(Self { client, urls, turn: 0 })
    }

    /// Asks them one after the other; the members, or what the last one said instead.
    pub async fn members(&mut self) -> Result<Vec<Member>, String> {
        let mut said = "no REST API is named".to_owned();
        for _ in 0..self.urls.len() {
            let url = &self.urls[self.turn % self.urls.len()];
            match self.ask(url).await {
                Ok(members) => return Ok(members),
                Err(why) => {
                    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
                    said = format!("{host}:{port}: {why}");
                }
            }
            self.turn += 1;
        }
        Err(said)
    }

    async fn ask(&self, url: &Url) -> Result<Vec<Member>, String> {
        let mut to = url.clone();
        to.set_path(&format!("{}/cluster", url.path().trim_end_matches('/')));
        let (user, password) = (decoded(url.username()), url.password().map(decoded));
        let _ = (to.set_username(""), to.set_password(None));
        let mut request = self.client.get(to);
        if !user.is_empty() {
            request = request.basic_auth(user, password);
        }
        let broken = |error: reqwest::Error| match error.without_url() {
            error if error.is_timeout() => format!("no answer within {} s", WITHIN.as_secs()),
            error => deepest(&error),
        };
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        if status.as_u16() != 200 {
            return Err(format!("answered {}", status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MOST_READ {
                return Err(format!("the answer is longer than {} KiB", MOST_READ / 1024));
            }
            body.extend_from_slice(&chunk);
        }
        read(&body)
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;
