//! One write to Redis, kept until it is known to have arrived. Pure.
//!
//! Whether a write that failed was done is not known. So it is written again as it was, with the same numbers: whoever got it the first
//! time knows them and leaves it out, and no transition is told twice or lost. What came meanwhile waits until it has arrived.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;

use super::{message::Message, outbox::Due, transport::Stream};

/// One write carries so many bytes, or one message: hosted Redis takes 10 MB in one request.
const LARGEST: usize = 4 << 20;

/// See the module.
#[derive(Debug, Default)]
pub struct Parcel {
    entries: VecDeque<(Stream, Bytes, Option<Instant>)>,
}

impl Parcel {
    /// Packs what is due; `frames` gives the next numbers of the stream to what the wire has words for.
    pub fn pack(due: Vec<Due>, mut frames: impl FnMut(Stream, &Message) -> Vec<Bytes>) -> Self {
        let entries = due.into_iter().flat_map(|due| {
            let frames = frames(due.stream, &due.message);
            frames.into_iter().map(move |bytes| (due.stream, bytes, due.expires))
        });
        Self { entries: entries.collect() }
    }

    /// What is to be written next; questions that nobody waits for any more are taken out.
    pub fn entries(&mut self, now: Instant) -> Vec<(Stream, Bytes)> {
        self.entries.retain(|(_, _, expires)| expires.is_none_or(|expires| expires > now));
        let mut bytes = 0;
        let fits = |entry: &&(Stream, Bytes, Option<Instant>)| {
            let is_first = bytes == 0;
            bytes += entry.1.len();
            is_first || bytes <= LARGEST
        };
        self.entries.iter().take_while(fits).map(|(stream, bytes, _)| (*stream, bytes.clone())).collect()
    }

    /// So many of them have arrived.
    pub fn arrived(&mut self, entries: usize) {
        self.entries.drain(..entries.min(self.entries.len()));
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
