//! One Redis as the bus of its regions: a single server, the primary of sentinels, or a cluster; Upstash and the like as well.
//!
//! ```text
//!  append, tend, ping ── one connection ──┐
//!  keepers ────────────── another ────────┼──► Redis   isobar:{region}:raw world shelf · members lease fence version written born offers staged
//!  read ── one for each at a time ────────┘                            incidents rows silences marks · database:health:latest...
//! ```
//! A blocking read holds up whatever shares its connection, and so does waiting for replicas: hence several. Each call has a limit; whoever
//! calls decides when to try again. Work runs on the runtime given at the start, so that calls come from any thread.
//!
//! **Cluster.** The keys of one region are in one slot. Streams of several regions are read by a command for each, side by side.

mod address;
mod beat;
mod check;
mod keys;
mod line;
mod reading;
mod shelves;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, join_all, try_join_all};
use redis::RedisResult;
use secrecy::{ExposeSecret, SecretString};
use tokio::{runtime::Handle, task::JoinHandle};

use self::{
    address::{Address, Kind},
    line::{Connection, Line},
    reading::Told,
    shelves::Shelves,
};
use super::transport::{Beat, CACHED, Cursor, Entry, Holder, Stream, Tended, Transport};
use crate::{
    clock,
    model::{
        RegionName, Timestamp,
        cluster::{Keeper, Unreachable},
    },
};

pub use address::UrlError;
pub use check::{Checked, check as try_out};

/// The longest that one read waits at the server, however long the caller would: a connection that died without a word is noticed so much
/// later.
const WAIT: Duration = Duration::from_millis(500);

/// The same where several commands wait side by side and news of one must not wait for the others.
const SLICE: Duration = Duration::from_millis(100);

pub(super) fn check(url: &str) -> Result<(), UrlError> {
    Address::parse(url).map(drop)
}

/// See the module.
pub struct Redis {
    address: Arc<Address>,
    io: Handle,
    calls: Arc<Line>,
    shelves: Arc<Line>,
    readers: Arc<Readers>,
}

/// Connections for reading that nobody uses now, and what Redis' clock said last; none after a failure, for another may answer next.
#[derive(Debug)]
struct Readers {
    address: Arc<Address>,
    idle: Mutex<Vec<Arc<Line>>>,
    told: Mutex<Option<Told>>,
    /// How many entries of a stream are asked for at once: fewer after each failure.
    most: AtomicUsize,
}

impl Redis {
    /// The one at that URL. Nothing is asked of it before the first call, which runs on that runtime.
    pub fn new(url: &SecretString, io: Handle) -> Result<Self, UrlError> {
        let address = Arc::new(Address::parse(url.expose_secret())?);
        let line = || Arc::new(Line::new(address.clone()));
        let most = AtomicUsize::new(reading::MOST);
        let readers = Readers { address: address.clone(), idle: Mutex::default(), told: Mutex::default(), most };
        Ok(Self { calls: line(), shelves: line(), readers: Arc::new(readers), address, io })
    }
}

impl Transport for Redis {
    fn append(
        &self,
        region: RegionName,
        entries: Vec<(Stream, Bytes)>,
        cache: Vec<(String, String)>,
    ) -> BoxFuture<'static, Result<(), Unreachable>> {
        let line = self.calls.clone();
        on(&self.io, async move { line.run(Duration::ZERO, |connection| append(connection, &region, entries, cache)).await })
            .boxed()
    }

    fn read(&self, cursors: Vec<Cursor>, wait: Duration) -> BoxFuture<'static, Result<(Vec<Entry>, Timestamp), Unreachable>> {
        let (readers, cluster) = (self.readers.clone(), self.address.kind == Kind::Cluster);
        let work = async move {
            if cursors.is_empty() {
                tokio::time::sleep(wait).await;
            }
            let groups = reading::groups(cursors, cluster);
            if let [all] = &groups[..] {
                return readers.read(all, wait.min(WAIT)).await;
            }
            readers.read_all(&groups, wait.min(WAIT)).await
        };
        on(&self.io, work).boxed()
    }

    fn tend(&self, beat: Beat) -> BoxFuture<'static, Result<Tended, Unreachable>> {
        let line = self.calls.clone();
        on(&self.io, async move { line.run(Duration::ZERO, |connection| beat::tend(connection, beat)).await }).boxed()
    }

    fn ping(&self) -> BoxFuture<'static, Result<Duration, Unreachable>> {
        let line = self.calls.clone();
        on(&self.io, async move { line.run(Duration::ZERO, ping).await }).boxed()
    }

    fn keeper(&self, region: RegionName, holder: Holder, replicas: u32) -> Arc<dyn Keeper> {
        Arc::new(Shelves { line: self.shelves.clone(), io: self.io.clone(), region, holder, replicas })
    }
}

impl Readers {
    async fn read(&self, cursors: &[Cursor], wait: Duration) -> Result<(Vec<Entry>, Timestamp), Unreachable> {
        let idle = self.idle().pop();
        let line = idle.unwrap_or_else(|| Arc::new(Line::new(self.address.clone())));
        let told = *self.told();
        let most = self.most.load(Relaxed);
        let read = line.run(wait, |connection| reading::read(connection, cursors, wait, told, most)).await;
        self.idle().push(line);
        // An answer that was too much for its time would be too much again.
        self.most.store(if read.is_ok() { (most * 2).min(reading::MOST) } else { (most / 2).max(1) }, Relaxed);
        *self.told() = read.as_ref().ok().map(|(_, told)| *told);
        read.map(|(entries, told)| (entries, told.now()))
    }

    /// Reads the groups side by side until one of them has something. Those that fail are left out while others have news.
    async fn read_all(&self, groups: &[Vec<Cursor>], wait: Duration) -> Result<(Vec<Entry>, Timestamp), Unreachable> {
        let began = clock::now();
        loop {
            let left = wait.saturating_sub(clock::now().saturating_duration_since(began));
            let answers = join_all(groups.iter().map(|group| self.read(group, left.min(SLICE)))).await;
            let (mut entries, mut failure, mut time) = (Vec::new(), None, None);
            for answer in answers {
                match answer {
                    Ok((more, now)) => {
                        entries.extend(more);
                        time = time.max(Some(now));
                    }
                    Err(error) => failure = Some(error),
                }
            }
            match (time, failure) {
                (Some(time), None) if left.is_zero() => return Ok((entries, time)),
                (Some(time), _) if !entries.is_empty() => return Ok((entries, time)),
                (_, Some(error)) => return Err(error),
                _ => {}
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Line>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.address).finish()
    }
}

async fn append(
    connection: Connection,
    region: &RegionName,
    entries: Vec<(Stream, Bytes)>,
    cache: Vec<(String, String)>,
) -> RedisResult<()> {
    let mut streams = redis::pipe();
    for (stream, bytes) in &entries {
        let key = keys::stream(region, *stream);
        streams.cmd("XADD").arg(key).arg("MAXLEN").arg("~").arg(stream.length()).arg("*").arg("m").arg(&bytes[..]).ignore();
    }
    let set = |(key, value): &(String, String)| redis::cmd("SET").arg(key).arg(value).arg("EX").arg(CACHED.as_secs()).take();
    match connection {
        Connection::One(mut one) => {
            for entry in &cache {
                streams.add_command(set(entry)).ignore();
            }
            if streams.is_empty() { Ok(()) } else { streams.query_async(&mut one).await }
        }
        Connection::Many(mut many) => {
            if !streams.is_empty() {
                streams.query_async::<()>(&mut many).await?;
            }
            let set = |entry| {
                let (command, mut many) = (set(entry), many.clone());
                async move { command.query_async::<()>(&mut many).await }
            };
            try_join_all(cache.iter().map(set)).await.map(drop)
        }
    }
}

async fn ping(mut connection: Connection) -> RedisResult<Duration> {
    let asked = clock::now();
    redis::cmd("PING").query_async::<()>(&mut connection).await?;
    Ok(clock::now().saturating_duration_since(asked))
}

/// Does it on that runtime.
fn on<T: Send + 'static>(
    io: &Handle,
    work: impl Future<Output = Result<T, Unreachable>> + Send + 'static,
) -> impl Future<Output = Result<T, Unreachable>> + Send + 'static {
    let io = io.clone();
    async move {
        let mut task = Task(io.spawn(work));
        (&mut task.0).await.unwrap_or_else(|_| Err(Unreachable("the program ends".into())))
    }
}

/// Work that nobody waits for any more is not begun late, when it would be news of the past.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
