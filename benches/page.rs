//! What the page takes of a visitor's machine, and what its visitors take of the server's.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use isobar::sandbox::{Postgres, runtime};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    crowd, density, meter,
    report::{Section, ms, percent, percentile},
    support::{Browser, Node, pass, region, secs},
};

/// Loads of the page, each with an empty cache.
const LOADS: usize = 9;

/// Visitors at once.
const VIEWERS: usize = 200;

/// How long the server is watched with and without them.
const WINDOW: Duration = secs(20);

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn run() -> Section {
    let minutes = std::env::var("ISOBAR_BENCH_MINUTES").ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(1_u64);
    let mut section = Section::new(
        "The page",
        format!(
            "Debian's Chromium without a window, on this machine too, over loopback; each load with an empty cache. For 1,000 targets the \
             servers are those of the density's bench; the page is open on the world for {minutes} min, then on the grid of targets as \
             long. Its share of a core is that of the process that runs it; its memory the heap after a collection. {VIEWERS} visitors are \
             as many readers of the whole stream."
        ),
    );
    let server = crowd::server(1);
    let (node, _folder) = Node::configured(&[("local.toml", &region([("shop".to_owned(), server.url("d0"))]))]);
    node.expect_status("local/shop", "healthy", "", secs(20));
    loads(&mut section, &node, "one target");
    visitors(&mut section, &node, "one target at 4/s");
    drop((node, server));

    let (servers, _crowd) = density::servers();
    thousand(&mut section, &servers, secs(60 * minutes));
    section
}

fn thousand(section: &mut Section, servers: &[Postgres], time: Duration) {
    let (node, _folder) = density::node(servers, 4, secs(1));
    node.expect_status("local/t999", "healthy", "", secs(60));
    loads(section, &node, "1,000 targets");
    for (path, name) in [("/", "the world"), ("/targets", "the grid of targets")] {
        stays(section, &node, path, name, time);
    }
    visitors(section, &node, "1,000 targets at 1/s");
}

/// How soon the first view is there, and what it weighs.
fn loads(section: &mut Section, node: &Node, name: &str) {
    let (mut first, mut largest, mut bytes) = (Vec::new(), Vec::new(), 0.0);
    let browser = Browser::open();
    for _ in 0..LOADS {
        browser.go("about:blank");
        browser.devtools("Network.clearBrowserCache", &json!({}));
        browser.go(node.base());
        let paints = browser.until("the first paints", secs(20), || {
            let paints = browser.wait(PAINTS);
            if paints["largest"].is_number() { Ok(paints) } else { Err(paints.to_string()) }
        });
        let figure = |key: &str| paints[key].as_f64().expect("a figure");
        first.push(Duration::from_secs_f64(figure("first") / 1e3));
        largest.push(Duration::from_secs_f64(figure("largest") / 1e3));
        bytes = figure("bytes");
    }
    let median = percentile(&first, 50);
    let most = ms(percentile(&first, 100));
    let budget = Duration::from_millis(500);
    section.held(
        format!("{name}: first contentful paint, median / max of {LOADS}"),
        "≤ 500 ms",
        format!("{} / {most}", ms(median)),
        median <= budget,
    );
    let median = percentile(&largest, 50);
    let most = ms(percentile(&largest, 100));
    let met = median <= budget;
    section.held(
        format!("{name}: largest paint, with its figures, median / max"),
        "≤ 500 ms",
        format!("{} / {most}", ms(median)),
        met,
    );
    section.held(format!("{name}: all that is loaded, compressed"), "≤ 150 kB", format!("{:.1} kB", bytes / 1e3), bytes <= 150e3);
}

/// The first view's paints, milliseconds, once a row of the world is there; and the bytes of all files.
const PAINTS: &str = "
    const largest = await new Promise((done) => {
      new PerformanceObserver((list) => done(list.getEntries().at(-1))).observe({ type: 'largest-contentful-paint', buffered: true });
      setTimeout(done, 2000);
    });
    const first = performance.getEntriesByName('first-contentful-paint')[0];
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const isThere = document.querySelector('main h1') !== null;
    return { first: first?.startTime, largest: isThere ? largest?.startTime : null, bytes: all.reduce((sum, one) => sum + one.encodedBodySize, 0) }";

/// The page's share of a core and its memory while it is open.
fn stays(section: &mut Section, node: &Node, path: &str, name: &str, time: Duration) {
    let browser = Browser::open();
    browser.go(&format!("{}{path}", node.base()));
    browser.expect("#world", "healthy");
    // Its first half minute is that of compilers.
    pass(secs(30).min(time));
    let heap = heap(&browser);
    let (renderers, all) = (cpu(&browser, "--type=renderer"), cpu(&browser, ""));
    let began = Instant::now();
    pass(time);
    let took = began.elapsed().as_secs_f64();
    let share = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() / took;
    let page = share(renderers, cpu(&browser, "--type=renderer"));
    let whole = share(all, cpu(&browser, ""));
    let (after, ages) = (self::heap(&browser), ages(&browser));
    section.held(format!("1,000 targets at 1/s, {name}: processor, of one core"), "≤ 20%", percent(page), page <= 0.2);
    section.beside(format!("1,000 targets at 1/s, {name}: all of Chromium"), percent(whole));
    section.beside(format!("1,000 targets at 1/s, {name}: age of the figures that it has, median / oldest"), ages);
    // A leak of a tenth of each update would be more than this.
    let grown = after - heap;
    section.held(
        format!("1,000 targets at 1/s, {name}: heap after {:.0} min", time.as_secs_f64() / 60.0),
        "no growth (≤ 1 MiB)",
        format!("{:.1} MiB, {:+.2} MiB", after / MIB, grown / MIB),
        grown <= MIB,
    );
}

/// How old the page's figures are, so that it is known to have followed.
fn ages(browser: &Browser) -> String {
    let script = "const own = [...document.scripts].find((one) => one.type === 'module').src;
                  const { world } = await import(new URL('lib/store.js', own));
                  return [...world.samples.values()].map((sample) => Date.now() - Date.parse(sample.timestamp))";
    let ages: Vec<_> = browser.wait(script).as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    assert!(ages.len() >= 1000, "{} targets", ages.len());
    let ages: Vec<_> = ages.into_iter().map(|age| Duration::from_secs_f64(age.max(0.0) / 1e3)).collect();
    format!("{} / {}", ms(percentile(&ages, 50)), ms(percentile(&ages, 100)))
}

/// Bytes that the page's objects take, after a collection.
fn heap(browser: &Browser) -> f64 {
    browser.devtools("HeapProfiler.enable", &json!({}));
    browser.devtools("HeapProfiler.collectGarbage", &json!({}));
    browser.devtools("Performance.enable", &json!({}));
    let metrics = browser.devtools("Performance.getMetrics", &json!({}));
    let is_heap = |metric: &&Value| metric["name"] == "JSHeapUsedSize";
    let heap = metrics["metrics"].as_array().into_iter().flatten().find(is_heap).and_then(|metric| metric["value"].as_f64());
    browser.devtools("HeapProfiler.disable", &json!({}));
    heap.expect("a heap")
}

/// Processor time of the browser's processes that were started with this.
fn cpu(browser: &Browser, argument: &str) -> Duration {
    let mut pids = browser.pids();
    let mut at = 0;
    while let Some(&parent) = pids.get(at) {
        at += 1;
        // Each thread has children of its own.
        for thread in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let new: Vec<i32> =
                children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| !pids.contains(pid)).collect();
            pids.extend(new);
        }
    }
    let is_so = |pid: &&i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(argument));
    pids.iter().filter(is_so).map(|&pid| meter::process(pid)).sum()
}

/// What so many readers of the stream take of the server.
fn visitors(section: &mut Section, node: &Node, name: &str) {
    let alone = server_share(node);
    let readers = Readers::of(node);
    pass(secs(5));
    let before = readers.bytes();
    let with = server_share(node);
    let rate = (readers.bytes() - before) as f64 / WINDOW.as_secs_f64() / 1e6;
    let cost = (with - alone).max(0.0);
    section.held(
        format!("{name}: {VIEWERS} visitors, the server's processor, of one core"),
        "≤ 50%",
        format!("{} ({rate:.1} MB/s; {} without them)", percent(cost), percent(alone)),
        cost <= 0.5,
    );
}

fn server_share(node: &Node) -> f64 {
    let (began, before) = (Instant::now(), meter::process(node.pid()));
    pass(WINDOW);
    meter::process(node.pid()).saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// They read and throw away, so that the machine is the server's.
struct Readers {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    bytes: Arc<AtomicU64>,
}

impl Readers {
    fn of(node: &Node) -> Self {
        let address = node.base().trim_start_matches("http://").to_owned();
        let bytes = Arc::<AtomicU64>::default();
        let read = |_| {
            let (address, bytes) = (address.clone(), Arc::clone(&bytes));
            runtime::handle().spawn(async move {
                let mut wire = tokio::net::TcpStream::connect(address).await.expect("a connection");
                wire.write_all(b"GET /api/stream HTTP/1.1\r\nHost: isobar\r\n\r\n").await.expect("a request");
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = wire.read(&mut buffer).await {
                    bytes.fetch_add(read as u64, Ordering::Relaxed);
                }
            })
        };
        Self { tasks: (0..VIEWERS).map(read).collect(), bytes }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
