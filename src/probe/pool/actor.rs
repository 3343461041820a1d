//! The pool probe: on every tick of the fast interval it reads the server's sessions and each pooler's console, and when one is
//! due, lets a fresh client try to get in, directly and through each pooler.
//!
//! Between the checks it knocks: a connection that ends before it says a word tells at the price of a fork that the postmaster lives,
//! whom established sessions do not need. The client checks have a slow schedule, since each costs the server a fork and an authentication. Suspicion brings the next one
//! forward: the resident session is overdue, all slots are taken, a role or the configuration changed, a pooler is paused or
//! its clients wait, or the last attempt failed. A pooler whose pool is full or paused is left alone: its console tells, and
//! one more in the queue would only lengthen it.

mod metrics;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler};

pub use metrics::Metrics;

use super::{
    activity::{Tripwire, View},
    check::{Check, SUSPICIOUS_EVERY},
    client_check,
    console::{ConsoleReading, SharedConsole},
    pgbouncer::Leading,
};
use crate::{
    clock,
    model::{
        Outcome, Phases,
        counters::PoolerDetail,
        reading::{Attempt, Body, Path, PoolerReading},
        sample::{Missing, Pool, Pooler},
    },
    probe::{
        Failure, PoolerSettings, StopProbe, TargetSettings,
        database::own::Transactions,
        governor::Lane,
        session::{ANSWER_WITHIN, CheckReading, FastReading, KnockReading, attempt},
        voice::Voice,
    },
};

/// A fast read that takes longer than this is suspicious; a fresh client tries meanwhile, so that two failed attempts of a
/// second each do not take two seconds.
const OVERDUE: Duration = Duration::from_millis(200);
/// A client through the pooler costs the server next to nothing, a knock some 3 ms, and a client of its own some 7 ms: these
/// come so many times as rarely, and the tripwire and the resident session tell of most trouble before them.
const KNOCKING: u32 = 2;
const DIRECTLY: u32 = 8;
/// As many failed checks as make a verdict; more would only lengthen the queue they stand in.
const MOST_LEFT_BEHIND: u32 = 2;

/// See the module.
pub struct PoolProbe {
    voice: Voice,
    target: TargetSettings,
    view: View,
    tripwire: Option<Tripwire>,
    reading_since: Option<Instant>,
    /// The newest reading and client check that were taken.
    read_at: Option<Instant>,
    checked_at: Option<Instant>,
    knocked_at: Option<Instant>,
    sees: bool,
    knock: Check,
    direct: Check,
    poolers: Vec<PoolerWatch>,
}

struct PoolerWatch {
    settings: PoolerSettings,
    console: Option<Arc<SharedConsole>>,
    metrics: Option<Metrics>,
    reading_since: Option<Instant>,
    check: Check,
    /// The pool that the check would use is full or paused: it would only lengthen the queue, and stay there after it gave up.
    busy: bool,
    /// Checks that gave up and still stand in the pooler's queue, which does not look at a client before its turn.
    left_behind: u32,
}

impl PoolProbe {
    /// A probe that starts on its first tick.
    pub fn new(voice: Voice, target: TargetSettings, sources: Vec<(Option<Arc<SharedConsole>>, Option<Metrics>)>) -> Self {
        let now = clock::now();
        let first_check = now + DIRECTLY * voice.server.interval(Lane::ClientCheck);
        let poolers = target.poolers.iter().zip(sources).map(|(settings, (console, metrics))| PoolerWatch {
            settings: settings.clone(),
            console,
            metrics,
            reading_since: None,
            // The first goes at once: nothing else tells whether clients get in through the pooler.
            check: Check::new(now),
            busy: false,
            left_behind: 0,
        });
        Self {
            poolers: poolers.collect(),
            voice,
            target,
            view: View::default(),
            tripwire: None,
            reading_since: None,
            read_at: None,
            checked_at: None,
            knocked_at: None,
            sees: false,
            knock: Check::new(now),
            direct: Check::new(first_check),
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.voice.is_orphaned() {
            return actix::ActorContext::stop(ctx);
        }
        let now = clock::now();
        let interval = self.voice.server.interval(Lane::Fast);
        ctx.run_later(self.voice.until_next(now, interval), Self::tick);
        // Those of the same server that ticked a moment ago have read already.
        let newer_than = now.checked_sub(interval / 2).unwrap_or(now);
        self.read_sessions(ctx, now, newer_than);
        self.knock(ctx, now);
        self.check_directly(ctx, now);
        for index in 0..self.poolers.len() {
            self.read_console(ctx, index, now, newer_than);
            self.read_metrics(ctx, index, now);
            self.check_through(ctx, index, now);
        }
    }

    fn read_sessions(&mut self, ctx: &mut Context<Self>, now: Instant, newer_than: Instant) {
        if let Some(since) = self.reading_since {
            self.voice.say(now, Body::Overrun);
            if now.saturating_duration_since(since) >= OVERDUE.min(self.voice.server.interval(Lane::Fast)) {
                self.direct.hurry(now);
            }
            return;
        }
        self.reading_since = Some(now);
        // What this probe has taken already is old, however short a time ago it was read.
        let newer_than = self.read_at.map_or(newer_than, |at| newer_than.max(at + Duration::from_nanos(1)));
        let server = Arc::clone(&self.voice.server);
        self.voice.run(ctx, async move { server.activity(newer_than).await }, Self::sessions_read);
    }

    fn sessions_read(&mut self, reading: FastReading, _ctx: &mut Context<Self>) {
        self.reading_since = None;
        // The same reading may serve two ticks; what happened on the way happened once.
        if self.read_at.replace(reading.at) == Some(reading.at) {
            return self.voice.say(clock::now(), Body::Overrun);
        }
        let reconnect = reading.reconnect.and_then(|tried| tried.attempt(&self.voice.server, &self.target.url));
        for attempt in reading.lost.into_iter().chain(reconnect).filter(|attempt| !self.is_for_the_list(attempt)) {
            self.voice.say(reading.at, Body::Attempt(self.located(attempt)));
        }
        let facts = self.voice.server.facts().unwrap_or_default();
        let Some(snapshot) = reading.snapshot else {
            self.sees = false;
            self.view.reset();
            self.voice.say(reading.at, Body::Overrun);
            return;
        };
        self.sees = true;
        let tripped = self.tripwire.replace(snapshot.tripwire).is_some_and(|before| before != snapshot.tripwire);
        let gone = self.direct.ok && !self.voice.server.has_database(&self.target.url.dbname);
        if tripped || gone || snapshot.is_full(&facts) {
            self.direct.hurry(reading.at);
        }
        let activity = self.view.see(reading.at, &snapshot, &self.target.url.dbname, facts);
        let missing = hidden(activity.states.hidden, &self.target.url.user);
        self.voice.say(reading.at, Body::Activity(Arc::new(activity), missing));
    }

    /// A knock goes to the postmaster, which the resident sessions do without.
    fn knock(&mut self, ctx: &mut Context<Self>, now: Instant) {
        if self.knock.running_since.is_some_and(|since| now.saturating_duration_since(since) >= OVERDUE) {
            self.direct.hurry(now);
        }
        // Of several hosts, which is the server's is for a whole connection to find out.
        let Some(host) = self.voice.server.host(&self.target.url) else { return };
        if !self.sees || !self.knock.is_due(now) {
            return;
        }
        self.knock.start(now);
        let newer_than = now.checked_sub(SUSPICIOUS_EVERY / 2).unwrap_or(now);
        let server = Arc::clone(&self.voice.server);
        self.voice.run(ctx, async move { server.knock(newer_than, &host).await }, |probe, reading: KnockReading, _| {
            let interval = KNOCKING * probe.voice.server.interval(Lane::ClientCheck);
            probe.knock.end(reading.failure.is_none(), clock::now(), interval);
            let again = probe.knocked_at.replace(reading.at) == Some(reading.at);
            if let Some(failure) = reading.failure.filter(|_| !again) {
                probe.direct.hurry(clock::now());
                probe.voice.say(reading.at, Body::Attempt(attempt(Path::Direct, &Err(failure))));
            }
        });
    }

    fn check_directly(&mut self, ctx: &mut Context<Self>, now: Instant) {
        // Without a resident session the reconnects are the fresh clients.
        let reconnecting = !self.sees && self.reading_since.is_none();
        if reconnecting || !self.direct.is_due(now) {
            return;
        }
        self.direct.start(now);
        let newer_than = now.checked_sub(SUSPICIOUS_EVERY / 2).unwrap_or(now);
        let server = Arc::clone(&self.voice.server);
        let url = self.target.url.clone();
        self.voice.run(ctx, async move { server.check(newer_than, &url).await }, |probe, reading: CheckReading, _| {
            let attempt = reading.attempt(&probe.voice.server, &probe.target.url);
            let failed = attempt.as_ref().is_some_and(|attempt| attempt.outcome != Outcome::Ok);
            let interval = probe.voice.server.interval(Lane::ClientCheck);
            probe.direct.end(!failed, clock::now(), DIRECTLY * interval);
            let again = probe.checked_at.replace(reading.at) == Some(reading.at);
            if let Some(attempt) = attempt.filter(|attempt| !again && !probe.is_for_the_list(attempt)) {
                probe.voice.say(reading.at, Body::Attempt(probe.located(attempt)));
            }
        });
    }

    /// Of several hosts, a success says which one it was.
    fn located(&self, attempt: Attempt) -> Attempt {
        let several = self.target.url.hosts.len() > 1 && attempt.outcome == Outcome::Ok;
        match self.voice.server.host(&self.target.url).filter(|_| several) {
            Some(host) => Attempt { message: Some(format!("answered by {}:{}", host.name, host.port)), ..attempt },
            None => attempt,
        }
    }

    /// A database that was found by a list and is gone is soon gone from the list, and nobody's incident.
    fn is_for_the_list(&self, attempt: &Attempt) -> bool {
        self.target.listed && attempt.outcome == Outcome::NoSuchDatabase
    }

    fn read_console(&mut self, ctx: &mut Context<Self>, index: usize, now: Instant, newer_than: Instant) {
        let pooler = &mut self.poolers[index];
        let Some(console) = pooler.console.clone() else { return };
        if let Some(since) = pooler.reading_since {
            if now.saturating_duration_since(since) >= OVERDUE.min(self.voice.server.interval(Lane::Fast)) {
                pooler.check.hurry(now);
            }
            return;
        }
        pooler.reading_since = Some(now);
        self.voice.run(ctx, async move { console.read(newer_than).await }, move |probe, reading, _| {
            probe.poolers[index].reading_since = None;
            probe.console_read(index, reading);
        });
    }

    fn console_read(&mut self, index: usize, reading: ConsoleReading) {
        let watch = &mut self.poolers[index];
        let (mut leading, failure) = match reading.view {
            Ok(view) => {
                let client = watch.settings.client.as_ref().map(|client| client.dbname.as_str());
                (view.for_target(client, &self.target.url.hosts, &self.target.url.dbname), None)
            }
            Err(failure) => (nothing(watch.settings.name()), Some(failure)),
        };
        let pools = &mut leading.pools;
        if let Some(client) = &watch.settings.client {
            let queued = pools.iter().filter(|pool| serves(pool, &client.user, &client.dbname)).map(Pool::queue).sum();
            watch.left_behind = watch.left_behind.min(queued);
            let own = watch.left_behind + u32::from(watch.check.running_since.is_some());
            leave_out_own_checks(pools, own, &client.user, &client.dbname);
            watch.busy = pools.iter().any(|pool| serves(pool, &client.user, &client.dbname) && (pool.paused || is_full(pool)));
        }
        let waiting = pools.iter().any(|pool| pool.queue() > 0);
        if failure.is_some() || waiting {
            watch.check.hurry(reading.at);
        }
        self.say_pooler(index, reading.at, leading, failure);
    }

    fn say_pooler(&self, index: usize, at: Instant, leading: Leading, failure: Option<Failure>) {
        let watch = &self.poolers[index];
        let outcome = match &failure {
            Some(failure) => failure.outcome,
            None if leading.paused => Outcome::PoolerPaused,
            None if leading.all_banned => Outcome::PoolExhausted,
            None => Outcome::Ok,
        };
        let Leading { pools, detail, errors, missing, banned, .. } = leading;
        let (up, outcome) = (Some(outcome == Outcome::Ok), Some(outcome));
        let pooler = Pooler { kind: watch.settings.kind, name: watch.settings.name(), up, outcome, pools };
        let unfit = (!banned.is_empty()).then(|| format!("it gives out no connection to {}", banned.join(", ")));
        let message = failure.map(|failure| failure.message).or(unfit);
        let detail = Arc::new(detail);
        self.voice.say(at, Body::Pooler(PoolerReading { index, pooler, message, detail, errors, missing, known: true }));
    }

    fn check_through(&mut self, ctx: &mut Context<Self>, index: usize, now: Instant) {
        let watch = &mut self.poolers[index];
        let Some(client) = watch
            .settings
            .client
            .clone()
            .filter(|_| !watch.busy && watch.left_behind < MOST_LEFT_BEHIND && watch.check.is_due(now))
        else {
            return;
        };
        watch.check.start(now);
        let work = async move { client_check::check(&client, true, ANSWER_WITHIN).await };
        self.voice.run(ctx, work, move |probe, result: Result<Phases, Failure>, _| {
            let interval = probe.voice.server.interval(Lane::ClientCheck);
            let watch = &mut probe.poolers[index];
            let now = clock::now();
            let exhausted = result.as_ref().is_err_and(|failure| failure.outcome == Outcome::PoolExhausted);
            watch.left_behind += u32::from(exhausted && watch.console.is_some());
            // Where no console tells how many stand in the queue already, they must not come thick and fast.
            watch.check.end(result.is_ok() || (exhausted && watch.console.is_none()), now, interval);
            if result.is_ok() {
                probe.voice.server.transacted(&probe.target.url.dbname, Transactions::committed(1));
            }
            let leading = nothing(watch.settings.name());
            let told = watch.console.is_some() || watch.metrics.is_some();
            probe.voice.say(now, Body::Attempt(attempt(Path::Pooler(index), &result)));
            if !told {
                probe.say_pooler(index, now, leading, result.err());
            }
        });
    }
}

/// Isobar's own checks may be the ones that wait; they must not look like clients of the application.
fn leave_out_own_checks(pools: &mut [Pool], own: u32, user: &str, database: &str) {
    for pool in pools.iter_mut().filter(|pool| serves(pool, user, database) && pool.queue() > 0) {
        pool.clients_waiting = Some(pool.queue().saturating_sub(own));
        if pool.queue() == 0 {
            pool.max_wait_time = Some(0.0);
        }
    }
}

fn serves(pool: &Pool, user: &str, database: &str) -> bool {
    pool.user == user && pool.database == database
}

/// Of a pooler that shows nothing.
fn nothing(name: String) -> Leading {
    Leading { detail: PoolerDetail { name, ..PoolerDetail::default() }, ..Leading::default() }
}

fn is_full(pool: &Pool) -> bool {
    pool.size.zip(pool.servers_active).is_some_and(|(size, active)| active >= size)
}

fn hidden(sessions: u32, user: &str) -> Vec<Missing> {
    let missing = Missing {
        field: "connectionPool".into(),
        cause: format!("role {user} may not see the state of {sessions} of the sessions"),
        fix: Some(format!("GRANT pg_monitor TO {};", quote(user))),
    };
    if sessions > 0 { vec![missing] } else { Vec::new() }
}

/// An identifier as SQL wants it.
fn quote(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !name.starts_with(|c: char| c.is_ascii_digit()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

impl Actor for PoolProbe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tick(ctx);
    }
}

impl Drop for PoolProbe {
    fn drop(&mut self) {
        self.voice.server.leave(&self.target.id, self.voice.watch.generation);
    }
}

impl Handler<StopProbe> for PoolProbe {
    type Result = ();

    fn handle(&mut self, _: StopProbe, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}
