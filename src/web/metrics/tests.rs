mod documented;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    clock,
    model::{
        Outcome, Report, Sample,
        activity::{Activity, Holder, Session, States, WaitCount},
        counters::{PoolerCounters, PoolerDatabase, PoolerDetail},
        queries::{Queries, Statement},
        sample::Pool,
        uploads::Uploads,
        vitals::{Replica, Replication, Slot, Vitals},
    },
    web::tests::{alerts::book, clustered, renamed, report, world},
};

fn page(format: Format) -> String {
    let odd = renamed("a \"b\"\\\n<script>", |sample| sample.reachability.views = vec![clustered::view()]);
    styled(&world(&[report(), odd]), format, Style::Isobar)
}

fn styled(world: &World, format: Format, style: Style) -> String {
    render(world, &book(), &own(), format, style)
}

fn own() -> Own {
    let process = Some(Process { cpu_seconds: 1.5, resident_bytes: 1 << 20 });
    let (bus, now) = (Some(clustered::bus(clock::now()).into()), clock::now());
    Own {
        node: "n1".into(),
        version: "0.1.0",
        started: report().sample.timestamp,
        subscribers: 3,
        process,
        bus,
        points: [5, 1],
        pushes: Arc::default(),
        keeping: Arc::default(),
        uploads: Arc::default(),
        now,
    }
}

/// A strict reader: what a scraper would refuse, it panics at. Returns the series.
fn read(text: &str, open: bool) -> BTreeMap<String, f64> {
    let (mut series, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut family, mut kind, mut helped) = (String::new(), String::new(), String::new());
    let body = if open { text.strip_suffix("# EOF\n").expect("ends with EOF") } else { text };
    assert!(body.ends_with('\n') && !body.contains("# EOF"));
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split_once(' ').unwrap().0.to_owned();
            assert!(families.insert(helped.clone()), "{helped} comes twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, word) = rest.split_once(' ').unwrap();
            assert_eq!(name, helped, "HELP comes before TYPE");
            (family, kind) = (name.to_owned(), word.to_owned());
            let known: &[&str] = if open { &["counter", "gauge", "info", "stateset", "unknown"] } else { &["counter", "gauge"] };
            assert!(known.contains(&word), "{line}");
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').unwrap();
            assert!(open && name == family && name.ends_with(&format!("_{unit}")), "{line}");
        } else {
            let (labelled, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = labelled.split_once('{').unwrap_or((labelled, "}"));
            let suffix = match (open, kind.as_str()) {
                (true, "counter") => "_total",
                (true, "info") => "_info",
                _ => "",
            };
            assert_eq!(name, format!("{family}{suffix}"), "{line}");
            check_labels(labels.strip_suffix('}').unwrap());
            assert!(series.insert(labelled.to_owned(), value.parse().unwrap()).is_none(), "{labelled} comes twice");
        }
    }
    series
}

fn check_labels(mut rest: &str) {
    let mut names = BTreeSet::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap();
        assert!(names.insert(name) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        let mut escaped = false;
        let end = value.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            assert!(!escaped || matches!(c, '\\' | '"' | 'n'), "{value}");
            escaped = *c == '\\' && !escaped;
            ends
        });
        rest = &value[end.unwrap().0 + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[test]
fn both_formats_read_strictly_and_hold_the_same_series() {
    assert_eq!(read(&page(Format::Text), false), read(&page(Format::OpenMetrics), true));
}

#[test]
fn the_pages_are_the_golden_ones() {
    for (format, file) in [(Format::Text, "metrics.txt"), (Format::OpenMetrics, "openmetrics.txt")] {
        let path = format!("{}/tests/golden/web/{file}", env!("CARGO_MANIFEST_DIR"));
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        let page = page(format);
        if golden != page {
            let new = std::env::temp_dir().join(file);
            std::fs::write(&new, &page).unwrap();
            panic!("{path} differs from {}; copy it there when the change is meant", new.display());
        }
    }
}

#[test]
fn known_names_have_the_figures_in_base_units() {
    let series = read(&page(Format::Text), false);
    let of = |name: &str, more: &str| {
        let start = format!("{name}{{region=\"us-east-1\",target=\"marketing\"{more}");
        series.iter().find(|(key, _)| key.starts_with(&start)).map(|(_, value)| *value)
    };
    let table = [
        ("pg_up", "", 1.0),
        ("pg_stat_database_xact_commit", ",datid=\"16384\",datname=\"marketing\"", 1000.0),
        ("pg_stat_database_active_time_seconds_total", "", 2.5),
        ("pg_database_size_bytes", "", 1_923_311_104.0),
        ("pg_stat_statements_calls_total", ",user=\"app\",datname=\"marketing\",queryid=\"-123456789012345678\"", 107.0),
        ("pgbouncer_pools_client_maxwait_seconds", ",pooler=\"pgb.internal:6432\",database=\"marketing\",user=\"app\"", 1.5),
        ("pgbouncer_stats_client_wait_seconds_total", "", 0.25),
        ("pgbouncer_stats_totals_client_wait_seconds_total", "", 0.25),
        ("isobar_target_status", ",isobar_target_status=\"unhealthy\"", 1.0),
        ("isobar_probe_interval_seconds", "", 0.25),
    ];
    for (name, more, value) in table {
        assert_eq!(of(name, more), Some(value), "{name}{more}");
    }
    assert_eq!(of("isobar_database_daily_growth_ratio", ""), None, "what is not known has no series");
    assert_eq!(of("pgbouncer_stats_totals_server_assignments_total", ""), None);
}

#[test]
fn with_the_exporters_labels_targets_of_one_server_are_one_instance() {
    let shut = renamed("sales", |sample| sample.reachability.outcome = Some(Outcome::TcpRefused));
    let series = read(&styled(&world(&[report(), shut]), Format::Text, Style::Exporter), false);
    let of = |name: &str| -> Vec<_> { series.iter().filter(|(key, _)| key.split('{').next() == Some(name)).collect() };
    let server = "region=\"us-east-1\",server=\"db.internal:5432\",instance=\"db.internal:5432\"";
    for (name, labels, value) in [
        ("pg_up", "", 0.0),
        ("pg_settings_max_connections", "", 100.0),
        ("pg_stat_database_xact_commit", ",datid=\"16384\",datname=\"marketing\"", 1000.0),
    ] {
        let (key, found) = (format!("{name}{{{server}{labels}}}"), of(name));
        assert_eq!(found, [(&key, &value)], "one, and the worse of two");
    }
    let pooler = "pgbouncer_used_clients{region=\"us-east-1\",instance=\"pgb.internal:6432\"}";
    assert!(series.contains_key(pooler), "{:?}", of("pgbouncer_used_clients"));
    assert_eq!(of("isobar_target_sample_timestamp_seconds").len(), 2, "what only Isobar has is about targets in any case");
}

/// What docs/metrics.md promises: so many series of a target at most, with 500 of upkeep beside, whose lists are bounded where they are
/// read; and so many more for each of its poolers.
const MOST_OF_TARGET: usize = 2_000;
const MOST_OF_POOLER: usize = 3_000;

/// The same world, each server of which has as many followers and slots as are ever read.
fn copied(mut world: World) -> World {
    let name = |nth: usize| format!("name-{nth}");
    let replica = |nth| Replica {
        application: name(nth),
        send_lag_bytes: Some(1),
        replay_lag_bytes: Some(1),
        replay_lag_seconds: Some(1.0),
        ..Replica::default()
    };
    let slot = |nth| Slot {
        name: name(nth),
        retained_bytes: Some(1),
        safe_bytes: Some(1),
        wal_status: Some("reserved".into()),
        ..Slot::default()
    };
    let copies =
        Replication { replicas: (0..100).map(replica).collect(), slots: (0..100).map(slot).collect(), ..Replication::default() };
    let vitals = Arc::new(Vitals { replication: Some(copies.into()), ..Vitals::default() });
    for target in world.regions.values_mut().flat_map(|region| Arc::make_mut(region).targets.values_mut()) {
        Arc::make_mut(target).vitals = Arc::clone(&vitals);
    }
    world
}

#[test]
fn a_scrape_is_bounded_whatever_a_server_shows() {
    let mut huge = report();
    let name = |nth: usize| format!("name-{nth}");
    let states = |n| States { total: 3 * n, active: n, idle: n, idle_in_transaction: n, hidden: 0 };
    let mut activity = Activity::clone(huge.activity.as_ref().unwrap());
    let holder = |nth| Holder { application: name(nth), user: name(nth), states: states(1), oldest_transaction_ms: None };
    activity.states = states(10_000);
    activity.holders = (0..Activity::MOST_HOLDERS).map(holder).collect();
    let like: Session = activity.sessions[0].clone();
    let kinds = ["active", "idle in transaction", "idle in transaction (aborted)", "fastpath function call"];
    let session = |nth: usize| Session {
        user: name(nth / 4),
        application: name(nth / 4),
        state: kinds[nth % 4].to_owned(),
        transaction_ms: Some(1.0),
        ..like.clone()
    };
    activity.sessions = (0..Activity::MOST_SESSIONS).map(session).collect();
    let wait = |nth| WaitCount { wait_event_type: "Extension".into(), wait_event: name(nth), sessions: 1.0 };
    activity.waits = (0..1_000).map(wait).collect();
    huge.activity = Some(activity.into());
    let mut queries = Queries::clone(huge.queries.as_ref().unwrap());
    let like = queries.statements[0].clone();
    queries.statements = (0..100).map(|nth| Statement { query_id: name(nth), ..like.clone() }).collect();
    huge.queries = Some(queries.into());
    let bare = |report: &Report| {
        let mut bare = report.clone();
        Arc::make_mut(&mut bare.sample).poolers.clear();
        bare.poolers.clear();
        bare
    };
    let mut sample = Sample::clone(&huge.sample);
    let like: Pool = sample.poolers[0].pools[0].clone();
    sample.poolers[0].pools = (0..5_000).map(|nth| Pool { user: name(nth), ..like.clone() }).collect();
    huge.sample = sample.into();
    let mut detail = PoolerDetail::clone(&huge.poolers[0]);
    let (counters, database) = (detail.counters[0].clone(), detail.databases[0].clone());
    let counters = |nth| PoolerCounters { database: name(nth), ..counters.clone() };
    detail.counters = (0..1_000).map(counters).collect();
    let database = |nth| PoolerDatabase { name: name(nth), ..database.clone() };
    detail.databases = (0..1_000).map(database).collect();
    huge.poolers = vec![detail.into()];

    for style in [Style::Isobar, Style::Exporter] {
        let count = |reports: &[Report]| read(&styled(&copied(world(reports)), Format::Text, style), false).len();
        let (none, without, with) = (count(&[]), count(&[bare(&huge)]), count(&[huge.clone()]));
        assert!((1_000..=MOST_OF_TARGET).contains(&(without - none)), "{}", without - none);
        assert!((2_000..=MOST_OF_POOLER).contains(&(with - without)), "{}", with - without);
    }
}
