//! **Upload.** A row per target and interval to a data source of Tinybird, for those who ask about months and all regions in SQL.
//!
//! ```text
//!  ArcSwap<World> ──► rows: what is due ──► spool: a bounded queue on disk ──► events: gzip, POST, what the answer means
//!                                            │ queue: what to keep, where          │
//!                                            └──◄── courier: when, how much, what becomes of a batch ◄──┘
//! ```
//! Every row goes through the spool, so an outage, a restart and a crash are nothing special: what was not taken is there and is sent in
//! its order. A row may come twice, after a timeout or a crash between an answer and its note; region, database and timestamp are its
//! key, by which the data source in `deploy/tinybird` keeps one of them. In a cluster a node sends the targets that it watches.

pub mod actor;
mod courier;
pub mod events;
mod lines;
mod queue;
mod rows;
mod spool;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};

/// `[tinybird]` in `global.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's host of the workspace's region.
    pub url: SecretString,
    /// A token with `DATASOURCE:APPEND` on the data source.
    pub token: SecretString,
    /// The data source.
    pub datasource: String,
    /// How often a row of each target is sent; one more comes at once when its status changes.
    pub every: Duration,
    /// How many bytes may wait.
    pub spool: u64,
    /// The folder in which they do; none: in memory.
    pub spool_path: Option<PathBuf>,
}

impl Settings {
    /// The usual data source: `deploy/tinybird` makes it.
    pub const DATASOURCE: &str = "database_health_metrics";
    /// Ten seconds: a year of one target is three million rows, which a question reads in a blink.
    pub const USUAL: Duration = Duration::from_secs(10);
    /// A day of eleven targets, at some 670 bytes a row.
    pub const SPOOL: u64 = 64 << 20;
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let secrets = |of: &Self| [&of.url, &of.token].map(|secret| secret.expose_secret().to_owned());
        let plain = |of: &Self| (of.datasource.clone(), of.every, of.spool, of.spool_path.clone());
        secrets(self) == secrets(other) && plain(self) == plain(other)
    }
}
