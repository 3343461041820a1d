//! From a fault to the message at a channel.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use isobar::sandbox::{PgBouncer, Postgres};

use crate::{
    crowd::{self, Crowd},
    doubles::Receiver,
    report::{Section, ms, percentile},
    support::{Node, pass, region, secs, until},
};

/// Faults of each kind.
const RUNS: usize = 20;

/// How long a server that is well again is left in peace.
const PEACE: Duration = Duration::from_millis(500);

/// Server connections of the pool that is exhausted.
const POOL: usize = 3;

pub(crate) fn run() -> Section {
    let mut section = Section::new(
        "Detection",
        format!(
            "{RUNS} faults of each kind at random moments, each under a fresh node with default rules and sampling, two kinds at once on \
             servers of their own; the time counts from the fault until a signed webhook that names it has arrived at a receiver on this machine."
        ),
    );
    let kinds: [(&str, fn() -> Vec<Duration>); 4] = [
        ("server killed", killed),
        ("server frozen", frozen),
        ("server's slots exhausted", slots),
        ("pool exhausted behind PgBouncer, clients waiting", pool),
    ];
    for pair in kinds.chunks(2) {
        let taken = std::thread::scope(|scope| {
            let running: Vec<_> = pair.iter().map(|(_, kind)| scope.spawn(kind)).collect();
            running.into_iter().map(|kind| kind.join().expect("all faults are told")).collect::<Vec<_>>()
        });
        for ((name, _), took) in pair.iter().zip(taken) {
            let (median, p95) = (percentile(&took, 50), percentile(&took, 95));
            let figures = [median, p95, percentile(&took, 100)].map(ms).join(" / ");
            let met = median <= Duration::from_millis(1_500) && p95 <= secs(3);
            section.held(format!("{name}: median / p95 / max"), "median ≤ 1.5 s, p95 ≤ 3 s", figures, met);
        }
    }
    section.note(
        "An exhausted pool shows by `pool_waiting`, which by its definition takes one second of waiting; the moment of the next sample comes \
         on top. Of each run the first message is the one that counts, and its rule must be one that names the fault.",
    );
    section
}

fn killed() -> Vec<Duration> {
    let server = crowd::server(1);
    let fault = || {
        let began = Instant::now();
        server.kill();
        began
    };
    runs(&target(&server, None), fault, || server.restart().expect("the server is back"), &["database_down"])
}

fn frozen() -> Vec<Duration> {
    let server = crowd::server(1);
    let fault = || {
        let began = Instant::now();
        server.freeze();
        began
    };
    runs(&target(&server, None), fault, || server.thaw(), &["database_unresponsive"])
}

/// Clients take every slot that is left, so that nobody else gets in.
fn slots() -> Vec<Duration> {
    let server = Postgres::builder().setting("max_connections", "30").start().expect("PostgreSQL");
    server.create_database("d0").expect("a database");
    server.create_role("app").expect("a role");
    let url = server.url_as("app", "d0");
    let taken = RefCell::new(None);
    let fault = || {
        let mut crowd = Crowd::new();
        let began = Instant::now();
        crowd.fill(&url);
        *taken.borrow_mut() = Some(crowd);
        began
    };
    let rules = ["database_rejecting", "pool_saturated"];
    runs(&target(&server, None), fault, || drop(taken.borrow_mut().take()), &rules)
}

/// Three clients take all servers of the pool and keep them, and more come who want one.
fn pool() -> Vec<Duration> {
    let server = crowd::server(1);
    let pooler = PgBouncer::builder().database("d0", &server).pool_mode("transaction").default_pool_size(POOL as u32);
    let pooler = pooler.start().expect("PgBouncer");
    let url = pooler.url_as("postgres", "d0");
    let taken = RefCell::new(None);
    let fault = || {
        let mut crowd = Crowd::new();
        crowd.join(POOL, &url, "BEGIN; SELECT 1", None);
        let began = Instant::now();
        crowd.want(5, &url);
        *taken.borrow_mut() = Some(crowd);
        began
    };
    let rules = ["pool_waiting", "pool_saturated", "pooler_down"];
    runs(&target(&server, Some(&pooler)), fault, || drop(taken.borrow_mut().take()), &rules)
}

/// The region's file.
fn target(server: &Postgres, pooler: Option<&PgBouncer>) -> String {
    let target = region([("d0".to_owned(), server.url("d0"))]);
    let console = |pooler: &PgBouncer| format!("[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{}\"\n", pooler.console_url());
    target + &pooler.map(console).unwrap_or_default()
}

fn runs(region: &str, fault: impl Fn() -> Instant, recover: impl Fn(), rules: &[&str]) -> Vec<Duration> {
    let one = |_| {
        let receiver = Receiver::start(Some(Receiver::SECRET));
        let hook = format!(
            "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\nsecret = \"{}\"\n",
            receiver.url(),
            Receiver::SECRET
        );
        let (node, _folder) = Node::configured(&[("global.toml", &hook), ("local.toml", region)]);
        node.expect_status("local/d0", "healthy", "", secs(30));
        pass(PEACE + Duration::from_millis(rand::random_range(0..1_000)));
        let began = fault();
        let told = |message: &serde_json::Value| {
            message["event"] == "firing" && rules.iter().any(|rule| message["alert"]["rule"] == *rule)
        };
        until("the message", secs(30), || match receiver.messages().first() {
            Some(first) if told(&first.body) => Ok(()),
            Some(other) => panic!("the first message is another: {}", other.body),
            None => Err("nothing".to_owned()),
        });
        let took = began.elapsed();
        drop(node);
        recover();
        took
    };
    (0..RUNS).map(one).collect()
}
