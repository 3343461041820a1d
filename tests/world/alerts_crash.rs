//! `kill -9` at random points of a node's life, most of them around a delivery: before the call, during it, after it, before its record. What the
//! receiver wrote down and what the node says at the end must agree: nothing critical lost, no end before its beginning, a repeat only after
//! a crash, and with the same key.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use isobar::sandbox::Postgres;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value;

use crate::support::{Node, secs, until};

/// Nodes that live and die side by side, each with targets, a receiver and a journal of its own.
const WORLDS: u64 = 3;
/// So often each is killed: 201 times in all.
const KILLS: usize = 67;
const TARGETS: usize = 8;
/// Lives between two changes of the world.
const PHASE: usize = 11;
/// After this long no life waits for a message any more.
const BUDGET: Duration = Duration::from_secs(75);
/// The receiver takes up to this long for its answer, so that many a kill comes in between.
const SLOWEST: Duration = Duration::from_millis(250);

/// One message that arrived.
#[derive(Debug, Clone)]
struct Post {
    at: Instant,
    key: String,
    event: String,
    id: String,
}

/// A webhook's other end: takes everything, slowly, and writes it down as soon as it is there.
struct Receiver {
    port: u16,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Receiver {
    fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let posts = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posts);
        thread::spawn(move || {
            for (number, stream) in (0..).zip(listener.incoming().map_while(Result::ok)) {
                let (kept, rng) = (Arc::clone(&kept), SmallRng::seed_from_u64(seed << 32 | number));
                thread::spawn(move || serve(&stream, &kept, rng));
            }
        });
        Self { port, posts }
    }

    fn posts(&self) -> Vec<Post> {
        self.posts.lock().expect("no panic while held").clone()
    }
}

/// Answers one connection's requests until it ends.
fn serve(stream: &TcpStream, posts: &Mutex<Vec<Post>>, mut rng: SmallRng) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut key, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let (name, value) = line.trim().split_once(':').unwrap_or_default();
            match name.to_lowercase().as_str() {
                "webhook-id" => value.trim().clone_into(&mut key),
                "content-length" => length = value.trim().parse().ok()?,
                _ if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let said: Value = serde_json::from_slice(&body).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let post = Post { at: Instant::now(), key, event: text(&said["event"]), id: text(&said["alert"]["id"]) };
        posts.lock().expect("no panic while held").push(post);
        thread::sleep(SLOWEST.mul_f64(rng.random_range(0.0..=1.0)));
        writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok()?;
    }
}

/// A port that leads to the database, or to nothing.
struct Relay {
    port: u16,
    open: Arc<AtomicBool>,
}

impl Relay {
    fn to(target: u16) -> Self {
        let first = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = first.local_addr().expect("an address").port();
        let open = Arc::new(AtomicBool::new(true));
        let is_open = Arc::clone(&open);
        thread::spawn(move || {
            let mut listener = Some(first);
            let mut streams: Vec<TcpStream> = Vec::new();
            loop {
                if is_open.load(Ordering::Relaxed) {
                    if listener.is_none() {
                        listener = TcpListener::bind(("127.0.0.1", port)).ok();
                    }
                    let Some(listener) = &listener else { continue };
                    listener.set_nonblocking(true).expect("set");
                    while let Ok((near, _)) = listener.accept() {
                        near.set_nonblocking(false).expect("set");
                        let far = TcpStream::connect(("127.0.0.1", target)).expect("the database");
                        for (from, to) in [(&near, &far), (&far, &near)] {
                            let (mut from, mut to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                            thread::spawn(move || {
                                let _ = std::io::copy(&mut from, &mut to);
                                let _ = to.shutdown(Shutdown::Both);
                            });
                        }
                        streams.extend([near, far]);
                    }
                } else {
                    listener = None;
                    streams.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
                }
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        Self { port, open }
    }

    fn set(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

/// Lives a node's lives, and judges them.
fn live(server: &Postgres, seed: u64) -> (usize, usize) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let receiver = Receiver::start(seed);
    let relays: Vec<Relay> = (0..TARGETS).map(|_| Relay::to(server.port())).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let through =
        |relay: &Relay| server.superuser_url("postgres").replace(&format!(":{}", server.port()), &format!(":{}", relay.port));
    let targets = relays
        .iter()
        .enumerate()
        .map(|(number, relay)| format!("[[target]]\nname = \"t{number}\"\nurl = \"{}\"\n\n", through(relay)));
    let global = format!(
        "[alerts]\npath = \"alerts.db\"\nresolve_after = \"1s\"\ndigest_above = 1000\n\n\
         [[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\n",
        receiver.port
    );
    let region = format!("region = \"here\"\n\n{}", targets.collect::<String>());
    std::fs::write(dir.path().join("global.toml"), global).expect("written");
    std::fs::write(dir.path().join("here.toml"), region).expect("written");

    let mut kills = Vec::new();
    let started = Instant::now();
    for life in 0..KILLS {
        // Half of the targets go, the other half comes back, and then stays so for some lives: an end needs time.
        for (number, relay) in relays.iter().enumerate() {
            relay.set((number + life / PHASE).is_multiple_of(2));
        }
        let node = Node::run(dir.path());
        let (before, born) = (receiver.posts().len(), Instant::now());
        let in_a_call = rng.random_bool(0.6) && started.elapsed() < BUDGET;
        let longest = Duration::from_millis(if in_a_call { 5_000 } else { rng.random_range(100..1_200) });
        while born.elapsed() < longest && !(in_a_call && receiver.posts().len() > before) {
            thread::park_timeout(Duration::from_millis(2));
        }
        if in_a_call {
            thread::park_timeout(SLOWEST.mul_f64(rng.random_range(0.0..1.3)));
        }
        drop(node);
        kills.push(Instant::now());
    }
    let node = Node::run(dir.path());
    relays.iter().for_each(|relay| relay.set(false));
    let (alerts, _) = until("every target is told to be down, and nothing waits", secs(60), || {
        let answer = node.json("/api/alerts");
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        let waits = |alert: &Value| {
            let mut deliveries = alert["deliveries"].as_array().into_iter().flatten();
            deliveries.any(|delivery| delivery["state"] == "queued" || delivery["state"] == "sending")
        };
        let down = alerts.iter().filter(|alert| alert["rule"] == "database_down" && alert["state"] == "firing").count();
        if down == TARGETS && !alerts.iter().any(waits) { Ok(alerts) } else { Err(format!("{down} down")) }
    });
    judge(&node, &alerts, &receiver.posts(), &kills);
    let ends = receiver.posts().iter().filter(|post| post.event == "resolved").count();
    (receiver.posts().len(), ends)
}

fn judge(node: &Node, alerts: &[Value], posts: &[Post], kills: &[Instant]) {
    let mut by_key: BTreeMap<&str, Vec<&Post>> = BTreeMap::new();
    posts.iter().for_each(|post| by_key.entry(&post.key).or_default().push(post));
    for (key, posts) in &by_key {
        assert!(!key.is_empty() && posts.iter().all(|post| post.event == posts[0].event && post.id == posts[0].id), "{posts:?}");
        for pair in posts.windows(2) {
            let in_between = |kill: &&Instant| pair[0].at < **kill && **kill < pair[1].at;
            assert!(kills.iter().any(|kill| in_between(&kill)), "repeated without a crash: {pair:?}");
        }
    }
    let first = |id: &str, event: &str| posts.iter().position(|post| post.id == id && post.event == event);
    for post in posts {
        let keys = posts.iter().filter(|other| other.id == post.id && other.event == post.event && post.event != "severity");
        assert!(keys.into_iter().all(|other| other.key == post.key), "one notice, two keys: {post:?}");
        let alert = alerts.iter().find(|alert| alert["id"] == post.id.as_str());
        let alert = alert.unwrap_or_else(|| panic!("told of what nobody knows: {post:?}"));
        let delivery = alert["deliveries"].as_array().into_iter().flatten().find(|delivery| delivery["key"] == post.key.as_str());
        assert!(delivery.is_some_and(|delivery| delivery["state"] == "sent"), "told, but not in the book: {post:?} {alert}");
        if post.event == "resolved"
            && first(&post.id, "firing").is_none_or(|firing| firing > first(&post.id, "resolved").unwrap_or(0))
        {
            let firing = alert["deliveries"].as_array().into_iter().flatten().find(|delivery| delivery["event"] == "firing");
            assert!(firing.is_some_and(|firing| firing["state"] == "cancelled"), "an end before its beginning: {post:?} {alert}");
        }
    }
    for alert in alerts.iter().filter(|alert| alert["severity"] == "critical" && alert["suppressedBy"].is_null()) {
        let id = alert["id"].as_str().unwrap_or_default();
        let is_told = posts.iter().any(|post| post.id == id && (post.event == "firing" || post.event == "resolved"));
        // One that was over while another hid it is told to nobody, and says so.
        let why = || node.get(&format!("/api/alerts/{id}/explain")).text().unwrap_or_default();
        assert!(
            is_told || alert["state"] == "pending" || why().contains("suppressed"),
            "a critical was lost: {alert}\n{}",
            why()
        );
    }
}

#[test]
fn two_hundred_kills_lose_nothing_critical_and_repeat_nothing_without_doubt() {
    let server = Postgres::builder().setting("max_connections", "200").start().expect("PostgreSQL");
    let told: Vec<(usize, usize)> = thread::scope(|scope| {
        let lives: Vec<_> = (1..=WORLDS)
            .map(|seed| {
                let server = &server;
                scope.spawn(move || live(server, seed))
            })
            .collect();
        lives.into_iter().map(|life| life.join().expect("no complaint")).collect()
    });
    let (posts, ends) = told.iter().fold((0, 0), |sum, told| (sum.0 + told.0, sum.1 + told.1));
    assert!(posts >= 30 && ends >= 3, "too little happened to prove anything: {posts} messages, {ends} ends");
    println!("{posts} messages, {ends} ends");
}
