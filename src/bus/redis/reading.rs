//! Reading streams by cursors of one's own: every reader sees every entry, and Redis keeps nothing about readers.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
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
    model::{RegionName, Timestamp},
};

/// Entries of one stream taken at once, so that one answer stays within a megabyte or so after a pause.
pub(super) const MOST: usize = 500;

/// What came after the cursors, at most so many of each stream, waiting up to `wait`, and the time. `known` is the time that was told last.
pub(super) async fn read(
    mut connection: Connection,
    cursors: &[Cursor],
    wait: Duration,
    known: Option<Timestamp>,
    most: usize,
) -> RedisResult<(Vec<Entry>, Timestamp)> {
    let places = |now| cursors.iter().map(|cursor| id(cursor.place(now))).collect::<Vec<_>>();
    let keep = |known: &Timestamp| cursors.iter().zip(places(*known)).all(|(cursor, place)| cursor.last.as_ref() == Some(&place));
    let now = match known.filter(keep) {
        Some(known) => known,
        None => time(&mut connection, cursors).await?,
    };
    if cursors.is_empty() {
        return Ok((Vec::new(), now));
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
    xread.arg(places(now));
    let (reply, now): (Option<StreamReadReply>, Timestamp) = match &mut connection {
        Connection::One(one) => {
            let (reply, now) = redis::pipe().add_command(xread).cmd("TIME").query_async(one).await?;
            (reply, stamp(now))
        }
        Connection::Many(_) => (xread.query_async(&mut connection).await?, time(&mut connection, cursors).await?),
    };
    let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|of| {
        let whose = whose.get(&of.key).copied();
        of.ids.into_iter().filter_map(move |entry| Some(self::entry(whose?, entry)))
    });
    Ok((entries.collect(), now))
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
