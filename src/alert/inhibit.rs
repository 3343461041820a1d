//! Causes before symptoms: what hides what.
//!
//! ```text
//!  region_blind ─► all of its region
//!  database_down ─► database_unresponsive ─► database_rejecting     on one target only the highest shows
//!        └──────────────┴─► pooler_down, pools, queries, errors             └─► pooler_down, pool_waiting
//!  pooler_down ─► pool_waiting, pool_saturated
//!  the same database_* rule on several targets of one server, pooler_down of one pooler: the first one leads;
//!  replication_lag and xid_wraparound are a server's too, whichever of its databases tells of them
//! ```
//! A cause hides only what is not worse than itself, and never a critical that was told before the cause came.
//! What is hidden is an incident like any other, but nobody is told of it. It comes out by itself when its cause ends before it does:
//! a cause that recovers hides for one more hold, since symptoms take a moment longer to clear, and no longer.

use std::{cmp::Reverse, time::Duration};

use super::incident::{Incident, Subject};
use crate::model::{RegionName, Rule, Severity, Timestamp};

/// A symptom's first notice waits at most this long for a cause that is about to fire.
pub(super) const WAITS_FOR_CAUSE: Duration = Duration::from_secs(5);

/// What every database of a server sees of the server.
const OF_THE_SERVER: &[Rule] = &[Rule::ReplicationLag, Rule::XidWraparound];

/// The rules of the same target that hide this one, the highest first.
pub(super) const fn causes(rule: Rule) -> &'static [Rule] {
    use Rule::{
        BlockingChain, CacheHitLow, ConnectionLeak, DatabaseDown, DatabaseRejecting, DatabaseUnresponsive, ErrorRate,
        PoolSaturated, PoolWaiting, PoolerDown, QuerySlow, SlowQueryRate,
    };
    match rule {
        DatabaseUnresponsive => &[DatabaseDown],
        DatabaseRejecting => &[DatabaseDown, DatabaseUnresponsive],
        PoolerDown => &Rule::SERVER_AWAY,
        PoolWaiting => &[DatabaseDown, DatabaseUnresponsive, DatabaseRejecting, PoolerDown],
        PoolSaturated => &[DatabaseDown, DatabaseUnresponsive, PoolerDown],
        ConnectionLeak | BlockingChain | QuerySlow | SlowQueryRate | ErrorRate | CacheHitLow => {
            &[DatabaseDown, DatabaseUnresponsive]
        }
        _ => &[],
    }
}

/// Whether it can hide others.
pub(super) fn is_cause(rule: Rule) -> bool {
    rule.is_server_away() || matches!(rule, Rule::PoolerDown | Rule::RegionBlind)
}

/// Whether its first notice waits while a cause may be about to fire. Causes among each other do not wait: seconds count there.
pub(super) fn waits(rule: Rule) -> bool {
    !rule.is_server_away() && !causes(rule).is_empty()
}

/// Whether it hides others now. Blindness ends at once; the rest hides for `grace` more while it recovers.
pub(super) fn hides(cause: &Incident, now: Timestamp, grace: Duration) -> bool {
    let recovers = |cause: &Incident| cause.recovering.is_none_or(|then| now.since(then) < grace);
    cause.in_breach() || (cause.is_open() && cause.subject.rule != Rule::RegionBlind && recovers(cause))
}

/// What several targets fail with together: a server, or a pooler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Common {
    region: RegionName,
    rule: Rule,
    at: String,
}

/// What it may have in common with other targets.
pub(super) fn common(incident: &Incident) -> Option<Common> {
    let rule = incident.subject.rule;
    let at = match rule {
        Rule::PoolerDown => incident.reason.evidence.pooler.as_deref()?.split_whitespace().next()?.to_owned(),
        rule if rule.is_server_away() || OF_THE_SERVER.contains(&rule) => incident.server.clone()?,
        _ => return None,
    };
    Some(Common { region: incident.subject.region.clone(), rule, at })
}

/// Those who fail together, and who leads.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// Ids of all that are open.
    pub(super) members: Vec<String>,
    /// The one that people see.
    pub(super) leader: Option<String>,
}

/// Who leads of those who may: the worst, known to people before not, then the first.
pub(super) fn leads<'a>(members: impl Iterator<Item = &'a Incident>, now: Timestamp, grace: Duration) -> Option<&'a Incident> {
    members.filter(|incident| hides(incident, now, grace)).min_by(|a, b| order(a).cmp(&order(b)))
}

fn order(incident: &Incident) -> (Reverse<Severity>, bool, Timestamp, &Subject) {
    (Reverse(incident.reason.severity), incident.escalation.started.is_none(), incident.opened, &incident.subject)
}

/// Whether a cause may hide it: not when it is worse, and a critical that people were told of goes on, whatever comes later.
pub(super) fn may_hide(cause: &Incident, incident: &Incident) -> bool {
    let severity = incident.reason.severity;
    severity <= cause.reason.severity && (severity < Severity::Critical || incident.told.is_empty())
}

/// The order in which news is told: causes first, so that what follows from them is known by then.
pub(super) fn rank(rule: Rule) -> u8 {
    match rule {
        Rule::RegionBlind => 0,
        rule if rule.is_server_away() => 1,
        Rule::PoolerDown => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests;
