//! **Push.** Isobar's own figures to an OpenTelemetry collector, for people whose dashboards are elsewhere; and rows to Tinybird, which
//! is [`tinybird`].
//!
//! ```text
//!  ArcSwap<World> ──► figures: resources, names, units ──► collector: gzip, POST, what the answer means
//!                                   ▲                                   │
//!                                   └── schedule: each interval, later when it says so ◄──┘
//! ```
//! Each push is made from the picture as it stands, so nothing is queued: while a collector is away there is nothing to keep but the time of
//! the next attempt, and what it gets then is the newest. In a cluster a node pushes the targets that it watches, so each is pushed once.

pub mod actor;
mod collector;
mod figures;
mod http;
mod schedule;
pub mod tinybird;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use secrecy::{ExposeSecret, SecretString};

/// `[otlp]` in `global.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the collector is; `/v1/metrics` is added unless it ends with that.
    pub endpoint: SecretString,
    /// What to send along, e.g. a token.
    pub headers: BTreeMap<String, SecretString>,
    /// How often.
    pub every: Duration,
}

impl Settings {
    /// Ten seconds are fine enough for a chart, and a collector's own receivers do no better.
    pub const USUAL: Duration = Duration::from_secs(10);
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let plain = |of: &Self| {
            let headers = of.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
            (of.endpoint.expose_secret().to_owned(), headers.collect::<Vec<_>>(), of.every)
        };
        plain(self) == plain(other)
    }
}
