//! From figures to what the rules look at: a target that shows exactly what the series say and is calm in everything else.

mod upkeep;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    model::{
        Outcome, Phases, Timestamp,
        activity::{Activity, Server, Session, States},
        queries::Queries,
        reading::{Attempt, Path},
        sample::{Pool, Pooler, PoolerKind},
        vitals::{Replication, Role, Slot, Upstream},
    },
    region::{
        attempts::Attempts,
        seen::{self, PoolerSeen, Seen, Signal},
        thresholds::Thresholds,
        window::Sums,
    },
};

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident = $key:literal, at most $most:expr;)*) => {
        /// A figure that a series gives.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Figure { $($(#[$doc])* $name,)* }

        impl Figure {
            /// All of them, by the names that tests call them.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($key, Self::$name),)*];

            /// No value is larger.
            pub const fn most(self) -> f64 {
                match self { $(Self::$name => $most,)* }
            }
        }
    };
}

figures! {
    /// Share of the server's connection slots in use, 0..1.
    PoolUtilization = "pool_utilization", at most 1.0;
    /// Share of the pooler's pool in use, 0..1.
    PoolerUtilization = "pooler_utilization", at most 10.0;
    /// Clients that wait in the pooler; one unless told while somebody waits.
    WaitingClients = "waiting_clients", at most 1e6;
    /// How long the oldest of them has waited, milliseconds.
    PoolWaitMs = "pool_wait_ms", at most 1e9;
    /// Share of the connections held by sessions idle in transaction for longer than `leak_age`, 0..1.
    LeakShare = "leak_share", at most 1.0;
    /// Sessions that wait for one that is idle in transaction.
    LeakBlocks = "leak_blocks", at most 100.0;
    /// How long the longest blocked session has been, milliseconds.
    BlockedAgeMs = "blocked_age_ms", at most 1e9;
    /// Mean time of the statements, milliseconds.
    AverageQueryMs = "average_query_ms", at most 1e9;
    /// Slow share of the calls, 0..1.
    SlowQueryRate = "slow_query_rate", at most 1.0;
    /// Share of the active sessions whose query runs for longer than `average_query_ms`, 0..1.
    SlowSessionsShare = "slow_sessions_share", at most 1.0;
    /// Failed share of the transactions, 0..1.
    ErrorRate = "error_rate", at most 1.0;
    /// Transactions in the window; 10,000 unless told.
    Transactions = "transactions", at most 1e12;
    /// Share of the blocks found in the cache, 0..1.
    CacheHitRatio = "cache_hit_ratio", at most 1.0;
    /// Blocks read from outside it in the window; 1,000,000 unless told.
    BlocksRead = "blocks_read", at most 1e15;
    /// Growth as a fraction per day.
    SizeGrowthPerDay = "size_growth_per_day", at most 1e6;
    /// How old what a replica shows is, seconds.
    ReplicationLag = "replication_lag", at most 1e9;
    /// Share of what it may that a slot retains, 0..1 and beyond.
    SlotRetainedShare = "slot_retained_share", at most 100.0;
    /// Days until the disk is full; at a growth of 1% a day unless told.
    DiskFullDays = "disk_full_days", at most 1e5;
    /// Figures that are unusual for the time of day.
    UnusualFigures = "unusual_figures", at most 100.0;
    /// Age of the oldest transaction id as a share of the limit, 0..1.
    XidAge = "xid_age", at most 1.0;
}

/// A way in that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Fresh clients, straight to the server.
    Direct,
    /// The pooler's console.
    Console,
    /// Fresh clients through the pooler.
    Client,
}

/// The ways in, by the names that tests call them.
pub const WAYS: [(&str, Way); 3] = [("attempts", Way::Direct), ("pooler", Way::Console), ("pooler_clients", Way::Client)];

/// All series of a test. A number's last value stays; attempts that are not written are not made.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Values by figure; none where it is not seen.
    pub numbers: BTreeMap<Figure, Vec<Option<f64>>>,
    /// Attempts by way in; none where none is made.
    pub outcomes: BTreeMap<Way, Vec<Option<Outcome>>>,
}

/// What a series gives at a step.
#[derive(Debug, Clone, Copy)]
enum Given {
    Nothing,
    Dark,
    Value(f64),
}

impl Series {
    /// As many as the longest series has.
    pub fn steps(&self) -> usize {
        let numbers = self.numbers.values().map(Vec::len);
        numbers.chain(self.outcomes.values().map(Vec::len)).max().unwrap_or_default()
    }

    fn given(&self, figure: Figure, step: usize) -> Given {
        let Some(values) = self.numbers.get(&figure) else { return Given::Nothing };
        match values.get(step).or(values.last()) {
            None => Given::Nothing,
            Some(None) => Given::Dark,
            Some(Some(value)) => Given::Value(*value),
        }
    }

    /// These figures at a step, `usual` for those without a series; stale when one of them is not seen, absent without any.
    fn together<const N: usize>(&self, figures: [(Figure, f64); N], step: usize) -> Signal<[f64; N]> {
        let given = figures.map(|(figure, _)| self.given(figure, step));
        if given.iter().any(|given| matches!(given, Given::Dark)) {
            return Signal::Stale;
        }
        if given.iter().all(|given| matches!(given, Given::Nothing)) {
            return Signal::Absent;
        }
        let mut values = figures.map(|(_, usual)| usual);
        for (value, given) in values.iter_mut().zip(given) {
            if let Given::Value(told) = given {
                *value = told;
            }
        }
        Signal::Fresh(values)
    }
}

/// Fine enough for any level.
const SLOTS: f64 = 10_000.0;
const CALLS: f64 = 10_000.0;
/// Sessions are made one by one, so there are fewer.
const SESSIONS: f64 = 1_000.0;

/// What a slot may retain.
const SLOT_LIMIT: u64 = 1 << 30;

/// The pooler's address in messages.
const POOLER: &str = "pooler:6432";

/// Goes through the steps; remembers the attempts.
#[derive(Debug)]
pub struct Scene<'a> {
    series: &'a Series,
    limits: &'a Thresholds,
    attempts: Attempts,
    console: Outcome,
    unreached: u32,
    paused: u32,
    exhausted: u32,
    /// When the first and the newest of the console's failures were.
    failing: Option<(Instant, Instant)>,
}

impl<'a> Scene<'a> {
    /// Before the first step.
    pub fn new(series: &'a Series, limits: &'a Thresholds) -> Self {
        let attempts = Attempts::new(1);
        Self { series, limits, attempts, console: Outcome::Ok, unreached: 0, paused: 0, exhausted: 0, failing: None }
    }

    /// What is seen at this step; steps come one after the other.
    pub fn at(&mut self, step: usize, now: Instant, wall: Timestamp) -> Seen {
        for (way, tries) in &self.series.outcomes {
            if let Some(outcome) = tries.get(step).copied().flatten() {
                self.tried(*way, outcome, now, wall);
            }
        }
        let activity = self.activity(step);
        if activity.fresh().is_some() {
            self.attempts.saw(now);
        }
        let statements = [(Figure::AverageQueryMs, 1.0), (Figure::SlowQueryRate, 0.0)];
        let transactions = [(Figure::ErrorRate, 0.0), (Figure::Transactions, 10_000.0)];
        let blocks = [(Figure::CacheHitRatio, 1.0), (Figure::BlocksRead, 1_000_000.0)];
        let (growth_per_day, host) = self.growth(step);
        Seen {
            attempts: self.attempts.clone(),
            attempts_fresh: self.series.outcomes.contains_key(&Way::Direct),
            had_sight: true,
            in_question: false,
            activity,
            poolers: self.pooler(step).into_iter().collect(),
            queries: map(self.series.together(statements, step), |[mean, slow]| {
                Arc::new(Queries {
                    calls: CALLS as u64,
                    slow_calls: (CALLS * slow).round() as u64,
                    total_ms: CALLS * mean,
                    ..Queries::default()
                })
            }),
            transactions: map(self.series.together(transactions, step), |[rate, all]| Sums {
                transactions: all as u64,
                rollbacks: (all * rate).round() as u64,
                ..Sums::default()
            }),
            blocks: map(self.series.together(blocks, step), |[ratio, reads]| {
                let reads = if ratio >= 1.0 { 0.0 } else { reads };
                Sums { hits: (reads * ratio / (1.0 - ratio).max(1e-9)).round() as u64, reads: reads as u64, ..Sums::default() }
            }),
            replication: self.replication(step),
            growth_per_day,
            size_bytes: growth_per_day.map(|_| upkeep::SIZE as u64),
            host,
            upkeep: self.upkeep(step),
            outlook: self.outlook(step),
            ..Seen::default()
        }
    }

    fn tried(&mut self, way: Way, outcome: Outcome, at: Instant, wall: Timestamp) {
        let path = match way {
            Way::Direct => Path::Direct,
            Way::Client => Path::Pooler(0),
            Way::Console => {
                let count = |before: u32, now: bool| if now { before + 1 } else { 0 };
                self.unreached = count(self.unreached, seen::unreached(outcome));
                self.paused = count(self.paused, outcome == Outcome::PoolerPaused);
                self.exhausted = count(self.exhausted, outcome == Outcome::PoolExhausted);
                let fails = self.unreached > 0 || self.paused > 0 || self.exhausted > 0;
                self.failing = fails.then(|| (self.failing.map_or(at, |(first, _)| first), at));
                self.console = outcome;
                return;
            }
        };
        self.attempts.note(Attempt { path, outcome, failed_phase: None, phases: Phases::default(), message: None }, at, wall);
    }

    /// The sessions, which one reading shows together: one figure of them that is not seen hides all. Nor are they seen while
    /// the server lets nobody in, unless a series says what they show.
    fn activity(&self, step: usize) -> Signal<Arc<Activity>> {
        let figures = [
            (Figure::PoolUtilization, 0.01),
            (Figure::LeakShare, 0.0),
            (Figure::LeakBlocks, 0.0),
            (Figure::BlockedAgeMs, 0.0),
            (Figure::SlowSessionsShare, 0.0),
        ];
        let usual = figures.map(|(_, usual)| usual);
        match self.series.together(figures, step) {
            Signal::Absent if self.attempts.direct.failing() => Signal::Stale,
            Signal::Absent => Signal::Fresh(Arc::new(self.sessions(usual))),
            told => map(told, |figures| Arc::new(self.sessions(figures))),
        }
    }

    fn sessions(&self, [utilization, leaks, blocks, blocked_ms, slow]: [f64; 5]) -> Activity {
        let mut sessions = Vec::new();
        let count = |share: f64| (SESSIONS * share).round() as usize;
        let mut pid = 0;
        let mut add = |state: &str, state_ms: f64, query_ms: f64, blocked_by: Vec<i32>| {
            pid += 1;
            sessions.push(Session {
                pid,
                user: "app".to_owned(),
                application: "shop".to_owned(),
                state: state.to_owned(),
                wait_event_type: None,
                wait_event: None,
                query_id: None,
                transaction_ms: Some(state_ms),
                query_ms: Some(query_ms),
                state_ms: Some(state_ms),
                blocked_by,
            });
            pid
        };
        let leak_ms = self.limits.leak_age.as_secs_f64() * 1_000.0;
        for _ in 0..count(leaks) {
            add("idle in transaction", leak_ms + 1_000.0, 0.0, Vec::new());
        }
        if blocks >= 1.0 {
            let leak = add("idle in transaction", 0.0, 0.0, Vec::new());
            for _ in 0..blocks as usize {
                add("active", 0.0, 0.0, vec![leak]);
            }
        }
        if blocked_ms > 0.0 {
            let root = add("active", 0.0, 0.0, Vec::new());
            add("active", 0.0, 0.0, vec![root]);
        }
        for _ in 0..count(slow) {
            add("active", 0.0, self.limits.average_query_ms + 1_000.0, Vec::new());
        }
        let all = SESSIONS as u32;
        Activity {
            server: Server {
                client_backends: (SLOTS * utilization).round() as u32,
                max_connections: SLOTS as u32,
                ..Server::default()
            },
            states: States { total: all, active: all, ..States::default() },
            blocked: sessions.iter().filter(|it| !it.blocked_by.is_empty()).count() as u32,
            longest_blocked_ms: (blocked_ms > 0.0).then_some(blocked_ms),
            sessions,
            ..Activity::default()
        }
    }

    fn replication(&self, step: usize) -> Signal<Arc<Replication>> {
        map(self.series.together([(Figure::ReplicationLag, 0.0), (Figure::SlotRetainedShare, 0.0)], step), |[lag, retained]| {
            let upstream = Upstream { streaming: true, lag_seconds: Some(lag), ..Upstream::default() };
            let slot = Slot {
                name: "replica".to_owned(),
                retained_bytes: Some((SLOT_LIMIT as f64 * retained).round() as u64),
                ..Slot::default()
            };
            Arc::new(Replication {
                role: Role::Replica,
                upstream: Some(upstream),
                slots: vec![slot],
                slot_limit_bytes: Some(SLOT_LIMIT),
                ..Replication::default()
            })
        })
    }

    /// The pooler, when a series is about one.
    fn pooler(&self, step: usize) -> Option<PoolerSeen> {
        let figures = [(Figure::PoolWaitMs, 0.0), (Figure::WaitingClients, -1.0), (Figure::PoolerUtilization, 0.0)];
        let told = self.series.together(figures, step);
        let ways = &self.series.outcomes;
        if matches!(told, Signal::Absent) && !ways.contains_key(&Way::Console) && !ways.contains_key(&Way::Client) {
            return None;
        }
        let console = match told {
            Signal::Absent => Signal::Fresh([0.0, -1.0, 0.0]),
            told => told,
        };
        let console = map(console, |[wait, waiting, busy]| {
            let waiting = if waiting < 0.0 { f64::from(u8::from(wait > 0.0)) } else { waiting };
            let up = self.console == Outcome::Ok;
            let pool = Pool {
                database: "shop".to_owned(),
                user: "app".to_owned(),
                mode: "transaction".to_owned(),
                size: Some(SESSIONS as u32),
                clients_active: (SESSIONS * busy).round() as u32,
                clients_waiting: Some(waiting as u32),
                servers_active: Some((SESSIONS * busy).round() as u32),
                servers_idle: Some(0),
                servers_other: Some(0),
                max_wait_time: Some(wait),
                paused: false,
            };
            let pools = if up { vec![pool] } else { Vec::new() };
            Pooler { kind: PoolerKind::Pgbouncer, name: POOLER.to_owned(), up: Some(up), outcome: Some(self.console), pools }
        });
        Some(PoolerSeen {
            name: POOLER.to_owned(),
            console,
            message: None,
            unreached: self.unreached,
            paused: self.paused,
            exhausted: self.exhausted,
            failing_for: self.failing.map_or(Duration::ZERO, |(first, newest)| newest.saturating_duration_since(first)),
            tried_lately: ways.contains_key(&Way::Client),
            by_metrics: false,
        })
    }
}

fn map<T, U>(signal: Signal<T>, with: impl FnOnce(T) -> U) -> Signal<U> {
    match signal {
        Signal::Fresh(value) => Signal::Fresh(with(value)),
        Signal::Stale => Signal::Stale,
        Signal::Absent => Signal::Absent,
    }
}
