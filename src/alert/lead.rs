//! What this node may do about its region's alerts: lead, follow, or act for a region whose Redis is gone. Pure.
//!
//! ```text
//!              lease mine                 Redis silent for 2.5 s              for GRACE, and STAGGER per rank
//!   Follow ───────────────► Lead ──────────────────────► Wait ─────────────────────────► Island
//!     ▲  ◄──────────────────┘ lease lost                  ▲ ◄── Redis answers ─────────────┘
//!     └── Redis answers, another leads ───────────────────┘
//! ```
//! Nothing is asked of others: a node knows its place from what Redis told last, so nodes that cannot hear each other act one after the
//! other. One that never heard who else there is takes the second place, since it may be the first that has just come back.

use std::time::{Duration, Instant};

use crate::model::{
    NodeName,
    cluster::{Lease, Membership},
};

/// A Redis that has not answered for so long is silent: as long as a leader keeps its lease without hearing more.
pub const SILENT: Duration = Duration::from_millis(2_500);
/// A Redis that is silent for so long is gone: the region's nodes act for themselves.
pub const GRACE: Duration = Duration::from_secs(10);
/// And the next node so much later, since it cannot know what the first has done.
pub const STAGGER: Duration = Duration::from_secs(15);

/// Who did not look for so long was asleep: its process or its machine stood still.
const NAP: Duration = Duration::from_secs(2);
/// And must hear Redis say nothing for so long before it takes it for gone: the silence was its own.
const AWAKE: Duration = Duration::from_secs(4);

/// The place of a node that does not know the others.
const UNKNOWN: usize = 1;

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
        /// Its place among the region's nodes: the first tells; the second tells again; others only where the same key is one message.
        rank: usize,
        /// Whether nobody else was alive when Redis was last heard: then nobody else tells the same. Otherwise it may be this node alone
        /// that is cut off, while another one leads; where the same message twice is two to people, it says so.
        alone: bool,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Lead {
    is_clustered: bool,
    started: Instant,
    heard: Option<Membership>,
    /// Who led last, as far as is known.
    leader: Option<NodeName>,
    /// When it looked last, and when it woke up.
    looked: Option<Instant>,
    woke: Option<Instant>,
}

impl Lead {
    /// Of a node that has just started; without a bus it is alone.
    pub const fn new(is_clustered: bool, now: Instant) -> Self {
        Self { is_clustered, started: now, heard: None, leader: None, looked: None, woke: None }
    }

    /// What Redis told last.
    pub fn hear(&mut self, membership: Membership) {
        match &membership.lease {
            Lease::Mine { .. } => self.leader = Some(membership.me.clone()),
            Lease::Other(node) => self.leader = Some(node.clone()),
            Lease::Free => {}
        }
        self.heard = Some(membership);
    }

    /// Says that this node is awake; to be said many times a second.
    pub fn look(&mut self, now: Instant) {
        if self.looked.replace(now).is_some_and(|looked| now.saturating_duration_since(looked) > NAP) {
            self.woke = Some(now);
        }
    }

    /// What to do now.
    pub fn duty(&self, now: Instant) -> Duty {
        if !self.is_clustered {
            return Duty::Alone;
        }
        if let Some(Membership { lease: Lease::Mine { fence, until, wiped }, .. }) = self.heard
            && now < until
        {
            return Duty::Lead { fence, until, wiped };
        }
        let silence = match &self.heard {
            Some(heard) => heard.silence(self.started, now),
            None => now.saturating_duration_since(self.started),
        };
        if silence < SILENT { Duty::Follow } else { self.without(silence, now) }
    }

    /// What a leader does instead whose Redis says that it leads and has taken and given nothing else for so long, as over a link too slow
    /// for what is kept: nobody else may tell, so it waits no longer than without one.
    pub fn stuck(&self, silence: Duration, now: Instant) -> Option<Duty> {
        Some(self.without(silence, now)).filter(|duty| matches!(duty, Duty::Island { .. }))
    }

    fn without(&self, silence: Duration, now: Instant) -> Duty {
        if self.woke.is_some_and(|woke| now.saturating_duration_since(woke) < AWAKE) {
            return Duty::Wait;
        }
        let rank = self.rank();
        let stagger = STAGGER.saturating_mul(u32::try_from(rank).unwrap_or(u32::MAX));
        if silence < GRACE.saturating_add(stagger) { Duty::Wait } else { Duty::Island { rank, alone: self.was_alone() } }
    }

    fn was_alone(&self) -> bool {
        let heard = self.heard.as_ref().filter(|heard| heard.answered.is_some());
        heard.is_some_and(|heard| heard.members.iter().all(|member| member.node == heard.me))
    }

    /// The last leader comes first, then the others by name; those who leave leave it to them.
    fn rank(&self) -> usize {
        let Some(heard) = self.heard.as_ref().filter(|heard| heard.answered.is_some()) else { return UNKNOWN };
        let mut nodes: Vec<&NodeName> = heard.members.iter().filter(|it| !it.leaving).map(|it| &it.node).collect();
        nodes.sort_unstable_by_key(|node| (Some(*node) != self.leader.as_ref(), *node));
        nodes.iter().position(|node| **node == heard.me).unwrap_or(nodes.len())
    }
}

#[cfg(test)]
mod tests;
