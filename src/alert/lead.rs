//! What this node may do about its region's alerts: lead, follow, or act for a region whose Redis is gone. Pure.
//!
//! ```text
//!              lease mine                 Redis silent for 2.5 s              for GRACE, and STAGGER per rank
//!   Follow ───────────────► Lead ──────────────────────► Wait ─────────────────────────► Island
//!     ▲  ◄──────────────────┘ lease lost                  ▲ ◄── Redis answers ─────────────┘
//!     └── Redis answers, another leads ───────────────────┘
//! ```

use std::time::{Duration, Instant};

use crate::model::cluster::Membership;

/// A Redis that is silent for so long is gone: the region's nodes act for themselves.
pub const GRACE: Duration = Duration::from_secs(10);
/// And the next node so much later, since it cannot know what the first has done.
pub const STAGGER: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// There is no bus: this node tells everything.
    Alone,
    /// Another node tells; this one keeps a copy.
    Follow,
    /// This node tells, until that moment unless it hears more.
    Lead {
        /// Of its lease.
        fence: u64,
        /// When it must stop.
        until: Instant,
        /// Whether Redis must be written anew.
        wiped: bool,
    },
    /// Redis is silent: nobody tells, and what is decided waits.
    Wait,
    /// Redis is gone: this node tells criticals.
    Island {
        /// Its place among the region's nodes: the first tells; the second tells again, marked where that is seen; others only where
        /// the same key is one message.
        rank: usize,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Lead {
    _started: Instant,
    _heard: Option<Membership>,
}

impl Lead {
    /// Of a node that has just started; without a bus it is alone.
    pub fn new(_is_clustered: bool, _now: Instant) -> Self {
        todo!()
    }

    /// What Redis told last.
    pub fn hear(&mut self, _membership: Membership) {
        todo!()
    }

    /// What to do now.
    pub fn duty(&self, _now: Instant) -> Duty {
        todo!()
    }
}
