//! Many databases on one server: still two connections.

use std::{collections::BTreeSet, time::Instant};

use crate::{
    crowd::{self, Crowd, Session},
    meter::Meter,
    report::{Section, percent},
    support::{Node, pass, region, secs, until},
};

const DATABASES: usize = 50;

/// Looks at the server's sessions, one a second; a minute, since every database's size is read once in it.
const LOOKS: u32 = 60;

pub(crate) fn run() -> Section {
    let server = crowd::server(DATABASES);
    let mut crowd = Crowd::new();
    for nth in 0..DATABASES {
        crowd.join(1, &server.superuser_url(&format!("d{nth}")), "SELECT 1", Some(("SELECT 1", secs(1))));
    }
    let session = Session::open(&server.superuser_url("postgres"));
    let targets = (0..DATABASES).map(|nth| (format!("t{nth}"), server.url(&format!("d{nth}"))));
    let (node, _folder) = Node::configured(&[("local.toml", &region(targets))]);
    until("all targets are seen", secs(20), || {
        let databases = node.json("/api/databases");
        let seen = databases["databases"].as_array().map_or(0, |all| all.iter().filter(|one| one["status"] == "healthy").count());
        if seen == DATABASES { Ok(()) } else { Err(format!("{seen} healthy")) }
    });
    pass(secs(3));

    let meter = Meter::start(&server, &session, "isobar");
    let (mut residents, mut most) = (BTreeSet::new(), 0);
    for _ in 0..LOOKS {
        let began = Instant::now();
        let rows =
            session.sql("SELECT pid, backend_start < now() - interval '2 s' FROM pg_stat_activity WHERE usename = 'isobar'");
        residents.extend(rows.iter().filter(|row| row.get(1) == Some("t")).filter_map(|row| row.get(0)?.parse::<i32>().ok()));
        most = most.max(rows.len());
        pass(secs(1).saturating_sub(began.elapsed()));
    }
    let bill = meter.stop();

    let mut section = Section::new(
        "Many databases on one server",
        format!(
            "PostgreSQL {} with {DATABASES} databases, a session in each, all of them targets, 4 samples a second of each.",
            server.major()
        ),
    );
    let count = residents.len();
    section.held(format!("connections that stay, in {LOOKS} looks"), "≤ 2", count.to_string(), count <= 2);
    section.beside("connections at most, with short client checks", most.to_string());
    section.beside("all that Isobar costs the server, of one core", percent(bill.share()));
    section.beside("- of it the fast lane", percent(bill.of(bill.fast)));
    section.beside("- of it the slow lane (a size each 1.2 s)", percent(bill.of(bill.other)));
    section.beside("- of it fresh client checks", percent(bill.of(bill.forks)));
    section
}
