//! The command line from outside: help, what is refused and how, `check`, `rules test`.

mod running;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use isobar::sandbox::{PgBouncer, Postgres, password};
use serde_json::Value;

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
        (
            &[] as &[&str],
            &["watch", "run", "check", "demo", "alerts", "report", "--log-format", "--log-level", "Examples"] as &[&str],
        ),
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
        (
            &["report"],
            &[
                "--since",
                "7d",
                "--html",
                "--region",
                "--target",
                "--server",
                "--token",
                "--ca",
                "--json",
                "ISOBAR_TOKEN",
                "Examples",
                "not seen",
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
        (&["report", "--since", "ever"], &["--since", "12h or 7d"]),
        (&["report", "--html", "/"], &["--html /", "name a file in it"]),
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

#[test]
fn the_examples_of_the_repository_are_accepted() {
    let done =
        isobar(&["check", "--json", "--config", Path::new(env!("CARGO_MANIFEST_DIR")).join("regions").to_str().expect("text")]);
    let outcome: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(outcome["problems"], Value::Null, "{outcome:#}");
}
