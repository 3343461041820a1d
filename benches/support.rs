//! A running node and its stream, as the world tests have them.

#![allow(dead_code)] // the tests use more of them

#[path = "../tests/world/support/client.rs"]
mod client;
#[path = "../tests/world/support/node.rs"]
mod node;
#[path = "../tests/world/support/stream.rs"]
mod stream;

pub(crate) use client::client;
pub(crate) use node::Node;
pub(crate) use stream::Stream;

use std::time::{Duration, Instant};

/// Looks until `look` brings something; says what was awaited when the deadline passes.
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

/// Lets so much time pass.
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// A region's file: `local` with these targets, name and URL each, and what else belongs to one.
pub(crate) fn region(targets: impl IntoIterator<Item = (String, String)>) -> String {
    let target = |(name, url)| format!("\n[[target]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    targets.into_iter().map(target).fold("region = \"local\"\n".to_owned(), |text, target| text + &target)
}
