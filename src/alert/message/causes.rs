//! Who or what causes an alert, one line each, worst first.

use std::fmt::Write as _;

use super::units::{count, plain, span};
use crate::model::{
    Evidence,
    health::{HolderEvidence, QueryEvidence, SessionEvidence},
};

/// As many as a person acts on at once.
const MOST: usize = 5;

/// Statements longer than this are cut: their id names them.
const STATEMENT: usize = 120;

const NAME: usize = 60;

/// The lines for this evidence.
pub(super) fn of(evidence: &Evidence) -> Vec<String> {
    let failed = match (evidence.cause, &evidence.detail) {
        (Some(cause), Some(detail)) => Some(format!("{}: {}", cause.as_str(), plain(detail, 200))),
        (Some(cause), None) => Some(cause.as_str().to_owned()),
        (None, Some(detail)) => Some(plain(detail, 200)),
        (None, None) => None,
    };
    let pooler = evidence.pooler.as_deref().map(|pooler| match pooler.split_once(' ') {
        Some((at, pool)) => format!("pool {} of pooler {}", plain(pool, NAME), plain(at, NAME)),
        None => format!("pooler {}", plain(pooler, NAME)),
    });
    let sessions = evidence.sessions.iter().map(session);
    let mut lines: Vec<String> = failed.into_iter().chain(pooler).chain(sessions).collect();
    lines.extend(evidence.holders.iter().map(holder));
    lines.extend(evidence.queries.iter().map(query));
    let rest = lines.len().saturating_sub(MOST);
    if rest > 0 {
        lines.truncate(MOST);
        lines.push(format!("and {rest} more"));
    }
    lines
}

/// An application and its role.
fn who(application: &str, user: &str) -> String {
    match application {
        "" => format!("user {}", plain(user, NAME)),
        application => format!("{} (user {})", plain(application, NAME), plain(user, NAME)),
    }
}

fn session(session: &SessionEvidence) -> String {
    let mut line = match session.pid {
        // The server reports a prepared transaction as process 0.
        0 => "a prepared transaction".to_owned(),
        pid => format!("pid {pid} of {}: {}", who(&session.application, &session.user), plain(&session.state, NAME)),
    };
    let _ = write!(line, " for {}", span(session.age_ms));
    if session.blocks > 0 {
        let _ = write!(line, ", blocks {}", session.blocks);
    }
    if let Some(wait) = &session.wait {
        let _ = write!(line, ", waits for {}", plain(wait, NAME));
    }
    if let Some(id) = &session.query_id {
        let _ = write!(line, ", query {}", plain(id, NAME));
    }
    line
}

fn holder(holder: &HolderEvidence) -> String {
    let idle = match holder.idle_in_transaction {
        0 => String::new(),
        idle => format!(", {idle} idle in transaction"),
    };
    format!("{} holds {}{idle}", who(&holder.application, &holder.user), count(holder.connections, "connection"))
}

fn query(query: &QueryEvidence) -> String {
    let text = query.text.as_deref().map(|text| format!(": {}", plain(text, STATEMENT))).unwrap_or_default();
    format!(
        "query {}: {} on average over {}, {:.0}% of all time{text}",
        plain(&query.query_id, NAME),
        span(query.mean_ms),
        count(query.calls, "call"),
        query.share * 100.0
    )
}
