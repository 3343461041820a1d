//! A flood of health checks, and the sampling that goes on.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use isobar::sandbox::runtime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    crowd, meter,
    report::{Section, ms, percent, percentile},
    support::{Node, Stream, pass, region, secs},
};

/// Connections that are kept, one request on its way in each.
const CONNECTIONS: usize = 64;

const WINDOW: Duration = secs(5);

const DATABASES: usize = 10;

pub(crate) fn run() -> Section {
    let server = crowd::server(DATABASES);
    let targets = (0..DATABASES).map(|nth| (format!("t{nth}"), server.url(&format!("d{nth}"))));
    let (node, _folder) = Node::configured(&[("local.toml", &region(targets))]);
    node.expect_status(&format!("local/t{}", DATABASES - 1), "healthy", "", secs(20));
    pass(secs(3));
    let stream = node.stream("");
    let (quiet, quiet_gap) = rhythm(&stream, Instant::now() + WINDOW);

    let address = node.base().trim_start_matches("http://").to_owned();
    let (before, began) = (meter::process(node.pid()), Instant::now());
    let flood = std::thread::spawn(move || runtime::block_on(flood(address, began + WINDOW)));
    let (flooded, flooded_gap) = rhythm(&stream, began + WINDOW);
    let took = flood.join().expect("the flood ends");
    let cpu = meter::process(node.pid()).saturating_sub(before);
    let seconds = began.elapsed().as_secs_f64();

    let mut section = Section::new(
        "`GET /api/health` under a flood",
        format!(
            "{CONNECTIONS} kept connections, one request on its way in each, for {} s, while {DATABASES} targets are sampled 4 times a \
             second. The client shares the cores with the node and the database server, and takes its part of them.",
            WINDOW.as_secs()
        ),
    );
    let rate = took.len() as f64 / seconds;
    let p99 = percentile(&took, 99);
    section.held("requests answered, per second", "≥ 20,000", format!("{rate:.0}"), rate >= 20_000.0);
    section.held("p99 as the client sees it", "< 5 ms", ms(p99), p99 < Duration::from_millis(5));
    section.beside("processor time of the node per request", format!("{:.0} µs", cpu.as_secs_f64() * 1e6 / took.len() as f64));
    section.beside("processor of the node, of one core", percent(cpu.as_secs_f64() / seconds));
    let said = |rate: f64, gap: Duration| format!("{rate:.2}/s, longest gap {}", ms(gap));
    section.held(
        "samples per target on the stream, quiet and flooded",
        "≥ 3.9/s flooded",
        format!("{}; {}", said(quiet, quiet_gap), said(flooded, flooded_gap)),
        flooded >= 3.9,
    );
    section
}

/// Newer samples per target and second until then, and the longest time without one.
fn rhythm(stream: &Stream, until: Instant) -> (f64, Duration) {
    type Seen = (String, Instant, u32, Duration);
    let began = Instant::now();
    let seen: RefCell<BTreeMap<String, Seen>> = RefCell::default();
    stream.expect("updates", WINDOW * 4, |event| {
        let text = |key: &str| event.data[key].as_str().unwrap_or_default().to_owned();
        if event.kind == "update" && event.at >= began {
            let (mut seen, at) = (seen.borrow_mut(), text("timestamp"));
            let (last, when, count, gap) = seen.entry(text("target")).or_insert((String::new(), began, 0, Duration::ZERO));
            if *last != at {
                *gap = (*gap).max(event.at.saturating_duration_since(*when));
                (*last, *when, *count) = (at, event.at, *count + 1);
            }
        }
        event.at >= until
    });
    let (seen, seconds) = (seen.into_inner(), began.elapsed().as_secs_f64());
    let least = seen.values().map(|(_, _, count, _)| *count).min().filter(|_| seen.len() == DATABASES).unwrap_or_default();
    (f64::from(least) / seconds, seen.values().map(|(.., gap)| *gap).max().unwrap_or_default())
}

/// How long each answer took.
async fn flood(address: String, until: Instant) -> Vec<Duration> {
    let ask = |address: String| async move {
        let mut socket = TcpStream::connect(&address).await.expect("the node listens");
        socket.set_nodelay(true).expect("a socket");
        let (mut answer, mut took) = (vec![0; 4_096], Vec::new());
        while Instant::now() < until {
            let began = Instant::now();
            socket.write_all(b"GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n").await.expect("a request");
            let read = socket.read(&mut answer).await.expect("an answer");
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
            assert!(answer[..read].ends_with(b"}"), "an answer in pieces: {}", String::from_utf8_lossy(&answer[..read]));
            took.push(began.elapsed());
        }
        took
    };
    let asking: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(ask(address.clone()))).collect();
    let mut all = Vec::new();
    for one in asking {
        all.extend(one.await.expect("it asks to the end"));
    }
    all
}
