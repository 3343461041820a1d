//! A reader of the live stream.

use std::{
    io::{BufRead, BufReader},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::client;

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
        Self::with(url, &[])
    }

    /// The same with headers.
    pub(crate) fn with(url: &str, headers: &[(&str, &str)]) -> Self {
        let http = client().timeout(None).build().expect("a client");
        let request = headers.iter().fold(http.get(url), |request, (name, value)| request.header(*name, *value));
        let answer = request.send().expect("the stream opens");
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

    /// The next event; none when it does not come in time, or the stream has ended.
    pub(crate) fn next(&self, within: Duration) -> Option<Event> {
        self.events.recv_timeout(within).ok()
    }

    /// Waits for the stream's end, passing over what comes before.
    #[track_caller]
    pub(crate) fn expect_end(&self, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("the stream is still open after {within:?}"),
            }
        }
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
                Err(error) => panic!("{what}: no such event within {within:?}: {error}"),
            }
        }
    }
}
