//! A region's shelves in its Redis: each change one script. What is long goes there in pieces before; where one fails the next try goes on,
//! and other nodes are told that they must load.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use redis::{RedisResult, Script, ScriptInvocation};
use tokio::runtime::Handle;

use super::{
    keys::{SHELVES, key, shelf, stream},
    line::{Connection, Line},
    on,
};
use crate::{
    bus::transport::{Holder, Stream},
    model::{
        RegionName,
        cluster::{Commit, Committed, Item, Keeper, Kept, Unreachable, parts},
    },
};

type Texts = BTreeMap<String, String>;

static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("commit.lua")));
static STAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("stage.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("load.lua")));

/// A change beyond this goes in pieces of so many bytes: each takes far less than the second that an answer may take, also on a link of two
/// megabits.
const PIECE: usize = 128 << 10;

/// How long replicas may take to have a change. They need a way there and back; beyond this people are told without them.
const REPLICATED: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub(super) struct Shelves {
    pub(super) line: Arc<Line>,
    pub(super) io: Handle,
    pub(super) region: RegionName,
    pub(super) holder: Holder,
    pub(super) replicas: u32,
}

impl Keeper for Shelves {
    fn commit(&self, change: Commit) -> BoxFuture<'static, Result<Committed, Unreachable>> {
        let (line, region, replicas) = (self.line.clone(), self.region.clone(), self.replicas);
        let holder = format!("{} {} {}", self.holder.node, self.holder.boot, change.fence);
        on(&self.io, async move { Signed::new(region, holder, change)?.commit(&line, replicas).await }).boxed()
    }

    fn load(&self) -> BoxFuture<'static, Result<Kept, Unreachable>> {
        let (line, region) = (self.line.clone(), self.region.clone());
        on(&self.io, async move { line.run(Duration::ZERO, move |connection| load(connection, region)).await }).boxed()
    }
}

/// A change with who makes it.
struct Signed {
    region: RegionName,
    holder: String,
    change: Commit,
    /// What other nodes are told.
    json: Vec<u8>,
    /// What it is known by when it comes once more.
    mark: String,
}

impl Signed {
    fn new(region: RegionName, holder: String, change: Commit) -> Result<Self, Unreachable> {
        let json = serde_json::to_vec(&change).map_err(|_| Unreachable("the change is no JSON".to_owned()))?;
        let mark = format!("{holder} {:08x}", crc32fast::hash(&json));
        Ok(Self { region, holder, change, json, mark })
    }

    async fn commit(mut self, line: &Line, replicas: u32) -> Result<Committed, Unreachable> {
        let mut pieces = 0;
        if self.json.len() > PIECE {
            let parts = parts(self.change.items.to_vec(), PIECE);
            pieces = parts.len();
            if self.stage(line, parts).await? == "fenced" {
                return Ok(Committed::Fenced);
            }
            self.change.items = Arc::default();
            // It builds on what nobody has.
            let told = Commit { base: self.change.version, anew: false, ..self.change.clone() };
            self.json = serde_json::to_vec(&told).unwrap_or_default();
        }
        let (said, version) = line.run(REPLICATED, |connection| self.finish(connection, pieces, replicas)).await?;
        match said.as_str() {
            "done" => Ok(Committed::Done),
            "fenced" => Ok(Committed::Fenced),
            "wiped" => Ok(Committed::Wiped),
            "lost" => Err(lost()),
            _ => Ok(Committed::Behind(version)),
        }
    }

    /// Brings the pieces that are not there yet.
    async fn stage(&self, line: &Line, parts: Vec<Vec<Item>>) -> Result<String, Unreachable> {
        let staged = key(&self.region, "staged");
        let known = line.run(Duration::ZERO, |mut connection| async move {
            redis::cmd("HGET").arg(staged).arg("").query_async::<Option<String>>(&mut connection).await
        });
        let there = known.await?.and_then(|it| it.strip_prefix(&self.mark)?.trim().parse().ok()).unwrap_or(0);
        let mut said = String::new();
        for (number, part) in parts.iter().enumerate().skip(there) {
            let mut call = STAGE.prepare_invoke();
            call.key(key(&self.region, "lease")).key(key(&self.region, "staged"));
            call.arg(&self.holder).arg(&self.mark).arg(number);
            put(&mut call, part);
            said = line.run(Duration::ZERO, |mut connection| async move { call.invoke_async(&mut connection).await }).await?;
            match said.as_str() {
                "fenced" => break,
                "lost" => return Err(lost()),
                _ => {}
            }
        }
        Ok(said)
    }

    async fn finish(&self, mut connection: Connection, pieces: usize, replicas: u32) -> RedisResult<(String, u64)> {
        let (region, change) = (&self.region, &self.change);
        let mut call = COMMIT.prepare_invoke();
        for name in ["lease", "version", "written", "born", "offers", "staged"] {
            call.key(key(region, name));
        }
        call.key(stream(region, Stream::Shelf));
        for kept in SHELVES {
            call.key(shelf(region, kept));
        }
        call.arg(&self.holder).arg(change.base).arg(change.version).arg(u8::from(change.anew)).arg(Stream::Shelf.length());
        call.arg(&self.json).arg(&self.mark).arg(pieces);
        put(&mut call, &change.items);
        let answer: (String, u64) = call.invoke_async(&mut connection).await?;
        if answer.0 == "done" && replicas > 0 {
            replicate(connection, region, replicas).await;
        }
        Ok(answer)
    }
}

fn put(call: &mut ScriptInvocation<'_>, items: &[Item]) {
    for Item { shelf, id, json } in items {
        let number = SHELVES.iter().position(|known| known == shelf).unwrap_or_default() + 1;
        call.arg(number).arg(id).arg(u8::from(json.is_some())).arg(json.as_deref().unwrap_or_default());
    }
}

/// The next try begins anew.
fn lost() -> Unreachable {
    Unreachable("the pieces of a change are not there any more".to_owned())
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
