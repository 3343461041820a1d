//! What a target shows at one moment, as the rules read it: only what is fresh, everything else is [`Signal::Stale`] or absent.

use std::{sync::Arc, time::Duration};

use super::{attempts::Attempts, window::Sums};
use crate::{
    model::{
        Outcome, Rule,
        activity::Activity,
        outlook::Outlook,
        queries::Queries,
        sample::Pooler,
        vitals::{ApplicationPool, Host, Replication, Service, Upkeep},
    },
    probe::database::size::Pace,
};

/// A figure that a rule may go by.
#[derive(Debug, Clone, Default)]
pub enum Signal<T> {
    /// Seen, and recent.
    Fresh(T),
    /// Seen before, but not lately: neither opens nor clears anything.
    Stale,
    /// Never seen, or known not to be available here.
    #[default]
    Absent,
}

impl<T> Signal<T> {
    /// The figure, when it is fresh.
    pub const fn fresh(&self) -> Option<&T> {
        match self {
            Self::Fresh(value) => Some(value),
            Self::Stale | Self::Absent => None,
        }
    }
}

/// One pooler of the target.
#[derive(Debug, Clone)]
pub struct PoolerSeen {
    /// `host:port`.
    pub name: String,
    /// Its newest console reading.
    pub console: Signal<Pooler>,
    /// What the console said when it did not answer.
    pub message: Option<String>,
    /// How often in a row the console could not be reached, and clients beside it.
    pub unreached: u32,
    /// How often in a row a pool was paused or disabled.
    pub paused: u32,
    /// How often in a row the console said that it has no server left to give.
    pub exhausted: u32,
    /// From the first of those readings to the newest.
    pub failing_for: Duration,
    /// Whether the newest client's attempt through it is recent.
    pub tried_lately: bool,
    /// Whether its pools come from metrics, which say nothing of whether it is there.
    pub by_metrics: bool,
}

/// The target at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How the attempts to get in went.
    pub attempts: Attempts,
    /// Whether the newest of them is recent.
    pub attempts_fresh: bool,
    /// Whether the sessions were ever seen.
    pub had_sight: bool,
    /// Whether the resident session has not answered for longer than usual, and not yet for so long that it counts as failed: within a
    /// second it is known whether the server is the cause of what else is seen.
    pub in_question: bool,
    /// The sessions.
    pub activity: Signal<Arc<Activity>>,
    /// The poolers, in the order of the configuration.
    pub poolers: Vec<PoolerSeen>,
    /// The statements of the last interval.
    pub queries: Signal<Arc<Queries>>,
    /// Transactions over the last statements interval.
    pub transactions: Signal<Sums>,
    /// Blocks over the cache window.
    pub blocks: Signal<Sums>,
    /// Growth as a fraction per day.
    pub growth_per_day: Option<f64>,
    /// What the past says of the present.
    pub outlook: Signal<Arc<Outlook>>,
    /// The database's size.
    pub size_bytes: Option<u64>,
    /// Whether the role may not see it.
    pub size_is_hidden: bool,
    /// Who copies from whom.
    pub replication: Signal<Arc<Replication>>,
    /// What keeps the database fit.
    pub upkeep: Signal<Arc<Upkeep>>,
    /// The machine below.
    pub host: Signal<Arc<Host>>,
    /// How its disk fills by all that is on it, since this node looks.
    pub disk_pace: Option<Pace>,
    /// The same in the last minutes.
    pub disk_pace_lately: Option<Pace>,
    /// The pools inside applications.
    pub applications: Signal<Vec<ApplicationPool>>,
    /// The provider's services.
    pub services: Signal<Vec<Service>>,
}

impl Seen {
    /// Whether something that the rule goes by was never read, though it may be yet: to find nothing wrong then is no recovery.
    pub fn is_to_come(&self, rule: Rule) -> bool {
        let absent = |pooler: &PoolerSeen| matches!(pooler.console, Signal::Absent);
        match rule {
            Rule::PoolerDown => {
                self.poolers.iter().any(|pooler| absent(pooler) && !pooler.by_metrics)
                    || self.attempts.poolers.iter().any(|run| run.last.is_none())
            }
            Rule::PoolSaturated | Rule::PoolWaiting => self.poolers.iter().any(absent),
            Rule::QuerySlow => matches!(self.queries, Signal::Absent),
            Rule::XidWraparound => matches!(self.upkeep, Signal::Absent),
            Rule::Anomaly => matches!(self.outlook, Signal::Absent),
            _ => false,
        }
    }
}

/// How full a pool or a server is.
#[derive(Debug, Clone, PartialEq)]
pub struct Fullness {
    /// `database/user` of a pool and its pooler's name; none for the server.
    pub pool: Option<(String, String)>,
    /// Connections in use.
    pub busy: u32,
    /// Connections there may be.
    pub size: u32,
}

impl Fullness {
    /// Share in use, 0..1 (more when a reserve pool is in use).
    pub fn share(&self) -> f64 {
        f64::from(self.busy) / f64::from(self.size.max(1))
    }
}

/// How full the server is; none when it says not.
pub fn server(activity: &Activity) -> Option<Fullness> {
    let slots = activity.server.max_connections.saturating_sub(activity.server.reserved_connections);
    (slots > 0).then_some(Fullness { pool: None, busy: activity.server.client_backends, size: slots })
}

/// The fullest pool of a pooler.
pub fn fullest(pooler: &Pooler) -> Option<Fullness> {
    let pools = pooler.pools.iter().filter_map(|pool| {
        let size = pool.size.filter(|size| *size > 0)?;
        let name = format!("{}/{}", pool.database, pool.user);
        Some(Fullness { pool: Some((name, pooler.name.clone())), busy: pool.servers_active?, size })
    });
    pools.max_by(|a, b| a.share().total_cmp(&b.share()))
}

/// Whether a console's answer means that the pooler itself is not there (as opposed to not letting us look).
pub const fn unreached(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::DnsFailed
            | Outcome::TcpRefused
            | Outcome::TcpTimeout
            | Outcome::Lost
            | Outcome::Unresponsive
            | Outcome::QueryTimeout
            | Outcome::ShuttingDown
    )
}
