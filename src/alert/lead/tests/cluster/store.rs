//! A Redis with members, a lease with its fence, and what the leader keeps there.

use std::collections::BTreeMap;

use crate::{alert::merge::Copy, clock, model::cluster::Lease};

const LEASE: u64 = 4_000;
const DEAD_AFTER: u64 = 1_600;

#[derive(Default)]
pub(super) struct Redis {
    pub(super) members: BTreeMap<&'static str, u64>,
    pub(super) lease: Option<(&'static str, u64, u64)>,
    pub(super) fence: u64,
    pub(super) version: u64,
    pub(super) kept: Copy,
    /// What it held before, newest last, for a replica that is behind.
    pub(super) before: Vec<Copy>,
}

impl Redis {
    pub(super) fn tend(&mut self, node: &'static str, now: u64) -> Lease {
        self.members.insert(node, now);
        self.members.retain(|_, heard| now - *heard < DEAD_AFTER);
        match self.lease.filter(|(_, _, until)| *until > now) {
            Some((holder, ..)) if holder != node => return Lease::Other(holder.into()),
            Some((_, fence, _)) => self.lease = Some((node, fence, now + LEASE)),
            None => {
                self.fence += 1;
                self.lease = Some((node, self.fence, now + LEASE));
            }
        }
        Lease::Mine { fence: self.lease.map_or(0, |(_, fence, _)| fence), until: clock::now(), wiped: self.version == 0 }
    }

    pub(super) fn commit(&mut self, node: &str, fence: u64, copy: &Copy) -> bool {
        let may = self.lease.is_some_and(|(holder, held, _)| holder == node && held == fence);
        if may && self.kept != *copy {
            self.version += 1;
            self.before.push(std::mem::replace(&mut self.kept, copy.clone()));
        }
        may
    }
}
