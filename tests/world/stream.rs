//! The live stream from outside: what it tells is enough to know everything, and it neither holds the node nor grows it.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    time::Instant,
};

use isobar::sandbox::Postgres;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::support::{Node, Stream, secs, until};

/// Applies an update as the page does: objects field by field, anything else as a whole. Tells fields that did not change.
fn apply(onto: &mut Value, update: &Value, at: &str, same: &mut Vec<String>) {
    match (onto, update) {
        (Value::Object(onto), Value::Object(update)) => {
            for (name, new) in update {
                apply(onto.entry(name.clone()).or_insert(Value::Null), new, &format!("{at}/{name}"), same);
            }
        }
        (onto, new) => {
            if onto == new && !["/region", "/target", "/timestamp"].contains(&at) {
                same.push(at.to_owned());
            }
            *onto = new.clone();
        }
    }
}

#[test]
fn a_snapshot_and_its_updates_rebuild_what_the_api_says() {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    let node = Node::watch(&[&server.url("shop")]);
    node.expect_status("local/shop", "healthy", "", secs(10));
    let stream = node.stream("?region=local&target=shop");
    let first = stream.next(secs(5)).expect("an event");
    assert_eq!(first.kind, "snapshot");
    let mut rebuilt = first.data["databases"][0].clone();
    let mut known = HashMap::from([(rebuilt["timestamp"].to_string(), rebuilt.clone())]);
    let (mut compared, mut updates) = (0, 0);
    until("ten samples compared", secs(30), || {
        server.sql("shop", "SELECT count(*) FROM pg_class").expect("SQL");
        let said = node.json("/api/databases?region=local")["databases"][0].clone();
        while !known.contains_key(&said["timestamp"].to_string()) && rebuilt["timestamp"].as_str() < said["timestamp"].as_str() {
            let event = stream.next(secs(5)).expect("the stream goes on");
            if event.kind != "update" {
                continue;
            }
            updates += 1;
            let mut same = Vec::new();
            apply(&mut rebuilt, &event.data, "", &mut same);
            assert_eq!(same, Vec::<String>::new(), "told though unchanged");
            known.insert(rebuilt["timestamp"].to_string(), rebuilt.clone());
        }
        if let Some(rebuilt) = known.get(&said["timestamp"].to_string()) {
            assert_eq!(*rebuilt, said);
            compared += 1;
        }
        if compared >= 10 && updates >= 10 { Ok(()) } else { Err(format!("{compared} compared, {updates} updates")) }
    });
}

#[test]
fn a_kill_and_a_return_are_told_as_they_happen() {
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&[&server.url("postgres")]);
    node.expect_status("local/postgres", "healthy", "", secs(10));
    let stream = node.stream("");
    server.kill();
    let is = |event: &crate::support::Event, what: &str| {
        event.kind == "alert" && event.data["event"] == what && event.data["alert"]["rule"] == "database_down"
    };
    let fired = stream.expect("database_down fires", secs(10), |event| is(event, "firing"));
    assert_eq!((&fired.data["region"], &fired.data["target"]), (&"local".into(), &"postgres".into()));
    assert_eq!(fired.data["alert"]["type"], "region_health");
    assert_eq!(fired.data["alert"]["severity"], "critical");
    server.restart().expect("PostgreSQL");
    stream.expect("database_down is resolved", secs(40), |event| is(event, "resolved"));
}

#[test]
fn who_comes_back_gets_what_was_missed() {
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&[&server.url("postgres")]);
    node.expect_status("local/postgres", "healthy", "", secs(10));
    let number = |id: &str| id.rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok()).expect("an id");
    let stream = node.stream("");
    let last = stream.expect("an update", secs(5), |event| event.kind == "update");
    let meanwhile = stream.expect("another", secs(5), |event| event.kind == "update");
    drop(stream);
    let url = format!("{}/api/stream", node.base());
    let again = Stream::with(&url, &[("Last-Event-ID", &last.id)]);
    let missed = again.next(secs(5)).expect("an event");
    assert_eq!((missed.id, missed.data), (meanwhile.id, meanwhile.data), "no snapshot, and nothing left out");
    let mut newest = number(&last.id);
    for _ in 0..5 {
        let event = again.next(secs(5)).expect("an event");
        assert!(number(&event.id) > newest, "{} after {newest}", event.id);
        newest = number(&event.id);
    }
    for unknown in ["0-1", "nonsense", &format!("{}9999", last.id)] {
        let stream = Stream::with(&url, &[("Last-Event-ID", unknown)]);
        assert_eq!(stream.next(secs(5)).map(|event| event.kind).as_deref(), Some("snapshot"), "{unknown}");
    }
}

#[test]
fn a_slow_reader_catches_up_and_costs_no_memory() {
    let server = Postgres::start().expect("PostgreSQL");
    let databases: Vec<_> = (0..20).map(|number| format!("d{number}")).collect();
    let mut region = "region = \"test\"\n".to_owned();
    for name in &databases {
        server.create_database(name).expect("a database");
        let _ = write!(region, "[[target]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url(name));
    }
    let (node, _dir) = Node::configured(&[("global.toml", "[sampling]\nfast = \"100ms\"\n"), ("test.toml", &region)]);
    for name in &databases {
        node.expect_status(&format!("test/{name}"), "healthy", "", secs(20));
    }
    let address: SocketAddr = node.base().strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(2_048).expect("a small buffer");
    socket.connect(&address.into()).expect("a connection");
    socket.set_read_timeout(Some(secs(20))).expect("a timeout");
    let mut slow = std::net::TcpStream::from(socket);
    slow.write_all(b"GET /api/stream HTTP/1.1\r\nHost: isobar\r\n\r\n").expect("a request");
    let mut head = [0; 16];
    slow.read_exact(&mut head).expect("the beginning");
    let (before, begun) = (node.resident_mib(), Instant::now());
    // A quick reader is the clock: the slow one has taken nothing of what it has seen.
    let quick = node.stream("");
    let (mut bytes, mut last) = (0, String::new());
    until("much told", secs(120), || {
        let event = quick.next(secs(5)).expect("the stream goes on");
        bytes += event.data.to_string().len();
        last = event.id;
        if bytes > 200_000 { Ok(()) } else { Err(format!("{bytes} bytes")) }
    });
    let grown = node.resident_mib().saturating_sub(before);
    assert!(grown < 32, "{grown} MiB more");
    println!("a slow reader costs {grown} MiB at most");
    // It takes what was left for it, and is where the quick one was, or starts over with a snapshot beyond that.
    let mut starts = 0;
    for line in BufReader::new(slow).lines() {
        let line = line.expect("the stream goes on");
        starts += u32::from(line.contains("event: snapshot"));
        if starts == 2 || line.contains(&last) {
            break;
        }
        assert!(begun.elapsed() < secs(240), "{starts} snapshots");
    }
}

#[test]
fn open_streams_do_not_hold_the_node() {
    let server = Postgres::start().expect("PostgreSQL");
    let node = Node::watch(&[&server.url("postgres")]);
    node.expect_status("local/postgres", "healthy", "", secs(10));
    let streams: Vec<_> = (0..50).map(|_| node.stream("")).collect();
    for stream in &streams {
        stream.expect("a snapshot", secs(5), |event| event.kind == "snapshot");
    }
    let (status, took) = node.stop();
    assert!(status.success() && took < secs(5), "{status} after {took:?}");
    for stream in &streams {
        stream.expect_end(secs(5));
    }
}
