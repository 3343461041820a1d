//! Writes what a home region's outbox has due: one write at a time, and one that failed again as it was until it arrived.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::SmallRng};

use super::room::{Home, Room, lock};
use crate::{
    backoff::Backoff,
    bus::{contact::Line, lease, message::Sender, parcel::Parcel, transport::Transport, wire},
    clock,
    model::{RegionName, Sample, cluster::Unreachable},
};

/// For one write; the transport's own limits are shorter.
const LIMIT: Duration = Duration::from_secs(3);
/// What comes within this travels together.
const PACE: Duration = Duration::from_millis(10);
/// It is looked this often at least: the cache has no alarm of its own.
const LOOK: Duration = Duration::from_millis(500);
/// How often the worst of the world is looked for.
const WORST_EVERY: Duration = Duration::from_secs(1);

/// Writes for a home region until the node ends.
pub(super) async fn write(room: Arc<Room>, region: RegionName, transport: Arc<dyn Transport>) {
    let Some(home) = room.homes.get(&region) else { return };
    let mut parcel = Parcel::default();
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut rng = SmallRng::from_os_rng();
    let mut looked = room.started;
    loop {
        let (now, ending) = (clock::now(), room.is_ending());
        let mut cache = Vec::new();
        if parcel.is_empty() {
            // The end takes what would be due a moment later.
            let until = if ending { now + room.links.settings.raw } else { now };
            parcel = pack(&room, &region, home, until);
            cache = health(&room, home, &mut looked, now);
        }
        let entries = parcel.entries(now);
        if entries.is_empty() && cache.is_empty() {
            if ending {
                return;
            }
            rest(home, now).await;
            continue;
        }
        let (messages, cached) = (entries.len(), !cache.is_empty());
        let written = tokio::time::timeout(LIMIT, transport.append(region.clone(), entries, cache)).await;
        match written.unwrap_or_else(|_| Err(Unreachable("it does not answer".to_owned()))) {
            Ok(()) => {
                parcel.arrived(messages);
                backoff.reset();
                room.wrote(messages, cached);
                room.answered(Line::Write, [&region]);
            }
            Err(Unreachable(why)) => {
                lock(&home.cache).lost();
                room.not_written(&why);
                room.silent(Line::Write, [&region], &why);
                if ending {
                    return;
                }
                tokio::time::sleep(backoff.next(&mut rng)).await;
            }
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Numbers and encodes what is due.
fn pack(room: &Room, region: &RegionName, home: &Home, now: Instant) -> Parcel {
    let due = lock(&home.outbox).due(now);
    let version = room.wire(now);
    Parcel::pack(due, |stream, message| {
        let mut frames = Vec::new();
        room.links.places.number(region, stream, |sequence| {
            let (node, boot) = (room.links.node.clone(), room.links.boot);
            let mut from = Sender { region: region.clone(), node, boot, sequence };
            frames = wire::frames(version, &mut from, message);
            from.sequence
        });
        frames
    })
}

/// The keys of the cache that are due; the worst of the world is the leader's to write.
fn health(room: &Room, home: &Home, looked: &mut Instant, now: Instant) -> Vec<(String, String)> {
    let mut cache = lock(&home.cache);
    let mut due = cache.due(now);
    if now.saturating_duration_since(*looked) >= WORST_EVERY && lease::leads(&lock(&home.membership), now) {
        *looked = now;
        let world = room.links.world.load();
        let targets = world.regions.values().flat_map(|region| region.targets.values());
        due.extend(cache.worst(targets.map(|target| &target.report.sample), now));
    }
    drop(cache);
    due.into_iter().filter_map(|(key, sample)| Some((key, json(&sample)?))).collect()
}

fn json(sample: &Sample) -> Option<String> {
    serde_json::to_string(sample).inspect_err(|error| tracing::error!(%error, "a sample is no JSON")).ok()
}

/// Waits until something is due.
async fn rest(home: &Home, now: Instant) {
    let next = lock(&home.outbox).next(now).saturating_duration_since(now);
    let _ = tokio::time::timeout(next.clamp(PACE, LOOK), home.write.notified()).await;
}

/// Lets a writer write what is left, once.
pub(super) fn finish(room: &Room) {
    room.ending.store(true, Ordering::Relaxed);
    room.homes.values().for_each(|home| home.write.notify_one());
}
