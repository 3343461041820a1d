//! Limits that keep one client's trouble from becoming everybody's: how long a statement may run, wait for a lock, or wait for a
//! server connection. From the sessions as they are, and only while others suffer. Pure.

use std::collections::BTreeMap;

use super::{
    findings::{Said, quoted, recommendation},
    wording::fact,
};
use crate::model::{
    Report,
    activity::{Activity, Session},
    advice::{Change, Kind, Recommendation},
    sample::PoolerKind,
};

/// A statement of an application that runs longer than this, milliseconds, is none that a person waits for.
const LONG: f64 = 60_000.0;
/// A wait for a lock.
const BLOCKED: f64 = 10_000.0;
/// A wait for a server connection: whoever asked has gone.
const QUEUED: f64 = 30_000.0;
/// Whose long statements are meant to be long.
const MEANT: [&str; 5] = ["pg_dump", "pg_dumpall", "pg_restore", "psql", "pgbench"];
/// Sessions that are there get it when they are made anew.
const FROM_NOW_ON: &str = "It holds for sessions that begin after it: server connections that a pooler keeps get it by RECONNECT; in its console. What an ALTER ROLE \
     ... SET said before is not known, and the undo removes it.";

/// What is advised about one target.
pub(super) fn of(report: &Report, activity: &Activity) -> Vec<Recommendation> {
    [statement(report, activity), lock(report, activity), queue(report)].into_iter().flatten().collect()
}

fn limit(role: &str, setting: &str, to: &str) -> Change {
    let role = quoted(role);
    Change {
        setting: setting.into(),
        from: None,
        to: Some(to.into()),
        command: Some(format!("ALTER ROLE {role} SET {setting} = '{to}';")),
        undo: Some(format!("ALTER ROLE {role} RESET {setting};")),
    }
}

/// The application and role with most of these sessions: how many, and the longest of them.
fn most<'a>(sessions: impl Iterator<Item = (&'a Session, f64)>) -> Option<((&'a str, &'a str), u32, f64)> {
    let mut all: BTreeMap<(&str, &str), (u32, f64)> = BTreeMap::new();
    for (session, ms) in sessions.filter(|(session, _)| !session.user.is_empty()) {
        let (count, longest) = all.entry((&session.application, &session.user)).or_default();
        (*count, *longest) = (*count + 1, longest.max(ms));
    }
    let (who, (count, longest)) = all.into_iter().max_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
    Some((who, count, longest))
}

fn waiting(report: &Report) -> u32 {
    report.sample.poolers.iter().flat_map(|pooler| &pooler.pools).map(crate::model::sample::Pool::queue).sum()
}

fn statement(report: &Report, activity: &Activity) -> Option<Recommendation> {
    let waiting = waiting(report);
    if waiting == 0 && activity.blocked == 0 {
        return None;
    }
    let running = activity
        .sessions
        .iter()
        .filter(|session| session.state == "active" && session.wait_event_type.as_deref() != Some("Lock"));
    let long = running.filter(|session| !MEANT.contains(&session.application.as_str()));
    let long = long.filter_map(|session| Some((session, session.query_ms.filter(|ms| *ms >= LONG)?)));
    let ((application, user), count, longest) = most(long)?;
    let subject = format!("{application} ({user})");
    Some(recommendation(
        report,
        Said {
            kind: Kind::StatementTimeout,
            title: format!("Limit the statements of {subject}: one runs for {:.0} s while others wait", longest / 1e3),
            subject,
            change: limit(user, "statement_timeout", "60s"),
            evidence: vec![
                fact("its statements that run for 60 s or more", f64::from(count), "sessions"),
                fact("the longest", longest / 1e3, "s"),
                fact("clients waiting for a server connection", f64::from(waiting), "clients"),
                fact("sessions waiting for a lock", f64::from(activity.blocked), "sessions"),
            ],
            confidence: (0.6, "they are seen to run; whether they are meant to is for those who know the application"),
            caution: format!("Not for roles that report, import or migrate. {FROM_NOW_ON}"),
            value: f64::from(count),
        },
    ))
}

fn lock(report: &Report, activity: &Activity) -> Option<Recommendation> {
    let blocked = activity.sessions.iter().filter(|session| !session.blocked_by.is_empty());
    let long: Vec<_> = blocked.filter_map(|session| Some((session, session.query_ms.filter(|ms| *ms >= BLOCKED)?))).collect();
    let ((application, user), count, longest) = most(long.iter().copied())?;
    let holds = |session: &&Session| long.iter().any(|(waits, _)| waits.blocked_by.contains(&session.pid));
    let holder =
        most(activity.sessions.iter().filter(holds).map(|session| (session, session.transaction_ms.unwrap_or_default())));
    let who = holder.map_or_else(String::new, |((application, user), ..)| {
        format!(" Fix {application} ({user}) first: its transactions hold the locks.")
    });
    let subject = format!("{application} ({user})");
    let mut evidence = vec![
        fact("its sessions that wait 10 s or more for a lock", f64::from(count), "sessions"),
        fact("the longest", longest / 1e3, "s"),
    ];
    evidence.extend(holder.map(|(_, _, held)| fact("oldest transaction that holds what they wait for", held / 1e3, "s")));
    Some(recommendation(
        report,
        Said {
            kind: Kind::LockTimeout,
            title: format!(
                "Let {subject} give up on locks: {count} of its sessions wait, the longest for {:.0} s",
                longest / 1e3
            ),
            subject,
            change: limit(user, "lock_timeout", "5s"),
            evidence,
            confidence: (0.7, "the waits are seen, and who holds the locks"),
            caution: format!(
                "A statement that gives up is an error that the application must be able to repeat; not for roles that migrate.{who} \
                 {FROM_NOW_ON}"
            ),
            value: f64::from(count),
        },
    ))
}

fn queue(report: &Report) -> Option<Recommendation> {
    const SETTING: &str = "query_wait_timeout";
    let poolers = report.sample.poolers.iter().filter(|pooler| pooler.kind == PoolerKind::Pgbouncer);
    let pools = poolers.flat_map(|pooler| pooler.pools.iter().map(move |pool| (pooler, pool)));
    let pools = pools.filter_map(|(pooler, pool)| Some((pooler, pool, pool.max_wait_time.filter(|ms| *ms >= QUEUED)?)));
    let (pooler, pool, longest) = pools.max_by(|(_, _, a), (_, _, b)| a.total_cmp(b))?;
    // What it is set to is not read; 120 s is what PgBouncer begins with.
    let command = |seconds: u32| {
        format!(
            "In the console of {}: SET {SETTING} = {seconds}; and to keep it, in pgbouncer.ini {SETTING} = {seconds}",
            pooler.name
        )
    };
    Some(recommendation(
        report,
        Said {
            kind: Kind::QueryWaitTimeout,
            subject: format!("{} ({}) at {}", pool.database, pool.user, pooler.name),
            title: format!("Tell clients of {} sooner that there is no connection: one has waited for {:.0} s", pool.database, longest / 1e3),
            change: Change {
                setting: SETTING.into(),
                from: None,
                to: Some("15".into()),
                command: Some(command(15)),
                undo: Some(command(120)),
            },
            evidence: vec![
                fact("the longest wait now", longest / 1e3, "s"),
                fact("clients waiting", f64::from(pool.queue()), "clients"),
            ],
            confidence: (0.5, "the wait is seen; how long clients stay for an answer is not"),
            caution: "It cures nothing: whoever waits longer gets an error instead of an answer that nobody reads any more. Not for jobs that \
                      may wait. It holds for all pools of this PgBouncer, and the undo sets its default."
                .into(),
            value: 1.0,
        },
    ))
}

#[cfg(test)]
mod tests;
