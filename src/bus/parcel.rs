//! One write to Redis, kept until it is known to have arrived. Pure.
//!
//! Whether a write that failed was done is not known. So it is written again as it was, with the same numbers: whoever got it the first
//! time knows them and leaves it out, and no transition is told twice or lost. What came meanwhile waits until it has arrived.

use std::time::Instant;

use bytes::Bytes;

use super::{message::Message, outbox::Due, transport::Stream};

/// See the module.
#[derive(Debug, Default)]
pub struct Parcel {
    entries: Vec<(Stream, Bytes, Option<Instant>)>,
}

impl Parcel {
    /// Packs what is due; `encode` gives the next number of the stream to what the wire has words for.
    pub fn pack(due: Vec<Due>, mut encode: impl FnMut(Stream, &Message) -> Option<Bytes>) -> Self {
        let entry = |due: Due| Some((due.stream, encode(due.stream, &due.message)?, due.expires));
        Self { entries: due.into_iter().filter_map(entry).collect() }
    }

    /// What is to be written now; questions that nobody waits for any more are taken out.
    pub fn entries(&mut self, now: Instant) -> Vec<(Stream, Bytes)> {
        self.entries.retain(|(_, _, expires)| expires.is_none_or(|expires| expires > now));
        self.entries.iter().map(|(stream, bytes, _)| (*stream, bytes.clone())).collect()
    }

    /// Whether there is nothing to write.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
