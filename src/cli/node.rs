//! A running node that a command asks: which one, by which token, one question and its answer. Every failure says what to do about it;
//! none shows the token, or a password in the address.

use std::{
    error::Error,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use reqwest::{Certificate, Client, Method, Response, Url, header, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, terminal::clean};

/// A test of a channel takes up to 25 s, everything else no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody home is noticed sooner.
const CONNECT: Duration = Duration::from_secs(5);

/// Far more than all alerts that a node keeps.
const LONGEST_ANSWER: usize = 64 << 20;

/// Which node, and how: what all commands that ask one take.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// The node to ask
    #[arg(long, global = true, help_heading = HEADING, env = "ISOBAR_SERVER", value_name = "URL", default_value = "http://127.0.0.1:3000")]
    server: String,
    /// A viewer's token to look, an operator's to act; the environment keeps it out of the list of processes
    #[arg(long, global = true, help_heading = HEADING, env = "ISOBAR_TOKEN", hide_env_values = true, value_name = "TOKEN", value_parser = secret)]
    token: Option<SecretString>,
    /// Trust this authority's certificate (PEM) instead of the system's
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Where help puts it.
const HEADING: &str = "The node";

#[allow(clippy::unnecessary_wraps)] // what clap wants of a parser
fn secret(text: &str) -> Result<SecretString, String> {
    Ok(text.into())
}

impl NodeArgs {
    /// The node that is meant.
    pub(super) fn node(&self) -> Result<Node, Failure> {
        Node::new(&self.server, self.token.clone(), self.ca.as_deref())
    }
}

/// A node that is asked.
pub(super) struct Node {
    http: Client,
    base: Url,
    token: Option<SecretString>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The node refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own word for it, e.g. `no_such_target`.
        code: String,
        /// What it said, and what to do.
        message: String,
    },
    /// It was not reached, or is none.
    Unreached(String),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused { message, .. } | Trouble::Unreached(message) => Self::failed(message),
        }
    }
}

impl Node {
    fn new(server: &str, token: Option<SecretString>, ca: Option<&Path>) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::usage(format!("--server: {why}; give an address such as http://127.0.0.1:3000"));
        let base = Url::parse(server).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("it must begin with http:// or https://"));
        }
        crate::crypto::install();
        let mut http = Client::builder().timeout(PATIENCE).connect_timeout(CONNECT).redirect(Policy::none());
        if is_here(&base) {
            http = http.no_proxy();
        }
        if let Some(file) = ca {
            let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("--ca {}: {why}", file.display()));
            let pem = fs::read(file).map_err(|error| wrong(&error))?;
            let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error.without_url()))?;
            if found.is_empty() {
                return Err(wrong(&"no certificate in it; give a PEM file"));
            }
            http = http.tls_certs_only(found);
        }
        let http = http.build().map_err(|error| Failure::failed(innermost(&error.without_url())))?;
        Ok(Self { http, base, token: token.filter(|token| !token.expose_secret().is_empty()) })
    }

    pub(super) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Trouble> {
        self.ask(Method::GET, path, query, None).await
    }

    pub(super) async fn post(&self, path: &[&str], body: Option<Value>) -> Result<Value, Trouble> {
        self.ask(Method::POST, path, &[], body).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, Trouble> {
        self.ask(Method::DELETE, path, &[], None).await
    }

    async fn ask(&self, how: Method, path: &[&str], query: &[(&str, String)], body: Option<Value>) -> Result<Value, Trouble> {
        // In an address these two are no names but ways up.
        if path.iter().any(|name| matches!(*name, "" | "." | "..")) {
            return Err(Trouble::Refused {
                status: 404,
                code: "not_found".to_owned(),
                message: "there is nothing of that name".to_owned(),
            });
        }
        let mut url = self.base.clone();
        url.set_query(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(how, url);
        if let Some(token) = &self.token {
            let mut value = header::HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| Trouble::Unreached("--token: it holds characters that no token has".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut answer = request.send().await.map_err(|error| self.unreached(error))?;
        let status = answer.status();
        let read = self.whole(&mut answer).await?;
        let json: Option<Value> = serde_json::from_slice(&read).ok();
        if status.is_success() {
            let json = if read.is_empty() { Some(Value::Null) } else { json };
            return json.ok_or_else(|| Trouble::Unreached(self.is_no_node("its answer is not JSON")));
        }
        let said = json.as_ref().and_then(|json| json["error"]["message"].as_str());
        let said = said.ok_or_else(|| Trouble::Unreached(self.is_no_node(&format!("it answers {status}"))))?;
        let code = json.as_ref().and_then(|json| json["error"]["code"].as_str()).unwrap_or_default();
        let fix = match (status.as_u16(), code) {
            (401, _) => ": give one with --token, or as ISOBAR_TOKEN",
            (403, _) => ": give an operator's with --token, or as ISOBAR_TOKEN",
            _ => "",
        };
        Err(Trouble::Refused { status: status.as_u16(), code: code.to_owned(), message: format!("{}{fix}", clean(said)) })
    }

    async fn whole(&self, answer: &mut Response) -> Result<Vec<u8>, Trouble> {
        let mut read = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreached(error))? {
            read.extend_from_slice(&chunk);
            if read.len() > LONGEST_ANSWER {
                return Err(Trouble::Unreached(self.is_no_node("its answer has no end")));
            }
        }
        Ok(read)
    }

    /// The address without what may be secret in it.
    fn shown(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        clean(&format!("{}://{host}{port}", self.base.scheme()))
    }

    fn is_no_node(&self, why: &str) -> String {
        format!("{} is no Isobar node, or something stands before it: {why}; --server names another", self.shown())
    }

    fn unreached(&self, error: reqwest::Error) -> Trouble {
        let error = error.without_url();
        let why = clean(&innermost(&error));
        let fix = if error.is_timeout() && !error.is_connect() {
            "it is reached but does not answer in time; see its log"
        } else if why.contains("certificate") {
            "--ca FILE names the authority to trust"
        } else {
            "is a node running there? --server URL, or ISOBAR_SERVER, names another"
        };
        Trouble::Unreached(format!("cannot ask {}: {why}; {fix}", self.shown()))
    }
}

/// An answer, or a part of one, as what it should be.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::failed(format!("the node's answer is not understood ({error}); are it and this program of the same version?"))
    })
}

/// No proxy of the environment stands between this machine and itself.
fn is_here(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// What went wrong at the bottom of it.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
