//! A reader of the live stream.

use std::{
    io::{BufRead, BufReader},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;

/// One server-sent event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
    /// When its last line arrived.
    pub(crate) at: Instant,
}

/// An open stream, read on a thread of its own.
pub(crate) struct Stream {
    events: Receiver<Event>,
}

impl Stream {
    pub(crate) fn open(url: &str) -> Self {
        let http = reqwest::blocking::Client::builder().timeout(None).build().expect("a client");
        let answer = http.get(url).send().expect("the stream opens");
        assert_eq!(answer.status(), 200, "{url}");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            let (mut id, mut kind, mut data) = (String::new(), String::new(), String::new());
            for line in BufReader::new(answer).lines().map_while(Result::ok) {
                if let Some(value) = line.strip_prefix("id:") {
                    value.trim().clone_into(&mut id);
                } else if let Some(value) = line.strip_prefix("event:") {
                    value.trim().clone_into(&mut kind);
                } else if let Some(value) = line.strip_prefix("data:") {
                    data.push_str(value.trim());
                } else if line.is_empty() && !data.is_empty() {
                    let data = serde_json::from_str(&std::mem::take(&mut data)).expect("JSON data");
                    let event = Event { id: id.clone(), kind: std::mem::take(&mut kind), data, at: Instant::now() };
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            }
        });
        Self { events }
    }

    /// The next event that is wanted; others are passed over.
    #[track_caller]
    pub(crate) fn expect(&self, what: &str, within: Duration, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) if wanted(&event) => return event,
                Ok(_) => {}
                Err(why) => panic!("{what}: no such event within {within:?}: {why}"),
            }
        }
    }
}
