//! Reads a Redis for all regions on it, each stream from a cursor of its own, and brings what it says to whoever wants it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::SmallRng};

use super::{courier::Courier, letters, room::Room};
use crate::{
    backoff::Backoff,
    bus::{
        contact::Line,
        gaps::{Gaps, Heard},
        inbox::{Inbox, Reading},
        message::Message,
        outbox::PATIENCE,
        transport::{Cursor, Entry, Stream, Transport},
        wire,
    },
    clock,
    model::{
        RegionName, Timestamp,
        cluster::{Commit, Replica, Unreachable},
    },
};

/// How long a read waits when there is nothing.
const WAIT: Duration = Duration::from_millis(500);
/// The same while the aggregator has not taken everything.
const WAIT_FULL: Duration = Duration::from_millis(50);
/// What comes within this is read together: the first message at once, the next after this. Each read is a command to pay for, and a judgement
/// from the other side of the world is on its way for longer.
const PACE: Duration = Duration::from_millis(80);
/// For the answer, beside the wait; the transport's own limit is shorter.
const LIMIT: Duration = Duration::from_secs(5);

/// One Redis as it is read.
pub(super) struct Reader {
    room: Arc<Room>,
    regions: Vec<RegionName>,
    cursors: BTreeMap<(RegionName, Stream), Option<String>>,
    gaps: Gaps,
    inbox: Inbox,
    courier: Courier,
}

impl Reader {
    pub(super) fn new(room: Arc<Room>, regions: Vec<RegionName>) -> Self {
        let (gaps, inbox, courier) = (Gaps::default(), Inbox::default(), Courier::default());
        Self { room, regions, cursors: BTreeMap::new(), gaps, inbox, courier }
    }

    /// Reads until the node ends.
    pub(super) async fn read(mut self, transport: Arc<dyn Transport>) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut rng = SmallRng::from_os_rng();
        loop {
            let cursors = self.wanted(clock::now());
            let wait = if self.courier.is_done() { WAIT } else { WAIT_FULL };
            let read = tokio::time::timeout(wait + LIMIT, transport.read(cursors, wait)).await;
            match read.unwrap_or_else(|_| Err(Unreachable("it does not answer".to_owned()))) {
                Ok((entries, time)) => {
                    backoff.reset();
                    self.room.answered(Line::Read, &self.regions);
                    self.take(entries, time);
                }
                Err(Unreachable(why)) => {
                    self.room.silent(Line::Read, &self.regions, &why);
                    tokio::time::sleep(backoff.next(&mut rng)).await;
                }
            }
            self.bring();
            tokio::time::sleep(PACE).await;
        }
    }

    /// The streams that are wanted now; one that is not is forgotten, so that it begins with the newest when it is wanted again.
    fn wanted(&mut self, now: Instant) -> Vec<Cursor> {
        let streams = |reading| match reading {
            Reading::Home => [Some(Stream::World), Some(Stream::Raw), Some(Stream::Shelf)],
            Reading::Far => [Some(Stream::World), None, None],
            Reading::Watched => [Some(Stream::World), Some(Stream::Raw), None],
        };
        let of_region = |region: &RegionName| {
            let streams = streams(self.room.reading(region, now)).into_iter().flatten();
            streams.map(|stream| (region.clone(), stream)).collect::<Vec<_>>()
        };
        let wanted: BTreeSet<_> = self.regions.iter().flat_map(of_region).collect();
        self.cursors.retain(|cursor, _| wanted.contains(cursor));
        for cursor in wanted {
            self.cursors.entry(cursor).or_default();
        }
        let cursor = |((region, stream), last): (&(RegionName, Stream), &Option<String>)| Cursor {
            region: region.clone(),
            stream: *stream,
            last: last.clone(),
        };
        self.cursors.iter().map(cursor).collect()
    }

    fn take(&mut self, mut entries: Vec<Entry>, time: Timestamp) {
        let (now, room) = (clock::now(), Arc::clone(&self.room));
        // However they came, their ids are in order.
        entries.sort_by_cached_key(|entry| (entry.region.clone(), entry.stream, place(&entry.id)));
        for entry in entries {
            let age_ms = age_ms(&entry.id, time);
            if let Some(last) = self.cursors.get_mut(&(entry.region.clone(), entry.stream)) {
                *last = Some(entry.id.clone());
            }
            if entry.stream == Stream::Shelf {
                self.replica(&entry);
                continue;
            }
            let region = &entry.region;
            match wire::decode(&entry.bytes, room.links.settings.wire) {
                // Whoever shares this Redis may write what it likes, but only as itself.
                Ok((from, message)) if from.region == *region => {
                    let left_out = if let Message::News { unreadable, .. } = &message { *unreadable as u64 } else { 0 };
                    room.on_link(region, |link| {
                        link.read += 1;
                        link.skipped += left_out;
                        link.lag_ms = age_ms.map(|age| age.max(0) as f64);
                    });
                    if room.is_own(&from) {
                        continue;
                    }
                    let heard = self.gaps.hear(entry.stream, &from);
                    if let Heard::New { missed } = heard {
                        room.on_link(region, |link| link.missed += missed);
                    }
                    // Questions and answers carry numbers of their own.
                    let is_letter = matches!(message, Message::Ask { .. } | Message::Reply { .. });
                    let is_stale = age_ms.is_some_and(|age| u128::from(age.max(0).cast_unsigned()) > PATIENCE.as_millis());
                    if if is_letter { !is_stale } else { heard != Heard::Old } {
                        let reading = room.reading(region, now);
                        self.inbox.take(entry.stream, reading, from, message);
                    }
                }
                Ok(_) | Err(_) => room.on_link(region, |link| link.skipped += 1),
            }
        }
    }

    fn bring(&mut self) {
        let (now, room) = (clock::now(), &self.room);
        let doors = room.doors.load_full();
        let mut dropped = self.courier.bring(&doors.aggregator, self.inbox.batches());
        for news in self.inbox.news.drain(..) {
            if let Some(door) = &doors.news {
                dropped += u64::from(door.try_send(news).is_err());
            }
        }
        for (from, reads) in self.inbox.beats.drain(..) {
            room.heard_beat(from, reads, now);
        }
        for (from, letter) in self.inbox.letters.drain(..) {
            letters::receive(room, from, letter);
        }
        if dropped > 0 {
            room.dropped(dropped);
        }
    }

    /// A change of the region's shelves, for this node's disk; what it led itself it has there already.
    fn replica(&self, entry: &Entry) {
        let region = &entry.region;
        let Ok(commit) = serde_json::from_slice::<Commit>(&entry.bytes) else {
            return self.room.on_link(region, |link| link.skipped += 1);
        };
        self.room.on_link(region, |link| link.read += 1);
        if self.room.fence(region) == Some(commit.fence) {
            return;
        }
        let replica = Replica { region: region.clone(), commit };
        let doors = self.room.doors.load();
        // Whoever misses one sees it by the base of the next.
        if doors.replicas.get(region).is_some_and(|door| door.try_send(replica).is_err()) {
            self.room.dropped(1);
        }
    }
}

/// How old an entry is by its Redis's clock.
fn age_ms(id: &str, time: Timestamp) -> Option<i64> {
    place(id).map(|(ms, _)| time.unix_ms() - ms)
}

/// Milliseconds and number of an entry's id.
fn place(id: &str) -> Option<(i64, u64)> {
    let (ms, number) = id.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}
