//! Memory in Redis' place: the same streams, beats and shelves within one process, with faults on the way when a test asks for them.
//!
//! Several handles share one store, each by a link of its own: cut one and its node is alone, while the others go on. Time comes from the
//! clock that the store was made with; it stands for that of Redis.

mod faults;
mod shelves;
mod tape;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::{sync::Notify, time};

use self::{shelves::Shelves, tape::Tape};
use super::transport::{Beat, CACHED, Cursor, Entry, Holder, Stream, Tended, Transport};
use crate::{
    clock,
    model::{
        RegionName, Timestamp,
        cluster::{Commit, Committed, Keeper, Kept, Unreachable},
    },
};

pub use faults::Faults;

/// One link to a store. A clone is the same link.
#[derive(Debug, Clone)]
pub struct Memory {
    store: Arc<Store>,
    faults: Arc<Faults>,
}

struct Store {
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    regions: Mutex<BTreeMap<RegionName, Region>>,
    cache: Mutex<BTreeMap<String, (String, i64)>>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Region {
    shelves: Shelves,
    tapes: BTreeMap<Stream, Tape>,
}

impl Memory {
    /// A new store with that clock.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let store = Store { clock: Box::new(clock), regions: Mutex::default(), cache: Mutex::default(), news: Notify::new() };
        Self { store: Arc::new(store), faults: Arc::default() }
    }

    /// A link to the store of that name, which lives as long as the process; its clock is the machine's.
    pub fn named(name: &str) -> Self {
        static STORES: Mutex<BTreeMap<String, Memory>> = Mutex::new(BTreeMap::new());
        lock(&STORES).entry(name.into()).or_insert_with(|| Self::new(clock::own)).link()
    }

    /// Another link to the same store.
    pub fn link(&self) -> Self {
        Self { store: self.store.clone(), faults: Arc::default() }
    }

    /// What goes wrong on this link.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What the cache holds under that key.
    pub fn cached(&self, key: &str) -> Option<String> {
        let now = self.store.now();
        lock(&self.store.cache).get(key).filter(|(_, until)| *until > now).map(|(value, _)| value.clone())
    }

    /// Everything is lost, as when a Redis without persistence starts again.
    pub fn wipe(&self) {
        lock(&self.store.regions).clear();
        lock(&self.store.cache).clear();
    }

    /// Does it at the store, if the way there and back allows.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Unreachable>> {
        let Self { store, faults } = self.clone();
        async move {
            pass(faults.way()).await;
            if faults.is_cut() {
                return Err(cut());
            }
            let answer = work(&store);
            pass(faults.way()).await;
            if faults.is_mute() { Err(cut()) } else { Ok(answer) }
        }
        .boxed()
    }
}

impl Transport for Memory {
    fn append(
        &self,
        region: RegionName,
        entries: Vec<(Stream, Bytes)>,
        cache: Vec<(String, String)>,
    ) -> BoxFuture<'static, Result<(), Unreachable>> {
        self.call(move |store| {
            let now = store.now();
            store.append(&region, entries);
            let until = now + CACHED.as_millis() as i64;
            lock(&store.cache).retain(|_, (_, until)| *until > now);
            lock(&store.cache).extend(cache.into_iter().map(|(key, value)| (key, (value, until))));
        })
    }

    fn read(&self, cursors: Vec<Cursor>, wait: Duration) -> BoxFuture<'static, Result<(Vec<Entry>, Timestamp), Unreachable>> {
        let Self { store, faults } = self.clone();
        async move {
            pass(faults.way()).await;
            if faults.is_cut() {
                return Err(cut());
            }
            let start = (store.clock)();
            let places: Vec<_> = cursors.into_iter().map(|cursor| (cursor.place(start), cursor.region, cursor.stream)).collect();
            let wait_for_news = async {
                loop {
                    let news = store.news.notified();
                    let mut news = std::pin::pin!(news);
                    news.as_mut().enable();
                    let found: Vec<Entry> = places.iter().flat_map(|place| faults.disturb(store.after(place))).collect();
                    if !found.is_empty() {
                        return found;
                    }
                    news.await;
                }
            };
            let found = time::timeout(wait, wait_for_news).await.unwrap_or_default();
            pass(faults.way()).await;
            if faults.is_mute() { Err(cut()) } else { Ok((found, (store.clock)())) }
        }
        .boxed()
    }

    fn tend(&self, beat: Beat) -> BoxFuture<'static, Result<Tended, Unreachable>> {
        self.call(move |store| {
            let now = store.now();
            lock(&store.regions).entry(beat.region.clone()).or_default().shelves.tend(&beat, now)
        })
    }

    fn ping(&self) -> BoxFuture<'static, Result<Duration, Unreachable>> {
        let asked = clock::now();
        self.call(move |_| ()).map(move |answer| answer.map(|()| clock::now().saturating_duration_since(asked))).boxed()
    }

    fn keeper(&self, region: RegionName, holder: Holder, _replicas: u32) -> Arc<dyn Keeper> {
        Arc::new(Place { memory: self.clone(), region, holder })
    }
}

/// The shelves of one region.
#[derive(Debug)]
struct Place {
    memory: Memory,
    region: RegionName,
    holder: Holder,
}

impl Keeper for Place {
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, Unreachable>> {
        let (region, holder) = (self.region.clone(), self.holder.clone());
        self.memory.call(move |store| {
            let now = store.now();
            let (committed, is_news) =
                lock(&store.regions).entry(region.clone()).or_default().shelves.commit(&holder, &commit, now);
            if is_news {
                let json = serde_json::to_vec(&commit).unwrap_or_default();
                store.append(&region, vec![(Stream::Shelf, json.into())]);
            }
            committed
        })
    }

    fn load(&self) -> BoxFuture<'static, Result<Kept, Unreachable>> {
        let region = self.region.clone();
        self.memory.call(move |store| lock(&store.regions).get(&region).map(|region| region.shelves.load()).unwrap_or_default())
    }
}

impl Store {
    fn now(&self) -> i64 {
        (self.clock)().unix_ms()
    }

    fn append(&self, region: &RegionName, entries: Vec<(Stream, Bytes)>) {
        let now = self.now();
        let mut regions = lock(&self.regions);
        let tapes = &mut regions.entry(region.clone()).or_default().tapes;
        for (stream, bytes) in entries {
            tapes.entry(stream).or_default().append(bytes, now, stream.length());
        }
        drop(regions);
        self.news.notify_waiters();
    }

    fn after(&self, (place, region, stream): &(tape::Id, RegionName, Stream)) -> Vec<Entry> {
        let regions = lock(&self.regions);
        let Some(tape) = regions.get(region).and_then(|region| region.tapes.get(stream)) else { return Vec::new() };
        let entry = |((ms, number), bytes): &(tape::Id, Bytes)| Entry {
            region: region.clone(),
            stream: *stream,
            id: format!("{ms}-{number}"),
            bytes: bytes.clone(),
        };
        tape.after(*place).map(entry).collect()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

async fn pass(way: Duration) {
    if !way.is_zero() {
        time::sleep(way).await;
    }
}

fn cut() -> Unreachable {
    Unreachable("the link is cut".into())
}

/// Whoever panicked while holding it was a test; each change is whole.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
