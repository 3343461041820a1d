//! Readings in, sample out: what is fresh, what is null and why.

use super::*;
use crate::{
    clock,
    model::{
        Outcome, Phases, Sample, TargetId,
        activity::{Server, States},
        counters::{DatabaseRates, PoolerDetail},
        reading::{Attempt, Path, ProbeKind},
        sample::{Pool, Pooler, PoolerKind},
    },
    probe::{PoolerSettings, conninfo::ConnInfo},
};

struct Target {
    joined: Joined,
    start: Instant,
}

impl Target {
    /// One with so many poolers, of which nothing is known.
    fn new(poolers: usize) -> Self {
        let url = |text: String| ConnInfo::parse(&text).expect("a URL");
        let pooler = |nth| PoolerSettings {
            kind: PoolerKind::Pgbouncer,
            console: Some(url(format!("postgres://stats@pgb{nth}:6432/pgbouncer"))),
            client: None,
            metrics: None,
        };
        let settings = TargetSettings {
            id: TargetId { region: "local".into(), target: "shop".into() },
            url: url("postgres://isobar@db/shop".into()),
            critical: false,
            vantages: vec![],
            supabase: None,
            machine: None,
            poolers: (0..poolers).map(pooler).collect(),
            slow_query_ms: 1_000.0,
            listed: false,
        };
        let joined = Joined::new(&settings, &Thresholds::default(), &Sampling::default());
        Self { joined, start: clock::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn take(&mut self, ms: u64, body: Body) {
        let id = TargetId { region: "local".into(), target: "shop".into() };
        let cost = Cost { interval_ms: 250, ..Cost::default() };
        let (at, wall) = (self.at(ms), clock::wall());
        self.joined.take(&Reading { target: id, probe: ProbeKind::Pool, generation: 1, at, wall, cost, body });
    }

    fn sample(&mut self, ms: u64) -> Arc<Sample> {
        self.joined.report(self.at(ms), clock::wall()).sample
    }
}

/// Ten sessions on a server with 100 slots, of which 40 are taken; so many of the ten may not be seen.
fn activity(hidden: u32) -> Body {
    let states = States { total: 10, active: 2, idle: 8 - hidden, hidden, ..States::default() };
    let server = Server { client_backends: 40, max_connections: 103, reserved_connections: 3, ..Server::default() };
    let missing = Missing { field: "connectionPool".into(), cause: "hidden".into(), fix: Some("GRANT".into()) };
    let missing = if hidden > 0 { vec![missing] } else { vec![] };
    Body::Activity(Arc::new(Activity { server, states, average_active_sessions: 2.0, ..Activity::default() }), missing)
}

/// A pooler's reading: a pool of 10 with so many busy servers and as many idle ones, and a waiter of that age, if any.
fn pooler(index: usize, busy: u32, wait_ms: f64) -> Body {
    let pool = Pool {
        database: "shop".into(),
        user: "app".into(),
        mode: "transaction".into(),
        size: Some(10),
        clients_active: busy,
        clients_waiting: Some(u32::from(wait_ms > 0.0)),
        servers_active: Some(busy),
        servers_idle: Some(busy),
        servers_other: Some(1),
        max_wait_time: Some(wait_ms),
        paused: false,
    };
    let name = format!("pgb{index}:6432");
    let detail = Arc::new(PoolerDetail { name: name.clone(), mean_wait_ms: Some(wait_ms), ..PoolerDetail::default() });
    let pooler = Pooler { kind: PoolerKind::Pgbouncer, name, up: Some(true), outcome: Some(Outcome::Ok), pools: vec![pool] };
    Body::Pooler(PoolerReading { index, pooler, message: None, detail, errors: None, missing: Vec::new(), known: true })
}

fn silent(index: usize, outcome: Outcome) -> Body {
    let Body::Pooler(mut reading) = pooler(index, 0, 0.0) else { unreachable!() };
    (reading.pooler.up, reading.pooler.outcome, reading.pooler.pools) = (Some(false), Some(outcome), vec![]);
    reading.message = Some("no answer".into());
    Body::Pooler(reading)
}

fn direct(phases: Phases) -> Body {
    Body::Attempt(Attempt { path: Path::Direct, outcome: Outcome::Ok, failed_phase: None, phases, message: None })
}

fn cause<'a>(sample: &'a Sample, field: &str) -> Option<&'a str> {
    sample.probe.missing.iter().find(|missing| missing.field == field).map(|missing| missing.cause.as_str())
}

#[test]
fn before_the_first_reading_all_is_null_with_a_cause() {
    let sample = Target::new(0).sample(0);
    assert_eq!(sample.connection_pool, crate::model::sample::ConnectionPool::default());
    assert_eq!(sample.query_performance, crate::model::sample::QueryPerformance::default());
    assert_eq!(sample.database, crate::model::sample::Database::default());
    for field in ["connectionPool", "queryPerformance", "database", "database.size"] {
        assert_eq!(cause(&sample, field), Some("not measured yet"), "{field}");
    }
}

#[test]
fn without_poolers_the_pool_is_the_servers_sessions_and_the_wait_a_fresh_clients() {
    let mut target = Target::new(0);
    target.take(0, activity(0));
    target.take(0, direct(Phases { tcp: Some(1.0), auth: Some(3.0), first_query: Some(9.0), ..Phases::default() }));
    let pool = target.sample(0).connection_pool.clone();
    assert_eq!((pool.total_connections, pool.active_connections, pool.idle_connections), (Some(10), Some(2), Some(8)));
    assert_eq!((pool.waiting_clients, pool.pool_size), (Some(0), Some(103)));
    assert_eq!((pool.utilization, pool.average_wait_time, pool.max_wait_time), (Some(0.4), Some(4.0), Some(4.0)));
}

#[test]
fn hidden_states_are_null_and_the_total_stays() {
    let mut target = Target::new(0);
    target.take(0, activity(3));
    let sample = target.sample(0);
    let pool = &sample.connection_pool;
    assert_eq!((pool.total_connections, pool.active_connections, pool.idle_connections), (Some(10), None, None));
    assert_eq!((sample.database.active_connections, sample.query_performance.average_active_sessions), (None, None));
    assert_eq!(sample.probe.missing[0].fix.as_deref(), Some("GRANT"));
}

#[test]
fn sessions_stay_fresh_for_three_intervals_and_a_second() {
    for (after, fresh) in [(0, true), (1_750, true), (1_751, false)] {
        let mut target = Target::new(0);
        target.take(0, activity(0));
        let sample = target.sample(after);
        assert_eq!(sample.connection_pool.total_connections.is_some(), fresh, "after {after} ms");
        assert_eq!(cause(&sample, "connectionPool").is_some(), !fresh, "after {after} ms");
    }
}

#[test]
fn a_lane_that_the_governor_slowed_is_judged_by_its_own_interval() {
    let mut target = Target::new(0);
    for ms in [0, 1_000, 2_000] {
        target.take(ms, activity(0));
    }
    assert!(target.sample(5_900).connection_pool.total_connections.is_some());
    assert!(target.sample(6_100).connection_pool.total_connections.is_none());
}

#[test]
fn two_poolers_are_summed_and_the_fullest_pool_counts() {
    let mut target = Target::new(2);
    target.take(0, activity(0));
    target.take(0, pooler(0, 3, 0.0));
    target.take(0, pooler(1, 6, 700.25));
    let sample = target.sample(0);
    let pool = &sample.connection_pool;
    assert_eq!((pool.total_connections, pool.active_connections, pool.idle_connections), (Some(20), Some(9), Some(9)));
    assert_eq!((pool.waiting_clients, pool.max_wait_time, pool.pool_size), (Some(1), Some(700.25), Some(20)));
    assert_eq!(pool.utilization, Some(0.6), "the fullest pool, above the server's 0.4");
    assert_eq!(sample.poolers.len(), 2);
}

#[test]
fn the_mean_wait_is_per_assignment_over_all_poolers() {
    for (assigned, expected, why) in
        [([3, 1], 25.0, "three that waited 0 ms, one 100 ms"), ([0, 0], 100.0, "the age of the queue")]
    {
        let mut target = Target::new(2);
        for (index, (wait_ms, assignments)) in [0.0, 100.0].into_iter().zip(assigned).enumerate() {
            let Body::Pooler(mut reading) = pooler(index, 1, wait_ms) else { unreachable!() };
            reading.detail = Arc::new(PoolerDetail { assignments, ..PoolerDetail::clone(&reading.detail) });
            target.take(0, Body::Pooler(reading));
        }
        assert_eq!(target.sample(0).connection_pool.average_wait_time, Some(expected), "{why}");
    }
}

#[test]
fn a_part_of_a_sum_is_no_sum() {
    for (second, expected) in [
        (None, "pooler pgb1:6432: its console has not answered yet"),
        (Some(silent(1, Outcome::TcpRefused)), "pooler pgb1:6432: no answer"),
    ] {
        let mut target = Target::new(2);
        target.take(0, activity(0));
        target.take(0, pooler(0, 3, 0.0));
        if let Some(body) = second {
            target.take(0, body);
        }
        let sample = target.sample(0);
        let pool = &sample.connection_pool;
        assert_eq!((pool.total_connections, pool.waiting_clients, pool.max_wait_time), (None, None, None));
        assert_eq!(pool.utilization, Some(0.4), "what is seen is still judged");
        assert_eq!(cause(&sample, "connectionPool"), Some(expected));
    }
}

#[test]
fn a_stale_console_is_not_up_and_its_figures_are_null() {
    let mut target = Target::new(1);
    target.take(0, pooler(0, 3, 0.0));
    for ms in [0, 1_000, 2_000, 3_000] {
        target.take(ms, activity(0));
    }
    let sample = target.sample(3_000);
    assert_eq!((sample.poolers[0].up, sample.poolers[0].outcome), (Some(false), Some(Outcome::Unresponsive)));
    assert_eq!(sample.connection_pool.total_connections, None);
    assert!(cause(&sample, "connectionPool").is_some());
}

#[test]
fn clients_that_do_not_get_in_take_a_pooler_down_but_a_full_pool_does_not() {
    for (outcome, up) in [(Outcome::AuthFailed, false), (Outcome::PoolExhausted, true)] {
        let mut target = Target::new(1);
        target.take(0, pooler(0, 3, 0.0));
        let attempt = Attempt { path: Path::Pooler(0), outcome, failed_phase: None, phases: Phases::default(), message: None };
        target.take(0, Body::Attempt(attempt));
        let sample = target.sample(0);
        assert_eq!(sample.poolers[0].up, Some(up), "{outcome:?}");
        assert_eq!(sample.reachability.via_pooler.as_ref().map(|way| (way.outcome, way.acquire)), Some((outcome, None)));
    }
}

#[test]
fn statements_and_sizes_that_cannot_be_read_are_null_with_their_cause() {
    let mut target = Target::new(0);
    let lack = |field: &str| Missing { field: field.into(), cause: "no grant".into(), fix: None };
    target.take(0, Body::Queries(Err(lack("queryPerformance"))));
    target.take(0, Body::Size(Err(lack("database.size"))));
    let sample = target.sample(0);
    assert_eq!((sample.query_performance.total_queries, sample.database.size_bytes), (None, None));
    assert_eq!((cause(&sample, "queryPerformance"), cause(&sample, "database.size")), (Some("no grant"), Some("no grant")));
}

#[test]
fn a_first_reading_of_statements_has_a_total_and_no_means() {
    let mut target = Target::new(0);
    target.take(0, Body::Queries(Ok(Arc::new(Queries { calls_total: 9, ..Queries::default() }))));
    let figures = target.sample(0).query_performance.clone();
    assert_eq!((figures.total_queries, figures.queries_per_second, figures.slow_queries), (Some(9), None, None));

    let second =
        Queries { interval_ms: Some(2_000.0), calls: 4, slow_calls: 1, total_ms: 10.0, calls_total: 13, ..Queries::default() };
    target.take(2_000, Body::Queries(Ok(Arc::new(second))));
    let figures = target.sample(2_000).query_performance.clone();
    assert_eq!((figures.average_query_time, figures.queries_per_second), (Some(2.5), Some(2.0)));
    assert_eq!((figures.slow_queries, figures.slow_query_rate, figures.total_queries), (Some(1), Some(0.25), Some(13)));
}

#[test]
fn errors_are_a_share_of_the_window_and_null_without_one() {
    let mut target = Target::new(0);
    let counted = |rates| Body::Database(Ok(DatabaseReading { counters: Arc::default(), rates }));
    target.take(0, counted(None));
    assert_eq!(target.sample(0).query_performance.error_rate, None);
    let rates = DatabaseRates {
        commits: 90,
        rollbacks: 6,
        sessions_killed: Some(3),
        sessions_fatal: Some(1),
        blocks_hit: 3,
        blocks_read: 1,
        ..DatabaseRates::default()
    };
    target.take(1_000, counted(Some(rates)));
    let sample = target.sample(1_000);
    assert_eq!(sample.query_performance.error_rate, Some(10.0 / 96.0));
    assert_eq!(sample.database.cache_hit_ratio, Some(0.75));
    assert_eq!(target.sample(20_000).query_performance.error_rate, None, "stale");
}

mod poolers;
mod slow;
