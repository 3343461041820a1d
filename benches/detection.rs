//! From a fault to a verdict on the live stream.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use isobar::sandbox::{PgBouncer, Postgres};

use crate::{
    crowd::{self, Crowd},
    report::{Section, ms, percentile},
    support::{Node, Stream, pass, secs},
};

/// Faults of each kind.
const RUNS: usize = 15;

/// How long a recovered server is left in peace.
const PEACE: Duration = Duration::from_millis(1_500);

/// Server connections of the pool that is exhausted.
const POOL: usize = 3;

pub(crate) fn run() -> Section {
    let mut section = Section::new(
        "Detection",
        format!(
            "{RUNS} faults of each kind at random moments, the three kinds at once on servers and nodes of their own; the time counts from the \
             fault until `/api/stream` says unhealthy and why. The budget is to the message at a channel, which comes on top of this. Default rules and sampling."
        ),
    );
    let (killed, frozen, exhausted) = std::thread::scope(|scope| {
        let kinds = [scope.spawn(killed), scope.spawn(frozen), scope.spawn(exhausted)];
        let [killed, frozen, exhausted] = kinds.map(|kind| kind.join().expect("all faults are seen"));
        (killed, frozen, exhausted)
    });
    for (name, took) in [("server killed", killed), ("server frozen", frozen), ("pool exhausted behind PgBouncer", exhausted)] {
        let (median, p95) = (percentile(&took, 50), percentile(&took, 95));
        let figures = [median, p95, percentile(&took, 100)].map(ms).join(" / ");
        let met = median <= Duration::from_millis(1_500) && p95 <= secs(3);
        section.held(format!("{name}: median / p95 / max"), "median ≤ 1.5 s, p95 ≤ 3 s", figures, met);
    }
    section.note(
        "An exhausted pool shows by its default rule, `pool_waiting`: the oldest client has waited for 1 s. So 1 s passes by definition, and \
         the moment of the next sample comes on top.",
    );
    section
}

fn killed() -> Vec<Duration> {
    let server = crowd::server(1);
    let node = Node::watch(&[&server.url("d0")]);
    let fault = || {
        let began = Instant::now();
        server.kill();
        began
    };
    runs(&node, fault, || server.restart().expect("the server is back"), &["database_down"])
}

fn frozen() -> Vec<Duration> {
    let server = crowd::server(1);
    let node = Node::watch(&[&server.url("d0")]);
    let fault = || {
        let began = Instant::now();
        server.freeze();
        began
    };
    runs(&node, fault, || server.thaw(), &["database_unresponsive"])
}

/// Three clients take all servers of the pool and keep them, and more come who want one.
fn exhausted() -> Vec<Duration> {
    let server = crowd::server(1);
    let pooler = pooler(&server);
    let node = Node::watch(&[&server.url("d0"), "--pooler", &pooler.console_url()]);
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
    runs(&node, fault, || drop(taken.borrow_mut().take()), &["pool_waiting", "pool_saturated", "pooler_down"])
}

fn pooler(server: &Postgres) -> PgBouncer {
    let pooler = PgBouncer::builder().database("d0", server).pool_mode("transaction").default_pool_size(POOL as u32);
    pooler.start().expect("PgBouncer")
}

fn runs(node: &Node, fault: impl Fn() -> Instant, recover: impl Fn(), rules: &[&str]) -> Vec<Duration> {
    node.expect_status("local/d0", "healthy", "", secs(30));
    let shown = Shown { stream: node.stream(""), status: RefCell::default(), reasons: RefCell::default() };
    let one = |_| {
        pass(PEACE + Duration::from_millis(rand::random_range(0..1_000)));
        let began = fault();
        let took = shown.told("unhealthy", rules).saturating_duration_since(began);
        recover();
        shown.told("healthy", &[]);
        took
    };
    (0..RUNS).map(one).collect()
}

/// What the stream has shown so far; an update holds only what changed.
struct Shown {
    stream: Stream,
    status: RefCell<String>,
    reasons: RefCell<Vec<String>>,
}

impl Shown {
    /// When the stream says so, with one of these rules among the reasons, if any are given.
    fn told(&self, status: &str, rules: &[&str]) -> Instant {
        let event = self.stream.expect(&format!("{status} {rules:?}"), secs(30), |event| {
            if event.kind != "update" {
                return false;
            }
            if let Some(status) = event.data["status"].as_str() {
                status.clone_into(&mut self.status.borrow_mut());
            }
            if let Some(reasons) = event.data["reasons"].as_array() {
                let rule = |reason: &serde_json::Value| reason["rule"].as_str().unwrap_or_default().to_owned();
                *self.reasons.borrow_mut() = reasons.iter().map(rule).collect();
            }
            let why = rules.is_empty() || self.reasons.borrow().iter().any(|rule| rules.contains(&rule.as_str()));
            *self.status.borrow() == status && why
        });
        event.at
    }
}
