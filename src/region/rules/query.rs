//! Queries that take long or stand in line: `blocking_chain`, `query_slow`, `slow_query_rate`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Breach, Finding, above, count, percent,
    pool::{NAMED, evidence, who},
    span, worst,
};
use crate::{
    model::{
        Evidence,
        activity::Session,
        health::QueryEvidence,
        queries::{Queries, Statement},
    },
    region::{
        seen::{Seen, Signal},
        thresholds::Thresholds,
    },
};

/// Who waits behind whom.
pub(super) struct Chain {
    behind: BTreeMap<i32, u32>,
    blocked: BTreeSet<i32>,
}

impl Chain {
    pub(super) fn of(sessions: &[Session]) -> Self {
        let blockers: BTreeMap<i32, &[i32]> =
            sessions.iter().filter(|it| !it.blocked_by.is_empty()).map(|it| (it.pid, it.blocked_by.as_slice())).collect();
        let mut behind = BTreeMap::new();
        for pid in blockers.keys() {
            let mut ahead = BTreeSet::new();
            let mut next = vec![*pid];
            while let Some(at) = next.pop() {
                next.extend(blockers.get(&at).into_iter().flat_map(|pids| pids.iter()).filter(|pid| ahead.insert(**pid)));
            }
            ahead.remove(pid);
            for blocker in ahead {
                *behind.entry(blocker).or_default() += 1;
            }
        }
        Self { behind, blocked: blockers.into_keys().collect() }
    }

    /// How many sessions wait behind this one, directly or not.
    pub(super) fn behind(&self, pid: i32) -> u32 {
        self.behind.get(&pid).copied().unwrap_or_default()
    }

    /// Those that wait for nobody themselves, most blocking first.
    fn roots(&self) -> Vec<i32> {
        let mut roots: Vec<_> = self.behind.keys().copied().filter(|pid| !self.blocked.contains(pid)).collect();
        roots.sort_by_key(|pid| std::cmp::Reverse(self.behind(*pid)));
        roots
    }
}

/// Something is not as it usually is at this time, by the past.
pub(super) fn unusual(seen: &Seen) -> Finding {
    let Some(outlook) = seen.outlook.fresh() else { return Finding::Unseen };
    let Some(worst) = outlook.unusual.first() else { return Finding::Clear };
    let others = outlook.unusual.len() - 1;
    let more = if others > 0 { format!(" And {} more.", count(others as u64, "figure")) } else { String::new() };
    Finding::Breach(Breach {
        value: Some(worst.now),
        threshold: Some(worst.edge),
        message: format!("{}{more}", worst.message),
        ..Breach::default()
    })
}

/// Sessions wait for a lock that another one holds.
pub(super) fn blocking(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(activity) = seen.activity.fresh() else { return Finding::Unseen };
    let Some(longest) = activity.longest_blocked_ms.filter(|_| activity.blocked > 0) else { return Finding::Clear };
    let (clear, fire) = (limits.blocked_age_clear.as_secs_f64() * 1_000.0, limits.blocked_age.as_secs_f64() * 1_000.0);
    above(longest, clear, fire, || {
        let chain = Chain::of(&activity.sessions);
        let session = |pid: &i32| activity.sessions.iter().find(|session| session.pid == *pid);
        let roots = chain.roots();
        let root = match roots.first() {
            // The server reports a prepared transaction as process 0.
            Some(0) => "; the root blocker is a prepared transaction (see pg_prepared_xacts)".to_owned(),
            Some(pid) => {
                let is = session(pid).map(|it| format!(" of {}, {}", who(&it.application, &it.user), it.state));
                format!("; the root blocker is pid {pid}{}", is.unwrap_or_default())
            }
            None => String::new(),
        };
        let blocked = activity.sessions.iter().filter(|it| !it.blocked_by.is_empty());
        let named = roots.iter().filter_map(session).map(|it| evidence(it, it.transaction_ms.unwrap_or_default(), &chain));
        let sessions = named.chain(blocked.map(|it| evidence(it, it.query_ms.unwrap_or_default(), &chain))).take(NAMED).collect();
        let message =
            format!("{} blocked by a lock, the longest for {}{root}.", count(activity.blocked, "session"), span(longest));
        Breach {
            value: Some(longest),
            threshold: Some(fire),
            message,
            evidence: Evidence { sessions, ..Evidence::default() },
            ..Breach::default()
        }
    })
}

/// Queries take too long: those that ended, by their mean, or those that still run.
pub(super) fn slow(seen: &Seen, limits: &Thresholds) -> Finding {
    let ended = match &seen.queries {
        Signal::Fresh(queries) => mean(queries, limits),
        Signal::Stale => Finding::Unseen,
        // Not to be had here: what runs now must do.
        Signal::Absent => Finding::Clear,
    };
    worst([ended, running(seen, limits)])
}

fn mean(queries: &Queries, limits: &Thresholds) -> Finding {
    let asked = Asked::of(queries);
    if asked.calls == 0 {
        return Finding::Clear;
    }
    let mean = asked.total_ms / asked.calls as f64;
    above(mean, limits.average_query_clear_ms, limits.average_query_ms, || Breach {
        value: Some(mean),
        threshold: Some(limits.average_query_ms),
        message: format!("Queries take {} on average over {}.", span(mean), count(asked.calls, "call")),
        evidence: Evidence { queries: largest(queries, |it| !is_upkeep(it)), ..Evidence::default() },
        ..Breach::default()
    })
}

/// Programs that only move data in or out, or keep it in shape: what they run is long on purpose, and nobody waits for its answer.
const MOVERS: [&str; 8] =
    ["pg_dump", "pg_dumpall", "pg_basebackup", "pg_restore", "vacuumdb", "reindexdb", "clusterdb", "pg_repack"];

/// How statements begin that move data or keep it in shape.
const UPKEEP: [&str; 9] = [
    "ANALYZE",
    "CHECKPOINT",
    "CLUSTER",
    "COPY",
    "CREATE INDEX",
    "CREATE UNIQUE INDEX",
    "REFRESH MATERIALIZED VIEW",
    "REINDEX",
    "VACUUM",
];

/// What was asked of the database, without those: one of them that ended on a quiet night would be most of the time there was.
struct Asked {
    calls: u64,
    slow_calls: u64,
    total_ms: f64,
}

impl Asked {
    fn of(queries: &Queries) -> Self {
        let all = Self { calls: queries.calls, slow_calls: queries.slow_calls, total_ms: queries.total_ms };
        queries.statements.iter().filter(|statement| is_upkeep(statement)).fold(all, |rest, upkeep| Self {
            calls: rest.calls.saturating_sub(upkeep.calls),
            slow_calls: rest.slow_calls.saturating_sub(if upkeep.slow { upkeep.calls } else { 0 }),
            total_ms: (rest.total_ms - upkeep.total_ms).max(0.0),
        })
    }
}

fn is_upkeep(statement: &Statement) -> bool {
    let text = statement.text.as_deref().unwrap_or_default().trim_start();
    UPKEEP.iter().any(|word| text.get(..word.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(word)))
}

/// Whether what a session runs for long says nothing about how fast queries are: a known program at its long work, or one that waits
/// for its client to take or to send data. A fast reading carries no text, so a `VACUUM` typed by hand is a query like any other.
fn moves_data(session: &Session) -> bool {
    MOVERS.contains(&session.application.as_str()) || session.wait_event_type.as_deref() == Some("Client")
}

fn running(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(activity) = seen.activity.fresh() else { return Finding::Unseen };
    let age = |session: &Session| session.query_ms.unwrap_or_default();
    let (moving, asking): (Vec<_>, Vec<_>) =
        activity.sessions.iter().filter(|session| session.state == "active").partition(|session| moves_data(session));
    let active = activity.states.active.saturating_sub(moving.len() as u32).max(1);
    let mut long: Vec<_> = asking.into_iter().filter(|session| age(session) > limits.average_query_ms).collect();
    long.sort_by(|a, b| age(b).total_cmp(&age(a)));
    let Some(oldest) = long.first() else { return Finding::Clear };
    let share = long.len() as f64 / f64::from(active);
    if share <= limits.slow_sessions_share {
        return Finding::Clear;
    }
    let chain = Chain::of(&activity.sessions);
    let message = format!(
        "{} of {} run queries older than {}; the oldest is pid {} of {}, for {}.",
        long.len(),
        count(active, "active session"),
        span(limits.average_query_ms),
        oldest.pid,
        who(&oldest.application, &oldest.user),
        span(age(oldest)),
    );
    let sessions = long.iter().take(NAMED).map(|session| evidence(session, age(session), &chain)).collect();
    Finding::Breach(Breach {
        value: Some(age(oldest)),
        threshold: Some(limits.average_query_ms),
        message,
        evidence: Evidence { sessions, ..Evidence::default() },
        ..Breach::default()
    })
}

/// Too large a share of the calls is slow.
pub(super) fn slow_rate(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(queries) = seen.queries.fresh() else { return Finding::Unseen };
    let asked = Asked::of(queries);
    if asked.calls == 0 {
        return Finding::Clear;
    }
    let rate = asked.slow_calls as f64 / asked.calls as f64;
    above(rate, limits.slow_query_rate_clear, limits.slow_query_rate, || Breach {
        value: Some(rate),
        threshold: Some(limits.slow_query_rate),
        message: format!(
            "{} of the calls are slow (over {}): {} of {}.",
            percent(rate),
            span(limits.average_query_ms),
            asked.slow_calls,
            asked.calls
        ),
        evidence: Evidence { queries: largest(queries, |it| it.slow && !is_upkeep(it)), ..Evidence::default() },
        ..Breach::default()
    })
}

fn largest(queries: &Queries, wanted: impl Fn(&Statement) -> bool) -> Vec<QueryEvidence> {
    let named = queries.statements.iter().filter(|statement| wanted(statement)).take(NAMED).map(|statement| QueryEvidence {
        query_id: statement.query_id.clone(),
        text: statement.text.clone(),
        calls: statement.calls,
        mean_ms: statement.mean_ms,
        share: statement.share,
    });
    named.collect()
}
