//! The other end of both channels: takes messages slowly, now and then with an error or a cut connection, and writes each down before it
//! answers.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value;

/// It takes up to this long for an answer, so that many a kill comes in between.
pub(super) const SLOWEST: Duration = Duration::from_millis(100);
/// Ends Slack's title, so that it can be told from the text behind it.
pub(super) const TITLE_ENDS: &str = " ;;";

/// One message that arrived.
#[derive(Debug, Clone)]
pub(super) struct Post {
    /// Which life sent it, by the address that it was sent to: when it was read says nothing, since what a killed process sent may be read
    /// after its end.
    pub(super) life: usize,
    /// The webhook's key; Slack has none, there it is what the title says.
    pub(super) key: String,
    /// `firing`, `resolved`, ...
    pub(super) event: String,
    /// The incident; with Slack, whose incidents have one each, rule and target.
    pub(super) about: String,
    /// Whether it says that it may be a repeat.
    pub(super) marked: bool,
    /// Whether it is told to the sender that it was taken.
    pub(super) taken: bool,
}

/// See the module.
pub(super) struct Receiver {
    pub(super) port: u16,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Receiver {
    pub(super) fn start(seed: u64) -> Self {
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

    pub(super) fn posts(&self) -> Vec<Post> {
        let mut posts = self.posts.lock().expect("no panic while held").clone();
        posts.sort_by_key(|post| post.life);
        posts
    }

    pub(super) fn count(&self) -> usize {
        self.posts.lock().expect("no panic while held").len()
    }
}

/// Answers one connection's requests until it ends.
fn serve(stream: &TcpStream, posts: &Mutex<Vec<Post>>, mut rng: SmallRng) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut key, mut length, mut whose) = (None, 0, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(path) = line.strip_prefix("POST /hook/") {
                whose = path.split(' ').next()?.parse().ok()?;
            }
            let (name, value) = line.trim().split_once(':').unwrap_or_default();
            match name.to_lowercase().as_str() {
                "webhook-id" => key = Some(value.trim().to_owned()),
                "content-length" => length = value.trim().parse().ok()?,
                _ if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let said: Value = serde_json::from_slice(&body).expect("JSON");
        let (fails, cuts) = (rng.random_bool(0.04), rng.random_bool(0.04));
        let mut post = key.map_or_else(|| of_slack(&said), |key| of_webhook(key, &said));
        (post.life, post.taken) = (whose, !fails && !cuts);
        posts.lock().expect("no panic while held").push(post);
        thread::sleep(SLOWEST.mul_f64(rng.random_range(0.0..=1.0)));
        if cuts {
            return stream.shutdown(Shutdown::Both).ok();
        }
        let answer: &[u8] = if fails {
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        };
        writer.write_all(answer).ok()?;
    }
}

fn of_webhook(key: String, said: &Value) -> Post {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (event, about) = (text(&said["event"]), text(&said["alert"]["id"]));
    Post { life: 0, key, event, about, marked: false, taken: true }
}

fn of_slack(said: &Value) -> Post {
    let (title, _) = said["text"].as_str().and_then(|text| text.split_once(TITLE_ENDS)).expect("a title");
    let (what, about) = title.split_once(": ").expect("an event and a subject");
    let about = about.split(" after ").next().expect("a subject").to_owned();
    let event = match what.split(' ').next() {
        Some("FIRING") => "firing",
        Some("FIRED") => "both",
        Some("RESOLVED") => "resolved",
        Some("ACKNOWLEDGED") => "acknowledged",
        other => panic!("no such event: {other:?}"),
    };
    let (key, marked) = (format!("{event} {about}"), said.to_string().contains("may be a repeat"));
    Post { life: 0, key, event: event.to_owned(), about, marked, taken: true }
}
