//! A primary whose copies other nodes watch: one in the same region, one in another. What is one trouble is told as one.

use std::time::Instant;

use isobar::sandbox::{Postgres, Redis};
use serde_json::Value;

use crate::support::{Node, secs, until};

/// For what takes a few seconds on a loaded machine.
const SOON: std::time::Duration = secs(30);

/// Sooner than usual: late above 2 s.
const GLOBAL: &str = "[bus]\n[sampling]\nreplication = \"1s\"\nclient_check = \"1s\"\n[thresholds]\nreplication_lag = \"2s\"\n\
    [thresholds.rules.replication_lag]\nfor = \"1s\"\n";

/// The nodes, and where each is.
const NODES: [(&str, &str); 3] = [("us", "us-a"), ("us", "us-b"), ("eu", "eu-a")];

struct Site {
    nodes: Vec<Node>,
    primary: Postgres,
    near: Postgres,
    far: Postgres,
    _redis: Redis,
    _folder: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let primary = Postgres::builder().setting("autovacuum", "off").start().expect("PostgreSQL");
        primary.create_database("shop").expect("a database");
        primary.sql("shop", "CREATE TABLE orders (id int)").expect("a table");
        let copy = |name| primary.replica(Some(name)).expect("a copy").start().expect("a replica");
        let (near, far) = (copy("near"), copy("far"));
        let redis = Redis::start().expect("Redis");
        let folder = tempfile::tempdir().expect("a folder");
        let target = |name: &str, server: &Postgres| format!("[[target]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url("shop"));
        let region = |name: &str, targets: String| format!("region = \"{name}\"\n[bus]\nredis = \"{}\"\n{targets}", redis.url());
        let us = region("us", target("shop", &primary) + &target("standby", &near));
        for (name, text) in [("global", GLOBAL), ("us", &us), ("eu", &region("eu", target("far", &far)))] {
            std::fs::write(folder.path().join(format!("{name}.toml")), text).expect("a file");
        }
        let start = |(region, node): (&str, &str)| {
            let config = folder.path().to_str().expect("a path of text");
            Node::start(&["run", "--listen", "127.0.0.1:0", "--config", config, "--region", region, "--node", node])
        };
        let nodes = NODES.into_iter().map(start).collect();
        Self { nodes, primary, near, far, _redis: redis, _folder: folder }
    }

    /// Where a person looks.
    fn node(&self) -> &Node {
        &self.nodes[0]
    }

    fn sample(&self, target: &str) -> Value {
        self.node().sample(target)
    }
}

#[test]
fn a_primary_that_dies_is_one_incident_wherever_its_copies_are_watched() {
    let site = Site::start();
    until("each node of us has one of its two", SOON, || {
        // Whoever came second says so.
        let logs = [0, 1].map(|node: usize| site.nodes[node].log());
        if logs.iter().any(|log| log.contains("targets=1 of=2")) { Ok(()) } else { Err(logs.join("\n")) }
    });
    let standing = |sample: &Value| sample["vitals"]["replication"].clone();
    // Every node has heard of all of them, by the identifier that they share.
    for node in &site.nodes {
        let system = |target| move |node: &Node| node.sample(target)["vitals"]["replication"]["system"].clone();
        until("all know each other", SOON, || {
            let systems = ["us/shop", "us/standby", "eu/far"].map(|target| system(target)(node));
            let same = systems[0].is_string() && systems.iter().all(|it| *it == systems[0]);
            if same { Ok(()) } else { Err(format!("{systems:?}")) }
        });
    }
    let (sample, _) = site.node().expect("us/shop", "both followers as watched elsewhere", SOON, |sample| {
        let followers = standing(sample)["replicas"].as_array().cloned().unwrap_or_default();
        followers.len() == 2 && followers.iter().all(|follower| follower["watched"] == true)
    });
    assert_eq!(sample["status"], "healthy", "{sample}");
    site.primary.sql("shop", "INSERT INTO orders VALUES (1)").expect("a write");
    for (server, name) in [(&site.near, "near"), (&site.far, "far")] {
        until(&format!("{name} has it"), SOON, || {
            let rows = server.sql("shop", "SELECT count(*) FROM orders").expect("a count");
            if rows[0].get(0) == Some("1") { Ok(()) } else { Err(format!("{rows:?}")) }
        });
    }

    site.primary.kill();
    site.node().expect_status("us/shop", "unhealthy", "database_down", SOON);
    let died = Instant::now();
    until("that nothing else comes is certain", SOON, || {
        for target in ["us/standby", "eu/far"] {
            let sample = site.sample(target);
            assert_eq!(sample["reasons"], Value::Array(Vec::new()), "{sample}");
        }
        if died.elapsed() >= secs(15) { Ok(()) } else { Err("it goes on".into()) }
    });
    for node in &site.nodes {
        let alerts = node.json("/api/alerts")["alerts"].as_array().cloned().unwrap_or_default();
        let told = alerts.iter().filter(|alert| alert["state"] != "pending");
        let told: Vec<_> = told.map(|alert| (alert["target"].clone(), alert["rule"].clone())).collect();
        assert_eq!(told, [("shop".into(), "database_down".into())], "{alerts:?}");
    }
}
