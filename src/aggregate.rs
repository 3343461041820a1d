//! **3 COMBINE.** The newest report per target, the regions' and the world's status, and the first trends.
//!
//! ```text
//!  Batch (one region, what is new) ──► Aggregator ──┬─► ArcSwap<World>   whoever asks: web workers, without asking an actor
//!                                                   └─► WorldChange      whoever must know at once: the live stream
//! ```
//! A batch is a region's heartbeat too: a region that is silent is blind, which is not the same as down. The world is immutable and
//! its parts are shared. Taking a batch only notes what is new in the region's `ledger`; what comes within some milliseconds is judged and
//! published together, so that a thousand nodes cost a reader no more than one, and what changes a judgement goes first. Views
//! from other regions make a `quorum`. Cold start: every configured region is unknown until it reports. Recovery: after a death of
//! this actor the next reports bring everything back.

use std::time::Duration;

use crate::model::Severity;

mod actor;
mod blind;
mod ledger;
mod quorum;
pub mod status;
pub mod trend;

/// When a silent region counts as blind: the rule `region_blind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blindness {
    /// Whether the rule gives a reason; a blind region is unknown all the same.
    pub enabled: bool,
    /// After so long without a report.
    pub after: Duration,
    /// How bad that is.
    pub severity: Severity,
}

pub use actor::{Aggregator, Reconfigure, Subscribers};
