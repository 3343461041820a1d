//! What twenty outages in a row leave behind in Isobar itself and on the servers.

use std::fs;

use isobar::sandbox::PgBouncer;

use super::{SOON, assert_sessions, shop, watch_behind};
use crate::support::{Node, secs};

/// What a process holds.
#[derive(Debug)]
struct Held {
    resident_kib: u64,
    threads: u64,
    files: usize,
}

impl Held {
    fn by(node: &Node) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("it lives");
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let files = fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("it lives").count();
        Self { resident_kib: figure("VmRSS:"), threads: figure("Threads:"), files }
    }
}

#[test]
fn twenty_outages_leave_connections_memory_files_and_threads_flat() {
    const WARM_UP: usize = 5;
    let server = shop();
    let pooler = PgBouncer::builder().database("shop", &server).pool_mode("transaction").start().expect("PgBouncer");
    let node = watch_behind(&server, &pooler);
    let mut early = Held::by(&node);
    for cycle in 0..20 {
        if cycle == WARM_UP {
            early = Held::by(&node);
        }
        if cycle % 2 == 0 {
            server.kill();
            node.expect_status("local/shop", "unhealthy", "database_down", SOON);
            server.restart().expect("a restart");
        } else {
            pooler.kill();
            node.expect_status("local/shop", "unhealthy", "pooler_down", SOON);
            pooler.restart().expect("a restart");
        }
        node.expect_status("local/shop", "healthy", "", secs(15));
    }
    assert_sessions(&server, 3);
    let late = Held::by(&node);
    eprintln!("HELD  | after {WARM_UP} outages {early:?}, after 20 {late:?}");
    assert!(late.resident_kib < early.resident_kib + early.resident_kib / 10 + 2048, "{early:?} became {late:?}");
    assert_eq!(late.threads, early.threads, "{early:?} became {late:?}");
    // A check under way has a file or two.
    assert!(late.files <= early.files + 4, "{early:?} became {late:?}");
    assert_eq!(node.get("/readyz").status(), 200);
    let metrics = node.get("/metrics").text().expect("metrics");
    for restarts in ["isobar_roster_panics_total", "isobar_roster_hangs_total", "isobar_roster_probes_given_up"] {
        let line = metrics.lines().find(|line| line.starts_with(restarts)).unwrap_or_else(|| panic!("no {restarts}"));
        assert!(line.ends_with(" 0"), "an outage is no fault of a probe: {line}");
    }
}
