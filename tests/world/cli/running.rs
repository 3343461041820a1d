//! A node that runs: what it takes over, what it logs, how it ends, and what it never shows.

use std::{
    fs,
    process::{Command, Stdio},
};

use isobar::sandbox::{Postgres, password, ports::Port};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{folder, path, sessions, target};
use crate::support::{Life, Node, client, secs, until};

/// What is written there cannot be: a disk that is full, and a reader that is gone.
fn deaf_ends() -> [Stdio; 2] {
    let full = fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    [full.into(), writer.into()]
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let server = Postgres::start().expect("PostgreSQL");
    for end in deaf_ends() {
        let port = Port::lease().expect("a port");
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_isobar"));
        command.args(["watch", &server.url("postgres"), "--listen", &listen]);
        let mut node = Life(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(end).spawn().expect("the binary starts"));
        let http = client().timeout(secs(2)).build().expect("a client");
        until("it watches", secs(15), || {
            let answer =
                http.get(format!("http://{listen}/api/databases/local/postgres")).send().map_err(|error| error.to_string())?;
            let sample = answer.json::<Value>().map_err(|error| error.to_string())?;
            if sample["status"] == "healthy" { Ok(()) } else { Err(sample.to_string()) }
        });
        kill(Pid::from_raw(node.0.id().try_into().expect("a pid")), Signal::SIGTERM).expect("the process lives");
        until("it ends cleanly", secs(10), || match node.0.try_wait() {
            Ok(Some(status)) if status.success() => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
}

fn log_has(node: &Node, what: &str) {
    until(&format!("the log says {what:?}"), secs(15), || if node.log().contains(what) { Ok(()) } else { Err(node.log()) });
}

#[test]
fn a_changed_configuration_is_taken_over_without_touching_what_stays() {
    let one = Postgres::builder().setting("max_connections", "20").start().expect("PostgreSQL");
    let other = Postgres::start().expect("PostgreSQL");
    let stays = format!("region = \"test\"\n{}", target("stays", &one.url("postgres")));
    let (node, dir) = Node::configured(&[("test.toml", &stays)]);
    let write = |text: &str| {
        // Whole or not at all, as editors and deployments do.
        let aside = dir.path().join("aside");
        fs::write(&aside, text).and_then(|()| fs::rename(&aside, dir.path().join("test.toml"))).expect("a file");
    };
    node.expect("test/stays", "healthy, size known", secs(15), |sample| {
        sample["status"] == "healthy" && sample["database"]["sizeBytes"].is_u64()
    });
    let before = sessions(&one);
    assert!(!before.is_empty());

    write(&(stays.clone() + &target("comes", &other.url("postgres"))));
    node.expect_status("test/comes", "healthy", "", secs(15));
    write(&(stays.clone() + "[target.thresholds]\npool_utilization = 0.02\n"));
    until("the other is gone", secs(15), || {
        let status = node.get("/api/databases/test/comes").status();
        if status == 404 { Ok(()) } else { Err(status.to_string()) }
    });
    until("its sessions are gone", secs(10), || {
        if sessions(&other).is_empty() { Ok(()) } else { Err(format!("{:?}", sessions(&other))) }
    });
    node.expect_status("test/stays", "unhealthy", "pool_saturated", secs(15));

    write(&(stays.clone() + "impotrance = \"critical\"\n"));
    log_has(&node, "did you mean `importance`?");
    assert!(node.log().contains("refused"), "{}", node.log());
    node.expect_status("test/stays", "unhealthy", "pool_saturated", secs(5));

    write(&stays);
    node.signal(Signal::SIGHUP);
    node.expect_status("test/stays", "healthy", "", secs(20));
    let after = sessions(&one);
    assert!(before.iter().all(|session| after.contains(session)), "{before:?} are not among {after:?}");
    let reloads = || node.log().matches("configuration reloaded").count();
    let so_far = reloads();
    node.signal(Signal::SIGHUP);
    until("SIGHUP alone reloads", secs(5), || if reloads() > so_far { Ok(()) } else { Err(node.log()) });
    assert!(!node.log().contains(password()));
}

#[test]
fn json_logs_are_one_object_per_line() {
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&["--log-format", "json", "--log-level", "debug", &server.url("postgres")]);
    let base = node.base().trim_end_matches(['"', ',']).to_owned();
    assert!(base.starts_with("http://127.0.0.1:"), "{base}");
    until("some lines", secs(10), || if node.log().lines().count() > 1 { Ok(()) } else { Err(node.log()) });
    server.kill();
    until("more lines", secs(10), || if node.log().lines().count() > 2 { Ok(()) } else { Err(node.log()) });
    for line in node.log().lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["timestamp", "level", "message"] {
            assert!(entry[key].is_string(), "{key} in {line}");
        }
    }
}

#[test]
fn signals_end_it_soon_and_well_also_beside_a_frozen_server() {
    for (signal, freeze) in [(Signal::SIGTERM, false), (Signal::SIGINT, false), (Signal::SIGTERM, true), (Signal::SIGINT, true)] {
        let server = Postgres::start().expect("PostgreSQL");
        let node = Node::watch(&[&server.url("postgres")]);
        node.expect_status("local/postgres", "healthy", "", secs(10));
        if freeze {
            server.freeze();
            node.expect_status("local/postgres", "unhealthy", "", secs(10));
        }
        let (status, took) = node.stop_by(signal);
        println!("{signal} {} ends it in {took:?}", if freeze { "beside a frozen server" } else { "" });
        assert!(status.success() && took < secs(5), "{signal}: {status} after {took:?}");
        server.thaw();
        until("no session is left behind", secs(10), || {
            if sessions(&server).is_empty() { Ok(()) } else { Err(format!("{:?}", sessions(&server))) }
        });
    }
}

#[test]
fn neither_secrets_nor_literals_show_anywhere() {
    const LITERALS: [&str; 3] = ["marker-literal-4711", "marker-password-4712", "marker-comment-4713"];
    const TOKENS: [&str; 2] = ["marker-viewer-token-4714", "marker-operator-token-4715"];
    let server = Postgres::builder().with_statements().setting("track_activity_query_size", "4096").start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (a text)").expect("SQL");
    let global =
        format!("[web]\nviewer_token = \"{}\"\noperator_token = \"{}\"\n[sampling]\nstatements = \"1s\"\n", TOKENS[0], TOKENS[1]);
    let wrong = server.url("shop").replace(password(), LITERALS[1]);
    let region = format!("region = \"test\"\n{}{}", target("shop", &server.url("shop")), target("wrong", &wrong));
    let dir = folder(&[("global.toml", &global), ("test.toml", &region)]);
    let node = Node::start(&["run", "--listen", "127.0.0.1:0", "--log-level", "isobar=trace", "--config", path(&dir)]);
    let holder = format!("BEGIN; LOCK TABLE t; /* {} */ SELECT '{}', pg_sleep(8)", LITERALS[2], LITERALS[0]);
    let waiter = format!("SELECT a FROM t WHERE a = '{}'", LITERALS[0]);
    let token = format!("Bearer {}", TOKENS[0]);
    let get =
        |path: &str| node.request("GET", path).header("Authorization", &token).send().expect("an answer").text().expect("text");
    std::thread::scope(|scope| {
        scope.spawn(|| server.sql("shop", &holder));
        scope.spawn(|| server.sql("shop", &waiter));
        server.sql("shop", "CREATE ROLE x").expect("a role");
        let mut seen = String::new();
        until("statements, sessions and waits are seen", secs(30), || {
            server.sql("shop", &format!("ALTER ROLE x PASSWORD '{}'", LITERALS[1])).expect("SQL");
            server.sql("shop", &format!("SELECT '{}', 1 /* {} */", LITERALS[0], LITERALS[2])).expect("SQL");
            let _ = server.sql("shop", &format!("SELECT '{}'::int", LITERALS[0]));
            let document: Value = serde_json::from_str(&get("/openapi.json")).expect("JSON");
            for path in document["paths"].as_object().expect("paths").keys().filter(|path| *path != "/api/stream") {
                for name in ["shop", "wrong"] {
                    seen += &get(&path.replace("{region}", "test").replace("{target}", name));
                }
            }
            let queries = get("/api/databases/test/shop/queries");
            let activity = get("/api/databases/test/shop/activity");
            let sample = get("/api/databases/test/wrong");
            let enough = queries.to_lowercase().contains("alter role") && sample.contains("auth_failed") && !activity.is_empty();
            if enough { Ok(()) } else { Err(format!("{queries}\n{sample}")) }
        });
        let stream = crate::support::Stream::with(&format!("{}/api/stream", node.base()), &[("Authorization", &token)]);
        seen += &stream.next(secs(5)).expect("a snapshot").data.to_string();
        seen += &stream.next(secs(5)).expect("an update").data.to_string();
        for secret in LITERALS.iter().chain(&TOKENS).copied().chain([password()]) {
            for (place, text) in [("an answer", &seen), ("the log", &node.log())] {
                if let Some(at) = text.find(secret) {
                    panic!("{place} shows {secret}: …{}…", &text[at.saturating_sub(200)..at + secret.len()]);
                }
            }
        }
    });
}
