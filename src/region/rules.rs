//! The rules, one file per family: each looks at what is seen and says what it finds. No rule remembers anything; time is the
//! [`super::evaluator`]'s matter.

mod connection;
mod database;
mod disk;
mod pool;
mod query;
mod replication;
mod upkeep;

use std::time::Duration;

use super::{seen::Seen, thresholds::Thresholds};
use crate::model::{Evidence, Rule};

/// Seconds.
const DAY: f64 = 86_400.0;

/// What a rule finds at one moment.
#[derive(Debug, Clone)]
pub enum Finding {
    /// It cannot see: neither opens nor clears.
    Unseen,
    /// Beyond the clear level.
    Clear,
    /// Between the clear level and the one that fires: keeps a breach, opens none.
    Between(Breach),
    /// Beyond the level that fires.
    Breach(Breach),
}

/// What is wrong.
#[derive(Debug, Clone, Default)]
pub struct Breach {
    /// Whether it is beyond the second, critical level too.
    pub critical: bool,
    /// Whether it is beyond the level between the first and the critical one, of a rule that has three.
    pub high: bool,
    /// How long the trouble has lasted already, when what is seen tells by itself: it counts as held for that long.
    pub lasted: Duration,
    /// The figure, in the threshold's unit.
    pub value: Option<f64>,
    /// The level it passed.
    pub threshold: Option<f64>,
    /// One sentence for a person.
    pub message: String,
    /// Who or what causes it.
    pub evidence: Evidence,
}

/// What a rule finds; none when signals for it are not read yet.
pub fn find(rule: Rule, seen: &Seen, limits: &Thresholds) -> Option<Finding> {
    Some(match rule {
        Rule::DatabaseDown | Rule::DatabaseUnresponsive | Rule::DatabaseRejecting => connection::database(rule, seen, limits),
        Rule::PoolerDown => connection::pooler_down(seen, limits),
        Rule::PoolSaturated => pool::saturated(seen, limits),
        Rule::PoolWaiting => pool::waiting(seen, limits),
        Rule::ConnectionLeak => pool::leak(seen, limits),
        Rule::BlockingChain => query::blocking(seen, limits),
        Rule::QuerySlow => query::slow(seen, limits),
        Rule::SlowQueryRate => query::slow_rate(seen, limits),
        Rule::ErrorRate => database::error_rate(seen, limits),
        Rule::CacheHitLow => database::cache_hit(seen, limits),
        Rule::SizeGrowth => database::growth(seen, limits),
        Rule::ReplicationLag => replication::lag(seen, limits),
        Rule::XidWraparound => upkeep::wraparound(seen, limits),
        Rule::Anomaly => query::unusual(seen),
        Rule::RegionBlind | Rule::DeliveryFailing => return None,
    })
}

/// Whether the rule is judged from what a target shows.
pub const fn is_judged(rule: Rule) -> bool {
    !matches!(rule, Rule::RegionBlind | Rule::DeliveryFailing)
}

/// Where a figure stands between its levels; more is worse. The finding is made only when it is needed.
fn above(value: f64, clear: f64, fire: f64, breach: impl FnOnce() -> Breach) -> Finding {
    if value > fire {
        Finding::Breach(breach())
    } else if value >= clear {
        Finding::Between(breach())
    } else {
        Finding::Clear
    }
}

/// The worst of several views of the same trouble. One that cannot see keeps the others from clearing.
fn worst(findings: impl IntoIterator<Item = Finding>) -> Finding {
    let rank = |finding: &Finding| match finding {
        Finding::Clear => (0, 0.0),
        Finding::Unseen => (1, 0.0),
        Finding::Between(breach) => (2, breach.value.unwrap_or_default()),
        Finding::Breach(breach) => (3 + u8::from(breach.high) + u8::from(breach.critical), breach.value.unwrap_or_default()),
    };
    let by_rank = |a: &Finding, b: &Finding| rank(a).0.cmp(&rank(b).0).then(rank(a).1.total_cmp(&rank(b).1));
    findings.into_iter().max_by(by_rank).unwrap_or(Finding::Unseen)
}

/// A length of time as a person reads it: `0.4 ms`, `850 ms`, `5.2 s`, `12 min`.
fn span(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms => format!("{:.0} min", ms / 60_000.0),
    }
}

/// A long time as a person reads it: `40 minutes`, `5.2 days`, `12 days`.
fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 7_200.0 => format!("{:.0} minutes", seconds / 60.0),
        seconds if seconds < 2.0 * DAY => format!("{:.0} hours", seconds / 3_600.0),
        seconds if seconds < 10.0 * DAY => format!("{:.1} days", seconds / DAY),
        seconds => format!("{:.0} days", seconds / DAY),
    }
}

/// A share as a person reads it: `0.4%`, `85%`.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// A count with its noun: `1 session`, `2 sessions`.
fn count(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
