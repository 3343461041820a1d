//! What holds a server back, so that more connections would not help: seen from what its sessions wait for, or learned from an enlargement.
//! Pure.

use serde::{Deserialize, Serialize};

use super::look::Work;

/// So much of what is active, for "most of it".
const MOST: f64 = 0.7;
/// Processors that are as good as full.
const FULL: f64 = 0.8;
/// So much of what is active waits for locks.
const HALF: f64 = 0.5;

/// What an enlargement did to the service; times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Contention {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) before: f64,
    pub(super) after: f64,
}

/// What holds the server back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Bound {
    /// Its processors, or most that is active computes and nobody tells how many processors there are.
    Cpu(Work),
    /// Locks.
    Locks(Work),
    /// Something it shares: a larger pool made each transaction slower.
    Shared(Contention),
    /// Neither.
    Neither(Work),
    /// Sessions cannot be seen.
    Unseen,
}

impl Bound {
    /// By what its sessions wait for, in the mean.
    pub(super) fn of(work: Work) -> Self {
        let Work { active, cpu, lock, cpu_busy } = work;
        // Of a server of which nobody tells how many processors it has, one is sure.
        let full = cpu_busy.map_or(cpu >= FULL && cpu >= MOST * active, |busy| busy >= FULL);
        if full {
            Self::Cpu(work)
        } else if lock >= 1.0 && lock >= HALF * active {
            Self::Locks(work)
        } else {
            Self::Neither(work)
        }
    }
}
