//! A running node, as a test sees it: the real binary, its API over HTTP, its log.

mod client;
mod exposition;
pub(crate) mod node;
mod schema;
mod session;
mod stream;

pub(crate) use client::client;
pub(crate) use exposition::series;
pub(crate) use node::Node;
pub(crate) use schema::strays;
pub(crate) use session::Session;
pub(crate) use stream::{Event, Stream};

use std::time::{Duration, Instant};

/// Looks every few milliseconds until `look` brings something; says what was awaited when the deadline passes.
pub(crate) fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    let started = Instant::now();
    loop {
        match look() {
            Ok(found) => return (found, started.elapsed()),
            Err(seen) if started.elapsed() > within => panic!("{what}: not within {within:?}; last seen: {seen}"),
            Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
        }
    }
}

/// Seconds, for deadlines.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether `seen` is within this share of `truth`.
#[track_caller]
pub(crate) fn assert_close(what: &str, seen: f64, truth: f64, share: f64) {
    assert!((seen - truth).abs() <= truth.abs() * share, "{what}: {seen} is not within {}% of {truth}", share * 100.0);
}
