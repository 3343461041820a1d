//! What one node takes for hundreds of targets.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use isobar::sandbox::Postgres;

use crate::{
    crowd::{self, Crowd, Session},
    meter,
    report::{Section, percent},
    support::{Node, Stream, pass, region, secs},
};

const SERVERS: usize = 5;
const DATABASES: usize = 50;

/// How long a node is watched.
const WINDOW: Duration = secs(30);

/// Until all lanes are at their own pace.
const WARM_UP: Duration = secs(8);

/// The servers, and the sessions in their databases.
pub(crate) fn servers() -> (Vec<Postgres>, Crowd) {
    let servers: Vec<Postgres> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..SERVERS).map(|_| scope.spawn(|| crowd::server(DATABASES))).collect();
        starting.into_iter().map(|server| server.join().expect("a server")).collect()
    });
    let mut crowd = Crowd::new();
    for server in &servers {
        for nth in 0..DATABASES {
            crowd.join(2, &server.superuser_url(&format!("d{nth}")), "SELECT 1", Some(("SELECT 1", secs(5))));
        }
    }
    (servers, crowd)
}

/// A node for which each database is so many targets, all at that pace.
pub(crate) fn node(servers: &[Postgres], times: usize, fast: Duration) -> (Node, tempfile::TempDir) {
    let targets = (0..times * SERVERS * DATABASES).map(|nth| {
        let database = nth / times;
        let server = &servers[database / DATABASES];
        (format!("t{nth}"), server.url(&format!("d{}", database % DATABASES)))
    });
    let sampling = format!("[sampling]\nfast = \"{}ms\"\n", fast.as_millis());
    Node::configured(&[("global.toml", &sampling), ("local.toml", &region(targets))])
}

pub(crate) fn run() -> Section {
    let (servers, _crowd) = servers();
    let mut section = Section::new(
        "Density of one node",
        format!(
            "{SERVERS} real servers with {DATABASES} databases each and two sessions in each database. For 1,000 targets each database is \
             four targets: the servers are read no more than for one, the node's own work is that of 1,000. One reader of the whole \
             stream is connected, and its work in the node counts."
        ),
    );
    watch(&servers, &mut section, 1, Duration::from_millis(250));
    watch(&servers, &mut section, 4, secs(1));
    section
}

fn watch(servers: &[Postgres], section: &mut Section, times: usize, fast: Duration) {
    let count = times * SERVERS * DATABASES;
    let (node, _folder) = node(servers, times, fast);
    let sessions: Vec<_> = servers.iter().map(|server| Session::open(&server.superuser_url("d0"))).collect();
    pass(WARM_UP);
    let stream = node.stream("");
    pass(secs(2));
    let (pid, began, before) = (node.pid(), Instant::now(), meter::process(node.pid()));
    let reads: Vec<u64> = sessions.iter().map(reads).collect();
    let updates = updates(&stream, began + WINDOW);
    let took = began.elapsed().as_secs_f64();
    let cpu = (meter::process(pid).saturating_sub(before)).as_secs_f64() / took;
    let slowest = sessions.iter().zip(reads).map(|(session, before)| self::reads(session) - before).min().unwrap_or_default();
    let (now, highest) = (meter::memory(pid, "VmRSS:"), meter::memory(pid, "VmHWM:"));

    let rate = 1.0 / fast.as_secs_f64();
    let name = format!("{count} targets at {rate}/s");
    section.held(format!("{name}: processor, of one core"), "≤ 100%", percent(cpu), cpu <= 1.0);
    section.held(
        format!("{name}: memory, at its highest"),
        "≤ 256 MiB",
        format!("{highest:.0} MiB (now {now:.0})"),
        highest <= 256.0,
    );
    let a_second = |count: u64| count as f64 / took;
    let least = updates.values().copied().min().filter(|_| updates.len() == count).unwrap_or_default();
    let mean = updates.values().sum::<u64>() / count as u64;
    section.held(
        format!("{name}: newer samples on the stream, per target and second"),
        format!("≥ {rate}"),
        format!("mean {:.2}, least {:.2}", a_second(mean), a_second(least)),
        a_second(least) >= rate * 0.97,
    );
    section.held(
        format!("{name}: readings of sessions that a server counts, per second"),
        format!("{rate}"),
        format!("least {:.2}", a_second(slowest)),
        a_second(slowest) >= rate * 0.97,
    );
}

/// How many samples with a newer timestamp each target showed until then.
fn updates(stream: &Stream, until: Instant) -> BTreeMap<String, u64> {
    let seen: RefCell<BTreeMap<String, BTreeSet<String>>> = RefCell::default();
    stream.expect("updates", WINDOW * 2, |event| {
        let text = |key: &str| event.data[key].as_str().unwrap_or_default().to_owned();
        if event.kind == "update" {
            seen.borrow_mut().entry(text("target")).or_default().insert(text("timestamp"));
        }
        event.at >= until
    });
    seen.into_inner().into_iter().map(|(target, times)| (target, times.len() as u64)).collect()
}

/// How often the server ran the fast lane's reading.
fn reads(session: &Session) -> u64 {
    let rows = session.sql(
        "SELECT sum(calls) FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid \
         WHERE rolname = 'isobar' AND query LIKE '%pg_stat_get_activity%'",
    );
    rows[0].get(0).and_then(|calls| calls.parse().ok()).unwrap_or_default()
}
