//! A region's shelves in its Redis: each change one script.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use redis::{ErrorKind, RedisResult, Script};
use tokio::runtime::Handle;

use super::{
    keys::{SHELVES, key, shelf, stream},
    line::{Connection, Line},
    on,
};
use crate::{
    bus::transport::Stream,
    model::{
        RegionName,
        cluster::{Commit, Committed, Item, Keeper, Kept, Unreachable},
    },
};

type Texts = BTreeMap<String, String>;

static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("commit.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("load.lua")));

/// How long replicas may take to have a change. They need a way there and back; beyond this people are told without them.
const REPLICATED: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub(super) struct Shelves {
    pub(super) line: Arc<Line>,
    pub(super) io: Handle,
    pub(super) region: RegionName,
    pub(super) replicas: u32,
}

impl Keeper for Shelves {
    fn commit(&self, change: Commit) -> BoxFuture<'static, Result<Committed, Unreachable>> {
        let (line, region, replicas) = (self.line.clone(), self.region.clone(), self.replicas);
        let work = async move { line.run(REPLICATED, move |connection| commit(connection, region, replicas, change)).await };
        on(&self.io, work).boxed()
    }

    fn load(&self) -> BoxFuture<'static, Result<Kept, Unreachable>> {
        let (line, region) = (self.line.clone(), self.region.clone());
        on(&self.io, async move { line.run(Duration::ZERO, move |connection| load(connection, region)).await }).boxed()
    }
}

async fn commit(mut connection: Connection, region: RegionName, replicas: u32, change: Commit) -> RedisResult<Committed> {
    let json = serde_json::to_vec(&change).map_err(|_| (ErrorKind::InvalidClientConfig, "a change that is no JSON"))?;
    let mut call = COMMIT.prepare_invoke();
    for name in ["lease", "version", "born", "offers"] {
        call.key(key(&region, name));
    }
    call.key(stream(&region, Stream::Shelf));
    for kept in SHELVES {
        call.key(shelf(&region, kept));
    }
    call.arg(change.fence).arg(change.base).arg(change.version).arg(u8::from(change.anew)).arg(Stream::Shelf.length()).arg(json);
    for Item { shelf, id, json } in change.items.iter() {
        let number = SHELVES.iter().position(|known| known == shelf).unwrap_or_default() + 1;
        call.arg(number).arg(id).arg(u8::from(json.is_some())).arg(json.as_deref().unwrap_or_default());
    }
    let (said, version): (String, u64) = call.invoke_async(&mut connection).await?;
    let committed = match said.as_str() {
        "done" => Committed::Done,
        "fenced" => Committed::Fenced,
        "wiped" => Committed::Wiped,
        _ => Committed::Behind(version),
    };
    if committed == Committed::Done && replicas > 0 {
        replicate(connection, &region, replicas).await;
    }
    Ok(committed)
}

/// Waits until that many replicas have it. Too few are told to people and stop nobody: a page that is late is worse than one that a lost
/// primary may repeat.
async fn replicate(mut connection: Connection, region: &RegionName, replicas: u32) {
    let mut wait = redis::cmd("WAIT");
    wait.arg(replicas).arg(REPLICATED.as_millis() as u64);
    match wait.query_async::<u32>(&mut connection).await {
        Ok(reached) if reached >= replicas => {}
        Ok(reached) => tracing::warn!(%region, reached, replicas, "too few replicas have the state of the alerts"),
        Err(error) => tracing::warn!(%region, code = error.code(), "replicas of the state of the alerts cannot be counted"),
    }
}

async fn load(mut connection: Connection, region: RegionName) -> RedisResult<Kept> {
    let mut call = LOAD.prepare_invoke();
    call.key(key(&region, "version"));
    for kept in SHELVES {
        call.key(shelf(&region, kept));
    }
    let (version, a, b, c, d): (u64, Texts, Texts, Texts, Texts) = call.invoke_async(&mut connection).await?;
    let items = SHELVES
        .into_iter()
        .zip([a, b, c, d])
        .flat_map(|(shelf, texts)| texts.into_iter().map(move |(id, json)| Item { shelf, id, json: Some(json) }));
    Ok(Kept { version, items: items.collect() })
}
