//! Reading streams by cursors of one's own: every reader sees every entry, and Redis keeps nothing about readers.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use bytes::Bytes;
use redis::{
    RedisResult, Script, Value,
    streams::{StreamId, StreamReadReply},
};

use super::{
    keys::{key, stream},
    line::Connection,
};
use crate::{
    bus::transport::{Cursor, Entry, Stream},
    clock,
    model::{RegionName, Timestamp},
};

/// Entries of one stream taken at once, so that one answer stays within a megabyte or so after a pause.
pub(super) const MOST: usize = 500;

/// The server's clock is asked for this often: on a Redis that is paid by command each question costs as much as a read.
const TIME_EVERY: Duration = Duration::from_secs(1);

/// What the server's clock said, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    time: Timestamp,
    at: Instant,
}

impl Told {
    fn new(time: Timestamp) -> Self {
        Self { time, at: clock::now() }
    }

    /// What it says now: it has gone on as ours did.
    pub(super) fn now(self) -> Timestamp {
        self.time.after(clock::now().saturating_duration_since(self.at))
    }

    fn is_fresh(self) -> bool {
        clock::now().saturating_duration_since(self.at) < TIME_EVERY
    }
}

/// What came after the cursors, at most so many of each stream, waiting up to `wait`, and the server's clock; `told` is what it said last.
pub(super) async fn read(
    mut connection: Connection,
    cursors: &[Cursor],
    wait: Duration,
    told: Option<Told>,
    most: usize,
) -> RedisResult<(Vec<Entry>, Told)> {
    let places = |now| cursors.iter().map(|cursor| id(cursor.place(now))).collect::<Vec<_>>();
    let keep = |told: &Told| cursors.iter().zip(places(told.now())).all(|(cursor, place)| cursor.last.as_ref() == Some(&place));
    let is_one = matches!(connection, Connection::One(_));
    let told = match told.filter(|told| keep(told) || (is_one && told.is_fresh())) {
        Some(told) => told,
        None => Told::new(time(&mut connection, cursors).await?),
    };
    if cursors.is_empty() {
        return Ok((Vec::new(), told));
    }
    let mut xread = redis::cmd("XREAD");
    xread.arg("COUNT").arg(most);
    // BLOCK 0 would wait for ever.
    if !wait.is_zero() {
        xread.arg("BLOCK").arg(wait.as_millis().max(1) as u64);
    }
    xread.arg("STREAMS");
    let mut whose: HashMap<String, (&RegionName, Stream)> = HashMap::new();
    for cursor in cursors {
        let key = stream(&cursor.region, cursor.stream);
        xread.arg(&key);
        whose.insert(key, (&cursor.region, cursor.stream));
    }
    xread.arg(places(told.now()));
    let (reply, told): (Option<StreamReadReply>, Told) = match &mut connection {
        Connection::One(one) if told.is_fresh() => (xread.query_async(one).await?, told),
        Connection::One(one) => {
            let (reply, now) = redis::pipe().add_command(xread).cmd("TIME").query_async(one).await?;
            (reply, Told::new(stamp(now)))
        }
        // Its servers have a clock each.
        Connection::Many(_) => (xread.query_async(&mut connection).await?, Told::new(time(&mut connection, cursors).await?)),
    };
    let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|of| {
        let whose = whose.get(&of.key).copied();
        of.ids.into_iter().filter_map(move |entry| Some(self::entry(whose?, entry)))
    });
    Ok((entries.collect(), told))
}

/// Cursors that one command may name: all of them, or in a cluster those of one region.
pub(super) fn groups(cursors: Vec<Cursor>, cluster: bool) -> Vec<Vec<Cursor>> {
    if !cluster || cursors.is_empty() {
        return vec![cursors];
    }
    let mut groups: BTreeMap<RegionName, Vec<Cursor>> = BTreeMap::new();
    for cursor in cursors {
        groups.entry(cursor.region.clone()).or_default().push(cursor);
    }
    groups.into_values().collect()
}

fn entry((region, stream): (&RegionName, Stream), mut entry: StreamId) -> Entry {
    let bytes = match entry.map.remove("m") {
        Some(Value::BulkString(bytes)) => bytes.into(),
        _ => Bytes::new(),
    };
    Entry { region: region.clone(), stream, id: entry.id, bytes }
}

fn id((ms, number): (i64, u64)) -> String {
    format!("{ms}-{number}")
}

/// The server's clock; in a cluster that of the server which has the streams.
async fn time(connection: &mut Connection, cursors: &[Cursor]) -> RedisResult<Timestamp> {
    match (&mut *connection, cursors.first()) {
        (Connection::Many(_), Some(cursor)) => {
            let script = Script::new("return redis.call('TIME')");
            script.key(key(&cursor.region, "world")).invoke_async(connection).await.map(stamp)
        }
        _ => redis::cmd("TIME").query_async(connection).await.map(stamp),
    }
}

fn stamp((seconds, micros): (i64, u32)) -> Timestamp {
    Timestamp(chrono::DateTime::from_timestamp(seconds, micros * 1000).unwrap_or_default())
}
