//! **3 CARRY.** From one region's nodes to all others, and what a region's nodes keep together.
//!
//! ```text
//!  Batch (this node) ──► BusActor ──► Outbox: newest per target ──► wire ──► own region's Redis ══ raw, world streams
//!      │                    ▲                                                                          ║
//!      └──► Aggregator ◄────┴── Batch, AlertNews, Ask, Replica, Membership ◄── wire ◄── readers ◄══════╝ every region's
//! ```
//! **Streams.** Each region has two in its Redis: `raw` (whole reports with their details, four times a second, read by the region's own
//! nodes, and by others only while somebody looks there) and `world` (what changed its judgement at once, figures once a second, whole
//! reports every ten seconds, heartbeats, news of alerts, questions between nodes). A node writes only to its own region's Redis and
//! reads every region's, each with a cursor of its own; both streams are bounded. A lost message heals: state is said again.
//!
//! **Numbers.** Each sender numbers its messages per stream, so that readers see what they missed ([`gaps`]), and what comes twice or late is
//! left out. A write of which nobody knows whether it was done is written again with the same numbers ([`parcel`]): nothing is told twice.
//!
//! **Back-pressure.** While Redis is away the [`outbox`] keeps the newest report per target and its newest transitions, and little else; what
//! the aggregator has no room for is brought again, and dropped beyond a bound. Both are counted.
//!
//! **Two streams, one story.** A region's own nodes take reports from `raw`, others from `world`; the [`inbox`] sees to it that a transition
//! that stands on both is told once.
//!
//! **Membership.** Each beat is one script: it says that this node lives, tells who else does, renews or asks for the lease of the
//! region's alert stage, and tells the time. Targets spread over the [`members`], and the [`lease`] is given up by the holder's own clock
//! before Redis gives it to another. The **keeper** applies the alert stage's changes, each in one script that refuses whoever does not hold
//! the lease.
//!
//! **Versions.** What is written is the newest [`wire`] that all live nodes of all regions read; for the first seconds of a node, the oldest.
//!
//! Cold start: readers begin with what the streams still hold of the last seconds. Recovery: a Redis that does not answer is asked again and
//! again, at most a second apart; nothing waits for it without a limit; the log says so when it has held for two seconds ([`contact`]).

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use crate::model::RegionName;

pub mod actor;
pub mod cache;
pub mod contact;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod gaps;
pub mod inbox;
pub mod lease;
pub mod members;
pub mod memory;
pub mod message;
pub mod outbox;
pub mod parcel;
pub mod redis;
pub mod transport;
pub mod wire;

use self::{memory::Memory, redis::Redis, transport::Transport};

pub use self::redis::{Checked, UrlError};

/// The scheme of memory in a Redis' place.
const MEMORY: &str = "memory:";

/// The bus of one region: `[bus]` of `global.toml`, or of its own file.
#[derive(Debug, Clone)]
pub struct Place {
    /// Whose.
    pub region: RegionName,
    /// `redis://` or `rediss://`; `redis+sentinel://h1:26379,h2:26379/NAME`, `redis+cluster://h1:6379,h2:6379`; `memory:` in tests.
    pub url: SecretString,
}

/// What a node must know of the bus; none without one, and then one process does everything in memory.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Every region's, those of this node among them.
    pub places: Vec<Place>,
    /// Whole samples of this node are put on its region's `raw` stream this often (`raw`). 100 ms to 5 s.
    pub raw: Duration,
    /// Each target's health is written to the cache at least this often while nothing changes (`cache`); a change is written at once, though
    /// at most once a second. 1 s to 30 s.
    pub cache: Duration,
    /// The newest version of the wire that this node reads and writes (`wire`); lower only to try an upgrade.
    pub wire: u16,
    /// Replicas that must have an alert's state before anybody is told of a critical (`replicas`). 0 to 5.
    pub replicas: u32,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.region == other.region && self.url.expose_secret() == other.url.expose_secret()
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let rest = |of: &Self| (of.raw, of.cache, of.wire, of.replicas);
        self.places == other.places && rest(self) == rest(other)
    }
}

/// What is at that URL: a Redis, which is not asked before it is needed, or for `memory:NAME` memory that this process shares by the name.
pub fn open(url: &SecretString, io: Handle) -> Result<Arc<dyn Transport>, UrlError> {
    match url.expose_secret().strip_prefix(MEMORY) {
        Some(name) => Ok(Arc::new(Memory::named(name))),
        None => Ok(Arc::new(Redis::new(url, io)?)),
    }
}

/// Whether a bus can be at that URL; asks nobody. The error repeats nothing of it.
pub fn check_url(url: &str) -> Result<(), UrlError> {
    if url.starts_with(MEMORY) { Ok(()) } else { self::redis::check(url) }
}

/// Tries step by step whether a region's nodes could meet there.
pub async fn check(place: &Place) -> Vec<Checked> {
    self::redis::try_out(&place.region, &place.url).await
}
