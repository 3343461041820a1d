//! From one moment to the next: what is used up per second, and how long that can go on. Pure.
//!
//! Ids are used in bursts, so their rate is that of the last ten minutes; WAL and spills are those of the last interval. A count that went
//! backwards (another server answers, statistics were reset) begins anew and says nothing once.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::Raw;
use crate::model::vitals::{Tables, Upkeep};

/// How far back the rate of ids looks: a nightly load must show while it runs, a single burst must not.
const WINDOW: Duration = Duration::from_mins(10);

/// Half of all ids are in the past, and this many are kept back: the server stops taking writes when so few are left. 13 kept back a third of
/// what 14 and later do.
const HALF: u64 = 1 << 31;
const KEPT_BACK: u64 = 3_000_000;
const KEPT_BACK_BY_13: u64 = 1_000_000;

/// What was read last, and what came before it.
#[derive(Debug, Default)]
pub struct Keeper {
    ids: VecDeque<(Instant, Ids)>,
    latest: Option<(Instant, Arc<Shared>)>,
}

/// Which ids come next.
#[derive(Debug, Clone, Copy)]
struct Ids {
    xid: u64,
    /// Multixact ids have 32 bits and go round.
    multixact: u32,
}

/// The whole server's part, with rates.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    raw: Raw,
    xids_per_second: Option<f64>,
    multixacts_per_second: Option<f64>,
    wal_bytes_per_second: Option<f64>,
    temp_bytes_per_second: HashMap<String, f64>,
}

impl Keeper {
    /// The newest reading, when it is no older than that.
    pub fn latest(&self, newer_than: Instant) -> Option<(Instant, Arc<Shared>)> {
        self.latest.clone().filter(|(at, _)| *at >= newer_than)
    }

    /// Takes what was read now.
    pub fn step(&mut self, now: Instant, raw: Raw) -> Arc<Shared> {
        let rates = self.id_rates(now, &raw);
        let mut shared = Shared {
            xids_per_second: rates.map(|(xids, _)| xids),
            multixacts_per_second: rates.map(|(_, multixacts)| multixacts),
            ..Shared::default()
        };
        if let Some((then, before)) = &self.latest {
            let seconds = now.saturating_duration_since(*then).as_secs_f64();
            let rate =
                |before: u64, after: u64| after.checked_sub(before).filter(|_| seconds > 0.0).map(|more| more as f64 / seconds);
            shared.wal_bytes_per_second = before.raw.wal.zip(raw.wal).and_then(|(before, after)| rate(before, after));
            let temp: HashMap<&str, u64> = before.raw.databases.iter().map(|it| (it.name.as_str(), it.temp_bytes)).collect();
            let spilled =
                raw.databases.iter().filter_map(|it| Some((it.name.clone(), rate(*temp.get(it.name.as_str())?, it.temp_bytes)?)));
            shared.temp_bytes_per_second = spilled.collect();
        }
        shared.raw = raw;
        let shared = Arc::new(shared);
        self.latest = Some((now, Arc::clone(&shared)));
        shared
    }

    /// Transaction and multixact ids per second over the window.
    fn id_rates(&mut self, now: Instant, raw: &Raw) -> Option<(f64, f64)> {
        let oldest = raw.databases.iter().max_by_key(|it| it.multixact_age)?;
        let ids = Ids { xid: raw.next_xid?, multixact: oldest.multixact.wrapping_add(oldest.multixact_age as u32) };
        if self.ids.back().is_some_and(|(_, before)| ids.since(*before).is_none()) {
            self.ids.clear();
        }
        self.ids.push_back((now, ids));
        // The one before the window is where it begins.
        while self.ids.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            self.ids.pop_front();
        }
        let (then, first) = self.ids.front()?;
        let (xids, multixacts) = ids.since(*first)?;
        let seconds = now.saturating_duration_since(*then).as_secs_f64();
        (seconds > 0.0).then(|| (xids as f64 / seconds, f64::from(multixacts) / seconds))
    }
}

impl Ids {
    /// How many were used; none when they went backwards.
    fn since(self, before: Self) -> Option<(u64, u32)> {
        let multixacts = self.multixact.wrapping_sub(before.multixact);
        Some((self.xid.checked_sub(before.xid)?, multixacts)).filter(|_| u64::from(multixacts) < HALF)
    }
}

/// At this age the server takes no more writes.
const fn age_limit(version: u32) -> u64 {
    HALF - 1 - if version < 140_000 { KEPT_BACK_BY_13 } else { KEPT_BACK }
}

/// Until an age reaches the limit.
fn until(limit: u64, age: u64, per_second: f64) -> Option<f64> {
    (per_second > 0.0).then(|| limit.saturating_sub(age) as f64 / per_second)
}

impl Shared {
    /// As one database's target shows it, with what was found inside the database.
    pub fn view(&self, database: &str, tables: Option<Tables>) -> Upkeep {
        let raw = &self.raw;
        let oldest = raw.databases.iter().max_by_key(|it| it.xid_age);
        let oldest_multixact = raw.databases.iter().max_by_key(|it| it.multixact_age);
        let own = raw.databases.iter().find(|it| it.name == database);
        let limit = (raw.version > 0).then(|| age_limit(raw.version));
        let left = |age: Option<u64>, rate: Option<f64>| until(limit?, age?, rate?);
        let xids = left(oldest.map(|it| it.xid_age), self.xids_per_second);
        let multixacts = left(oldest_multixact.map(|it| it.multixact_age), self.multixacts_per_second);
        Upkeep {
            database: database.to_owned(),
            xid_age: oldest.map(|it| it.xid_age),
            xid_database: oldest.map(|it| it.name.clone()),
            multixact_age: oldest_multixact.map(|it| it.multixact_age),
            multixact_database: oldest_multixact.map(|it| it.name.clone()),
            age_limit: limit,
            wraparound_in_seconds: [xids, multixacts].into_iter().flatten().min_by(f64::total_cmp),
            xids_per_second: self.xids_per_second,
            multixacts_per_second: self.multixacts_per_second,
            own_xid_age: own.map(|it| it.xid_age),
            own_multixact_age: own.map(|it| it.multixact_age),
            autovacuum_workers: raw.workers,
            autovacuum_max_workers: raw.max_workers,
            holders: raw.holders.clone(),
            checkpoints: raw.checkpoints.clone(),
            wal_bytes_per_second: self.wal_bytes_per_second,
            temp_bytes_per_second: self.temp_bytes_per_second.get(database).copied(),
            io: raw.io.clone(),
            locks: raw.locks.iter().filter(|(of, _)| of == database).map(|(_, locks)| locks.clone()).collect(),
            prepared: raw.prepared.clone(),
            tables,
            missing: raw.missing.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
