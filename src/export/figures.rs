//! What is pushed, by what names. Where OpenTelemetry's PostgreSQL receiver has a name, it is that one, with its unit and kind; the rest is
//! `isobar.*`. Each target is a resource of its own, as conventions want it of whatever is observed from outside. Pure.

use std::time::{Duration, Instant};

use crate::{
    model::{
        NodeName, Outcome, Status, Timestamp,
        counters::DatabaseCounters,
        world::{Pushes, Target, World},
    },
    otlp::{
        CUMULATIVE, Data, Export, Gauge, KeyValue, Metric, NumberPoint, Resource, ResourceMetrics, Scope, ScopeMetrics, Sum,
        Value,
    },
};

/// What was not heard of for so long is not pushed as if it were so now.
const STALE: Duration = Duration::from_secs(15);

const STATUSES: [Status; 4] = [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown];

/// Who pushes.
pub(super) struct Speaker<'a> {
    pub(super) node: &'a NodeName,
    pub(super) version: &'a str,
}

/// A figure that stands for itself: its name, its unit, and where it is in the sample.
type Figure = (&'static str, &'static str, fn(&Target) -> Option<f64>);

const FIGURES: &[Figure] = &[
    ("postgresql.connection.max", "{connections}", |target| target.report.sample.database.max_connections.map(f64::from)),
    ("isobar.pool.utilization", "1", |target| target.report.sample.connection_pool.utilization),
    ("isobar.pool.size", "{connection}", |target| target.report.sample.connection_pool.pool_size.map(f64::from)),
    ("isobar.pool.waiting_clients", "{client}", |target| target.report.sample.connection_pool.waiting_clients.map(f64::from)),
    ("isobar.pool.wait", "s", |target| target.report.sample.connection_pool.average_wait_time.map(seconds)),
    ("isobar.pool.oldest_wait", "s", |target| target.report.sample.connection_pool.max_wait_time.map(seconds)),
    ("isobar.query.mean_duration", "s", |target| target.report.sample.query_performance.average_query_time.map(seconds)),
    ("isobar.query.rate", "{query}/s", |target| target.report.sample.query_performance.queries_per_second),
    ("isobar.query.slow_ratio", "1", |target| target.report.sample.query_performance.slow_query_rate),
    ("isobar.transaction.error_ratio", "1", |target| target.report.sample.query_performance.error_rate),
    ("isobar.session.average_active", "{session}", |target| target.report.sample.query_performance.average_active_sessions),
    ("isobar.cache.hit_ratio", "1", |target| target.report.sample.database.cache_hit_ratio),
    ("isobar.probe.impact", "1", |target| target.report.sample.probe.impact),
];

/// A counter of `pg_stat_database`.
type Counter = (&'static str, &'static str, fn(&DatabaseCounters) -> u64);

const COUNTERS: &[Counter] = &[
    ("postgresql.commits", "1", |counters| counters.xact_commit),
    ("postgresql.rollbacks", "1", |counters| counters.xact_rollback),
    ("postgresql.deadlocks", "{deadlock}", |counters| counters.deadlocks),
    ("postgresql.blks_hit", "{blks_hit}", |counters| counters.blks_hit),
    ("postgresql.blks_read", "{blks_read}", |counters| counters.blks_read),
    ("postgresql.temp_files", "{temp_file}", |counters| counters.temp_files),
    ("postgresql.tup_fetched", "{tup_fetched}", |counters| counters.tup_fetched),
    ("postgresql.tup_returned", "{tup_returned}", |counters| counters.tup_returned),
    ("postgresql.tup_inserted", "{tup_inserted}", |counters| counters.tup_inserted),
    ("postgresql.tup_updated", "{tup_updated}", |counters| counters.tup_updated),
    ("postgresql.tup_deleted", "{tup_deleted}", |counters| counters.tup_deleted),
];

/// The figures of the targets that this node watches, and how pushing goes.
pub(super) fn export(world: &World, speaker: &Speaker<'_>, pushes: &Pushes, now: Instant, wall: Timestamp) -> Export {
    let all = world.regions.values().flat_map(|region| region.targets.values());
    let own = all.filter(|target| target.node == *speaker.node);
    let mut resource_metrics: Vec<ResourceMetrics> = own.map(|target| about(target, speaker, now)).collect();
    let at = nanos(wall);
    let counts = [("taken", pushes.taken), ("failed", pushes.failed)];
    let points = counts.map(|(outcome, count)| NumberPoint {
        attributes: vec![KeyValue::text("outcome", outcome)],
        ..number(Value::AsInt(signed(count)), at)
    });
    let own = sum("isobar.otlp.pushes", "{push}", points.to_vec(), true);
    resource_metrics.push(resource(attributes(speaker), speaker, vec![own]));
    Export { resource_metrics }
}

fn about(target: &Target, speaker: &Speaker<'_>, now: Instant) -> ResourceMetrics {
    let sample = &target.report.sample;
    let mut attributes = attributes(speaker);
    attributes.push(KeyValue::text("isobar.region", sample.region.as_str()));
    attributes.push(KeyValue::text("isobar.target", sample.target.as_str()));
    attributes.push(KeyValue::text("db.system.name", "postgresql"));
    if let Some((host, port)) = target.report.server.rsplit_once(':') {
        attributes.push(KeyValue::text("server.address", host.trim_start_matches('[').trim_end_matches(']')));
        attributes.extend(port.parse().ok().map(|port| KeyValue::whole("server.port", port)));
    }
    if let Some(counters) = &target.report.counters {
        attributes.push(KeyValue::text("db.namespace", counters.datname.as_str()));
        attributes.push(KeyValue::text("postgresql.database.name", counters.datname.as_str()));
    }
    let at = nanos(sample.timestamp);
    let mut metrics = judgement(target, at);
    if now.saturating_duration_since(target.heard) <= STALE {
        metrics.extend(figures(target, at));
    }
    resource(attributes, speaker, metrics)
}

fn judgement(target: &Target, at: u64) -> Vec<Metric> {
    let sample = &target.report.sample;
    let status = STATUSES.iter().map(|status| NumberPoint {
        attributes: vec![KeyValue::text("status", status.as_str())],
        ..number(Value::AsInt(i64::from(*status == sample.status)), at)
    });
    let rules = sample.reasons.iter().map(|reason| NumberPoint {
        attributes: vec![KeyValue::text("rule", reason.rule.as_str()), KeyValue::text("severity", reason.severity.as_str())],
        ..number(Value::AsInt(1), at)
    });
    let direct = sample.reachability.outcome.map(|outcome| ("direct", outcome));
    let pooled = sample.reachability.via_pooler.as_ref().map(|via| ("pooler", via.outcome));
    let reached = direct.into_iter().chain(pooled).map(|(path, outcome)| NumberPoint {
        attributes: vec![KeyValue::text("path", path)],
        ..number(Value::AsInt(i64::from(outcome == Outcome::Ok)), at)
    });
    let all = [
        gauge("isobar.target.status", "1", status.collect()),
        gauge("isobar.rule.breached", "1", rules.collect()),
        gauge("isobar.reachable", "1", reached.collect()),
    ];
    all.into_iter().flatten().collect()
}

fn figures(target: &Target, at: u64) -> Vec<Metric> {
    let figure = |(name, unit, value): &Figure| {
        let value = value(target).filter(|value| value.is_finite())?;
        gauge(name, unit, vec![number(Value::AsDouble(value), at)])
    };
    let mut metrics: Vec<Metric> = FIGURES.iter().filter_map(figure).collect();
    if let Some(bytes) = target.report.sample.database.size_bytes {
        metrics.push(sum("postgresql.db_size", "By", vec![number(Value::AsInt(signed(bytes)), at)], false));
    }
    if let Some(counters) = &target.report.counters {
        let backends = number(Value::AsInt(i64::from(counters.numbackends)), at);
        metrics.push(sum("postgresql.backends", "1", vec![backends], false));
        let since = counters.stats_reset.map_or(0, nanos);
        metrics.extend(COUNTERS.iter().map(|(name, unit, count)| {
            let point = NumberPoint { start_time_unix_nano: since, ..number(Value::AsInt(signed(count(counters))), at) };
            sum(name, unit, vec![point], true)
        }));
    }
    metrics
}

fn attributes(speaker: &Speaker<'_>) -> Vec<KeyValue> {
    vec![
        KeyValue::text("service.name", "isobar"),
        KeyValue::text("service.version", speaker.version),
        KeyValue::text("service.instance.id", speaker.node.as_str()),
    ]
}

fn resource(attributes: Vec<KeyValue>, speaker: &Speaker<'_>, metrics: Vec<Metric>) -> ResourceMetrics {
    let scope = Scope { name: "isobar".to_owned(), version: speaker.version.to_owned() };
    ResourceMetrics { resource: Some(Resource { attributes }), scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics }] }
}

fn number(value: Value, at: u64) -> NumberPoint {
    NumberPoint { time_unix_nano: at, value: Some(value), ..NumberPoint::default() }
}

fn gauge(name: &str, unit: &str, data_points: Vec<NumberPoint>) -> Option<Metric> {
    (!data_points.is_empty()).then(|| metric(name, unit, Data::Gauge(Gauge { data_points })))
}

fn sum(name: &str, unit: &str, data_points: Vec<NumberPoint>, is_monotonic: bool) -> Metric {
    metric(name, unit, Data::Sum(Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic }))
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn seconds(ms: f64) -> f64 {
    ms / 1_000.0
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.0.timestamp_nanos_opt().unwrap_or_default()).unwrap_or_default()
}
