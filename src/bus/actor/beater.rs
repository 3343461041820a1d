//! Beats for a home region, and pings every Redis.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    Error,
    room::{Home, Room, lock},
};
use crate::{
    bus::{
        contact::Line,
        lease,
        transport::{Beat, Tended, Transport},
    },
    clock,
    model::{
        RegionName,
        cluster::{Lease, Membership, Unreachable},
    },
};

/// Three of them fit into the 1.6 s after which a silent node is dead.
const EVERY: Duration = Duration::from_millis(400);
/// For one beat: a later answer gives no lease worth having.
const LIMIT: Duration = Duration::from_secs(1);
/// A node that died and was started again waits for so long for its old name to be free: the dead are taken off after 1.6 s.
const NAME_FREE_AFTER: Duration = Duration::from_secs(4);
/// A clock that is further off is worth a word.
const SKEW_MS: i64 = 2_000;
/// An answer that took longer says less about the time than the one before it.
const TIMELY: Duration = Duration::from_millis(500);
/// Except when there is none.
const TIME_HOLDS: Duration = Duration::from_mins(1);
/// How often it is asked how far away a Redis is.
const PING_EVERY: Duration = Duration::from_secs(2);
/// For one ping; the first one connects.
const PING_LIMIT: Duration = Duration::from_secs(5);
/// What a new ping counts in the mean.
const NEW_PING: f64 = 0.3;

/// Beats until the node ends.
pub(super) async fn beat(room: Arc<Room>, region: RegionName, transport: Arc<dyn Transport>) {
    let Some(home) = room.homes.get(&region) else { return };
    let mut clock = Clock { is_first: room.links.homes.first() == Some(&region), agreed: None, warned: false };
    let mut is_named = false;
    loop {
        let sent = clock::now();
        let tended = tokio::time::timeout(LIMIT, transport.tend(beat_of(&room, home, &region, false))).await;
        let now = clock::now();
        let known = lock(&home.membership).clone();
        let membership = match tended.unwrap_or_else(|_| Err(Unreachable("it does not answer".to_owned()))) {
            Ok(tended) => {
                clock.hear(&tended, sent, now);
                is_named |= !tended.name_taken;
                if !is_named && now.saturating_duration_since(room.started) > NAME_FREE_AFTER {
                    let node = room.links.node.clone();
                    let _ = room.links.ended.send(Error::NameTaken { region: region.clone(), node });
                    return std::future::pending().await;
                }
                if tended.name_taken {
                    tracing::warn!(%region, node = %room.links.node, "another live node has this one's name");
                }
                room.answered(Line::Beat, [&region]);
                lease::heard(&known, room.links.boot, &tended, sent, now)
            }
            Err(Unreachable(why)) => {
                room.silent(Line::Beat, [&region], &why);
                lease::silent(&known, now)
            }
        };
        tell(&room, home, &known, &membership);
        let next = EVERY.saturating_sub(clock::now().saturating_duration_since(sent));
        let _ = tokio::time::timeout(next, home.beat.notified()).await;
    }
}

fn beat_of(room: &Room, home: &Home, region: &RegionName, gone: bool) -> Beat {
    let leaving = home.leaving.load(Ordering::Relaxed);
    Beat {
        region: region.clone(),
        node: room.links.node.clone(),
        boot: room.links.boot,
        leaving,
        gone,
        wire: room.links.settings.wire,
        wants_lease: !leaving && !gone,
        version: room.links.versions.get(region).map_or(0, |version| version.load(Ordering::Relaxed)),
    }
}

/// Says that this node is gone.
pub(super) async fn say_gone(room: &Room, region: &RegionName, transport: &dyn Transport) {
    if let Some(home) = room.homes.get(region) {
        // Whoever does not hear it sees soon enough.
        let _ = transport.tend(beat_of(room, home, region, true)).await;
    }
}

fn tell(room: &Room, home: &Home, known: &Membership, membership: &Membership) {
    *lock(&home.membership) = membership.clone();
    let leader = leader_of(membership);
    if leader_of(known) != leader {
        tracing::info!(region = %membership.region, leader, "who leads the region's alerts changed");
    }
    let doors = room.doors.load();
    for door in doors.membership.get(&membership.region).into_iter().flatten() {
        // The next beat says it again.
        let _ = door.try_send(membership.clone());
    }
}

fn leader_of(membership: &Membership) -> &str {
    match &membership.lease {
        Lease::Free => "nobody",
        Lease::Other(node) => node.as_str(),
        Lease::Mine { .. } => membership.me.as_str(),
    }
}

/// The time of the first home region's Redis, which is this node's from then on.
struct Clock {
    is_first: bool,
    agreed: Option<Instant>,
    warned: bool,
}

impl Clock {
    fn hear(&mut self, tended: &Tended, sent: Instant, now: Instant) {
        let took = now.saturating_duration_since(sent);
        let is_good = took <= TIMELY || self.agreed.is_none_or(|at| now.saturating_duration_since(at) > TIME_HOLDS);
        if !self.is_first || !is_good {
            return;
        }
        self.agreed = Some(now);
        let time = tended.time.after(took / 2);
        clock::agree(time, now);
        let skew = clock::own().unix_ms() - time.unix_ms();
        if skew.abs() > SKEW_MS && !self.warned {
            self.warned = true;
            tracing::warn!(
                milliseconds = skew,
                "this machine's clock is not that of the region's Redis, which is used instead; set it right"
            );
        }
    }
}

/// Asks a Redis again and again how far away it is, and whether it answers.
pub(super) async fn ping(room: Arc<Room>, regions: Vec<RegionName>, transport: Arc<dyn Transport>) {
    loop {
        match tokio::time::timeout(PING_LIMIT, transport.ping()).await {
            Ok(Ok(took)) => {
                let took = took.as_secs_f64() * 1e3;
                for region in &regions {
                    room.on_link(region, |link| {
                        link.round_trip_ms = Some(link.round_trip_ms.map_or(took, |mean| mean + NEW_PING * (took - mean)));
                    });
                }
                room.answered(Line::Ping, &regions);
            }
            Ok(Err(Unreachable(why))) => room.silent(Line::Ping, &regions, &why),
            Err(_) => room.silent(Line::Ping, &regions, "it does not answer"),
        }
        tokio::time::sleep(PING_EVERY).await;
    }
}
