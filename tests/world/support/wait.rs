//! Waiting for a condition, with a deadline.

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
