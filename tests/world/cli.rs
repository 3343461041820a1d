//! The command line from outside: help, what is refused and how, `check`, reloading, logs, endings, and that no secret shows.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use isobar::sandbox::{PgBouncer, Postgres, password};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Node, secs, until};

/// Runs a command to its end.
fn isobar(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isobar")).args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(dir.path().join(name), text).expect("a file");
    }
    dir
}

fn path(dir: &tempfile::TempDir) -> &str {
    dir.path().to_str().expect("text")
}

fn target(name: &str, url: &str) -> String {
    format!("[[target]]\nname = \"{name}\"\nurl = \"{url}\"\n")
}

#[test]
fn help_is_complete() {
    for (command, mentions) in [
        (&[] as &[&str], &["watch", "run", "check", "demo", "alerts", "--log-format", "--log-level", "Examples"] as &[&str]),
        (&["watch"], &["<URL>", "--pooler", "--listen", "127.0.0.1:3000", "--log-format"]),
        (&["run"], &["--config", "regions", "--region", "--node", "--listen"]),
        (&["check"], &["--config", "--json", "Exit code 0: all good, 1: something degraded, 2: something broken"]),
        (&["rules"], &["test", "Exit code 0: all pass, 1: something differs"]),
        (&["rules", "test"], &["<FILE>...", "[[test]]", "pool_saturated", "docs/rules-test.md"]),
        (&["demo"], &["--for", "--listen", "--quiet"]),
        (
            &["alerts"],
            &[
                "list",
                "show",
                "explain",
                "ack",
                "silence",
                "silences",
                "unsilence",
                "channels",
                "test",
                "--server",
                "--token",
                "--ca",
                "--json",
                "ISOBAR_SERVER",
                "ISOBAR_TOKEN",
                "127.0.0.1:3000",
                "Examples",
            ],
        ),
        (&["alerts", "list"], &["--state", "--all", "--region", "--target", "--rule", "--severity", "--limit", "--server"]),
        (&["alerts", "show"], &["<ID>", "--json"]),
        (&["alerts", "explain"], &["<ID>", "why people were or were not told"]),
        (&["alerts", "ack"], &["<ID>", "--by", "USER", "--note"]),
        (&["alerts", "silence"], &["--region", "--for", "--until", "--from", "--reason", "--by", "any character"]),
        (&["alerts", "silences"], &["maintenance"]),
        (&["alerts", "unsilence"], &["<ID>"]),
        (&["alerts", "channels"], &["--json"]),
        (&["alerts", "test"], &["<CHANNEL>", "exit code 1"]),
    ] {
        let done = isobar(&[command, &["--help"]].concat());
        let said = text(&done.stdout);
        assert_eq!(done.status.code(), Some(0), "{command:?}");
        for word in mentions {
            assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(word), "{command:?}: {word} in\n{said}");
        }
        // Every option says what it is for.
        for line in said.lines().filter(|line| line.trim_start().starts_with("--")) {
            assert!(line.split_whitespace().count() > 2 || !said.contains(&format!("{line}\n\n")), "{command:?}: {line}");
        }
    }
    assert_eq!(text(&isobar(&["--version"]).stdout).trim(), format!("isobar {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_wrong_is_refused_with_its_fix_and_without_its_secrets() {
    let bad = folder(&[(
        "test.toml",
        "region = \"test\"\n[[target]]\nname = \"a\"\nurl = \"postgres://me:S3CRET@h:port/d\"\nimportant = true\n",
    )]);
    let open = folder(&[
        ("global.toml", "[web]\nlisten = \"0.0.0.0:0\"\n"),
        ("test.toml", &format!("region = \"test\"\n{}", target("a", "postgres://me@h/d"))),
    ]);
    let forgetful = folder(&[
        (
            "global.toml",
            "[alerts]\npath = \"nowhere/alerts.db\"\n[[channel]]\nname = \"ops\"\nkind = \"slack\"\nwebhook_url = \"https://h/S3CRET\"\n",
        ),
        ("test.toml", &format!("region = \"test\"\n{}", target("a", "postgres://me@h/d"))),
    ]);
    for (arguments, mentions) in [
        (&["run", "--config", path(&forgetful)] as &[&str], &["alerts.path: incidents cannot be kept", "[alerts]"] as &[&str]),
        (&["watch"] as &[&str], &["<URL>", "--help"] as &[&str]),
        (&["wacht"], &["watch"]),
        (&["watch", "postgres://me@h/d", "--listne", "x"], &["--listen"]),
        (&["watch", "postgres://me@h/d", "--listen", "here"], &["--listen", "here"]),
        (&["watch", "postgres://me@h/d", "--log-format", "xml"], &["human", "json"]),
        (&["watch", "postgres://me@h/d", "--log-level", "isobar=loud"], &["--log-level", "debug"]),
        (&["watch", "mysql://me:S3CRET@h/d"], &["URL 1", "postgres", "fix:"]),
        (&["watch", "postgres://me:S3CRET@h:port/d"], &["URL 1", "port", "fix:"]),
        (&["watch", "host=h password=S3CRET prot=1"], &["URL 1", "fix:"]),
        (&["watch", "postgres://me:S3CRET@h/d?sslmode=maybe"], &["sslmode", "fix:"]),
        (&["watch", "postgres://me@h/d", "--pooler", "postgres://me:S3CRET@h:-1/pgbouncer"], &["--pooler 1", "fix:"]),
        (&["watch", "postgres://me:S3CRET@h/pgbouncer"], &["console", "--pooler"]),
        (&["watch", "postgres://me@h/d", "--listen", "0.0.0.0:0"], &["--listen", "0.0.0.0", "token", "127.0.0.1"]),
        (&["run", "--config", "/nowhere/at/all"], &["/nowhere/at/all", "--config"]),
        (&["run", "--config", path(&bad)], &["test.toml:4", "test.toml:5", "importance", "2 problems"]),
        (&["run", "--config", path(&open)], &["viewer_token", "operator_token", "127.0.0.1"]),
        (&["run", "--config", path(&open), "--region", "tets"], &["did you mean `test`?"]),
        (&["check", "--config", path(&bad)], &["test.toml:4", "test.toml:5", "2 problems"]),
        (&["demo", "--for", "ever"], &["--for", "ever"]),
        (&["alerts", "lits"], &["list"]),
        (&["alerts", "list", "--server", "localhost:3000"], &["--server", "http://"]),
        (
            &["alerts", "ack", "9f2c", "--by", "rosa", "--server", "http://127.0.0.1:3000", "--ca", "/nowhere/at/all"],
            &["--ca", "/nowhere"],
        ),
        (&["alerts", "silence", "--target", "x", "--reason", "r", "--by", "rosa"], &["--for", "--until"]),
    ] {
        let done = isobar(arguments);
        let said = text(&done.stdout) + &text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {said}");
        for word in mentions {
            assert!(said.contains(word), "{arguments:?}: {word} in\n{said}");
        }
        assert!(!said.contains("S3CRET") && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn rules_are_tested_with_an_exit_code_for_each_way_it_may_end() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (file, code, says) in [
        ("rules/pool.toml", 0, "12 tests passed"),
        ("golden/rules/wrong.toml", 1, "3 of 4 tests failed"),
        ("golden/rules/unreadable.toml", 2, "problems in the tests"),
    ] {
        let done = isobar(&["rules", "test", home.join(file).to_str().expect("text")]);
        let said = text(&done.stdout) + &text(&done.stderr);
        assert_eq!((done.status.code(), said.contains(says)), (Some(code), true), "{file}: {said}");
    }
    assert_eq!(isobar(&["rules", "test"]).status.code(), Some(2));
}

#[test]
fn an_address_that_cannot_be_had_ends_with_1_and_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| (address.to_string(), taken)).expect("its address");
    let done = isobar(&["watch", "postgres://me:S3CRET@127.0.0.1:1/d", "--listen", &taken.0]);
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains(&taken.0) && said.contains("--listen") && !said.contains("S3CRET"), "{said}");
    // TEST-NET-1 is nobody's address; it lies beyond loopback, so tokens come first.
    let global = "[web]\nlisten = \"192.0.2.1:3000\"\nviewer_token = \"viewer-token-0123456789\"\noperator_token = \"operator-token-0123456789\"\n";
    let dir = folder(&[
        ("global.toml", global),
        ("test.toml", &format!("region = \"test\"\n{}", target("a", "postgres://me@127.0.0.1:1/d"))),
    ]);
    let done = isobar(&["run", "--config", path(&dir)]);
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("192.0.2.1:3000") && !said.contains("viewer-token"), "{said}");
}

/// `check` as text and as JSON: the code, the text, and the levels of the checks by name.
fn check(dir: &tempfile::TempDir) -> (i32, String, Value) {
    let plain = isobar(&["check", "--config", path(dir)]);
    let json = isobar(&["check", "--config", path(dir), "--json"]);
    assert_eq!(plain.status.code(), json.status.code(), "{plain:?} {json:?}");
    let said = text(&plain.stdout) + &text(&plain.stderr);
    let outcome: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(!said.contains(password()) && !text(&json.stdout).contains(password()), "{said}");
    (plain.status.code().expect("a code"), said, outcome)
}

#[test]
fn check_tells_good_from_degraded_from_broken() {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    server.create_database("bare").expect("a database");
    server.create_role("nobody").expect("a role");
    let pooler = PgBouncer::builder().database("shop", &server).start().expect("PgBouncer");
    let region = |targets: String| folder(&[("test.toml", &format!("region = \"test\"\n{targets}"))]);

    let console = pooler.console_url();
    let pool = format!("[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{console}\"\n");
    let (code, said, json) = check(&region(target("shop", &server.url("shop")) + &pool));
    assert_eq!((code, &json["status"]), (0, &"good".into()), "{said}");
    assert!(said.contains("test/shop") && said.contains("1 of 1 targets are good"), "{said}");
    for word in ["TCP", "authentication", "version", "grants", "pg_stat_statements", "console"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }

    let (code, said, json) = check(&region(
        target("shop", &server.url("shop"))
            + &target("bare", &server.url("bare"))
            + &target("nobody", &server.url_as("nobody", "shop")),
    ));
    assert_eq!((code, &json["status"]), (1, &"degraded".into()), "{said}");
    assert!(said.contains("CREATE EXTENSION pg_stat_statements"), "{said}");
    assert!(said.contains("GRANT pg_monitor TO nobody;"), "{said}");
    assert_eq!(json["targets"].as_array().map(Vec::len), Some(3));

    let wrong = server.url("shop").replace(password(), "wr0ng-marker");
    let refused = "postgres://isobar@127.0.0.1:1/shop";
    let (code, said, json) =
        check(&region(target("wrong", &wrong) + &target("refused", refused) + &target("absent", &server.url("absent"))));
    assert_eq!((code, &json["status"]), (2, &"broken".into()), "{said}");
    for word in [
        "authentication failed",
        "check user and password",
        "check that PostgreSQL runs",
        "CREATE DATABASE absent",
        "fix:",
        "0 of 3 targets are good",
    ] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    assert!(!said.contains("wr0ng-marker") && !json.to_string().contains("wr0ng-marker"), "{said}");

    let (code, said, json) = check(&region("[[target]]\nname = \"A B\"\nurl = \"postgres://me:S3CRET@h/d\"\n".to_owned()));
    assert_eq!((code, &json["status"]), (2, &"broken".into()), "{said}");
    assert!(json["problems"][0]["fix"].is_string(), "{json:#}");
    assert!(!said.contains("S3CRET") && !json.to_string().contains("S3CRET"), "{said}");
}

/// The sessions that Isobar holds on a server.
fn sessions(server: &Postgres) -> Vec<String> {
    let found = server
        .sql("postgres", "SELECT pid, backend_start FROM pg_stat_activity WHERE application_name = 'isobar' ORDER BY 2")
        .expect("SQL");
    found.iter().map(|row| format!("{:?} {:?}", row.get(0), row.get(1))).collect()
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

#[test]
fn the_examples_of_the_repository_are_accepted() {
    let done =
        isobar(&["check", "--json", "--config", Path::new(env!("CARGO_MANIFEST_DIR")).join("regions").to_str().expect("text")]);
    let outcome: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(outcome["problems"], Value::Null, "{outcome:#}");
}
