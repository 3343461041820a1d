//! The sample, exactly as the contract's section 4 has it.

use std::time::Instant;

use super::{Joined, stays};
use crate::{
    model::{
        Outcome, Phases, Reason, Sample, Status, Timestamp,
        activity::Activity,
        reading::PoolerReading,
        sample::{
            ConnectionPool, Database, Missing, Pool, Pooler, PoolerKind, ProbeInfo, QueryPerformance, Reachability, ViaPooler,
        },
    },
    probe::PoolerSettings,
    region::seen::{self, Seen, Signal},
};

const MIB: f64 = 1_048_576.0;

pub(super) fn compose(
    joined: &Joined,
    seen: &Seen,
    now: Instant,
    wall: Timestamp,
    status: Status,
    reasons: Vec<Reason>,
) -> Sample {
    let mut missing = Vec::new();
    let activity = seen.activity.fresh().map(AsRef::as_ref);
    if activity.is_none() {
        missing.extend(blind(seen));
    } else if let Some(latest) = &joined.activity {
        missing.extend(latest.value.1.iter().cloned());
    }
    missing.extend(joined.slow.missing(now));
    let query_performance = queries(joined, seen, activity, now, &mut missing);
    let database = database(joined, seen, activity, now, &mut missing);
    let connection_pool = if joined.settings.poolers.iter().any(PoolerSettings::tells) {
        pooled(joined, activity, now, &mut missing)
    } else {
        direct(joined, activity, &mut missing)
    };
    let poolers = poolers(joined, now, &mut missing);
    Sample {
        timestamp: joined.measured.map_or(wall, |(_, measured)| measured),
        region: joined.settings.id.region.clone(),
        target: joined.settings.id.target.clone(),
        status,
        reasons,
        connection_pool,
        query_performance,
        database,
        poolers,
        reachability: reachability(joined),
        probe: ProbeInfo {
            impact: joined.cost.impact,
            interval_ms: joined.cost.interval_ms,
            connections: joined.cost.connections,
            server_version: activity.map(|activity| activity.server.version.clone()),
            throttled: joined.cost.throttled.clone(),
            missing,
        },
    }
}

fn missing(field: &str, cause: impl Into<String>) -> Missing {
    Missing { field: field.to_owned(), cause: cause.into(), fix: None }
}

/// Why the sessions cannot be seen, for each part of the sample that comes from them.
fn blind(seen: &Seen) -> [Missing; 4] {
    let cause = match seen.attempts.failure() {
        Some(tried) => match &tried.attempt.message {
            Some(message) => format!("{}: {message}", tried.attempt.outcome.as_str()),
            None => tried.attempt.outcome.as_str().to_owned(),
        },
        None if seen.had_sight => "the sessions have not been seen lately".to_owned(),
        None => "not measured yet".to_owned(),
    };
    let parts =
        ["connectionPool", "queryPerformance.averageActiveSessions", "database.activeConnections", "database.maxConnections"];
    parts.map(|field| missing(field, cause.clone()))
}

/// States of sessions may be hidden from the role; then only their number is known.
fn visible(activity: Option<&Activity>) -> Option<&Activity> {
    activity.filter(|activity| activity.states.hidden == 0)
}

fn utilization(activity: Option<&Activity>, poolers: &[&PoolerReading]) -> Option<f64> {
    let server = activity.and_then(seen::server);
    let pools = poolers.iter().filter_map(|reading| seen::fullest(&reading.pooler));
    server.into_iter().chain(pools).map(|fullness| fullness.share()).reduce(f64::max)
}

/// The server's own client backends; the wait is what a fresh client measured.
fn direct(joined: &Joined, activity: Option<&Activity>, lacks: &mut Vec<Missing>) -> ConnectionPool {
    let states = visible(activity).map(|activity| activity.states);
    let direct = joined.attempts.direct.last.as_ref().filter(|tried| tried.attempt.outcome == Outcome::Ok);
    let acquire = direct.map(|tried| tried.attempt.phases.acquire());
    if acquire.is_none() {
        lacks.push(missing("connectionPool.averageWaitTime", "no fresh client got in yet, or the newest did not"));
    }
    ConnectionPool {
        total_connections: activity.map(|activity| activity.states.total),
        active_connections: states.map(|states| states.active),
        idle_connections: states.map(|states| states.idle),
        idle_in_transaction: states.map(|states| states.idle_in_transaction),
        waiting_clients: activity.map(|_| 0),
        average_wait_time: acquire,
        max_wait_time: acquire,
        utilization: utilization(activity, &[]),
        pool_size: activity.map(|activity| activity.server.max_connections),
    }
}

/// The server side of the poolers; all of them must be seen, since a part of a sum is a wrong sum.
fn pooled(joined: &Joined, activity: Option<&Activity>, now: Instant, lacks: &mut Vec<Missing>) -> ConnectionPool {
    let mut readings = Vec::new();
    let mut unseen = false;
    for (state, settings) in joined.poolers.iter().zip(&joined.settings.poolers).filter(|(_, settings)| settings.tells()) {
        let latest = state.latest.as_ref().filter(|latest| latest.is_fresh(now));
        let shows = |outcome| matches!(outcome, Some(Outcome::Ok | Outcome::PoolerPaused));
        let answered = latest.filter(|latest| latest.value.known && shows(latest.value.pooler.outcome));
        if let Some(latest) = answered {
            lacks.extend(latest.value.missing.iter().cloned());
            readings.push(&latest.value);
            continue;
        }
        unseen = true;
        if let Some(latest) = latest.filter(|latest| !latest.value.known) {
            let named = |lack: &Missing| Missing { cause: format!("pooler {}: {}", settings.name(), lack.cause), ..lack.clone() };
            lacks.extend(latest.value.missing.iter().map(named));
            continue;
        }
        let what =
            if settings.console.is_some() { "its console has not answered yet" } else { "its metrics have not been read yet" };
        let cause = latest.map_or_else(
            || what.to_owned(),
            |latest| {
                let outcome = latest.value.pooler.outcome.unwrap_or(Outcome::Other);
                latest.value.message.clone().unwrap_or_else(|| outcome.as_str().to_owned())
            },
        );
        let fix = latest.and_then(|latest| fix(latest.value.pooler.outcome?, settings));
        lacks.push(Missing { fix, ..missing("connectionPool", format!("pooler {}: {cause}", settings.name())) });
    }
    let idle_in_transaction = visible(activity).map(|activity| activity.states.idle_in_transaction);
    let utilization = utilization(activity, &readings);
    if unseen {
        return ConnectionPool { idle_in_transaction, utilization, ..ConnectionPool::default() };
    }
    let pools = || readings.iter().flat_map(|reading| &reading.pooler.pools);
    // A database that no client asked for yet has no pool: nobody waits, and its first pool will have this size.
    let unused = pools().next().is_none();
    // What the console lacks is no 0.
    let sizes_lack = readings.iter().flat_map(|reading| &reading.missing).any(|lack| lack.field.starts_with("poolers."));
    let databases = readings.iter().flat_map(|reading| &reading.detail.databases).map(|database| database.pool_size);
    let configured = databases.reduce(u32::saturating_add).or((!sizes_lack).then_some(0));
    // Metrics of a pool that nobody uses are no zeros.
    let by_metrics = joined.settings.poolers.iter().any(|settings| settings.console.is_none() && settings.metrics.is_some());
    let silent = unused && by_metrics;
    let told = |of: fn(&Pool) -> Option<u32>| if silent { None } else { pools().map(of).sum::<Option<u32>>() };
    let servers = told;
    // What the poolers hold at the server is what the server itself shows, where all clients come through them.
    let own = if by_metrics { direct(joined, activity, &mut Vec::new()) } else { ConnectionPool::default() };
    let average_wait_time = mean_wait(&readings).or((unused && !silent).then_some(0.0));
    if average_wait_time.is_none() && !lacks.iter().any(|lack| lack.field == "connectionPool.averageWaitTime") {
        lacks.push(missing("connectionPool.averageWaitTime", "no interval of the pooler's counters has passed yet"));
    }
    ConnectionPool {
        total_connections: servers(Pool::servers).or(own.total_connections),
        active_connections: servers(|pool| pool.servers_active).or(own.active_connections),
        idle_connections: servers(|pool| pool.servers_idle).or(own.idle_connections),
        idle_in_transaction,
        waiting_clients: told(|pool| pool.clients_waiting),
        average_wait_time,
        max_wait_time: if silent {
            None
        } else {
            pools().map(|pool| pool.max_wait_time).try_fold(0.0, |a: f64, b| Some(a.max(b?)))
        },
        utilization,
        pool_size: if unused { configured.filter(|_| !silent) } else { pools().map(|pool| pool.size).sum() },
    }
}

/// What makes a console that is there let us look.
fn fix(outcome: Outcome, settings: &PoolerSettings) -> Option<String> {
    let console = settings.console.as_ref()?;
    let fix = match outcome {
        Outcome::AuthFailed | Outcome::PermissionDenied => {
            let may = if settings.kind == PoolerKind::Pgbouncer { "; PgBouncer wants it in stats_users too" } else { "" };
            format!("check user {} and its password in the pooler's `url`{may}", console.user)
        }
        Outcome::NoSuchDatabase | Outcome::Protocol => {
            let of = format!("database {} at {}", console.dbname, console.address());
            format!("check that the pooler's `url` leads to the console of a pooler of this `kind`: {of}")
        }
        Outcome::TlsFailed => "check sslmode and sslrootcert in the pooler's `url` against the pooler's certificate".to_owned(),
        Outcome::TooManyConnections => "raise the limit of clients in the pooler's configuration, or free some".to_owned(),
        _ => return None,
    };
    Some(fix)
}

/// Per assignment over all poolers; while nothing is assigned anywhere, the longest queue.
fn mean_wait(readings: &[&PoolerReading]) -> Option<f64> {
    let waits = || readings.iter().filter_map(|reading| Some((reading.detail.mean_wait_ms?, reading.detail.assignments)));
    let assignments: u64 = waits().map(|(_, assignments)| assignments).sum();
    if assignments == 0 {
        return waits().map(|(wait, _)| wait).reduce(f64::max);
    }
    Some(waits().map(|(wait, assignments)| wait * assignments as f64).sum::<f64>() / assignments as f64)
}

fn queries(
    joined: &Joined,
    seen: &Seen,
    activity: Option<&Activity>,
    now: Instant,
    lacks: &mut Vec<Missing>,
) -> QueryPerformance {
    let average_active_sessions = visible(activity).map(|activity| activity.average_active_sessions);
    let error_rate = seen.transactions.fresh().map(|sums| sums.error_rate().unwrap_or_default());
    if error_rate.is_none() {
        lacks.push(missing("queryPerformance.errorRate", "no interval of the database's counters has passed yet"));
    }
    let Some(queries) = seen.queries.fresh() else {
        lacks.push(match &joined.queries {
            Some(latest) if latest.is_fresh(now) => {
                latest.value.as_ref().err().cloned().unwrap_or_else(|| stale("queryPerformance"))
            }
            Some(_) => stale("queryPerformance"),
            None => missing("queryPerformance", "not measured yet"),
        });
        return QueryPerformance { error_rate, average_active_sessions, ..QueryPerformance::default() };
    };
    let total_queries = Some(queries.calls_total);
    let Some(interval_ms) = queries.interval_ms.filter(|interval| *interval > 0.0) else {
        lacks.push(missing("queryPerformance.averageQueryTime", "no interval of the statements has passed yet"));
        return QueryPerformance { total_queries, error_rate, average_active_sessions, ..QueryPerformance::default() };
    };
    if queries.calls == 0 {
        lacks.push(missing("queryPerformance.averageQueryTime", "no statement was called in the last interval"));
    }
    QueryPerformance {
        average_query_time: queries.mean_ms(),
        slow_queries: Some(queries.slow_calls),
        total_queries,
        error_rate,
        slow_query_rate: Some(queries.slow_calls as f64 / queries.calls.max(1) as f64),
        queries_per_second: Some(queries.calls as f64 / interval_ms * 1e3),
        average_active_sessions,
    }
}

fn stale(field: &str) -> Missing {
    missing(field, "not measured lately")
}

fn database(joined: &Joined, seen: &Seen, activity: Option<&Activity>, now: Instant, lacks: &mut Vec<Missing>) -> Database {
    match &joined.counters {
        Some(latest) if latest.is_fresh(now) => lacks.extend(latest.value.as_ref().err().cloned()),
        Some(_) => lacks.push(stale("database")),
        None => lacks.push(missing("database", "not measured yet")),
    }
    let size = joined.size.as_ref().filter(|latest| latest.is_fresh(now)).map(|latest| &latest.value);
    match size {
        Some(Ok(_)) => {}
        Some(Err(cause)) => lacks.push(cause.clone()),
        None if joined.size.is_some() => lacks.push(stale("database.size")),
        None => lacks.push(missing("database.size", "not measured yet")),
    }
    if seen.growth_per_day.is_none() {
        lacks.push(missing("database.growthPerDay", "not enough history yet"));
    }
    let size_bytes = size.and_then(|size| size.as_ref().ok()).copied();
    let counted = matches!(seen.transactions, Signal::Fresh(_));
    Database {
        size: size_bytes.map(|bytes| bytes as f64 / MIB),
        size_bytes,
        active_connections: visible(activity).map(|activity| activity.states.active),
        max_connections: activity.map(|activity| activity.server.max_connections),
        cache_hit_ratio: joined.cache_hit_ratio.filter(|_| counted),
        growth_per_day: seen.growth_per_day,
    }
}

/// As their consoles show them, and not up when clients do not get in. Of one with metrics that cannot be read its clients tell, or nobody.
fn poolers(joined: &Joined, now: Instant, lacks: &mut Vec<Missing>) -> Vec<Pooler> {
    let all = joined.poolers.iter().zip(&joined.attempts.poolers).zip(&joined.settings.poolers);
    let shown = all.filter_map(|((state, run), settings)| {
        let latest = state.latest.as_ref()?;
        let mut pooler = latest.value.pooler.clone();
        let lately = |at: Instant| now.saturating_duration_since(at) <= stays(joined.sampling.client_check);
        let client = run.failure().filter(|tried| lately(tried.at)).map(|tried| tried.attempt.outcome);
        // A console tells of a full pool; metrics do so late, if at all.
        let client = client.filter(|outcome| *outcome != Outcome::PoolExhausted || settings.console.is_none());
        let gets_in = run.last.as_ref().is_some_and(|tried| lately(tried.at) && tried.attempt.outcome == Outcome::Ok);
        let by_metrics = settings.console.is_none() && settings.metrics.is_some();
        let told = if latest.is_fresh(now) { pooler.outcome } else { (!by_metrics).then_some(Outcome::Unresponsive) };
        pooler.outcome = match (told, client) {
            (Some(Outcome::Ok) | None, Some(outcome)) => Some(outcome),
            (None, None) => gets_in.then_some(Outcome::Ok),
            (told, _) => told,
        };
        pooler.up = pooler.outcome.map(|outcome| outcome == Outcome::Ok);
        if pooler.up.is_none() {
            let fix = settings.client.is_none().then(|| "give client_url, what an application would use".to_owned());
            let cause = format!("pooler {}: its metrics cannot be read, and no client tells", pooler.name);
            lacks.push(Missing { fix, ..missing("poolers.up", cause) });
        }
        Some(pooler)
    });
    shown.collect()
}

fn reachability(joined: &Joined) -> Reachability {
    // Of several poolers the one that lets nobody in, otherwise the first.
    let runs = &joined.attempts.poolers;
    let tried = runs.iter().find_map(|run| run.failure()).or_else(|| runs.iter().find_map(|run| run.last.as_ref()));
    let via_pooler = tried.map(|tried| {
        let attempt = &tried.attempt;
        let answered = attempt.outcome == Outcome::Ok;
        ViaPooler {
            outcome: attempt.outcome,
            failed_phase: attempt.failed_phase,
            message: attempt.message.clone(),
            checked_at: tried.wall,
            acquire: answered.then(|| attempt.phases.acquire() + attempt.phases.first_query.unwrap_or_default()),
            phases: attempt.phases,
        }
    });
    let direct = joined.attempts.direct.last.as_ref();
    Reachability {
        outcome: direct.map(|tried| tried.attempt.outcome),
        failed_phase: direct.and_then(|tried| tried.attempt.failed_phase),
        message: direct.and_then(|tried| tried.attempt.message.clone()),
        checked_at: direct.map(|tried| tried.wall),
        phases: direct.map_or_else(Phases::default, |tried| tried.attempt.phases),
        via_pooler,
        views: Vec::new(),
        verdict: None,
    }
}
