//! **5 KEEP.** The past of every target, on disk: second by second for an hour, then coarser and coarser for two years.
//!
//! ```text
//!  ArcSwap<World> ──► each second: one row of the journal, all targets in it
//!                          │ each minute
//!                          ▼
//!                     raw: a block per target ──► 10 s ──► 5 min ──► 1 h     min, max, mean, last, count; sketches of times
//!                                                   └────────┴────────┴──► after some hours: many rows become one block
//!  asked: what is gathered, and not yet in a block ──┐
//!         blocks of the fitting resolution ──────────┴──► merged to the step asked for
//! ```
//! One thread, `history-writer`, writes; nobody waits for it. What it gathers is in memory too, so an answer reaches up to this second,
//! and while the disk is full, or gone, memory goes on with the last minutes of it.
//!
//! Cold start: the journal is replayed as if its seconds came now, and the open five minutes and hour are added up again from blocks, so they
//! go on. Recovery: a file that is damaged is moved aside and a fresh one begun; a file that a newer Isobar wrote is left alone, and the
//! node does not start. A killed process loses the second it was writing.

mod block;
mod choose;
mod file;
mod gather;
pub mod keeper;
mod reader;
mod resume;
mod second;
mod series;
mod sketch;
mod spending;
pub mod store;
mod table;
mod tend;
pub mod writer;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

pub use file::Error;

use crate::model::history::Resolution;

/// `[history]` in `global.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file; none: nothing is kept.
    pub path: Option<PathBuf>,
    /// How long each second is kept. It is what the next coarser is made from after a restart, so at least ten minutes.
    pub keep_raw: Duration,
    /// How long ten seconds are kept.
    pub keep_10s: Duration,
    /// How long five minutes are kept, and the statements that cost most in them.
    pub keep_5m: Duration,
    /// How long hours are kept.
    pub keep_1h: Duration,
}

const DAY: Duration = Duration::from_hours(24);

impl Settings {
    /// How long a resolution is kept.
    pub const fn keep(&self, resolution: Resolution) -> Duration {
        match resolution {
            Resolution::Raw => self.keep_raw,
            Resolution::TenSeconds => self.keep_10s,
            Resolution::FiveMinutes => self.keep_5m,
            Resolution::Hour => self.keep_1h,
        }
    }
}

impl Default for Settings {
    /// Seconds for the incident of a moment ago, ten of them for yesterday's, minutes for a quarter, hours for the same season two years ago.
    fn default() -> Self {
        Self { path: None, keep_raw: Duration::from_hours(1), keep_10s: DAY * 2, keep_5m: DAY * 90, keep_1h: DAY * 730 }
    }
}
