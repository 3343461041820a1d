//! **5 ADVISE.** What to change, why, and what that would bring.
//!
//! ```text
//!  ArcSwap<World> ──► every 10 s ──► window per pool ──► demand ──► pool size ─┬─► ArcSwap<Advice> ──► web
//!                                    counters' deltas    or why not            │
//!                        sessions as they are ─────────────► findings ─────────┤
//!                        a pool's size has changed ────────► outcome ──────────┘
//! ```
//! A pool's counters tell how many transactions came, for how long each held a server connection and how long clients waited for one: that
//! is a queue, and `queueing` says how long the wait would be with another number of connections. What cannot be known is said with its
//! cause and never guessed at: a pool that is full all the time shows what it lets through, not what would come.
//!
//! Beside it the `analyst` asks the store for the past of each target, and publishes what it says: changes, what is usual, what runs out,
//! and statements that are other than they were.
//!
//! Cold start: nothing is said before half a window was seen. Recovery: windows are in memory only and begin anew; what was advised, taken and
//! came of it is in the notes, when there are any (`memory`). Each node advises on the targets of its own regions, from the whole reports that it has of them.

pub mod actor;
mod adviser;
pub mod analyst;
mod applications;
mod bound;
mod contention;
mod demand;
mod findings;
mod fitting;
mod look;
mod memory;
mod mix;
mod outcome;
mod pool_size;
mod pooler_words;
mod queueing;
mod timeouts;
mod wording;

use std::time::Duration;

/// `[advice]` in `global.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How far back it looks; short windows follow the load, long ones are steadier.
    pub window: Duration,
    /// How often it looks.
    pub every: Duration,
}

impl Default for Settings {
    /// Three minutes of steady load are some thousand transactions, which is enough for a mean; ten seconds are enough to see bursts.
    fn default() -> Self {
        Self { window: Duration::from_mins(3), every: Duration::from_secs(10) }
    }
}
