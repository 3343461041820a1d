//! Requests as instrumentations make them: names, units, attributes, kinds and temporality are theirs.

use crate::otlp::{
    CUMULATIVE, DELTA, Data, Export, Gauge, Histogram, HistogramPoint, KeyValue, Metric, NumberPoint, Resource, ResourceMetrics,
    ScopeMetrics, Sum, Value,
};

pub(super) type Metrics = Metric;

fn attributes(all: &[(&str, &str)]) -> Vec<KeyValue> {
    all.iter().map(|(key, value)| KeyValue::text(key, *value)).collect()
}

pub(super) fn export(resource: &[(&str, &str)], metrics: Vec<Metric>) -> Export {
    Export {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes: attributes(resource) }),
            scope_metrics: vec![ScopeMetrics { scope: None, metrics }],
        }],
    }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.into(), unit: unit.into(), data: Some(data), ..Metric::default() }
}

fn point(all: &[(&str, &str)], value: i64) -> NumberPoint {
    NumberPoint {
        attributes: attributes(all),
        start_time_unix_nano: 1,
        value: Some(Value::AsInt(value)),
        ..NumberPoint::default()
    }
}

fn sum(name: &str, aggregation_temporality: i32, is_monotonic: bool, data_points: Vec<NumberPoint>) -> Metric {
    metric(name, "{connection}", Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic }))
}

pub(super) fn gauge(name: &str, of: &[(&str, &str)], value: i64) -> Metric {
    metric(name, "{connection}", Data::Gauge(Gauge { data_points: vec![point(of, value)] }))
}

pub(super) fn double(name: &str, value: f64) -> Metric {
    let value = NumberPoint { value: Some(Value::AsDouble(value)), ..NumberPoint::default() };
    metric(name, "", Data::Gauge(Gauge { data_points: vec![value] }))
}

pub(super) fn empty(name: &str) -> Metric {
    metric(name, "", Data::Gauge(Gauge { data_points: vec![NumberPoint::default()] }))
}

pub(super) fn up_down(name: &str, temporality: i32, value: i64) -> Metric {
    sum(name, temporality, false, vec![point(&[], value)])
}

pub(super) fn count(used: i64, idle: i64) -> Metric {
    let state = "db.client.connection.state";
    sum("db.client.connection.count", CUMULATIVE, false, vec![point(&[(state, "used")], used), point(&[(state, "idle")], idle)])
}

/// So many gave up, in all.
pub(super) fn timeouts(number: i64) -> Metric {
    sum("db.client.connection.timeouts", CUMULATIVE, true, vec![point(&[], number)])
}

fn spread(name: &str, unit: &str, temporality: i32, of: &[(&str, &str)], count: u64, sum: Option<f64>) -> Metric {
    let point = HistogramPoint { attributes: attributes(of), start_time_unix_nano: 1, count, sum, ..HistogramPoint::default() };
    metric(name, unit, Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: temporality }))
}

pub(super) fn histogram(name: &str, unit: &str, temporality: i32, count: u64, sum: Option<f64>) -> Metric {
    spread(name, unit, temporality, &[], count, sum)
}

/// The Java agent's HikariCP: the older names, milliseconds, cumulative, no address. So many waits of so many milliseconds in all.
pub(super) fn hikari(waits: u64, milliseconds: f64) -> Export {
    let pool = ("pool.name", "HikariPool-1");
    let usage = vec![point(&[pool, ("state", "idle")], 0), point(&[pool, ("state", "used")], 10)];
    let whole = |name: &str, value| sum(name, CUMULATIVE, false, vec![point(&[pool], value)]);
    let metrics = vec![
        sum("db.client.connections.usage", CUMULATIVE, false, usage),
        whole("db.client.connections.idle.min", 10),
        whole("db.client.connections.max", 10),
        whole("db.client.connections.pending_requests", 7),
        sum("db.client.connections.timeouts", CUMULATIVE, true, vec![point(&[pool], 3)]),
        spread("db.client.connections.create_time", "ms", CUMULATIVE, &[pool], 10, Some(120.0)),
        spread("db.client.connections.wait_time", "ms", CUMULATIVE, &[pool], waits, Some(milliseconds)),
        spread("db.client.connections.use_time", "ms", CUMULATIVE, &[pool], waits, Some(9_000.0)),
        gauge("jvm.thread.count", &[], 40),
    ];
    export(&[("service.name", "checkout"), ("service.instance.id", "i-1"), ("isobar.target", "eu/shop")], metrics)
}

/// `@opentelemetry/instrumentation-pg`: sums that go up and down, joined by the pool's name; no maximum, no waits.
pub(super) fn node_postgres(pool: &str) -> Export {
    queue_of_node_postgres(pool, 9, 1, 4)
}

/// The same with so many connections in use and free, and so many requests that wait.
pub(super) fn queue_of_node_postgres(pool: &str, used: i64, idle: i64, pending: i64) -> Export {
    let (name, state) = (("db.client.connection.pool.name", pool), "db.client.connection.state");
    let count = vec![point(&[(state, "used"), name], used), point(&[(state, "idle"), name], idle)];
    let metrics = vec![
        sum("db.client.connection.count", CUMULATIVE, false, count),
        sum("db.client.connection.pending_requests", CUMULATIVE, false, vec![point(&[name], pending)]),
    ];
    export(&[("service.name", "web"), ("host.name", "web-1"), ("process.pid", "4711")], metrics)
}

/// A Rust service around sqlx with the present names: seconds, differences, the address with each point. Four timeouts before, none now.
pub(super) fn sqlx(waits: u64, seconds: f64) -> Export {
    let at = [
        ("server.address", "db.example.com"),
        ("server.port", "5432"),
        ("db.namespace", "shop"),
        ("db.client.connection.pool.name", "main"),
    ];
    let with = |more| at.into_iter().chain([more]).collect::<Vec<_>>();
    let state = "db.client.connection.state";
    let metrics = vec![
        sum(
            "db.client.connection.count",
            CUMULATIVE,
            false,
            vec![point(&with((state, "used")), 5), point(&with((state, "idle")), 0)],
        ),
        gauge("db.client.connection.max", &at, 5),
        sum("db.client.connection.timeouts", DELTA, true, vec![point(&at, waits.cast_signed())]),
        spread("db.client.connection.wait_time", "s", DELTA, &at, waits, Some(seconds)),
        spread("db.client.connection.use_time", "s", DELTA, &at, 50, Some(1.0)),
    ];
    export(&[("service.name", "orders")], metrics)
}
