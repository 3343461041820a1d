//! The only reader of wall time. Everything else is handed an [`Instant`] or a [`Timestamp`], so that a decision can be
//! replayed in a test without waiting. Durations come from the monotonic clock; a jump of the wall clock moves only what people read.

use std::time::Instant;

use crate::model::Timestamp;

/// The wall clock now, for people to read; never for measuring how long something took.
#[allow(clippy::disallowed_methods)]
pub fn wall() -> Timestamp {
    Timestamp(chrono::Utc::now())
}

/// The monotonic clock now, for measuring and scheduling.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Instant {
    Instant::now()
}
