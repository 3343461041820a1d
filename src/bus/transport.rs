//! What carries the bytes: one Redis, or memory in its place. It knows streams, beats and shelves, and nothing of what they say.
//!
//! Every call ends within a second, or three when it must connect first: whoever does not answer by then is [`Unreachable`], and what was asked of it may have been done.

#[cfg(test)]
pub(crate) mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::model::{
    NodeName, RegionName, Timestamp,
    cluster::{Keeper, Unreachable},
};

/// A node unheard for so long is dead: four beats of 400 ms.
pub const HEARD: Duration = Duration::from_millis(1600);

/// How long a lease lasts unless it is renewed. Its holder gives it up earlier by its own clock, so that two never lead at once.
pub const LEASE: Duration = Duration::from_secs(4);

/// After a wipe: how long from the first offer of a copy until the newest one leads, so that every node beats twice before.
pub const OFFERS: Duration = Duration::from_millis(1200);

/// A cursor without a place begins with what is at most this old.
pub const RECENT: Duration = Duration::from_secs(2);

/// An entry of the cache is gone after this.
pub const CACHED: Duration = Duration::from_mins(1);

/// A region's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Whole samples, for the region's own nodes.
    Raw,
    /// What crosses regions.
    World,
    /// Changes of the region's shelves as they were applied, for its own nodes' disks; JSON of a commit.
    Shelf,
}

impl Stream {
    /// How many entries are kept, about: seconds of the others, so that a reader that was away for a moment misses nothing; of changes the
    /// last hours of a busy day, so that a node's disk seldom needs all anew.
    pub const fn length(self) -> usize {
        match self {
            // Ten nodes at four a second: five seconds.
            Self::Raw => 200,
            // Ten nodes at five to ten a second: twenty seconds and more.
            Self::World => 2_000,
            Self::Shelf => 5_000,
        }
    }
}

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Whose stream.
    pub region: RegionName,
    /// Which one.
    pub stream: Stream,
    /// The last entry's id; none: from what is at most this old, see [`Transport::read`].
    pub last: Option<String>,
}

impl Cursor {
    /// After which entry to go on: milliseconds and a number. A place that lies ahead of Redis' clock is from another Redis, whose clock was
    /// ahead: what is read begins as without one.
    pub fn place(&self, now: Timestamp) -> (i64, u64) {
        let parse = |last: &String| {
            let (ms, number) = last.split_once('-')?;
            Some((ms.parse().ok()?, number.parse().ok()?))
        };
        let recent = RECENT.as_millis() as i64;
        self.last.as_ref().and_then(parse).filter(|(ms, _)| *ms <= now.unix_ms() + recent).unwrap_or((now.unix_ms() - recent, 0))
    }
}

/// One entry of a stream.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose stream.
    pub region: RegionName,
    /// Which one.
    pub stream: Stream,
    /// Its id there: Redis milliseconds, a dash, a number.
    pub id: String,
    /// What it says.
    pub bytes: Bytes,
}

/// That a node lives, and what it wants.
#[derive(Debug, Clone)]
pub struct Beat {
    /// Its region.
    pub region: RegionName,
    /// Its name.
    pub node: NodeName,
    /// Another one with each start.
    pub boot: u64,
    /// It hands over and ends.
    pub leaving: bool,
    /// It is gone: take it off at once, and give its lease up.
    pub gone: bool,
    /// The newest version of the wire that it reads.
    pub wire: u16,
    /// Whether it would lead.
    pub wants_lease: bool,
    /// The version of the region's shelves on its own disk: when Redis was wiped the newest copy leads, and writes it anew.
    pub version: u64,
}

/// Who may hold a lease: a node in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub node: NodeName,
    /// Another one with each start.
    pub boot: u64,
}

/// What Redis said to a beat.
#[derive(Debug, Clone)]
pub struct Tended {
    /// All live nodes, with how long ago each was heard by Redis' clock; the dead are left out.
    pub members: Vec<(crate::model::cluster::Member, Duration)>,
    /// Who leads, with the fence: name and boot.
    pub leader: Option<(NodeName, u64, u64)>,
    /// How long the lease lasts from now unless it is renewed; only of use to its holder.
    pub lasts: Duration,
    /// Redis was wiped, and nobody has written it anew yet.
    pub wiped: bool,
    /// Another live process of the same region has this node's name.
    pub name_taken: bool,
    /// Redis' clock.
    pub time: Timestamp,
}

/// See the module.
pub trait Transport: Send + Sync + std::fmt::Debug {
    /// Appends entries to streams of a region and sets keys that expire after a minute, in one pipeline.
    fn append(
        &self,
        region: RegionName,
        entries: Vec<(Stream, Bytes)>,
        cache: Vec<(String, String)>,
    ) -> BoxFuture<'static, Result<(), Unreachable>>;

    /// What came after the cursors, in order; waits up to `wait` when there is nothing. A cursor without a place begins with what is at most
    /// two seconds old. On a connection of its own. Also tells Redis' clock.
    fn read(&self, cursors: Vec<Cursor>, wait: Duration) -> BoxFuture<'static, Result<(Vec<Entry>, Timestamp), Unreachable>>;

    /// Says that a node lives.
    fn tend(&self, beat: Beat) -> BoxFuture<'static, Result<Tended, Unreachable>>;

    /// How long the way there and back takes.
    fn ping(&self) -> BoxFuture<'static, Result<Duration, Unreachable>>;

    /// Who keeps that region's shelves here, for a node that may lead.
    fn keeper(&self, region: RegionName, holder: Holder, replicas: u32) -> Arc<dyn Keeper>;
}
