//! A project of Supabase by its page of metrics, behind a pooler in transaction mode as there: the machine below, the pools in front, and
//! what becomes of a page that is old, refused, limited or a lie.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use isobar::{
    clock,
    history::{
        Settings,
        keeper::{Keeper, Told},
    },
    model::{
        RegionName, TargetName,
        history::{FIGURES, figure_at},
    },
    sandbox::{PgBouncer, Postgres},
};
use serde_json::Value;

use crate::{
    doubles::{Lie, Pages},
    support::{
        Node,
        node::{BINARY, reason},
        secs, series, until,
    },
    truth::SOON,
};

const PROJECT: &str = "abcdefghijklmnopqrst";

/// As Supabase writes it, shortened; its counters grow with each refresh.
pub(crate) fn page(times: u64) -> String {
    let of = "supabase_project_ref=\"abcdefghijklmnopqrst\",service_type=\"db\"";
    let pool = format!("{{{of},database=\"shop\",user=\"app\"}}");
    let (idle, user) = (100 + 45 * times, 50 + 15 * times);
    let (waited, transactions) = (times, 100 + 50 * times);
    format!(
        "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n# TYPE node_cpu_seconds_total counter\n\
         node_cpu_seconds_total{{{of},cpu=\"0\",mode=\"idle\"}} {idle}\nnode_cpu_seconds_total{{{of},cpu=\"0\",mode=\"user\"}} {user}\n\
         node_filesystem_avail_bytes{{{of},mountpoint=\"/data\"}} 5e+09\nnode_filesystem_size_bytes{{{of},mountpoint=\"/data\"}} 8e+09\n\
         node_memory_MemAvailable_bytes{{{of}}} 4e+08\nnode_memory_MemTotal_bytes{{{of}}} 1e+09\n\
         pgbouncer_pools_client_active_connections{pool} 9\npgbouncer_pools_client_waiting_connections{pool} 0\n\
         pgbouncer_pools_client_maxwait_seconds{pool} 0\npgbouncer_pools_server_active_connections{pool} 4\n\
         pgbouncer_pools_server_idle_connections{pool} 2\n\
         pgbouncer_databases_pool_size{{name=\"shop\",host=\"127.0.0.1\",port=\"5432\",database=\"shop\"}} 15\n\
         pgbouncer_stats_client_wait_seconds_total{{{of},database=\"shop\"}} {waited}\n\
         pgbouncer_stats_sql_transactions_pooled_total{{{of},database=\"shop\"}} {transactions}\n"
    )
}

struct World {
    node: Node,
    _dir: tempfile::TempDir,
    bouncer: PgBouncer,
    _server: Postgres,
}

fn target(name: &str, bouncer: &PgBouncer, pages: &Pages, key: &str) -> String {
    let url = bouncer.url_as("isobar", "shop");
    format!(
        "[[target]]\nname = \"{name}\"\nurl = \"{url}\"\npool_mode = \"transaction\"\n[target.supabase]\nproject = \"{PROJECT}\"\n\
         secret_key = \"{key}\"\nmetrics_url = \"{}\"\n[[target.pooler]]\nkind = \"supabase\"\nclient_url = \"{url}\"\n",
        pages.url()
    )
}

fn watched(names: &[&str], pages: &Pages, key: &str) -> World {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let bouncer = PgBouncer::builder().database("shop", &server).pool_mode("transaction").start().expect("PgBouncer");
    let targets: String = names.iter().map(|name| target(name, &bouncer, pages, key)).collect();
    let global = "[sampling]\nprovider = \"1s\"\nclient_check = \"1s\"\nimpact_budget = 0.2\n";
    let (node, dir) = Node::configured(&[("global.toml", global), ("local.toml", &format!("region = \"local\"\n{targets}"))]);
    World { node, _dir: dir, bouncer, _server: server }
}

/// A target without a pooler, and the page of its project.
fn direct(name: &str, server: &Postgres, pages: &Pages) -> String {
    format!(
        "[[target]]\nname = \"{name}\"\nurl = \"{}\"\n[target.supabase]\nproject = \"{PROJECT}\"\nsecret_key = \"{}\"\n\
         metrics_url = \"{}\"\n",
        server.url("shop"),
        Pages::KEY,
        pages.url()
    )
}

/// What is missing of a field, with the fix.
pub(crate) fn lack(sample: &Value, field: &str) -> Option<(String, String)> {
    let lack = sample["probe"]["missing"].as_array()?.iter().find(|lack| lack["field"] == field)?;
    Some((lack["cause"].as_str()?.to_owned(), lack["fix"].as_str().unwrap_or_default().to_owned()))
}

#[test]
fn a_project_tells_of_its_machine_and_pools_and_is_asked_once_for_all_its_targets() {
    let pages = Pages::supabase(Duration::ZERO, page);
    let world = watched(&["shop", "again"], &pages, Pages::KEY);
    for name in ["shop", "again"] {
        let what = "the machine and the pools";
        let (sample, _) = world.node.expect(&format!("local/{name}"), what, SOON, |sample| {
            let (host, pool) = (&sample["vitals"]["host"], &sample["connectionPool"]);
            host["cpuBusy"] == 0.25 && pool["averageWaitTime"] == 20.0 && sample["status"] == "healthy"
        });
        let host = &sample["vitals"]["host"];
        assert_eq!((host["diskFreeBytes"].as_u64(), host["memoryBytes"].as_u64()), (Some(5_000_000_000), Some(1_000_000_000)));
        assert_eq!((&sample["poolers"][0]["kind"], &sample["poolers"][0]["up"]), (&"supabase".into(), &true.into()));
        let pool = &sample["connectionPool"];
        assert_eq!((pool["totalConnections"].as_u64(), pool["poolSize"].as_u64()), (Some(6), Some(15)), "{pool}");
    }
    let all = world.node.json("/api/health/database").to_string();
    assert!(all.contains("\"kind\":\"supabase\"") && all.contains("\"averageWaitTime\":20.0"), "{all}");
    let metrics = series(&world.node.get("/metrics").text().expect("a page"));
    let value =
        |name: &str| metrics.iter().find(|(key, _)| key.starts_with(name) && key.contains("\"shop\"")).map(|(_, value)| *value);
    assert_eq!(value("isobar_host_disk_free_bytes{"), Some(5e9));
    assert_eq!(value("isobar_host_cpu_busy_ratio{"), Some(0.25));
    assert_eq!(value("pgbouncer_pools_server_active_connections{"), Some(4.0));
    // Two targets and two poolers, one question an interval: half of what two of them would ask.
    let before = pages.asked().len();
    let ((), took) = until("ten more questions", secs(60), || {
        if pages.asked().len() >= before + 10 { Ok(()) } else { Err(pages.asked().len().to_string()) }
    });
    assert!(took >= secs(6), "ten questions within {took:?}");
    assert!(!world.node.log().contains(Pages::KEY));
}

#[test]
fn a_page_that_does_not_change_grows_old_and_is_young_again() {
    let pages = Pages::supabase(secs(4), page);
    let world = watched(&["shop"], &pages, Pages::KEY);
    let age = |sample: &Value| sample["vitals"]["host"]["ageSeconds"].as_f64();
    world.node.expect("local/shop", "an old page", SOON, |sample| age(sample).is_some_and(|age| age > 2.0));
    world.node.expect("local/shop", "a new page", SOON, |sample| {
        age(sample).is_some_and(|age| age < 1.0) && sample["vitals"]["host"]["cpuBusy"] == 0.25
    });
}

#[test]
fn a_page_that_lies_is_refused_with_a_reason_and_harms_nothing_else() {
    let pages = Pages::supabase(Duration::ZERO, page);
    let world = watched(&["shop"], &pages, Pages::KEY);
    let known = |sample: &Value| sample["vitals"]["host"]["diskFreeBytes"].as_u64().is_some();
    let node = &world.node;
    for (lie, says) in [
        (Lie::Html, "for people"),
        (Lie::Endless, "longer than 8 MiB"),
        (Lie::Hang, "in time"),
        (Lie::Gzip, "packed"),
        (Lie::Nothing, "nothing of the machine"),
        (Lie::Trouble, "(500)"),
    ] {
        node.expect("local/shop", "the truth", secs(30), known);
        let memory = node.resident_mib();
        pages.lie(Some(lie));
        let (sample, _) = node.expect("local/shop", says, secs(40), |sample| {
            lack(sample, "vitals.host").is_some_and(|(cause, _)| cause.contains(says))
                && !known(sample)
                && sample["connectionPool"]["averageWaitTime"].is_null()
                && sample["database"]["maxConnections"].is_u64()
        });
        assert_eq!((&sample["status"], &sample["poolers"][0]["up"]), (&"healthy".into(), &true.into()), "{lie:?}: {sample}");
        assert!(node.resident_mib() < memory + 64, "{lie:?}");
        pages.lie(None);
    }
    node.expect("local/shop", "the truth", secs(30), known);
    world.bouncer.kill();
    node.expect_status("local/shop", "unhealthy", "", secs(30));
}

#[test]
fn a_wrong_key_and_a_limit_are_said_with_what_to_do() {
    let pages = Pages::supabase(Duration::ZERO, page);
    let world = watched(&["shop"], &pages, "sb_secret_wrong");
    let (sample, _) = world.node.expect("local/shop", "why", SOON, |sample| {
        lack(sample, "vitals.host").is_some() && lack(sample, "connectionPool").is_some() && sample["status"] == "healthy"
    });
    let (cause, fix) = lack(&sample, "vitals.host").expect("a cause");
    assert!(cause.contains("(401)") && fix.contains("secret_key"), "{cause}: {fix}");
    assert!(!world.node.log().contains("sb_secret_wrong") && !sample.to_string().contains("sb_secret_wrong"));

    let dir = tempfile::tempdir().expect("a folder");
    let check = |key: &str| {
        let region = format!("region = \"local\"\n{}", target("shop", &world.bouncer, &pages, key));
        std::fs::write(dir.path().join("local.toml"), region).expect("a file");
        let output = Command::new(BINARY).args(["check", "--config"]).arg(dir.path()).output().expect("the binary runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let refused = check("sb_secret_wrong");
    assert!(
        refused.contains("metrics TCP") && refused.contains("service_role") && !refused.contains("sb_secret_wrong"),
        "{refused}"
    );
    let taken = check(Pages::KEY);
    assert!(taken.contains("known series"), "{taken}");

    let limited = Pages::limited_to(0, page);
    let world = watched(&["shop"], &limited, Pages::KEY);
    let (sample, _) = world
        .node
        .expect("local/shop", "why", SOON, |sample| lack(sample, "vitals.host").is_some() && sample["status"] == "healthy");
    let (cause, _) = lack(&sample, "vitals.host").expect("a cause");
    assert!(cause.contains("too often"), "{cause}");
    let asked = |sample: &Value| sample["probe"]["missing"].to_string().contains("again in 5");
    world.node.expect("local/shop", "several intervals", SOON, asked);
    assert_eq!(limited.asked().len(), 1, "it is not knocked against");
}

#[test]
fn a_replica_that_cannot_tell_how_late_it_is_is_judged_by_what_its_page_tells() {
    let primary = Postgres::start().expect("PostgreSQL");
    primary.create_database("shop").expect("a database");
    let replica = primary.replica(None).expect("a copy").start().expect("a replica");
    // As one that is fed from an archive, whose lag the server itself does not know.
    replica.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''").expect("a setting");
    replica.sql("postgres", "SELECT pg_reload_conf()").expect("a reload");
    let late = Arc::new(AtomicU64::new(1));
    // The exporter's spelling and that of the provider's documentation.
    let pages = ["replication", "replica"].map(|spelling| {
        let late = Arc::clone(&late);
        Pages::supabase(Duration::ZERO, move |times| {
            let of = "{supabase_project_ref=\"abcdefghijklmnopqrst\",service_type=\"postgresql\",server=\"localhost:5432\"}";
            let lag = "physical_replication_lag";
            format!(
                "{}pg_status_in_recovery{of} 1\n{lag}_physical_{spelling}_lag_seconds{of} {}\n{lag}_is_connected_to_primary{of} 1\n\
                 {lag}_is_wal_replay_paused{of} 0\n",
                page(times),
                late.load(Ordering::Relaxed)
            )
        })
    });
    let names = ["copy", "again"];
    let targets: String = names.iter().zip(&pages).map(|(name, pages)| direct(name, &replica, pages)).collect();
    let global = "[sampling]\nprovider = \"1s\"\nreplication = \"1s\"\n[thresholds.rules.replication_lag]\nfor = \"1s\"\n";
    let (node, _dir) = Node::configured(&[("global.toml", global), ("local.toml", &format!("region = \"local\"\n{targets}"))]);
    let lag = |sample: &Value| sample["vitals"]["replication"]["upstream"]["lagSeconds"].as_f64();
    let health = |name: &str| node.json(&format!("/api/health/database?target={name}")).to_string();
    for name in names {
        let target = format!("local/{name}");
        let calm = |sample: &Value| lag(sample) == Some(1.0) && sample["status"] == "healthy";
        late.store(1, Ordering::Relaxed);
        node.expect(&target, "little lag", SOON, calm);
        assert!(!health(name).contains("replication_lag"), "{}", health(name));
        for (seconds, severity) in [(42, "high"), (75, "critical")] {
            late.store(seconds, Ordering::Relaxed);
            let (sample, _) = node.expect(&target, severity, SOON, |sample| {
                reason(sample, "replication_lag")
                    .is_some_and(|reason| reason["severity"] == severity && reason["value"] == f64::from(seconds as u32))
            });
            assert_eq!(sample["status"], "unhealthy", "{sample}");
            assert!(health(name).contains("\"rule\":\"replication_lag\""), "{}", health(name));
        }
        late.store(1, Ordering::Relaxed);
        node.expect(&target, "little lag again", SOON, calm);
        assert!(!health(name).contains("replication_lag"), "{}", health(name));
    }
    pages[0].lie(Some(Lie::Trouble));
    node.expect("local/copy", "an unknown lag", SOON, |sample| lag(sample).is_none() && lack(sample, "vitals.host").is_some());
}

/// What a store would know of the free bytes of these targets' disks, by the hours that are past: fourteen of them.
fn remember(folder: &std::path::Path, disks: &[(&str, fn(f64) -> f64)]) {
    let path = folder.join("isobar.db");
    let settings = Settings { path: Some(path.clone()), ..Settings::default() };
    let mut keeper = Keeper::open(&settings, &path, &Arc::default()).expect("a keeper");
    let region = RegionName::from("local");
    let names: Vec<TargetName> = disks.iter().map(|(name, _)| TargetName::from(*name)).collect();
    let free = figure_at("vitals.host.diskFreeBytes").expect("it is kept");
    let last = clock::wall().unix_ms() / 1_000;
    for at in ((last - 14 * 3_600)..last).step_by(30) {
        let told = |(target, (_, disk)): (_, &(&str, fn(f64) -> f64))| {
            let mut figures = [None; FIGURES.len()];
            figures[free] = Some(disk((last - at) as f64 / 3_600.0));
            Told { region: &region, target, figures, queries: None }
        };
        keeper.record(at, names.iter().zip(disks).map(told));
    }
}

#[test]
fn a_disk_that_filled_for_hours_is_told_at_once_by_its_history() {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    // Both stand still now, with 5 GB free.
    let pages = Pages::supabase(Duration::ZERO, page);
    let targets = direct("filling", &server, &pages) + &direct("calm", &server, &pages);
    let global = "[sampling]\nprovider = \"1s\"\n[thresholds.rules.size_growth]\nfor = \"1s\"\n";
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in [("global.toml", global), ("local.toml", &format!("region = \"local\"\n{targets}"))] {
        std::fs::write(dir.path().join(name), text).expect("a file");
    }
    // 50 MB an hour: 5 GB are full in four days.
    remember(dir.path(), &[("filling", |ago| 5e9 + 5e7 * ago), ("calm", |ago| 5e9 + 2e7 * (ago * 7.0).sin())]);
    let node = Node::run(dir.path());
    let (sample, took) = node.expect("local/filling", "a full disk foretold", secs(90), |sample| {
        reason(sample, "size_growth").is_some_and(|reason| reason["severity"] == "high")
    });
    let message = reason(&sample, "size_growth").expect("a reason")["message"].as_str().unwrap_or_default().to_owned();
    println!("after {took:?}: {message}");
    assert!(message.starts_with("The disk is full in 4.") && message.contains("), by its history of 14 hours: "), "{message}");
    node.expect_status("local/calm", "healthy", "", secs(30));
    let trends = node.json("/api/databases/local/filling/trends");
    assert_eq!(trends["forecasts"][0]["what"], "disk", "{trends}");
}

/// Nothing is said of a disk's pace before there are ten minutes of it, so this takes eleven.
#[test]
#[ignore = "minutes: make test-faults"]
fn a_disk_that_fills_is_told_days_before_and_a_larger_one_ends_that() {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let (began, larger) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let filling = |full_in: Duration| {
        let larger = Arc::clone(&larger);
        Pages::supabase(Duration::ZERO, move |times| {
            let (free, size) = (5e9, 8e9);
            let more = if larger.load(Ordering::Relaxed) { 800e9 } else { 0.0 };
            let left = free * (1.0 - began.elapsed().as_secs_f64() / full_in.as_secs_f64());
            page(times)
                .replace(" 5e+09\n", &format!(" {:.0}\n", left + more))
                .replace(" 8e+09\n", &format!(" {:.0}\n", size + more))
        })
    };
    let day = Duration::from_hours(24);
    let pages = [("soon", "high", filling(day * 5)), ("now", "critical", filling(day / 2)), ("later", "", filling(day * 60))];
    let targets: String = pages.iter().map(|(name, _, pages)| direct(name, &server, pages)).collect();
    let global = "[sampling]\nprovider = \"5s\"\n[thresholds.rules.size_growth]\nfor = \"1s\"\n";
    let (node, _dir) = Node::configured(&[("global.toml", global), ("local.toml", &format!("region = \"local\"\n{targets}"))]);
    let told = |name: &str| node.json(&format!("/api/health/database?target={name}")).to_string().contains("size_growth");
    for (name, severity, _) in pages.iter().filter(|(_, severity, _)| !severity.is_empty()) {
        let (sample, _) = node.expect(&format!("local/{name}"), severity, Duration::from_mins(14), |sample| {
            reason(sample, "size_growth").is_some_and(|reason| reason["severity"] == *severity)
        });
        let reason = reason(&sample, "size_growth").expect("a reason");
        println!("{name}: after {:?}: {}", began.elapsed(), reason["message"]);
        assert!(reason["message"].as_str().is_some_and(|message| message.contains("The disk is full in")), "{reason}");
        assert!(sample["status"] == "unhealthy" && told(name), "{sample}");
    }
    assert!(!told("later"), "{}", node.sample("local/later"));
    larger.store(true, Ordering::Relaxed);
    for name in ["soon", "now"] {
        node.expect_status(&format!("local/{name}"), "healthy", "", secs(60));
        assert!(!told(name));
    }
}
