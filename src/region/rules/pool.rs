//! Connections that run out: `pool_saturated`, `pool_waiting`, `connection_leak`.

mod application;

use std::time::Duration;

use super::{Breach, Finding, above, count, percent, query::Chain, span, worst};
use crate::{
    model::{
        Evidence,
        activity::{Activity, Session},
        health::{HolderEvidence, SessionEvidence},
        sample::Pool,
    },
    region::{
        seen::{self, Fullness, PoolerSeen, Seen, Signal},
        thresholds::Thresholds,
    },
};

/// As many as a person acts on at once.
pub(super) const NAMED: usize = 5;

/// The server or a pool is nearly full.
pub(super) fn saturated(seen: &Seen, limits: &Thresholds) -> Finding {
    let holders = seen.activity.fresh().map(|activity| holders(activity)).unwrap_or_default();
    let judge = |full: Fullness| {
        let share = full.share();
        above(share, limits.pool_utilization_clear, limits.pool_utilization, || {
            let critical = share > limits.pool_utilization_critical;
            let most = holders.first().map(|most| format!("; {} holds {}", who(&most.application, &most.user), most.connections));
            let most = most.unwrap_or_default();
            let share_text = percent(share);
            let (message, pooler) = match &full.pool {
                Some((pool, at)) => (
                    format!(
                        "The pool {pool} of {at} is {share_text} full: {} of {} server connections busy.",
                        full.busy, full.size
                    ),
                    Some(format!("{at} {pool}")),
                ),
                None => (format!("The server is {share_text} full: {} of {} slots taken{most}.", full.busy, full.size), None),
            };
            let threshold = if critical { limits.pool_utilization_critical } else { limits.pool_utilization };
            let evidence = Evidence { pooler, holders: holders.clone(), ..Evidence::default() };
            Breach { critical, value: Some(share), threshold: Some(threshold), message, evidence, ..Breach::default() }
        })
    };
    let server = match &seen.activity {
        Signal::Fresh(activity) => seen::server(activity).map_or(Finding::Unseen, judge),
        Signal::Stale | Signal::Absent => Finding::Unseen,
    };
    let pools = seen.poolers.iter().filter_map(|pooler| match &pooler.console {
        Signal::Fresh(shown) if shown.up != Some(false) => seen::fullest(shown).map(judge),
        Signal::Absent => None,
        Signal::Fresh(_) | Signal::Stale => Some(Finding::Unseen),
    });
    let first = worst(std::iter::once(server).chain(pools.collect::<Vec<_>>()));
    // An application's pool may be full because the server is, so it speaks when nothing else does.
    if matches!(first, Finding::Breach(_)) { first } else { worst([first, application::full(seen, limits)]) }
}

/// Clients wait for a connection.
pub(super) fn waiting(seen: &Seen, limits: &Thresholds) -> Finding {
    if seen.poolers.is_empty() && seen.applications.fresh().is_none() {
        return Finding::Clear;
    }
    // Clients queue behind a server that stands still too; what has waited until that is known counts as held.
    if seen.in_question {
        return Finding::Unseen;
    }
    worst(seen.poolers.iter().map(|pooler| queue(pooler, seen, limits)).chain([application::waiting(seen, limits)]))
}

fn queue(pooler: &PoolerSeen, seen: &Seen, limits: &Thresholds) -> Finding {
    let pools = match &pooler.console {
        Signal::Fresh(shown) if shown.up != Some(false) => &shown.pools,
        _ => return Finding::Unseen,
    };
    let waiters: u32 = pools.iter().map(Pool::queue).sum();
    let queued = pools.iter().filter(|pool| pool.queue() > 0).filter_map(|pool| Some((pool, pool.max_wait_time?)));
    let Some((longest, wait)) = queued.max_by(|(_, a), (_, b)| a.total_cmp(b)) else { return Finding::Clear };
    above(wait, limits.pool_wait_clear_ms, limits.pool_wait_ms, || {
        let critical = wait > limits.pool_wait_critical_ms;
        let threshold = if critical { limits.pool_wait_critical_ms } else { limits.pool_wait_ms };
        let name = format!("{}/{}", longest.database, longest.user);
        let wait_for = if waiters == 1 { "waits" } else { "wait" };
        let message = format!(
            "{} {wait_for} for a connection from {}, the oldest in pool {name} since {}.",
            count(waiters, "client"),
            pooler.name,
            span(wait)
        );
        let holders = seen.activity.fresh().map(|activity| holders(activity)).unwrap_or_default();
        let evidence = Evidence { pooler: Some(format!("{} {name}", pooler.name)), holders, ..Evidence::default() };
        // The oldest client's own wait tells how long there has been a queue, so `for` counts from when it came and not from when
        // it had waited beyond the level. A queue that went sooner never fires, however late a reading is judged.
        let lasted = Duration::try_from_secs_f64(wait / 1_000.0).unwrap_or_default();
        Breach { critical, lasted, value: Some(wait), threshold: Some(threshold), message, evidence, ..Breach::default() }
    })
}

/// Sessions idle in transaction hold connections for long, or block others.
pub(super) fn leak(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(activity) = seen.activity.fresh() else { return Finding::Unseen };
    let old = limits.leak_age.as_secs_f64() * 1_000.0;
    let chain = Chain::of(&activity.sessions);
    let leaks = |session: &&Session| idle_in_transaction(session) && (age(session) > old || chain.behind(session.pid) > 0);
    let mut leaks: Vec<_> = activity.sessions.iter().filter(leaks).collect();
    leaks.sort_by(|a, b| {
        (chain.behind(b.pid), age(b)).partial_cmp(&(chain.behind(a.pid), age(a))).unwrap_or(std::cmp::Ordering::Equal)
    });
    let Some(worst) = leaks.first() else { return Finding::Clear };
    let aged = leaks.iter().filter(|session| age(session) > old).count();
    let share = aged as f64 / f64::from(activity.states.total.max(1));
    let blocked = chain.behind(worst.pid);
    let breach = || {
        let what = if aged > 0 {
            format!(
                "{} idle in transaction for over {} ({} of the connections)",
                count(aged as u64, "session"),
                span(old),
                percent(share)
            )
        } else {
            format!("{} idle in transaction", count(leaks.len() as u64, "session"))
        };
        let blocks = if blocked > 0 { format!(", blocking {}", count(blocked, "other")) } else { String::new() };
        let message = format!(
            "{what}; the worst is pid {} of {}, for {}{blocks}.",
            worst.pid,
            who(&worst.application, &worst.user),
            span(age(worst)),
        );
        let sessions = leaks.iter().take(NAMED).map(|session| evidence(session, age(session), &chain)).collect();
        let idle_holders = holders(activity).into_iter().filter(|holder| holder.idle_in_transaction > 0).collect();
        let evidence = Evidence { sessions, holders: idle_holders, ..Evidence::default() };
        Breach { value: Some(share), threshold: Some(limits.leak_share), message, evidence, ..Breach::default() }
    };
    if blocked > 0 { Finding::Breach(breach()) } else { above(share, limits.leak_share_clear, limits.leak_share, breach) }
}

fn idle_in_transaction(session: &Session) -> bool {
    session.state.starts_with("idle in transaction")
}

fn age(session: &Session) -> f64 {
    session.state_ms.unwrap_or_default()
}

/// A session as evidence.
pub(super) fn evidence(session: &Session, age_ms: f64, chain: &Chain) -> SessionEvidence {
    let wait =
        session.wait_event_type.as_ref().map(|kind| format!("{kind}:{}", session.wait_event.as_deref().unwrap_or_default()));
    SessionEvidence {
        pid: session.pid,
        user: session.user.clone(),
        application: session.application.clone(),
        state: session.state.clone(),
        wait,
        query_id: session.query_id.clone(),
        age_ms,
        blocks: chain.behind(session.pid),
    }
}

fn holders(activity: &Activity) -> Vec<HolderEvidence> {
    let named = activity.holders.iter().take(NAMED).map(|holder| HolderEvidence {
        application: holder.application.clone(),
        user: holder.user.clone(),
        connections: holder.states.total,
        idle_in_transaction: holder.states.idle_in_transaction,
    });
    named.collect()
}

/// An application and its user, for a message.
pub(super) fn who(application: &str, user: &str) -> String {
    if application.is_empty() { format!("user {user}") } else { format!("{application} (user {user})") }
}
