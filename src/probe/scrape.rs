//! Pages of Prometheus' text that say what no session and no console tells: Supabase's of a project, and Supavisor's of its pools.
//!
//! ```text
//!  targets of one page ──► Office (one per page) ──once a minute, or four times──► GET, bounded in time and size
//!                              │ keeps the page, and the one before                └──► Figures: the series that are known here
//!                              └──► machine: Host     pool/supabase, pool/supavisor: pools, mean waits from deltas
//! ```
//! Such a page is old when it comes, so it never speaks about whether anybody gets in: one that does not answer, or lies, is a lack with a
//! cause, and nothing else changes. What is not a number there is not known; counters that ran backwards began anew, and tell nothing until
//! the next page.

pub mod client;
pub mod office;
pub mod text;
pub mod token;
pub mod trust;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Sampling, database::machine, pool};

/// Where a project of Supabase tells of itself.
pub const SUPABASE_PATH: &str = "/customer/v1/privileged/metrics";
/// Where Supavisor does.
pub const SUPAVISOR_PATH: &str = "/metrics";

/// Whose page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Of a project of Supabase; HTTP basic auth.
    Supabase,
    /// Of a Supavisor; a token made from its `METRICS_JWT_SECRET`.
    Supavisor,
}

/// One page, and the secret that opens it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Whose.
    pub kind: Kind,
    /// The whole address.
    pub url: String,
    /// A secret key or `service_role` key; the secret of Supavisor's metrics.
    pub secret: SecretString,
    /// Of a Supavisor: whose pools are meant.
    pub tenant: Option<String>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.url, &self.tenant, self.secret.expose_secret())
            == (other.kind, &other.url, &other.tenant, other.secret.expose_secret())
    }
}

impl Source {
    /// How often it is read.
    pub const fn every(&self, sampling: &Sampling) -> Duration {
        match self.kind {
            Kind::Supabase => sampling.provider,
            Kind::Supavisor => sampling.pooler_metrics,
        }
    }

    /// `host`, or `host:port` where that is written.
    pub fn address(&self) -> String {
        self.url.split('/').nth(2).unwrap_or_default().to_owned()
    }

    /// `host:port`, whatever is written.
    pub(super) fn host_and_port(&self) -> String {
        let address = self.address();
        let port = if self.url.starts_with("http://") { 80 } else { 443 };
        let named = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if named { address } else { format!("{address}:{port}") }
    }

    /// Whether it comes over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// The series that are known here.
    fn wanted(&self) -> Vec<&'static str> {
        match self.kind {
            Kind::Supabase => [machine::WANTED, pool::supabase::WANTED, pool::supavisor::WANTED].concat(),
            Kind::Supavisor => pool::supavisor::WANTED.to_vec(),
        }
    }

    /// What it is called when something is wrong with it.
    const fn title(&self) -> &'static str {
        match self.kind {
            Kind::Supabase => "Supabase's metrics",
            Kind::Supavisor => "Supavisor's metrics",
        }
    }

    /// What a refusal means, and what to do.
    fn refusal(&self, status: u16) -> (&'static str, Option<&'static str>) {
        match (self.kind, status) {
            (Kind::Supabase, 401 | 403) => (
                "do not accept the key",
                Some(
                    "give the project's secret key (sb_secret_...) or its service_role key as `secret_key`: dashboard, Settings, API Keys",
                ),
            ),
            (Kind::Supabase, 404) => {
                ("are not there", Some("check `project`, or correct `metrics_url`; the project may be paused"))
            }
            (Kind::Supavisor, 401 | 403) => (
                "do not accept the token",
                Some("give Supavisor's METRICS_JWT_SECRET as `metrics_secret`, and compare the clocks of both machines"),
            ),
            (Kind::Supavisor, 404) => ("are not there", Some("check `metrics_url` and `tenant`")),
            (_, 300..=399) => ("are somewhere else", Some("write the address that answers itself as `metrics_url`")),
            (_, 429) => ("have been asked for too often", None),
            (_, 500..) => ("are in trouble themselves", None),
            _ => ("give an answer that is not documented", None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_with_its_fix_and_the_secret_is_shown_nowhere() {
        let source =
            |kind| Source { kind, url: "https://h:4000/metrics".to_owned(), secret: "S3CRET".to_owned().into(), tenant: None };
        let fix = |kind, status| source(kind).refusal(status).1.unwrap_or_default();
        assert!(fix(Kind::Supabase, 401).contains("secret_key") && fix(Kind::Supabase, 404).contains("project"));
        assert!(fix(Kind::Supavisor, 403).contains("METRICS_JWT_SECRET") && fix(Kind::Supavisor, 404).contains("tenant"));
        assert_eq!(fix(Kind::Supabase, 503), "");
        assert_eq!(source(Kind::Supavisor).address(), "h:4000");
        assert!(!format!("{:?}", source(Kind::Supabase)).contains("S3CRET"));
    }
}
