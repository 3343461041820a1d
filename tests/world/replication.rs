//! Real pairs of servers: a replica that is up to date, paused, cut off, promoted, or behind a way too narrow for its WAL; a slot that nobody
//! reads. On the oldest version, the newest, and Debian 12's.

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use isobar::sandbox::Postgres;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    support::{Node, net::Net, node::reason, secs, series, until},
    truth::ask,
};

/// For what takes a few seconds on a loaded machine.
const SOON: Duration = secs(30);

/// Sooner than usual, so that a test takes seconds: late above 2 s, for one.
const GLOBAL: &str = "[thresholds]\nreplication_lag = \"2s\"\n[thresholds.rules.replication_lag]\nfor = \"1s\"\n\
    [sampling]\nreplication = \"1s\"\nclient_check = \"1s\"\n";
/// Of a server that is busy, too.
const FULL_SPEED: &str = "impact_budget = 0.2\n";

/// What a narrow way carries, bytes a second.
const RATE: u32 = 1 << 20;
/// What a busy primary has written and did not get through yet, bytes. More than the buffers on the way take: what the sender says of its end
/// waits in them too, and is ahead of the WAL only once they are full.
const LEFT: f64 = 16.0 * RATE as f64;

fn primary(major: u32, more: &[(&str, &str)]) -> Postgres {
    let mut builder = Postgres::builder().major(major).setting("autovacuum", "off");
    for (name, value) in more {
        builder = builder.setting(name, value);
    }
    let primary = builder.start().expect("PostgreSQL");
    primary.create_database("shop").expect("a database");
    primary.sql("shop", "CREATE TABLE orders (id int); INSERT INTO orders VALUES (0)").expect("a table");
    primary
}

/// A node that watches these, as `local/<name>`.
fn watch(targets: &[(&str, String)]) -> (Node, tempfile::TempDir) {
    watch_by("", targets)
}

/// The same with more about sampling.
fn watch_by(sampling: &str, targets: &[(&str, String)]) -> (Node, tempfile::TempDir) {
    let target = |(name, url): &(&str, String)| format!("[[target]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    let region = format!("region = \"local\"\n{}", targets.iter().map(target).collect::<String>());
    Node::configured(&[("global.toml", &format!("{GLOBAL}{sampling}")), ("local.toml", &region)])
}

fn write(server: &Postgres) {
    server.sql("shop", "INSERT INTO orders VALUES (1)").expect("a write");
}

/// As a busy primary does, though no more than soon gets through once the way is wide again.
fn write_more(primary: &Postgres) {
    write(primary);
    if ask(primary, "SELECT (pg_current_wal_lsn() - write_lsn)::int8 FROM pg_stat_replication") < LEFT {
        primary.sql("shop", "SELECT pg_switch_wal()").expect("another megabyte of WAL");
    }
}

/// A setting of a running server.
fn set(server: &Postgres, setting: &str) {
    server.sql("postgres", &format!("ALTER SYSTEM SET {setting}")).expect("a setting");
    server.sql("postgres", "SELECT pg_reload_conf()").expect("a reload");
}

/// Where the replica receives from.
fn upstream(replica: &Postgres) -> String {
    let rows = replica.sql("postgres", "SELECT current_setting('primary_conninfo')").expect("a setting");
    rows[0].get(0).expect("a value").to_owned()
}

/// An idle server writes all the same: this process notes who runs, up to 25 s after the last write.
fn background_writer(server: &Postgres) -> Pid {
    let rows =
        server.sql("postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'").expect("its pid");
    Pid::from_raw(rows[0].get(0).expect("a value").parse().expect("a pid"))
}

fn lag(sample: &Value) -> Option<f64> {
    sample["vitals"]["replication"]["upstream"]["lagSeconds"].as_f64()
}

fn message(sample: &Value) -> String {
    reason(sample, "replication_lag").and_then(|reason| reason["message"].as_str()).unwrap_or_default().to_owned()
}

/// All incidents so far of a target, whatever became of them, by rule.
fn incidents(node: &Node, target: &str) -> Vec<String> {
    let alerts = node.json("/api/alerts")["alerts"].as_array().cloned().unwrap_or_default();
    let of_target = alerts.iter().filter(|alert| alert["target"] == target && alert["state"] != "pending");
    of_target.map(|alert| alert["rule"].as_str().unwrap_or_default().to_owned()).collect()
}

fn is_calm_for(node: &Node, length: Duration, is_calm: impl Fn(&Value) -> bool) {
    let started = Instant::now();
    until("the calm is over", length + SOON, || {
        for name in ["shop", "copy"] {
            let sample = node.sample(&format!("local/{name}"));
            assert_eq!(sample["status"], "healthy", "{sample}");
        }
        let copy = node.sample("local/copy");
        assert!(is_calm(&copy), "{copy}");
        if started.elapsed() >= length { Ok(()) } else { Err("it lasts".into()) }
    });
}

fn a_pair(major: u32) {
    let primary = primary(major, &[]);
    let replica = primary.replica(Some("copy")).expect("a copy").start().expect("a replica");
    let (node, _dir) = watch(&[("shop", primary.url("shop")), ("copy", replica.url("shop"))]);

    let (sample, _) = node.expect("local/copy", "a replica that is up to date", SOON, |sample| {
        let upstream = &sample["vitals"]["replication"]["upstream"];
        upstream["streaming"] == true && lag(sample) == Some(0.0)
    });
    let seen = &sample["vitals"]["replication"];
    assert_eq!((seen["role"].as_str(), seen["timeline"].as_u64(), &seen["change"]), (Some("replica"), Some(1), &Value::Null));
    assert_eq!(seen["upstream"]["slot"], "copy", "{seen}");
    assert_eq!(seen["upstream"]["sender"], format!("127.0.0.1:{}", primary.port()), "{seen}");
    assert_eq!(seen["conflicts"], 0, "{seen}");
    let (sample, _) = node
        .expect("local/shop", "its follower", SOON, |sample| sample["vitals"]["replication"]["replicas"][0]["watched"] == true);
    let seen = &sample["vitals"]["replication"];
    assert_eq!((seen["role"].as_str(), seen["timeline"].as_u64()), (Some("primary"), Some(1)), "{seen}");
    let follower = &seen["replicas"][0];
    assert_eq!((follower["state"].as_str(), follower["slot"].as_str()), (Some("streaming"), Some("copy")), "{seen}");
    assert_eq!((&seen["slots"][0]["name"], &seen["slots"][0]["active"]), (&"copy".into(), &true.into()), "{seen}");

    is_calm_for(&node, secs(15), |copy| lag(copy) == Some(0.0));

    replica.sql("postgres", "SELECT pg_wal_replay_pause()").expect("a pause");
    write(&primary);
    let (sample, took) = node.expect_status("local/copy", "unhealthy", "replication_lag", SOON);
    println!("PostgreSQL {major}: a paused replay fires after {took:?}: {}", message(&sample));
    assert!(message(&sample).contains("replay is paused"), "{sample}");
    let (before, behind) = (lag(&sample), &sample["vitals"]["replication"]["upstream"]);
    assert!(behind["paused"] == true && behind["lagBytes"].as_u64() > Some(0) && before > Some(2.0), "{behind}");
    node.expect("local/copy", "a lag that grows", SOON, |sample| lag(sample) > before);
    let all = series(&node.get("/metrics").text().expect("text"));
    let of = |name: &str, target: &str| {
        all.iter().find(|(key, _)| key.starts_with(&format!("{name}{{")) && key.contains(target)).map(|(_, value)| *value)
    };
    assert!(of("pg_replication_lag_seconds", "target=\"copy\"") > Some(2.0), "{all:?}");
    assert_eq!(of("pg_replication_lag_seconds", "target=\"shop\""), Some(0.0));
    assert_eq!(of("pg_replication_is_replica", "target=\"copy\""), Some(1.0));
    assert!(of("pg_stat_replication_pg_wal_lsn_diff", "state=\"streaming\"") > Some(0.0), "{all:?}");
    assert_eq!(of("pg_replication_slots_active", "slot_name=\"copy\""), Some(1.0));
    assert_eq!(node.sample("local/shop")["status"], "healthy", "the replica is judged, not its primary as well");
    replica.sql("postgres", "SELECT pg_wal_replay_resume()").expect("replay goes on");
    node.expect_status("local/copy", "healthy", "", SOON);

    let upstream = upstream(&replica);
    let background = background_writer(&primary);
    kill(background, Signal::SIGSTOP).expect("the writer lives");
    set(&replica, "primary_conninfo = 'host=127.0.0.1 port=1'");
    node.expect("local/copy", "that nothing comes", SOON, |copy| copy["vitals"]["replication"]["upstream"]["streaming"] == false);
    is_calm_for(&node, secs(5), |copy| lag(copy).is_some_and(|lag| lag < 2.0));
    kill(background, Signal::SIGCONT).expect("the writer lives");
    write(&primary);
    let (sample, _) = node.expect_status("local/copy", "unhealthy", "replication_lag", SOON);
    assert!(message(&sample).contains("receives nothing"), "{sample}");
    set(&replica, &format!("primary_conninfo = '{upstream}'"));
    node.expect_status("local/copy", "healthy", "", SOON);
}

/// Seen by a node that watches both, and by one that watches each alone.
fn a_narrow_way(major: u32) {
    let primary = primary(major, &[]);
    let replica = primary.replica(Some("copy")).expect("a copy").start().expect("a replica");
    let mut net = Net::of_sockets(&["primary", "replica"]);
    let (here, there) = (net.place("primary"), net.place("replica"));
    let way = net.way(there, here, SocketAddrV4::new(primary.host(), primary.port()));
    let by_way = upstream(&replica).replace(&format!("port={}", primary.port()), &format!("port={}", way.port()));
    set(&replica, &format!("primary_conninfo = '{by_way}'"));

    let (shop, copy) = (("shop", primary.url("shop")), ("copy", replica.url("shop")));
    let (both, _dir) = watch_by(FULL_SPEED, &[shop.clone(), copy.clone()]);
    let (of_copy, _dir) = watch_by(FULL_SPEED, &[copy]);
    let (of_shop, _dir) = watch_by(FULL_SPEED, &[shop]);
    let views = [("both", &both, "local/copy"), ("the replica", &of_copy, "local/copy"), ("the primary", &of_shop, "local/shop")];
    for node in [&both, &of_copy] {
        node.expect("local/copy", "a replica that is up to date", SOON, |copy| {
            copy["vitals"]["replication"]["upstream"]["sender"] == way.to_string() && lag(copy) == Some(0.0)
        });
    }
    of_shop
        .expect("local/shop", "its follower", SOON, |shop| shop["vitals"]["replication"]["replicas"][0]["state"] == "streaming");
    for (_, node, target) in views {
        node.expect_status(target, "healthy", "", SOON);
    }

    net.narrow(here, there, RATE);
    for (whose, node, target) in views {
        let (sample, took) = node.expect(target, "WAL that comes late", SOON, |sample| {
            write_more(&primary);
            sample["status"] == "unhealthy" && message(sample).contains("the WAL reaches it late")
        });
        println!("PostgreSQL {major}: watching {whose}, late WAL fires after {took:?} more: {}", message(&sample));
    }
    let copy = both.sample("local/copy");
    assert_eq!(copy["vitals"]["replication"]["upstream"]["streaming"], true, "{copy}");
    assert_eq!(both.sample("local/shop")["status"], "healthy", "the replica is judged, not its primary as well");

    net.heal();
    for (_, node, target) in views {
        node.expect(target, "that it is over", SOON, |sample| {
            write(&primary);
            sample["status"] == "healthy"
        });
    }
}

fn a_slot_without_a_reader(major: u32) {
    let primary = primary(major, &[("max_slot_wal_keep_size", "10MB")]);
    primary.sql("shop", "CHECKPOINT").expect("little WAL to begin with");
    primary.sql("shop", "SELECT pg_create_physical_replication_slot('gone', true)").expect("a slot");
    let (node, _dir) = watch(&[("shop", primary.url("shop"))]);
    node.expect_status("local/shop", "healthy", "", SOON);
    let truth = "SELECT (pg_current_wal_lsn() - restart_lsn)::int8 FROM pg_replication_slots";
    until("more than 80% of 10 MiB", SOON, || {
        write(&primary);
        primary.sql("shop", "SELECT pg_switch_wal()").expect("another megabyte of WAL");
        let bytes = ask(&primary, truth);
        if bytes > 8.5 * 1_048_576.0 { Ok(()) } else { Err(bytes.to_string()) }
    });
    let (sample, _) = node.expect_status("local/shop", "unhealthy", "replication_lag", SOON);
    assert!(message(&sample).contains("gone") && message(&sample).contains("nobody reads it"), "{sample}");
    let replication = &sample["vitals"]["replication"];
    assert_eq!(replication["slotLimitBytes"], 10 << 20, "{replication}");
    assert_eq!(replication["slots"][0]["retainedBytes"].as_f64(), Some(ask(&primary, truth)), "{replication}");
    assert!(replication["slots"][0]["safeBytes"].as_i64() < Some(3 << 20), "{replication}");
    assert_eq!(replication["slots"][0]["active"], false);
    primary.sql("shop", "SELECT pg_drop_replication_slot('gone')").expect("it goes");
    node.expect_status("local/shop", "healthy", "", SOON);
}

fn a_role_without_grants(major: u32) {
    let primary = primary(major, &[]);
    primary.create_role("plain").expect("a role");
    let replica = primary.replica(None).expect("a copy").start().expect("a replica");
    let (node, _dir) = watch(&[("shop", primary.url_as("plain", "shop")), ("copy", replica.url_as("plain", "shop"))]);
    for (name, role, view) in [("shop", "primary", "pg_stat_replication"), ("copy", "replica", "pg_stat_wal_receiver")] {
        let (sample, _) = node.expect(&format!("local/{name}"), "what is hidden, with its fix", SOON, |sample| {
            let missing = sample["probe"]["missing"].as_array().into_iter().flatten();
            missing
                .filter(|it| it["cause"].as_str().is_some_and(|cause| cause.contains(view)))
                .any(|it| it["field"] == "vitals.replication" && it["fix"] == "GRANT pg_monitor TO plain;")
        });
        assert_eq!(sample["vitals"]["replication"]["role"], role, "{sample}");
    }
    node.expect("local/copy", "its lag all the same", SOON, |copy| lag(copy) == Some(0.0));
}

fn a_failover(major: u32) {
    let primary = primary(major, &[]);
    let replica = primary.replica(None).expect("a copy").start().expect("a replica");
    let both = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), replica.port());
    let either =
        primary.url("shop").replace(&format!("127.0.0.1:{}", primary.port()), &both) + "?target_session_attrs=read-write";
    let (node, _dir) = watch(&[("either", either), ("copy", replica.url("shop"))]);
    for name in ["local/either", "local/copy"] {
        node.expect_status(name, "healthy", "", SOON);
    }
    let timeline = |sample: &Value| sample["vitals"]["replication"]["timeline"].as_u64();
    node.expect("local/either", "its timeline", SOON, |sample| timeline(sample) == Some(1));
    node.expect("local/copy", "its role", SOON, |sample| sample["vitals"]["replication"]["role"] == "replica");

    primary.kill();
    node.expect_status("local/either", "unhealthy", "database_down", SOON);
    replica.promote().expect("a promotion");
    node.expect("local/either", "the new primary", SOON, |sample| sample["status"] == "healthy" && timeline(sample) == Some(2));
    let (sample, _) = node.expect("local/copy", "its new role", SOON, |sample| {
        sample["vitals"]["replication"]["role"] == "primary" && sample["status"] == "healthy"
    });
    let change = &sample["vitals"]["replication"]["change"];
    assert_eq!((change["role"].as_str(), change["timeline"].as_u64()), (Some("replica"), Some(1)), "{sample}");
    let sample = node.sample("local/either");
    let change = &sample["vitals"]["replication"]["change"];
    assert_eq!((change["role"].as_str(), change["timeline"].as_u64()), (Some("primary"), Some(1)), "{sample}");
    is_calm_after_failover(&node);
    assert_eq!(incidents(&node, "either"), ["database_down"]);
    assert_eq!(incidents(&node, "copy"), Vec::<String>::new());
}

/// For longer than any rule's `for` in this test: nothing else begins.
fn is_calm_after_failover(node: &Node) {
    let started = Instant::now();
    until("the calm is over", SOON, || {
        for name in ["local/either", "local/copy"] {
            let sample = node.sample(name);
            assert_eq!(sample["reasons"], Value::Array(Vec::new()), "{sample}");
        }
        if started.elapsed() >= secs(12) { Ok(()) } else { Err("it lasts".into()) }
    });
}

macro_rules! versions {
    ($($test:ident: $($name:ident $major:literal),*;)*) => {
        $($(#[test]
        fn $name() {
            $test($major);
        })*)*
    };
}

versions! {
    a_pair: a_pair_of_13 13, a_pair_of_15 15, a_pair_of_18 18;
    a_narrow_way: a_narrow_way_13 13, a_narrow_way_15 15, a_narrow_way_18 18;
    a_slot_without_a_reader: a_slot_without_a_reader_13 13, a_slot_without_a_reader_15 15, a_slot_without_a_reader_18 18;
    a_role_without_grants: a_role_without_grants_13 13, a_role_without_grants_18 18;
    a_failover: a_failover_of_13 13, a_failover_of_15 15, a_failover_of_18 18;
}
