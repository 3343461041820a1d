//! From counters to what happened between two readings.
//!
//! An entry's counters start at zero when the entry is made, and the view hides it until its first execution has ended. So
//! an entry that the previous reading did not show has collected all it shows since then, and counts fully; whether it
//! is new, or was evicted and came back, is the same. The rest follows:
//!
//! | seen | counted |
//! | --- | --- |
//! | the first reading | nothing: it is the base |
//! | an entry as before | the difference |
//! | an unseen one | fully |
//! | fewer calls, or less of anything, than before | fully: it was evicted, or reset alone, and began anew |
//! | `stats_since` moved (17 and later) | fully: it began anew and has overtaken its old self |
//! | `stats_reset` moved past the previous reading | everything fully, over the time since the reset |
//! | `stats_reset` moved otherwise | nothing: another server's table (a failover), a new base |
//!
//! So no figure is ever negative, and no lifetime counter ever looks like a burst. What happened between the previous
//! reading and an eviction or a reset is lost; [`Interval::evictions`] tells when that may be much. Before 17 an entry that was
//! evicted and has overtaken its old self in all counters within one interval is counted too low, and before 14 a
//! failover cannot be told, so a new session begins with [`Deltas::default`].

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{Counters, Info, Key, Known, Row, Snapshot};
use crate::model::{
    Timestamp,
    queries::{Queries, Statement},
};

/// The previous reading of one server.
#[derive(Debug, Default)]
pub struct Deltas {
    previous: Option<Previous>,
    /// Calls since the reset by database: the sum at the base, and what came since; evictions take nothing away.
    calls: HashMap<u32, u64>,
}

#[derive(Debug)]
struct Previous {
    rows: HashMap<Key, Row>,
    info: Option<Info>,
    taken: Timestamp,
}

/// What happened between two readings of one server, in all its databases.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Its length; none for the first reading.
    pub elapsed: Option<Duration>,
    /// When it ended.
    pub taken: Timestamp,
    /// When the statistics were reset (14 and later).
    pub reset_at: Option<Timestamp>,
    /// How often entries were evicted since the reset (14 and later).
    pub evictions: Option<u64>,
    /// Entries that were executed in it.
    pub entries: Vec<Entry>,
    calls: HashMap<u32, u64>,
}

/// One entry that was executed in the interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// In the interval.
    pub delta: Counters,
    /// As it stands.
    pub total: Counters,
}

/// What Isobar's own statements cost the server in an interval, as the server saw it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Own {
    /// Executions.
    pub calls: u64,
    /// Execution time.
    pub exec: Duration,
}

/// What the previous reading is worth.
enum Base {
    /// The entry's own previous counters.
    Previous,
    /// Zero: all entries began within the interval.
    Zero,
    /// Nothing can be compared.
    None,
}

impl Deltas {
    /// Takes a reading; `elapsed` is the time since the previous one by a monotonic clock (ignored for the first), `taken` when it
    /// was made, for people.
    pub fn step(&mut self, snapshot: Snapshot, elapsed: Duration, taken: Timestamp) -> Interval {
        let previous = self.previous.take();
        let (base, elapsed) = base(previous.as_ref(), snapshot.info, elapsed);
        let mut entries = Vec::new();
        if !matches!(base, Base::Previous) {
            self.calls.clear();
        }
        for row in &snapshot.rows {
            let before = previous.as_ref().and_then(|previous| previous.rows.get(&row.key));
            let delta = match base {
                Base::None => Counters::default(),
                Base::Zero => row.counters,
                Base::Previous => before.and_then(|before| row.since_last(before)).unwrap_or(row.counters),
            };
            if delta.calls > 0 {
                entries.push(Entry { key: row.key, delta, total: row.counters });
            }
            let counted = if matches!(base, Base::None) { row.counters.calls } else { delta.calls };
            if row.key.toplevel {
                *self.calls.entry(row.key.database).or_default() += counted;
            }
        }
        let info = snapshot.info;
        let rows = snapshot.rows.into_iter().map(|row| (row.key, row)).collect();
        self.previous = Some(Previous { rows, info, taken });
        Interval {
            elapsed,
            taken,
            reset_at: info.map(|info| Timestamp(info.reset)),
            evictions: info.map(|info| info.dealloc),
            entries,
            calls: self.calls.clone(),
        }
    }

    /// When the previous reading was made.
    pub fn last(&self) -> Option<Timestamp> {
        self.previous.as_ref().map(|previous| previous.taken)
    }
}

fn base(previous: Option<&Previous>, info: Option<Info>, elapsed: Duration) -> (Base, Option<Duration>) {
    let Some(previous) = previous else { return (Base::None, None) };
    match (previous.info, info) {
        (Some(before), Some(now)) if before.reset != now.reset => {
            // Only a reset within the interval explains it; both moments are the server's.
            let since = (now.taken - now.reset).to_std().unwrap_or_default();
            if now.reset >= before.taken && !since.is_zero() {
                (Base::Zero, Some(since.min(elapsed)))
            } else {
                (Base::None, None)
            }
        }
        (Some(_), None) | (None, Some(_)) => (Base::None, None),
        _ => (Base::Previous, Some(elapsed)),
    }
}

impl Row {
    /// The difference to its previous self; none when it began anew in between.
    fn since_last(&self, before: &Self) -> Option<Counters> {
        if self.since != before.since {
            return None;
        }
        let (now, old) = (&self.counters, &before.counters);
        (now.total_ms >= old.total_ms).then_some(())?;
        Some(Counters {
            calls: now.calls.checked_sub(old.calls)?,
            total_ms: now.total_ms - old.total_ms,
            rows: now.rows.checked_sub(old.rows)?,
            hit: now.hit.checked_sub(old.hit)?,
            read: now.read.checked_sub(old.read)?,
            squares: (now.squares - old.squares).max(0.0),
        })
    }
}

impl Interval {
    /// What one target's statements did: those of its database, without Isobar's own. Calls and times in total are of what
    /// clients sent, since the time of a statement within a function is the caller's too; the list has both kinds.
    pub fn queries(&self, database: u32, slow_ms: f64, known: &Known) -> Queries {
        let here = || self.entries.iter().filter(|entry| entry.key.database == database && !known.is_own(&entry.key));
        let mut queries = Queries {
            interval_ms: self.elapsed.map(|elapsed| elapsed.as_secs_f64() * 1e3),
            taken_at: Some(self.taken),
            calls_total: self.calls.get(&database).copied().unwrap_or(0),
            reset_at: self.reset_at,
            evictions: self.evictions,
            ..Queries::default()
        };
        for entry in here().filter(|entry| entry.key.toplevel) {
            queries.calls += entry.delta.calls;
            queries.total_ms += entry.delta.total_ms;
            if entry.delta.mean_ms() > slow_ms {
                queries.slow_calls += entry.delta.calls;
            }
        }
        let total_ms = queries.total_ms;
        queries.statements = largest(here(), Queries::MOST_STATEMENTS)
            .into_iter()
            .map(|Entry { key, delta, total }| Statement {
                query_id: key.query.to_string(),
                user: known.role(key.user),
                text: known.text(key.query).map(str::to_owned),
                calls: delta.calls,
                mean_ms: delta.mean_ms(),
                stddev_ms: delta.stddev_ms(),
                total_ms: delta.total_ms,
                share: if total_ms > 0.0 { (delta.total_ms / total_ms).min(1.0) } else { 0.0 },
                rows: delta.rows,
                cache_hit_ratio: delta.cache_hit_ratio(),
                slow: delta.mean_ms() > slow_ms,
                calls_total: total.calls,
                seconds_total: total.total_ms / 1e3,
                rows_total: total.rows,
            })
            .collect();
        queries
    }

    /// What Isobar's own statements cost; none before the second reading or while none of them is known.
    pub fn own(&self, known: &Known) -> Option<Own> {
        self.elapsed?;
        let own = self.entries.iter().filter(|entry| known.is_own(&entry.key));
        let (calls, ms) = own.fold((0, 0.0), |(calls, ms), entry| (calls + entry.delta.calls, ms + entry.delta.total_ms));
        (calls > 0).then(|| Own { calls, exec: Duration::from_secs_f64(ms / 1e3) })
    }

    /// The largest entries of each of these databases by execution time, as [`Interval::queries`] lists them.
    pub(super) fn listed(&self, databases: &[u32]) -> HashSet<Key> {
        databases
            .iter()
            .flat_map(|&database| {
                largest(self.entries.iter().filter(|entry| entry.key.database == database), Queries::MOST_STATEMENTS)
            })
            .map(|entry| entry.key)
            .collect()
    }
}

impl Counters {
    fn mean_ms(&self) -> f64 {
        if self.calls > 0 { self.total_ms / self.calls as f64 } else { 0.0 }
    }

    fn stddev_ms(&self) -> Option<f64> {
        let mean = self.mean_ms();
        (self.squares > 0.0 && mean > 0.0).then(|| (self.squares / self.calls as f64 - mean * mean).max(0.0).sqrt())
    }

    fn cache_hit_ratio(&self) -> Option<f64> {
        let touched = self.hit + self.read;
        (touched > 0).then(|| self.hit as f64 / touched as f64)
    }
}

fn largest<'a>(entries: impl Iterator<Item = &'a Entry>, most: usize) -> Vec<&'a Entry> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by(|a, b| b.delta.total_ms.total_cmp(&a.delta.total_ms).then(a.key.cmp(&b.key)));
    entries.truncate(most);
    entries
}

#[cfg(test)]
mod tests;
