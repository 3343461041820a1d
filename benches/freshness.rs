//! How soon a change in a database is on the live stream.

use std::time::{Duration, Instant};

use isobar::sandbox::Postgres;

use crate::{
    crowd::{self, Session},
    report::{Section, ms, percentile},
    support::{Node, Stream, region, secs},
};

/// Databases that change at the same time, each at its own moments.
const DATABASES: usize = 4;

/// Changes of each.
const CHANGES: u32 = 50;

/// The least time between two changes, beside waiting for the one before.
const REST: Duration = Duration::from_millis(30);

const BUDGET: Duration = Duration::from_millis(500);

pub(crate) fn run() -> Section {
    let mut section = Section::new(
        "Fresh truth",
        format!(
            "{} changes in {DATABASES} databases at once: a session begins or ends a transaction, and the time counts until its target's \
             `idleInTransaction` on `/api/stream` says so. At 4 samples a second a change waits 125 ms on average for the next one.",
            DATABASES as u32 * CHANGES
        ),
    );
    let server = crowd::server(DATABASES);
    let own = || (0..DATABASES).map(|nth| (format!("t{nth}"), server.url(&format!("d{nth}"))));

    let (node, _folder) = Node::configured(&[("local.toml", &region(own()))]);
    say(&mut section, "alone", &changes(&node, &server));
    drop(node);

    crowd::fill_statements(&server, 5_000);
    let tables = "DO $$ BEGIN FOR n IN 1..500 LOOP EXECUTE 'CREATE TABLE wide' || n || ' (id serial PRIMARY KEY, name text)'; END LOOP; END $$";
    (0..DATABASES).for_each(|nth| drop(server.sql(&format!("d{nth}"), tables).expect("tables")));
    let busy = "[sampling]\nstatements = \"1s\"\nsize = \"5s\"\nimpact_budget = 0.2\n";
    let (node, _folder) = Node::configured(&[("global.toml", busy), ("local.toml", &region(own()))]);
    say(&mut section, "while 5,000 statements are read each second and sizes each 5 s", &changes(&node, &server));
    drop(node);

    let frozen = crowd::server(1);
    let with_frozen = own().chain([("frozen".to_owned(), frozen.url("d0"))]);
    let (node, _folder) = Node::configured(&[("local.toml", &region(with_frozen))]);
    node.expect_status("local/frozen", "healthy", "", secs(20));
    frozen.freeze();
    node.expect_status("local/frozen", "unhealthy", "database_unresponsive", secs(20));
    say(&mut section, "while another target's server is frozen", &changes(&node, &server));
    section
}

fn say(section: &mut Section, when: &str, took: &[Duration]) {
    let p95 = percentile(took, 95);
    let figures = [percentile(took, 50), p95, percentile(took, 100)].map(ms).join(" / ");
    section.held(format!("{when}: p50 / p95 / max"), "p95 ≤ 500 ms", figures, p95 <= BUDGET);
}

fn changes(node: &Node, server: &Postgres) -> Vec<Duration> {
    let change = |nth: usize| {
        node.expect_status(&format!("local/t{nth}"), "healthy", "", secs(20));
        let stream = node.stream(&format!("?region=local&target=t{nth}"));
        let session = Session::open(&server.superuser_url(&format!("d{nth}")));
        (0..CHANGES)
            .map(|change| {
                // Not in step with the samples, which would show always the same delay.
                std::thread::sleep(REST + Duration::from_millis(rand::random_range(0..100)));
                let (statement, count) = if change % 2 == 0 { ("BEGIN", 1) } else { ("COMMIT", 0) };
                session.sql(statement);
                shown(&stream, count)
            })
            .collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let changing: Vec<_> = (0..DATABASES).map(|nth| scope.spawn(move || change(nth))).collect();
        changing.into_iter().flat_map(|one| one.join().expect("all changes are seen")).collect()
    })
}

/// How long from now until the stream says so.
fn shown(stream: &Stream, idle_in_transaction: u64) -> Duration {
    let began = Instant::now();
    let event = stream.expect("the change", secs(10), |event| {
        event.kind == "update" && event.data["connectionPool"]["idleInTransaction"].as_u64() == Some(idle_in_transaction)
    });
    event.at.saturating_duration_since(began)
}
