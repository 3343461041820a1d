//! Every address that is served, from outside, about real servers: shapes, status codes, who may ask, TLS, metrics.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use isobar::sandbox::{PgBouncer, Postgres};
use reqwest::header;
use serde_json::{Value, json};

use crate::support::{Node, secs, series, strays};

const VIEWER: &str = "viewer-token-0123456789";
const OPERATOR: &str = "operator-token-0123456789";

/// A server with statements and PgBouncer in front of it, and a node that has seen all of it.
fn shop() -> (Node, PgBouncer, Postgres) {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (a int); INSERT INTO t VALUES (1)").expect("SQL");
    let pooler = PgBouncer::builder().database("shop", &server).start().expect("PgBouncer");
    let node = Node::watch(&[&server.url("shop"), "--pooler", &pooler.client_url("shop")]);
    node.expect("local/shop", "all of it seen", secs(30), |sample| {
        let _ = server.sql("shop", "SELECT a FROM t");
        sample["status"] == "healthy"
            && sample["poolers"][0]["pools"][0]["database"] == "shop"
            && sample["database"]["sizeBytes"].is_u64()
            && sample["probe"]["impact"].is_f64()
            && sample["queryPerformance"]["averageQueryTime"].is_f64()
    });
    (node, pooler, server)
}

#[test]
fn every_answer_is_as_described() {
    let (node, _pooler, server) = shop();
    let document = node.json("/openapi.json");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut shapes = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let schema = &methods["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        // Nothing fires here, so there is no alert to name; and this node keeps nothing of the past.
        if schema.is_null() || path == "/openapi.json" || path.contains("{id}") || path.ends_with("/history") {
            continue;
        }
        let real = path.replace("{region}", "local").replace("{target}", "shop");
        let answer = node.get(&real);
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-type"].to_str().ok()),
            (200, Some("application/json")),
            "{real}"
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{real}");
        let body: Value = answer.json().expect("JSON");
        assert_eq!(strays(&document, schema, &body, path), Vec::<String>::new(), "{body:#}");
        let head = node.request("HEAD", &real).send().expect("an answer");
        assert_eq!(head.status(), 200, "HEAD {real}");
        assert_eq!(head.bytes().expect("a body").len(), 0, "HEAD {real}");
        shapes += 1;
    }
    assert_eq!(shapes, 15);
    for path in ["/", "/targets", "/targets/local/shop", "/incidents/x", "/status", "/metrics", "/api/health/metrics"] {
        assert_eq!(node.get(path).status(), 200, "{path}");
    }

    // The contract's own words, apart from our description of them.
    let all = node.json("/api/databases");
    let sample = &all["databases"][0];
    for path in [
        "timestamp region target status reasons",
        "connectionPool/ totalConnections activeConnections idleConnections idleInTransaction waitingClients averageWaitTime \
         maxWaitTime utilization poolSize",
        "queryPerformance/ averageQueryTime slowQueries totalQueries errorRate slowQueryRate queriesPerSecond averageActiveSessions",
        "database/ size sizeBytes activeConnections maxConnections cacheHitRatio growthPerDay",
        "poolers/0/ kind name up pools",
        "reachability/ outcome phases viaPooler",
        "reachability/phases/ dns tcp tls auth firstQuery",
        "probe/ impact intervalMs connections serverVersion missing",
    ] {
        let (part, names) = path.split_once("/ ").unwrap_or(("", path));
        let part = if part.is_empty() { Some(sample) } else { sample.pointer(&format!("/{part}")) };
        for name in names.split_whitespace() {
            assert!(part.and_then(|part| part.get(name)).is_some(), "{path}: {name} in {sample:#}");
        }
    }
    let bytes = sample["database"]["sizeBytes"].as_f64().expect("bytes");
    let real = server.sql("postgres", "SELECT pg_database_size('shop')").expect("SQL");
    let real: f64 = real[0].get(0).expect("a size").parse().expect("a number");
    assert!((bytes - real).abs() < 1e6, "{bytes} {real}");
    assert_eq!(sample["database"]["size"].as_f64(), Some(bytes / 1_048_576.0), "MiB");
    assert_eq!(sample["poolers"][0]["kind"], "pgbouncer");
    assert_eq!(sample["probe"]["intervalMs"], 250);
    // Each null in the figures says why it is one; growth needs history.
    for part in ["connectionPool", "queryPerformance", "database"] {
        for (name, value) in sample[part].as_object().expect("a part") {
            let path = format!("{part}.{name}");
            let told = sample["probe"]["missing"].as_array().expect("a list").iter().any(|missing| {
                let field = missing["field"].as_str().expect("a path");
                path == field || path.starts_with(&format!("{field}."))
            });
            assert!(!value.is_null() || told || path == "database.growthPerDay", "{path} is null without a cause: {sample:#}");
        }
    }
}

#[test]
fn what_cannot_be_known_is_null_with_its_cause_and_fix() {
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&[&server.url("postgres")]);
    // Before the first reading the cause is that there was none.
    let (sample, _) = node.expect("local/postgres", "the extension is missed", secs(15), |sample| {
        sample["database"]["maxConnections"].is_u64() && sample["probe"]["missing"].to_string().contains("pg_stat_statements")
    });
    assert_eq!(sample["queryPerformance"]["averageQueryTime"], Value::Null, "never 0");
    assert_eq!(node.json("/api/databases/local/postgres/queries")["queries"], Value::Null);
}

#[test]
fn a_load_balancer_hears_when_the_last_database_is_gone() {
    let (one, other) = (Postgres::start().expect("PostgreSQL"), Postgres::start().expect("PostgreSQL"));
    one.create_database("one").expect("a database");
    other.create_database("other").expect("a database");
    let node = Node::watch(&[&one.url("one"), &other.url("other")]);
    let expect = |status: &str, code: u16, word: &str| {
        crate::support::until(&format!("{status} for load balancers"), secs(20), || {
            let answer = node.get("/api/health");
            let (seen, body): (_, Value) = (answer.status().as_u16(), answer.json().expect("JSON"));
            if (seen, &body["status"]) == (code, &json!(status)) { Ok(()) } else { Err(format!("{seen} {body}")) }
        });
        let answer = node.request("GET", "/api/health?region=local").header("Accept", "application/health+json").send();
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), code);
        assert_eq!(answer.headers()["content-type"], "application/health+json");
        assert_eq!(answer.json::<Value>().expect("JSON"), json!({ "status": word }));
    };
    expect("healthy", 200, "pass");
    one.kill();
    expect("degraded", 200, "warn");
    other.kill();
    expect("unhealthy", 503, "fail");
    let health = node.json("/api/health");
    let keys: Vec<_> = health.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["status", "regions", "updatedAt"]));
    assert_eq!(node.get("/livez").status(), 200, "we live though they do not");
    assert_eq!(node.json("/api/health/database?target=one")["data"]["status"], "unhealthy");
    one.restart().expect("PostgreSQL");
    other.restart().expect("PostgreSQL");
    expect("healthy", 200, "pass");
}

#[test]
fn what_is_not_served_is_refused_with_the_right_status() {
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&[&server.url("postgres")]);
    node.expect_status("local/postgres", "healthy", "", secs(10));
    let long = format!("/api/health?{}", "x".repeat(5_000));
    for (method, path, status, code) in [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/health?region=nowhere", 404, "no_such_region"),
        ("GET", "/api/health/database?region=nowhere", 404, "no_such_region"),
        ("GET", "/api/health/database?target=nothing", 404, "no_such_target"),
        ("GET", "/api/databases?region=nowhere", 404, "no_such_region"),
        ("GET", "/api/databases?status=fine", 400, "bad_request"),
        ("GET", "/api/databases/local/nothing", 404, "no_such_target"),
        ("GET", "/api/databases/nowhere/postgres/queries", 404, "no_such_region"),
        ("GET", "/api/stream?region=nowhere", 404, "no_such_region"),
        ("GET", &long, 414, "uri_too_long"),
        ("POST", "/api/health", 405, "method_not_allowed"),
        ("DELETE", "/api/databases", 405, "method_not_allowed"),
        ("GET", "/api/session", 405, "method_not_allowed"),
        ("GET", "/api/alerts/none", 404, "no_such_alert"),
        ("GET", "/api/alerts/none/explain", 404, "no_such_alert"),
        ("GET", "/api/alerts?state=sad", 400, "bad_request"),
        ("POST", "/api/alerts", 405, "method_not_allowed"),
        ("PUT", "/api/silences", 405, "method_not_allowed"),
        ("GET", "/api/slack/actions", 405, "method_not_allowed"),
        ("POST", "/api/silences", 415, "not_json"),
        ("POST", "/api/alerts/none/ack", 415, "not_json"),
    ] {
        let answer = node.request(method, path).send().expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        if status == 405 {
            let allow = answer.headers()["allow"].to_str().expect("text").to_owned();
            assert!(!allow.contains(method) && !allow.is_empty(), "{method} {path}: {allow}");
        }
        let body: Value = answer.json().expect("JSON");
        assert_eq!(body["error"]["code"], code, "{method} {path}");
        assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    }
}

/// A folder with one region `test` that watches `postgres` on that server.
fn region(server: &Postgres) -> String {
    format!("region = \"test\"\n[[target]]\nname = \"main\"\nurl = \"{}\"\n", server.url("postgres"))
}

#[test]
fn with_tokens_only_their_bearers_see_details() {
    let server = Postgres::start().expect("PostgreSQL");
    let global = format!("[web]\nviewer_token = \"{VIEWER}\"\noperator_token = \"{OPERATOR}\"\n");
    let (node, _dir) = Node::configured(&[("global.toml", &global), ("test.toml", &region(&server))]);
    let ask = |path: &str, name: &str, value: &str| {
        let request = node.request("GET", path);
        let request = if name.is_empty() { request } else { request.header(name, value) };
        request.send().expect("an answer")
    };
    for path in ["/livez", "/openapi.json"] {
        assert_eq!(ask(path, "", "").status(), 200, "{path} is public");
    }
    crate::support::until("public health", secs(10), || {
        let status = ask("/api/health", "", "").status();
        if status == 200 { Ok(()) } else { Err(status.to_string()) }
    });
    assert_eq!(ask("/readyz", "", "").status(), 200, "/readyz is public");
    for path in [
        "/api/health/database",
        "/metrics",
        "/api/health/metrics",
        "/api/regions",
        "/api/alerts",
        "/api/channels",
        "/api/databases",
        "/api/databases/test/main",
        "/api/databases/test/main/trends",
        "/api/databases/test/main/queries",
        "/api/databases/test/main/activity",
        "/api/databases/test/main/recommendations",
        "/api/recommendations",
        "/api/stream",
        "/api/databases/nowhere/nothing",
    ] {
        let bare = ask(path, "", "");
        assert_eq!(bare.status(), 401, "{path}");
        assert!(bare.headers()["www-authenticate"].to_str().is_ok_and(|said| said.starts_with("Bearer")), "{path}");
        for wrong in ["Bearer wrong-token-0123456789", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer"] {
            assert_eq!(ask(path, "Authorization", wrong).status(), 401, "{path} {wrong}");
        }
        if path == "/api/stream" || path.ends_with("nothing") {
            continue;
        }
        for token in [VIEWER, OPERATOR] {
            assert_eq!(ask(path, "Authorization", &format!("Bearer {token}")).status(), 200, "{path}");
        }
    }
    let form = ask("/", "", "");
    assert_eq!(form.status(), 401);
    assert!(form.text().expect("text").contains("type=\"password\""), "the page is a form");

    let refused = node.request("POST", "/api/session").json(&json!({ "token": "wrong" })).send().expect("an answer");
    assert_eq!(refused.status(), 401);
    let signed = node.request("POST", "/api/session").json(&json!({ "token": VIEWER })).send().expect("an answer");
    assert_eq!(signed.status(), 200);
    let cookie = signed.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains(VIEWER), "a session is not the token");
    let session = cookie.split(';').next().expect("a pair").to_owned();
    assert_eq!(ask("/api/databases", "Cookie", &session).status(), 200);
    assert!(ask("/", "Cookie", &session).text().expect("text").contains(r#"data-session="yes""#));
    let stream = crate::support::Stream::with(&format!("{}/api/stream", node.base()), &[("Cookie", &session)]);
    stream.expect("a snapshot", secs(5), |event| event.kind == "snapshot");
    let left = node.request("DELETE", "/api/session").header("Cookie", &session).send().expect("an answer");
    assert_eq!(left.status(), 204);
    assert_eq!(ask("/api/databases", "Cookie", &session).status(), 401);
    stream.expect_end(secs(5));
    assert!(!node.log().contains(VIEWER) && !node.log().contains(OPERATOR));
}

#[test]
fn public_details_open_everything_that_is_read() {
    let server = Postgres::start().expect("PostgreSQL");
    let global = format!("[web]\nviewer_token = \"{VIEWER}\"\noperator_token = \"{OPERATOR}\"\npublic_details = true\n");
    let (node, _dir) = Node::configured(&[("global.toml", &global), ("test.toml", &region(&server))]);
    node.expect_status("test/main", "healthy", "", secs(10));
    assert_eq!(node.get("/metrics").status(), 200);
    assert_eq!(node.get("/api/alerts").status(), 200);
    assert_eq!(node.get("/api/silences").status(), 401, "for operators only");
    assert_eq!(node.request("DELETE", "/api/silences/x").send().expect("an answer").status(), 401, "acting is never public");
    let page = node.get("/").text().expect("text");
    assert!(page.contains("/assets/") && page.contains(r#"data-acts="no" data-session="no""#), "nobody signed in: {page}");
}

#[test]
fn https_is_spoken_when_a_certificate_is_configured() {
    let server = Postgres::start().expect("PostgreSQL");
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let dir = tempfile::tempdir().expect("a folder");
    let web = format!(
        "[web]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\nviewer_token = \"{VIEWER}\"\noperator_token = \"{OPERATOR}\"\n"
    );
    for (name, text) in [
        ("cert.pem", pair.cert.pem()),
        ("key.pem", pair.signing_key.serialize_pem()),
        ("global.toml", web),
        ("test.toml", region(&server)),
    ] {
        fs::write(dir.path().join(name), text).expect("a file");
    }
    let node = Node::run(dir.path());
    let address = node.base().strip_prefix("https://").expect("HTTPS");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pair.cert.der().clone()).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(isobar::crypto::provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let ask = |head: &str, body: &str| {
        let name = "localhost".try_into().expect("a name");
        let session = rustls::ClientConnection::new(Arc::clone(&config), name).expect("a session");
        let mut wire = rustls::StreamOwned::new(session, TcpStream::connect(address).expect("a connection"));
        let length = body.len();
        let request = format!("{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        wire.write_all(request.as_bytes()).expect("a request");
        let mut answer = Vec::new();
        // A server need not say goodbye in TLS.
        let _ = wire.read_to_end(&mut answer);
        String::from_utf8(answer).expect("text")
    };
    assert!(ask("GET /livez HTTP/1.1", "").starts_with("HTTP/1.1 200"));
    let body = json!({ "token": OPERATOR }).to_string();
    let signed = ask("POST /api/session HTTP/1.1\r\nContent-Type: application/json", &body);
    assert!(signed.starts_with("HTTP/1.1 200"), "{signed}");
    assert!(signed.contains("; Secure"), "{signed}");
}

#[test]
fn metrics_satisfy_a_strict_reader_and_known_dashboards() {
    let (node, _pooler, _server) = shop();
    let answer = node.get("/metrics");
    assert!(answer.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    let seen = series(&answer.text().expect("text"));
    let names: BTreeSet<&str> = seen.keys().map(|key| key.split('{').next().unwrap_or(key)).collect();
    for name in [
        "pg_up",
        "pg_static",
        "pg_stat_activity_count",
        "pg_stat_database_xact_commit",
        "pg_stat_database_blks_hit",
        "pg_stat_database_numbackends",
        "pg_database_size_bytes",
        "pg_settings_max_connections",
        "pg_stat_statements_calls_total",
        "pgbouncer_up",
        "pgbouncer_pools_client_waiting_connections",
        "pgbouncer_pools_server_active_connections",
        "pgbouncer_stats_queries_pooled_total",
        "isobar_build_info",
        "isobar_target_status",
        "isobar_pool_utilization_ratio",
        "isobar_probe_impact_ratio",
        "process_cpu_seconds_total",
    ] {
        assert!(names.contains(name), "{name} is missing among {names:?}");
    }
    for (key, value) in &seen {
        if key.split('{').next().is_some_and(|name| name.ends_with("_ratio")) {
            assert!((0.0..=1.0).contains(value), "{key} {value}");
        }
        if key.starts_with("pg_up") || key.starts_with("pgbouncer_up") {
            assert!((*value - 1.0).abs() < f64::EPSILON, "{key} {value}");
        }
    }
    let open = node.request("GET", "/metrics").header("Accept", "application/openmetrics-text; version=1.0.0").send();
    let open = open.expect("an answer");
    assert!(open.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("application/openmetrics-text")));
    assert!(open.text().expect("text").ends_with("# EOF\n"));
}
