//! What is wrong with how connections are used, whatever the size of a pool. From the sessions as they are. Pure.

use super::{
    pooler_words, timeouts,
    wording::{fact, id},
};
use crate::model::{
    Report,
    activity::{Activity, Holder},
    advice::{Change, Kind, Recommendation},
};

/// A transaction that nobody works in for so long, milliseconds, holds its connection for nothing.
const HELD: f64 = 30_000.0;
/// What an application in good order never reaches, and a person at a prompt may.
const TIMEOUT: &str = "60s";
/// Fuller than this, the next rush is refused.
const NEARLY_FULL: f64 = 0.85;
/// Connections of a session pool that are worth a change.
const MANY: u32 = 5;
/// So many of its sessions idle, and a transaction pool would do with few.
const MOSTLY_IDLE: f64 = 0.7;

/// What is advised about one target.
pub(super) fn of(report: &Report) -> Vec<Recommendation> {
    let Some(activity) = report.activity.as_deref() else { return Vec::new() };
    let mut all: Vec<_> = idle_in_transaction(report, activity).into_iter().collect();
    all.extend(transaction_mode(report, activity));
    all.extend(timeouts::of(report, activity));
    all
}

/// What is said of a finding.
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) subject: String,
    pub(super) title: String,
    pub(super) change: Change,
    pub(super) evidence: Vec<crate::model::advice::Fact>,
    pub(super) confidence: (f64, &'static str),
    pub(super) caution: String,
    pub(super) value: f64,
}

pub(super) fn recommendation(report: &Report, said: Said) -> Recommendation {
    let (region, target) = (report.sample.region.clone(), report.sample.target.clone());
    Recommendation {
        id: id(region.as_str(), target.as_str(), said.kind, &said.change.setting, &said.subject),
        region,
        target,
        kind: said.kind,
        subject: said.subject,
        title: said.title,
        change: said.change,
        evidence: said.evidence,
        predicted: None,
        confidence: said.confidence.0,
        confidence_reason: said.confidence.1.into(),
        caution: said.caution,
        outcome: None,
        value: said.value,
    }
}

/// A role's name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn idle_in_transaction(report: &Report, activity: &Activity) -> Option<Recommendation> {
    const SETTING: &str = "idle_in_transaction_session_timeout";
    let long = |holder: &Holder| -> (u32, f64) {
        let of =
            activity.sessions.iter().filter(|session| session.user == holder.user && session.application == holder.application);
        let held = of.filter(|session| session.state.starts_with("idle in transaction")).filter_map(|session| session.state_ms);
        held.filter(|held| *held >= HELD).fold((0, 0.0), |(count, longest), held| (count + 1, held.max(longest)))
    };
    let worst = activity
        .holders
        .iter()
        .map(|holder| (holder, long(holder)))
        .filter(|(holder, (count, _))| *count > 0 && !holder.user.is_empty());
    let (holder, (count, longest)) = worst.max_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
    let subject = format!("{} ({})", holder.application, holder.user);
    let role = quoted(&holder.user);
    let change = Change {
        setting: SETTING.into(),
        from: None,
        to: Some(TIMEOUT.into()),
        command: Some(format!("ALTER ROLE {role} SET {SETTING} = '{TIMEOUT}';")),
        undo: Some(format!("ALTER ROLE {role} RESET {SETTING};")),
    };
    Some(recommendation(
        report,
        Said {
            kind: Kind::IdleInTransaction,
            title: format!("Fix {subject} first: it holds {count} transactions open and does nothing in them"),
            subject,
            change,
            evidence: vec![
                fact("sessions idle in transaction for 30 s or more", f64::from(count), "sessions"),
                fact("the longest", longest / 1e3, "s"),
                fact("all connections of this application", f64::from(holder.states.total), "connections"),
                fact("all sessions idle in transaction", f64::from(activity.states.idle_in_transaction), "sessions"),
            ],
            confidence: (0.9, "they are seen, with the application's name"),
            caution: "The timeout ends the session and rolls its transaction back; it holds for sessions that begin after it. Not for \
                      roles that people or long imports use. What an ALTER ROLE ... SET said before is not known, and the undo removes it."
                .into(),
            value: f64::from(count),
        },
    ))
}

fn transaction_mode(report: &Report, activity: &Activity) -> Option<Recommendation> {
    let idle = f64::from(activity.states.idle);
    let (pooler, pool) = report
        .sample
        .poolers
        .iter()
        .flat_map(|pooler| pooler.pools.iter().map(move |pool| (pooler, pool)))
        .filter(|(_, pool)| pool.mode == "session" && pool.servers_active.is_some_and(|held| held >= MANY))
        .max_by_key(|(_, pool)| pool.servers_active)?;
    let held = pool.servers_active?;
    if idle < MOSTLY_IDLE * f64::from(held) {
        return None;
    }
    let database = &pool.database;
    let command = |mode: &str| pooler_words::mode(pooler.kind, database, &pool.user, mode);
    command("transaction")?;
    let change = Change {
        setting: "pool_mode".into(),
        from: Some("session".into()),
        to: Some("transaction".into()),
        command: command("transaction"),
        undo: command("session"),
    };
    Some(recommendation(
        report,
        Said {
            kind: Kind::TransactionMode,
            title: format!("Let clients of {database} share server connections between transactions: most of them are idle"),
            subject: format!("{database} ({}) at {}", pool.user, pooler.name),
            change,
            evidence: vec![
                fact("server connections held by clients", f64::from(held), "connections"),
                fact("idle sessions of the database", idle, "sessions"),
                fact("active sessions of the database, mean", activity.average_active_sessions, "sessions"),
                fact("clients waiting", f64::from(pool.queue()), "clients"),
            ],
            confidence: (0.5, "what clients keep in their sessions cannot be seen"),
            caution: format!(
                "Not while clients use what lives in a session: SET, temporary tables, advisory locks, LISTEN, WITH HOLD cursors{}. Try it \
                 with one application first.",
                pooler_words::prepared(pooler.kind)
            ),
            value: idle / 2.0,
        },
    ))
}

/// What is advised about a server that has hardly a connection left; `report` is of its target with most sessions.
pub(super) fn nearly_full(report: &Report) -> Option<Recommendation> {
    let activity = report.activity.as_deref()?;
    let (server, most) = (&activity.server, activity.server.max_connections.saturating_sub(activity.server.reserved_connections));
    let share = f64::from(server.client_backends) / f64::from(most.max(1));
    if most == 0 || share < NEARLY_FULL {
        return None;
    }
    let largest = activity.holders.iter().max_by_key(|holder| holder.states.total);
    let who = largest.map_or_else(String::new, |holder| {
        format!(
            " The largest holder in {} is {} ({}) with {} connections, {} of them idle: its pool first.",
            report.sample.target, holder.application, holder.user, holder.states.total, holder.states.idle
        )
    });
    let more = server.max_connections + server.max_connections / 4;
    let change = Change {
        setting: "max_connections".into(),
        from: Some(server.max_connections.to_string()),
        to: Some(more.to_string()),
        command: Some(format!("ALTER SYSTEM SET max_connections = {more}; -- holds after a restart")),
        undo: Some(format!("ALTER SYSTEM SET max_connections = {}; -- holds after a restart", server.max_connections)),
    };
    Some(recommendation(
        report,
        Said {
            kind: Kind::ConnectionsNearlyUsed,
            subject: report.server.to_string(),
            title: format!("{} has {} of {most} connections in use: make room", report.server, server.client_backends),
            change,
            evidence: vec![
                fact("client backends", f64::from(server.client_backends), "connections"),
                fact("max_connections", f64::from(server.max_connections), "connections"),
                fact("reserved for superusers", f64::from(server.reserved_connections), "connections"),
                fact("idle sessions of this target", f64::from(activity.states.idle), "sessions"),
            ],
            confidence: (
                0.6,
                "the shortage is seen; whether to raise the limit or to use fewer connections is for those who know the applications",
            ),
            caution: format!(
                "Raise the limit last: it takes a restart, each connection takes memory, standbys need at least as many first, and more \
                 active sessions than processors only wait.{who}"
            ),
            value: 10.0 * share,
        },
    ))
}

#[cfg(test)]
mod tests;
