//! The ground the other tests stand on: links do what a test says, by packets and by sockets.

use std::{
    io::{Read, Write},
    net::SocketAddrV4,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use isobar::sandbox::{Postgres, Redis};

use crate::support::{
    net::{Net, Place},
    secs, until,
};

/// What calls from a place: a line for each word that comes back, with how long that took.
const CALLER: &str = "
import socket, sys, time
host, port = sys.argv[1].split(':')
began = time.monotonic()
call = socket.create_connection((host, int(port)), float(sys.argv[2]))
call.settimeout(float(sys.argv[2]))
for _ in range(5):
    call.sendall(b'PING\\r\\n')
    if not call.recv(64).startswith(b'+PONG'):
        sys.exit(1)
print(int(1000 * (time.monotonic() - began)))
";

/// How long five questions took one after another, handshake included; none when an answer did not come.
fn ask(net: &Net, from: Place, to: Place, server: &Redis, patience: f32) -> Option<Duration> {
    let way = net.way(from, to, SocketAddrV4::new(server.host(), server.port()));
    let mut command = net.command(from, "python3");
    command.args(["-c", CALLER, &way.to_string(), &patience.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().expect("python3");
    let said = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
    Some(Duration::from_millis(said))
}

fn servers(net: &Net, places: &[&str]) -> Vec<Redis> {
    places.iter().map(|place| Redis::builder().at(&net.site(net.place(place))).start().expect("Redis")).collect()
}

fn links_do_as_they_are_told(mut net: Net) {
    let all = servers(&net, &["a", "b"]);
    let (a, b) = (net.place("a"), net.place("b"));
    let quick = Duration::from_millis(400);
    assert!(ask(&net, a, b, &all[1], 3.0).expect("an answer") < quick);

    net.slow(a, b, Duration::from_millis(50), 0);
    net.slow(b, a, Duration::from_millis(50), 0);
    let slow = ask(&net, a, b, &all[1], 3.0).expect("an answer");
    assert!(slow >= 5 * Duration::from_millis(100) && slow < secs(2), "{slow:?}");
    net.heal();
    assert!(ask(&net, a, b, &all[1], 3.0).expect("an answer") < quick);

    for (from, to) in [(a, b), (b, a)] {
        net.cut(from, to);
        assert_eq!(ask(&net, a, b, &all[1], 0.5), None, "cut one way, no answer comes either way");
        assert_eq!(ask(&net, b, a, &all[0], 0.5), None);
        assert!(ask(&net, a, a, &all[0], 3.0).is_some(), "a place reaches itself");
        assert!(all[1].ask::<String>(&["PING"]).is_ok(), "and the test reaches everybody");
        net.heal();
        assert!(ask(&net, b, a, &all[0], 3.0).is_some());
    }
}

#[test]
fn links_of_packets_slow_down_are_cut_and_heal() {
    let net = Net::between(&["a", "b"]);
    if !net.is_of_packets() {
        eprintln!("SKIP  | no network namespaces");
        return;
    }
    links_do_as_they_are_told(net);
}

#[test]
fn links_of_sockets_slow_down_are_cut_and_heal() {
    links_do_as_they_are_told(Net::of_sockets(&["a", "b"]));
}

#[test]
fn a_link_that_loses_packets_delivers_all_the_same() {
    let mut net = Net::between(&["a", "b"]);
    let all = servers(&net, &["a", "b"]);
    let (a, b) = (net.place("a"), net.place("b"));
    net.slow(a, b, Duration::from_millis(20), 10);
    net.slow(b, a, Duration::from_millis(20), 10);
    let answered = (0..5).filter(|_| ask(&net, a, b, &all[1], 10.0).is_some()).count();
    assert_eq!(answered, 5);
}

#[test]
fn servers_of_a_place_are_reached_from_the_others() {
    let net = Net::between(&["a", "b"]);
    let (a, b) = (net.place("a"), net.place("b"));
    let postgres = Postgres::builder().at(&net.site(b)).start().expect("PostgreSQL");
    postgres.create_database("shop").expect("a database");
    let way = net.way(a, b, SocketAddrV4::new(postgres.host(), postgres.port()));
    let mut command = net.command(a, "pg_isready");
    command.args(["-h", &way.ip().to_string(), "-p", &way.port().to_string()]).stdout(Stdio::null());
    assert!(command.status().is_ok_and(|status| status.success()), "from a to {way}");
}

/// A receiver of the test's is the internet to every place.
#[test]
fn every_place_reaches_the_internet_until_it_is_cut() {
    let mut net = Net::between(&["a"]);
    let listener = std::net::TcpListener::bind((net.internet_address(), 0)).expect("a port");
    let std::net::SocketAddr::V4(address) = listener.local_addr().expect("an address") else { panic!("IPv4") };
    std::thread::spawn(move || {
        for mut call in listener.incoming().map_while(Result::ok) {
            let _ = call.read(&mut [0; 64]);
            let _ = call.write_all(b"HTTP/1.1 204 -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let (a, internet) = (net.place("a"), net.internet());
    let call = |net: &Net| -> Child {
        let way = net.way(a, internet, address);
        let text = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=1)";
        let mut command: Command = net.command(a, "python3");
        command.args(["-c", text, &format!("http://{way}/")]).stdin(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("python3")
    };
    let ends = |mut child: Child| {
        let (status, _) = until("the call ends", secs(5), || child.try_wait().ok().flatten().ok_or_else(|| "calling".into()));
        status.success()
    };
    assert!(ends(call(&net)));
    net.cut(a, internet);
    let began = Instant::now();
    assert!(!ends(call(&net)) && began.elapsed() > Duration::from_millis(500), "cut, not refused");
    net.heal();
    assert!(ends(call(&net)));
}
