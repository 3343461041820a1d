//! Joins the readings of a target's probes: what is newest of each kind, what is still fresh, and what became of the attempts.
//! From that come [`Seen`] for the rules and the sample for everybody else. Pure.
//!
//! A reading is fresh for three of its intervals and a second; the interval is the configured one, or the one at which readings
//! really came when the governor slowed the lane. A stale reading is as good as none: its fields are null, with the cause.

mod applications;
mod disk;
mod failing;
mod sample;
mod vitals;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    attempts::Attempts,
    evaluator::{Evaluator, Judgement},
    seen::{self, PoolerSeen, Seen, Signal},
    thresholds::Thresholds,
    window::{Sums, Window},
};
use crate::{
    model::{
        Outcome, Reason, Report, Timestamp, Transition,
        activity::Activity,
        counters::DatabaseCounters,
        outlook::Outlook,
        queries::Queries,
        reading::{Body, Cost, DatabaseReading, PoolerReading, Reading},
        sample::Missing,
        vitals::{ApplicationPool, Vitals},
    },
    probe::{Sampling, TargetSettings, database::size::Growth, session::ANSWER_WITHIN},
};

use failing::Failing;
use vitals::Slow;

/// A reading that is later than this many intervals, and [`GRACE`], is stale.
const INTERVALS: u32 = 3;
const GRACE: Duration = Duration::from_secs(1);

/// The newest of its kind, and how far apart the last two were.
#[derive(Debug)]
struct Latest<T> {
    at: Instant,
    interval: Duration,
    value: T,
}

/// Fresh clients straight to the server come so many times as rarely as those through a pooler.
const DIRECT_CHECKS: u32 = 8;

/// What the past says of the present is said anew each minute, or the more rarely the more targets there are.
const OUTLOOKS: (Duration, Duration) = (Duration::from_mins(3), Duration::from_hours(1));

/// One pooler of the target.
#[derive(Debug, Default)]
struct PoolerState {
    latest: Option<Latest<PoolerReading>>,
    unreached: u32,
    paused: u32,
    exhausted: u32,
    /// When the first of those readings was.
    failing_since: Option<Instant>,
    /// Whether its pools were ever read.
    was_known: bool,
}

/// All that is known of one target.
#[derive(Debug)]
pub struct Joined {
    settings: TargetSettings,
    sampling: Sampling,
    evaluator: Evaluator,
    attempts: Attempts,
    activity: Option<Latest<(Arc<Activity>, Vec<Missing>)>>,
    poolers: Vec<PoolerState>,
    queries: Option<Latest<Result<Arc<Queries>, Missing>>>,
    counters: Option<Latest<Result<Arc<DatabaseCounters>, Missing>>>,
    transactions: Window,
    blocks: Window,
    cache_hit_ratio: Option<f64>,
    size: Option<Latest<Result<u64, Missing>>>,
    growth: Growth,
    growth_per_day: Option<f64>,
    /// What its past says.
    outlook: Option<Latest<Arc<Outlook>>>,
    slow: Slow,
    failing: Failing,
    cost: Cost,
    /// When the newest reading was taken, for judging and for people: the wall clock may jump back.
    measured: Option<(Instant, Timestamp)>,
    undelivered: Vec<Transition>,
}

impl Joined {
    /// A target of which nothing is known yet.
    pub fn new(settings: &TargetSettings, thresholds: &Thresholds, sampling: &Sampling) -> Self {
        Self {
            attempts: Attempts::new(settings.poolers.len()),
            poolers: settings.poolers.iter().map(|_| PoolerState::default()).collect(),
            transactions: Window::new(sampling.statements),
            blocks: Window::new(thresholds.cache_hit_window),
            cost: Cost { interval_ms: sampling.fast.as_millis() as u64, ..Cost::default() },
            settings: settings.clone(),
            sampling: sampling.clone(),
            evaluator: Evaluator::new(thresholds.clone()),
            activity: None,
            queries: None,
            counters: None,
            cache_hit_ratio: None,
            size: None,
            growth: Growth::default(),
            growth_per_day: None,
            outlook: None,
            slow: Slow::default(),
            failing: Failing::default(),
            measured: None,
            undelivered: Vec::new(),
        }
    }

    /// Judges by other levels from now on.
    pub fn judge_by(&mut self, thresholds: &Thresholds) {
        self.blocks = Window::new(thresholds.cache_hit_window);
        self.evaluator.reconfigure(thresholds.clone());
    }

    /// Takes other settings: what was read with the old ones is forgotten, what is in breach goes on until it clears.
    pub fn reconfigure(&mut self, settings: &TargetSettings, thresholds: &Thresholds) {
        let new = Self::new(settings, thresholds, &self.sampling);
        let before = std::mem::replace(self, new);
        self.evaluator = before.evaluator;
        self.evaluator.reconfigure(thresholds.clone());
        self.undelivered = before.undelivered;
        if before.settings.url == settings.url {
            (self.growth, self.growth_per_day) = (before.growth, before.growth_per_day);
        }
    }

    /// Goes on from what another node found.
    pub fn resume(&mut self, now: Instant, reasons: &[Reason]) {
        self.evaluator.resume(now, reasons);
    }

    /// Takes one reading.
    pub fn take(&mut self, reading: &Reading) {
        let at = reading.at;
        self.cost = reading.cost.clone();
        if self.measured.is_none_or(|(before, _)| at >= before) {
            self.measured = Some((at, reading.wall));
        }
        match &reading.body {
            Body::Activity(activity, missing) => {
                self.attempts.saw(at);
                let expected = Duration::from_millis(self.cost.interval_ms);
                renew(&mut self.activity, at, expected, (Arc::clone(activity), missing.clone()));
            }
            Body::Pooler(reading) => self.take_pooler(at, reading),
            Body::Attempt(attempt) => {
                self.failing.attempt(at, attempt, &self.settings.poolers);
                self.attempts.note(attempt.clone(), at, reading.wall);
            }
            Body::Queries(queries) => renew(&mut self.queries, at, self.sampling.statements, queries.clone()),
            Body::Database(database) => self.take_database(at, database),
            Body::Size(size) => {
                if let Ok(bytes) = size {
                    self.growth.add(at, *bytes);
                    self.growth_per_day = self.growth.per_day();
                }
                renew(&mut self.size, at, self.sampling.size, size.clone());
            }
            slow => self.slow.take(at, slow, &self.sampling),
        }
    }

    /// Takes what applications told of their pools.
    pub fn tell(&mut self, now: Instant, pools: Vec<ApplicationPool>) {
        self.slow.tell(now, pools);
    }

    /// Takes what its past says.
    pub fn look_out(&mut self, now: Instant, outlook: Outlook) {
        let gap = self.outlook.as_ref().map_or(OUTLOOKS.0, |before| now.saturating_duration_since(before.at));
        self.outlook = Some(Latest { at: now, interval: gap.clamp(OUTLOOKS.0, OUTLOOKS.1), value: Arc::new(outlook) });
    }

    /// The slow signals, when some came since this was asked.
    pub fn vitals(&mut self, now: Instant) -> Option<Arc<Vitals>> {
        if self.slow.wants_errors(now) {
            let lately = self.transactions.sums(now).filter(|_| self.is_counted(now));
            self.slow.errors(now, self.failing.errors(now, self.sampling.statements, lately));
        }
        self.slow.news(now)
    }

    /// The slow signals were not delivered; they are news still.
    pub const fn vitals_again(&mut self) {
        self.slow.again();
    }

    /// Puts back what a batch could not deliver; the next report carries it.
    pub fn undelivered(&mut self, transitions: Vec<Transition>) {
        self.undelivered = transitions;
    }

    /// The target's whole state now, judged.
    pub fn report(&mut self, now: Instant, wall: Timestamp) -> Report {
        let seen = self.see(now);
        let Judgement { status, reasons, transitions } = self.evaluator.step(now, wall, &seen);
        let mut all = std::mem::take(&mut self.undelivered);
        all.extend(transitions);
        let counters = self.counters.as_ref().filter(|latest| latest.is_fresh(now));
        Report {
            sample: Arc::new(sample::compose(self, &seen, now, wall, status, reasons)),
            critical: self.settings.critical,
            server: self.settings.url.address().into(),
            transitions: all,
            activity: seen.activity.fresh().cloned(),
            queries: seen.queries.fresh().cloned(),
            counters: counters.and_then(|latest| latest.value.as_ref().ok()).cloned(),
            poolers: self.poolers.iter().filter_map(|pooler| Some(Arc::clone(&pooler.latest.as_ref()?.value.detail))).collect(),
        }
    }

    fn take_pooler(&mut self, at: Instant, reading: &PoolerReading) {
        let Some(state) = self.poolers.get_mut(reading.index) else { return };
        let count = |before: u32, now: bool| if now { before.saturating_add(1) } else { 0 };
        state.unreached = count(state.unreached, reading.pooler.outcome.is_some_and(seen::unreached));
        state.paused = count(state.paused, reading.pooler.outcome == Some(Outcome::PoolerPaused));
        // Without a console the outcome is a client's, whom a full pool turns away too.
        let settings = &self.settings.poolers[reading.index];
        let exhausted = settings.console.is_some() && reading.pooler.outcome == Some(Outcome::PoolExhausted);
        state.exhausted = count(state.exhausted, exhausted);
        let fails = state.unreached > 0 || state.paused > 0 || state.exhausted > 0;
        state.failing_since = fails.then(|| state.failing_since.unwrap_or(at));
        let errors = self.failing.pooler(reading.index, reading.errors);
        if errors.pooler > 0 {
            self.transactions.add(at, errors);
        }
        state.was_known |= reading.known;
        let expected = match &settings.metrics {
            _ if settings.console.is_some() => Duration::from_millis(self.cost.interval_ms),
            Some(metrics) => metrics.every(&self.sampling),
            None => self.sampling.client_check,
        };
        renew(&mut state.latest, at, expected, reading.clone());
    }

    fn take_database(&mut self, at: Instant, database: &Result<DatabaseReading, Missing>) {
        if let Ok(DatabaseReading { rates: Some(rates), .. }) = database {
            let sums = Sums::from(rates);
            self.failing.count(sums, rates.sessions_killed.is_some());
            self.transactions.add(at, sums);
            self.blocks.add(at, sums);
            self.cache_hit_ratio = sums.cache_hit_ratio().or(self.cache_hit_ratio);
        }
        let counters = database.as_ref().map(|reading| Arc::clone(&reading.counters)).map_err(Clone::clone);
        renew(&mut self.counters, at, self.sampling.counters, counters);
    }

    /// What the rules may go by.
    fn see(&self, now: Instant) -> Seen {
        let within = |at: Option<Instant>, limit: Duration| at.is_some_and(|at| now.saturating_duration_since(at) <= limit);
        let clients_stay = stays(self.sampling.client_check);
        let poolers = self.poolers.iter().zip(&self.settings.poolers).zip(&self.attempts.poolers);
        let poolers = poolers.map(|((state, settings), run)| {
            // A client that fails as the console does is another attempt on the same process. Without a console the client's
            // attempt is the reading.
            let client = run.failure().filter(|tried| settings.console.is_some() && seen::unreached(tried.attempt.outcome));
            let client = client.filter(|_| state.unreached > 0).map_or(0, |_| run.failed);
            PoolerSeen {
                name: settings.name(),
                // Metrics that cannot be read and never could hold nothing up; those that could hold what they showed.
                console: match signal(state.latest.as_ref(), now, |reading| Some((reading.known, reading.pooler.clone()))) {
                    Signal::Fresh((false, _)) if state.was_known => Signal::Stale,
                    Signal::Fresh((_, pooler)) => Signal::Fresh(pooler),
                    Signal::Stale => Signal::Stale,
                    Signal::Absent => Signal::Absent,
                },
                message: state.latest.as_ref().and_then(|latest| latest.value.message.clone()),
                unreached: state.unreached.saturating_add(client),
                paused: state.paused,
                exhausted: state.exhausted,
                failing_for: state
                    .latest
                    .as_ref()
                    .zip(state.failing_since)
                    .map_or(Duration::ZERO, |(latest, since)| latest.at.saturating_duration_since(since)),
                by_metrics: settings.console.is_none() && settings.metrics.is_some(),
                tried_lately: within(run.last.as_ref().map(|tried| tried.at), clients_stay),
            }
        });
        let counted = self.is_counted(now);
        let sums = |window: &Window| match window.sums(now) {
            Some(sums) if counted => Signal::Fresh(sums),
            _ if self.counters.is_some() => Signal::Stale,
            _ => Signal::Absent,
        };
        let outlook = signal(self.outlook.as_ref(), now, |outlook| Some(Arc::clone(outlook)));
        let paces = self.slow.paces();
        Seen {
            attempts: self.attempts.clone(),
            attempts_fresh: within(self.attempts.newest(), clients_stay * DIRECT_CHECKS),
            had_sight: self.activity.is_some(),
            in_question: self.activity.as_ref().is_some_and(|latest| {
                let (silent, usual) = (now.saturating_duration_since(latest.at), latest.interval * 2);
                silent > usual && silent <= usual + ANSWER_WITHIN
            }),
            activity: signal(self.activity.as_ref(), now, |(activity, _)| Some(Arc::clone(activity))),
            poolers: poolers.collect(),
            queries: self.see_queries(now),
            transactions: sums(&self.transactions),
            blocks: sums(&self.blocks),
            // What weeks say is surer than what was seen since the start, which may be ten minutes.
            growth_per_day: outlook.fresh().and_then(|outlook| outlook.growth_per_day).or(self.growth_per_day),
            outlook,
            size_is_hidden: self.size.as_ref().is_some_and(|size| matches!(&size.value, Err(cause) if cause.fix.is_some())),
            size_bytes: self.size.as_ref().filter(|size| size.is_fresh(now)).and_then(|size| size.value.as_ref().ok()).copied(),
            replication: self.slow.replication(now),
            upkeep: self.slow.upkeep(now),
            host: self.slow.host(now),
            disk_pace: paces.usual,
            disk_pace_lately: paces.lately,
            applications: self.slow.applications(now),
            services: self.slow.services(now),
        }
    }
}

impl Joined {
    /// Whether the database's counters are read now.
    fn is_counted(&self, now: Instant) -> bool {
        self.counters.as_ref().is_some_and(|latest| latest.is_fresh(now) && latest.value.is_ok())
    }

    /// A cause that somebody can mend (no extension, no grant) will stay; any other is a reading that failed, as happens in
    /// distress, and must not clear what the last one showed.
    fn see_queries(&self, now: Instant) -> Signal<Arc<Queries>> {
        let stays = |cause: &Missing| cause.fix.is_some();
        match self.queries.as_ref().map(|latest| (latest.is_fresh(now), &latest.value)) {
            None => Signal::Absent,
            Some((true, Ok(queries))) => Signal::Fresh(Arc::clone(queries)),
            Some((true, Err(cause))) if stays(cause) => Signal::Absent,
            Some(_) => Signal::Stale,
        }
    }
}

impl<T> Latest<T> {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) <= stays(self.interval)
    }
}

/// How long a reading stays fresh.
fn stays(interval: Duration) -> Duration {
    interval * INTERVALS + GRACE
}

fn renew<T>(latest: &mut Option<Latest<T>>, at: Instant, expected: Duration, value: T) {
    let gap = latest.as_ref().map_or(Duration::ZERO, |before| at.saturating_duration_since(before.at));
    // A gap far beyond the governor's slowest is an outage, not an interval.
    let interval = if gap > expected && gap <= expected * 8 { gap } else { expected };
    *latest = Some(Latest { at, interval, value });
}

fn signal<T, U>(latest: Option<&Latest<T>>, now: Instant, value: impl Fn(&T) -> Option<U>) -> Signal<U> {
    match latest {
        None => Signal::Absent,
        Some(latest) if !latest.is_fresh(now) => Signal::Stale,
        Some(latest) => value(&latest.value).map_or(Signal::Absent, Signal::Fresh),
    }
}

#[cfg(test)]
mod tests;
