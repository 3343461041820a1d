//! Debian's Prometheus on a free port, which scrapes Isobar as anybody's would.

#![allow(clippy::float_cmp)] // whole numbers, as they were said

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
};

use isobar::sandbox::{Postgres, ports::Port};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::peer::Running;
use crate::support::{Node, client, secs, until};

const PROGRAM: &str = "/usr/bin/prometheus";
const VIEWER: &str = "viewer-token-0123456789";

/// A Prometheus in a folder of its own.
struct Prometheus {
    base: String,
    running: Running,
    _dir: tempfile::TempDir,
    _port: Port,
}

impl Prometheus {
    /// With these jobs, as in its configuration.
    fn scraping(jobs: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = dir.path().join("prometheus.yml");
        fs::write(&config, format!("global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{jobs}"))
            .expect("a file");
        fs::write(dir.path().join("token"), VIEWER).expect("a file");
        let port = Port::lease().expect("a port");
        let mut command = Command::new(PROGRAM);
        command.current_dir(dir.path()).arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let running = Running::start(PROGRAM, &mut command);
        Self { base: format!("http://127.0.0.1:{port}"), running, _dir: dir, _port: port }
    }

    fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let client = client().timeout(secs(5)).build().expect("a client");
        let pairs = query.iter().map(|(name, value)| format!("{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        let answer = client.get(format!("{}{path}?{}", self.base, pairs.collect::<String>())).send();
        let body: Value =
            answer.and_then(reqwest::blocking::Response::json).map_err(|error| format!("{error}; {}", self.running.log()))?;
        if body["status"] == "success" { Ok(body["data"].clone()) } else { Err(body.to_string()) }
    }

    /// What a query gives, one value for each series.
    fn query(&self, query: &str) -> Result<Vec<(Value, f64)>, String> {
        let data = self.ask("/api/v1/query", &[("query", query)])?;
        let result = data["result"].as_array().ok_or_else(|| data.to_string())?;
        let value = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok());
        Ok(result.iter().filter_map(|one| Some((one["metric"].clone(), value(one)?))).collect())
    }

    #[track_caller]
    fn expect(&self, query: &str, count: usize, wanted: impl Fn(f64) -> bool) -> Vec<Value> {
        let (found, _) = until(query, secs(20), || {
            let found = self.query(query)?;
            let good = found.len() == count && found.iter().all(|(_, value)| wanted(*value));
            if good { Ok(found) } else { Err(format!("{found:?}")) }
        });
        found.into_iter().map(|(labels, _)| labels).collect()
    }
}

#[test]
fn a_real_prometheus_scrapes_both_formats_with_a_token() {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let global = format!("[web]\nviewer_token = \"{VIEWER}\"\noperator_token = \"operator-token-0123456789\"\n");
    let targets = ["postgres", "shop"].map(|name| format!("[[target]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url(name)));
    let region = format!("region = \"test\"\n{}", targets.concat());
    let (node, _dir) = Node::configured(&[("global.toml", &global), ("test.toml", &region)]);
    let address = node.base().strip_prefix("http://").expect("HTTP");
    let job = |name: &str, more: &str| {
        format!(
            "  - job_name: {name}\n    static_configs: [{{ targets: [\"{address}\"] }}]\n    \
             authorization: {{ credentials_file: token }}\n{more}"
        )
    };
    let as_exporter = job("exporter", "    honor_labels: true\n    params: { labels: [exporter] }\n");
    let stranger = format!("  - job_name: stranger\n    static_configs: [{{ targets: [\"{address}\"] }}]\n");
    // It asks for OpenMetrics where it may choose; through this door it does not.
    let door = text_alone(address);
    let text = job("text", "").replace(address, &door);
    let prometheus = Prometheus::scraping(&[job("isobar", ""), text, as_exporter, stranger].concat());
    prometheus.expect("up{job!=\"stranger\"}", 3, |up| up == 1.0);
    prometheus.expect("up{job=\"stranger\"}", 1, |up| up == 0.0);
    let (targets, _) = until("no error of a scrape", secs(10), || {
        let targets = prometheus.ask("/api/v1/targets", &[])?["activeTargets"].clone();
        let fine = |target: &&Value| target["health"] == "up" && target["lastError"] == "";
        let count = targets.as_array().map_or(0, |all| all.iter().filter(fine).count());
        if count == 3 { Ok(targets) } else { Err(targets.to_string()) }
    });
    let refused = targets.as_array().expect("targets").iter().find(|target| target["health"] == "down").expect("the stranger");
    assert!(refused["lastError"].as_str().is_some_and(|error| error.contains("401")), "{refused}");

    // The figure itself, through its parser and storage; only OpenMetrics names the type of counters that end otherwise `unknown`.
    let truth: f64 =
        server.sql("postgres", "SHOW max_connections").expect("SQL")[0].get(0).expect("one").parse().expect("a number");
    prometheus.expect("pg_settings_max_connections{job=~\"isobar|text\"}", 4, |value| value == truth);
    let types = |job: &str| {
        let selector = format!("{{job=\"{job}\"}}");
        let query = [("match_target", selector.as_str()), ("metric", "pg_stat_database_xact_commit")];
        prometheus.ask("/api/v1/targets/metadata", &query).expect("metadata")[0]["type"].clone()
    };
    assert_eq!((types("isobar"), types("text")), ("unknown".into(), "counter".into()), "each in its format");
    prometheus
        .expect("count(isobar_target_status{job=\"isobar\", isobar_target_status=\"healthy\"} == 1)", 1, |count| count == 2.0);

    // As dashboards of the exporter ask: by instance, and dividing by what there must be one of.
    let instance = format!("127.0.0.1:{}", server.port());
    let labels = prometheus.expect("pg_up{job=\"exporter\"}", 1, |up| up == 1.0);
    assert_eq!(labels[0]["instance"], instance.as_str(), "{labels:?}");
    let share = "sum by (instance) (pg_stat_database_numbackends{job=\"exporter\"}) / on (instance) pg_settings_max_connections{job=\"exporter\"}";
    prometheus.expect(share, 1, |share| share > 0.0 && share < 1.0);
}

/// A door to the node that asks for the text format alone; its address.
fn text_alone(node: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, node) = (listener.local_addr().expect("an address").to_string(), node.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A scraper that hangs up early scrapes again.
            let _ = stream.and_then(|stream| relay(stream, &node));
        }
    });
    address
}

fn relay(mut stream: TcpStream, node: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(secs(5)))?;
    let mut wire = TcpStream::connect(node)?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if !lower.starts_with("accept:") && !lower.starts_with("connection:") {
            write!(wire, "{line}\r\n")?;
        }
    }
    write!(wire, "Accept: text/plain\r\nConnection: close\r\n\r\n")?;
    io::copy(&mut wire, &mut stream).map(drop)
}
