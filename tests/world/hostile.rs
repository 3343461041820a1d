//! Whoever can reach the port may do this: open thousands of connections, send slowly, send much, send garbage. Sampling goes on
//! undisturbed, and memory stays bounded.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use isobar::sandbox::Postgres;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::{Node, secs, until};

/// The contract's number; fewer where the machine allows fewer files.
const IDLE: usize = 10_000;

/// Between two samples of a target at 4/s, with slack for a loaded machine.
const WIDEST_GAP: Duration = Duration::from_secs(2);

/// What one node with one target and thousands of strangers may take, in MiB; a debug build.
const MOST_MIB: u64 = 256;

fn address(node: &Node) -> &str {
    node.base().strip_prefix("http://").expect("HTTP")
}

/// Timestamps of the target from inside the stream, until `enough`; the widest gap between arrivals.
fn widest_gap(node: &Node, while_so: impl FnOnce()) -> Duration {
    let stream = node.stream("");
    stream.expect("an update", secs(10), |event| event.kind == "update");
    let begun = Instant::now();
    while_so();
    let (ended, mut last, mut widest) = (Instant::now(), begun, Duration::ZERO);
    loop {
        let event = stream.expect("an update", secs(20), |event| event.kind == "update");
        widest = widest.max(event.at.saturating_duration_since(last));
        last = event.at;
        if last > ended {
            return widest;
        }
    }
}

#[test]
fn thousands_of_idle_connections_do_not_disturb_sampling() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("our own limit raised");
    let connections = IDLE.min(usize::try_from(hard).unwrap_or(IDLE) / 2);
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&[&server.url("postgres")]);
    node.expect_status("local/postgres", "healthy", "", secs(10));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.pid())).expect("limits");
    let files: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max open files")).expect("files").split_whitespace().collect();
    assert_eq!(files[3], files[4], "the soft limit is the hard one");
    let before = node.resident_mib();
    let mut idle = Vec::with_capacity(connections);
    let widest = widest_gap(&node, || {
        while idle.len() < connections {
            let address = address(&node).parse().expect("an address");
            match TcpStream::connect_timeout(&address, secs(5)) {
                Ok(connection) => idle.push(connection),
                Err(error) => panic!("connection {}: {error}", idle.len()),
            }
        }
    });
    let after = node.resident_mib();
    println!("{} idle connections: widest gap {widest:?}, {before} to {after} MiB", idle.len());
    assert!(widest < WIDEST_GAP, "{widest:?}");
    assert!(after < MOST_MIB, "{after} MiB");
    // They run into the time a request may take; then there is room again for those who ask.
    let ((), took) = until("health is answered", secs(30), || {
        let asked = node.request("GET", "/api/health").timeout(secs(25)).send();
        asked
            .map_err(|error| error.to_string())
            .and_then(|answer| if answer.status() == 200 { Ok(()) } else { Err(answer.status().to_string()) })
    });
    println!("health is answered after {took:?}");
    drop(idle);
    node.expect_status("local/postgres", "healthy", "", secs(5));
}

#[test]
fn slow_long_and_wrong_requests_do_not_disturb_sampling() {
    let server = Postgres::start().expect("PostgreSQL");
    let global = "[web]\nviewer_token = \"viewer-token-0123456789\"\noperator_token = \"operator-token-0123456789\"\n\
                  public_details = true\n";
    let region = format!("region = \"local\"\n[[target]]\nname = \"main\"\nurl = \"{}\"\n", server.url("postgres"));
    let (node, _dir) = Node::configured(&[("global.toml", global), ("local.toml", &region)]);
    node.expect_status("local/main", "healthy", "", secs(10));
    let connect = || {
        let wire = TcpStream::connect(address(&node)).expect("a connection");
        wire.set_read_timeout(Some(secs(20))).expect("a timeout");
        wire.set_write_timeout(Some(secs(20))).expect("a timeout");
        wire
    };
    let widest = widest_gap(&node, || {
        // Heads that never end, a byte now and then.
        let mut slow: Vec<_> = (0..200).map(|_| connect()).collect();
        for wire in &mut slow {
            wire.write_all(b"GET /api/health HTTP/1.1\r\nHost: isobar\r\nX-Slow: ").expect("a beginning");
        }
        let garbage: Vec<u8> = (0..=255).cycle().take(64 * 1024).collect();
        let requests = [
            format!("GET /{} HTTP/1.1\r\nHost: isobar\r\n\r\n", "a".repeat(100_000)).into_bytes(),
            format!("GET /livez HTTP/1.1\r\nHost: isobar\r\nX-Long: {}\r\n\r\n", "b".repeat(1_000_000)).into_bytes(),
            format!("GET /livez HTTP/1.1\r\nHost: isobar\r\n{}\r\n", "X-Many: 1\r\n".repeat(10_000)).into_bytes(),
            format!("POST /api/session HTTP/1.1\r\nHost: isobar\r\nContent-Length: 100000000\r\n\r\n{}", "c".repeat(1_000_000))
                .into_bytes(),
            b"GET /livez HTTP/1.1\r\nHost: isobar\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            garbage,
        ];
        for request in requests.iter().cycle().take(80) {
            let mut wire = connect();
            // The node may hang up before all is sent; that is the point.
            let _ = wire.write_all(request);
            let _ = wire.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = wire.take(65_536).read_to_end(&mut answer);
            let head = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
            assert!(answer.is_empty() || head.starts_with("HTTP/1.1 4"), "{head}: {:?}", &request[..40.min(request.len())]);
        }
        for _ in 0..100 {
            let wrong =
                node.request("POST", "/api/session").json(&serde_json::json!({ "token": "guess" })).send().expect("an answer");
            assert!([401, 429].contains(&wrong.status().as_u16()), "{}", wrong.status());
        }
        // The slow ones are let go.
        for mut wire in slow {
            let mut answer = Vec::new();
            let _ = wire.read_to_end(&mut answer);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
        }
    });
    let mib = node.resident_mib();
    println!("hostile requests: widest gap {widest:?}, {mib} MiB");
    assert!(widest < WIDEST_GAP, "{widest:?}");
    assert!(mib < MOST_MIB, "{mib} MiB");
    assert_eq!(node.get("/api/health").status(), 200);
    assert!(!node.log().contains("panicked"), "{}", node.log());
}
