//! OpenTelemetry in and out: what applications tell of their pools is judged like anything else, and a collector gets our figures.

use isobar::{
    otlp::{
        CUMULATIVE, Data, Export, Gauge, Histogram, HistogramPoint, KeyValue, Metric, NumberPoint, Resource, ResourceMetrics,
        Response, ScopeMetrics, Sum, Value, text,
    },
    sandbox::Postgres,
};
use prost::Message;

use crate::{
    doubles::{Collector, Refusal},
    support::{Node, node::reason, secs, series, until},
};

fn server() -> Postgres {
    let server = Postgres::builder().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server
}

fn target(server: &Postgres) -> String {
    format!("region = \"local\"\n\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n", server.url("shop"))
}

/// A pool of 10 connections, all in use, that so many requests wait for; its waits so far.
fn told(port: u16, pending: i64, waits: u64, seconds: f64) -> Export {
    let at = [
        KeyValue::text("server.address", "127.0.0.1"),
        KeyValue::whole("server.port", port.into()),
        KeyValue::text("db.namespace", "shop"),
    ];
    let with = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(key, value)| KeyValue::text(key, *value));
        at.iter().cloned().chain(more).chain([KeyValue::text("db.client.connection.pool.name", "main")]).collect::<Vec<_>>()
    };
    let number = |name: &str, of: &[(&str, &str)], value| {
        let point = NumberPoint { attributes: with(of), value: Some(Value::AsInt(value)), ..NumberPoint::default() };
        Metric { name: name.into(), data: Some(Data::Gauge(Gauge { data_points: vec![point] })), ..Metric::default() }
    };
    let wait = HistogramPoint { attributes: with(&[]), count: waits, sum: Some(seconds), ..HistogramPoint::default() };
    let wait = Histogram { data_points: vec![wait], aggregation_temporality: CUMULATIVE };
    let state = "db.client.connection.state";
    let metrics = vec![
        number("db.client.connection.count", &[(state, "used")], 10),
        number("db.client.connection.max", &[], 100),
        number("db.client.connection.pending_requests", &[], pending),
        Metric {
            name: "db.client.connection.wait_time".into(),
            unit: "s".into(),
            data: Some(Data::Histogram(wait)),
            ..Metric::default()
        },
    ];
    let resource = Resource { attributes: vec![KeyValue::text("service.name", "checkout")] };
    let scope_metrics = vec![ScopeMetrics { scope: None, metrics }];
    Export { resource_metrics: vec![ResourceMetrics { resource: Some(resource), scope_metrics }] }
}

/// As `@opentelemetry/instrumentation-pg` tells: no address but the pool's name, no maximum, no waits.
fn told_by_node_postgres(port: u16, used: i64, idle: i64, pending: i64) -> Export {
    let point = |state: Option<&str>, value| {
        let name = KeyValue::text("db.client.connection.pool.name", format!("127.0.0.1:{port}/shop"));
        let state = state.map(|state| KeyValue::text("db.client.connection.state", state));
        let attributes = std::iter::once(name).chain(state).collect();
        NumberPoint { attributes, value: Some(Value::AsInt(value)), ..NumberPoint::default() }
    };
    let sum = |name: &str, data_points| {
        let sum = Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: false };
        Metric { name: name.into(), data: Some(Data::Sum(sum)), ..Metric::default() }
    };
    let metrics = vec![
        sum("db.client.connection.count", vec![point(Some("used"), used), point(Some("idle"), idle)]),
        sum("db.client.connection.pending_requests", vec![point(None, pending)]),
    ];
    let resource = Resource { attributes: vec![KeyValue::text("service.name", "web")] };
    let scope_metrics = vec![ScopeMetrics { scope: None, metrics }];
    Export { resource_metrics: vec![ResourceMetrics { resource: Some(resource), scope_metrics }] }
}

fn port(server: &Postgres) -> u16 {
    let port = server.url("shop").rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
    port.expect("a port")
}

fn tell(node: &Node, export: &Export) -> Response {
    let request = node.request("POST", "/v1/metrics").header("content-type", "application/x-protobuf");
    let answer = request.header("authorization", "Bearer an-ingest-token-of-the-test").body(export.encode_to_vec());
    let answer = answer.send().expect("an answer");
    assert_eq!(answer.status(), 200);
    Response::decode(answer.bytes().expect("a body")).expect("a response")
}

#[test]
fn waiting_inside_an_application_is_seen_from_its_post_to_the_alert() {
    let server = server();
    let (node, _config) = Node::configured(&[
        ("global.toml", "[web]\ningest_token = \"an-ingest-token-of-the-test\"\n"),
        ("local.toml", &target(&server)),
    ]);
    node.expect_status("local/shop", "healthy", "", secs(15));
    let port = port(&server);
    assert_eq!(node.request("POST", "/v1/metrics").body("").send().expect("an answer").status(), 415);
    assert_eq!(tell(&node, &told(port, 0, 100, 1.0)), Response::default());
    let (seen, _) = node.expect("local/shop", "its pool", secs(3), |sample| sample["vitals"]["applications"][0]["used"] == 10);
    assert_eq!((&seen["vitals"]["applications"][0]["service"], &seen["status"]), (&"checkout".into(), &"healthy".into()));
    // Ten more waits took 30 s together, and 6 requests wait still.
    tell(&node, &told(port, 6, 110, 31.0));
    let (seen, _) = node.expect("local/shop", "pool_waiting", secs(5), |sample| reason(sample, "pool_waiting").is_some());
    let why = reason(&seen, "pool_waiting").expect("a reason");
    let message = why["message"].as_str().expect("a message");
    assert!(message.contains("checkout") && message.contains("main") && message.contains("3.0 s"), "{message}");
    assert_eq!(why["evidence"]["pooler"], "checkout main");
    let metrics = node.get("/metrics").text().expect("text");
    let wait = r#"isobar_application_pool_wait_seconds{region="local",target="shop",service="checkout",pool="main"} 3"#;
    assert!(metrics.contains(wait) && metrics.contains("isobar_application_pool_pending_requests"), "{metrics}");
    tell(&node, &told(port, 0, 120, 31.1));
    node.expect_status("local/shop", "healthy", "", secs(5));
    let lost = tell(&node, &told(1, 0, 1, 1.0)).partial_success.expect("nothing is there");
    assert_eq!(lost.rejected_data_points, 4);
    assert!(lost.error_message.contains("127.0.0.1:1/shop"), "{lost:?}");
}

#[test]
fn a_queue_in_a_pool_that_tells_no_waits_is_a_reason() {
    let server = server();
    let (node, _config) = Node::configured(&[
        ("global.toml", "[web]\ningest_token = \"an-ingest-token-of-the-test\"\n"),
        ("local.toml", &target(&server)),
    ]);
    node.expect_status("local/shop", "healthy", "", secs(15));
    let port = port(&server);
    assert_eq!(tell(&node, &told_by_node_postgres(port, 10, 0, 400)), Response::default());
    node.expect("local/shop", "its pool", secs(3), |sample| sample["vitals"]["applications"][0]["pending"] == 400);
    std::thread::sleep(secs(2));
    tell(&node, &told_by_node_postgres(port, 10, 0, 400));
    let (seen, _) = node.expect("local/shop", "pool_waiting", secs(5), |sample| reason(sample, "pool_waiting").is_some());
    let why = reason(&seen, "pool_waiting").expect("a reason");
    let message = why["message"].as_str().expect("a message");
    assert!(message.starts_with("400 requests wait") && message.contains("none was free; 10 connections in use"), "{message}");
    assert_eq!(
        (why["severity"].as_str(), why["evidence"]["pooler"].as_str()),
        (Some("high"), Some(&*format!("web 127.0.0.1:{port}/shop")))
    );
    tell(&node, &told_by_node_postgres(port, 4, 6, 0));
    node.expect_status("local/shop", "healthy", "", secs(8));
}

/// The newest value of a metric of the target, in the pushes so far.
fn newest(collector: &Collector, name: &str) -> Option<Value> {
    collector.pushes().iter().rev().find_map(|push| {
        let own = push.resource_metrics.iter().find(|resource| {
            let attributes = resource.resource.as_ref().map(|resource| &resource.attributes[..]).unwrap_or_default();
            text(attributes, "isobar.target").as_deref() == Some("shop")
        })?;
        let metric = own.scope_metrics.iter().flat_map(|scope| &scope.metrics).find(|metric| metric.name == name)?;
        match metric.data.as_ref()? {
            Data::Gauge(gauge) => gauge.data_points[0].value,
            Data::Sum(sum) => sum.data_points[0].value,
            _ => None,
        }
    })
}

#[test]
fn a_collector_gets_the_figures_and_its_wishes_are_obeyed() {
    let (server, collector) = (server(), Collector::start());
    let global = |token: &str| {
        let (url, header) = (collector.url(), format!("{{ Authorization = \"Bearer {token}\" }}"));
        format!("[otlp]\nendpoint = \"{url}\"\nevery = \"1s\"\nheaders = {header}\n")
    };
    let (node, config) = Node::configured(&[("global.toml", &global("wrong")), ("local.toml", &target(&server))]);
    let value = |name: &str, wanted: f64| {
        until(&format!("{name} is {wanted}"), secs(10), || {
            let page = node.get("/metrics").text().expect("text");
            let found = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            if found == Some(wanted) { Ok(()) } else { Err(format!("{found:?}")) }
        });
    };
    value("isobar_otlp_ok", 0.0);
    assert!(collector.pushes().is_empty(), "a wrong token is not let in");
    assert!(!node.log().contains("wrong\"") && node.log().contains("it answers 401"), "said, without the secret");
    std::fs::write(config.path().join("global.toml"), global(Collector::TOKEN)).expect("written");
    node.signal(nix::sys::signal::Signal::SIGHUP);
    until("figures come with the new token", secs(10), || {
        newest(&collector, "postgresql.commits").ok_or_else(|| "none".to_owned())
    });
    value("isobar_otlp_ok", 1.0);
    let max = until("max_connections", secs(5), || newest(&collector, "postgresql.connection.max").ok_or_else(String::new)).0;
    assert_eq!(
        max,
        Value::AsDouble(
            server.sql("shop", "SHOW max_connections").expect("a value")[0]
                .get(0)
                .and_then(|text| text.parse().ok())
                .expect("a number")
        )
    );
    assert_eq!(newest(&collector, "postgresql.deadlocks"), Some(Value::AsInt(0)));
    collector.refuse_next(Refusal::Status(503, Some(4)));
    value("isobar_otlp_ok", 0.0);
    let before = collector.pushes().len();
    collector.stays(before, secs(2));
    value("isobar_otlp_ok", 1.0);
    assert_eq!(node.log().matches("does not take all figures").count(), 2, "each trouble is said once");
    assert!(series(&node.get("/metrics").text().expect("text")).keys().any(|name| name.starts_with("isobar_otlp_pushes_total")));
}
