//! The gate: what may leave the outbox while others may be telling the same. In a cluster only the leader tells; a node whose region's
//! Redis is gone tells criticals, and not where a second message would be a second page. Pure.
//!
//! What waits behind the gate is nobody's failure: it is not given up, and has its whole time once the gate opens for it. A row that is
//! in the way of a critical of the same problem passes with it, since nothing overtakes within a lane.

use super::{AlertEvent, DeliveryState, Lane, Now, Outbox, Row};
use crate::alert::{lead::Duty, order::WORST};

/// What may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gate {
    /// Everything.
    #[default]
    Open,
    /// Nothing.
    Shut,
    /// First notices, steps and ends of criticals, and that something became one.
    Criticals {
        /// Also to channels where the same message twice is two to people.
        unkeyed: bool,
        /// Those may have it already: it is marked.
        repeat: bool,
    },
}

impl Duty {
    /// What this duty lets a node tell.
    pub const fn gate(&self) -> Gate {
        match self {
            Self::Alone | Self::Lead { .. } => Gate::Open,
            Self::Follow | Self::Wait => Gate::Shut,
            Self::Island { rank, alone } => Gate::Criticals { unkeyed: *rank < 2, repeat: !*alone },
        }
    }
}

impl Outbox {
    /// Whose outbox it is: calls of several nodes are told apart by it.
    pub fn set_node(&mut self, node: &str) {
        node.clone_into(&mut self.node);
    }

    /// What may leave from now on. What it lets pass that had to wait gets its whole time.
    pub fn set_gate(&mut self, gate: Gate) {
        if gate == self.gate {
            return;
        }
        let waits: Vec<u64> = self.deadlines.iter().map(|(_, seq)| *seq).filter(|seq| !self.passes(*seq)).collect();
        self.gate = gate;
        let (free, held): (Vec<u64>, Vec<u64>) = waits.into_iter().partition(|seq| self.passes(*seq));
        self.freed.extend(free);
        self.held.extend(held);
    }

    /// What may leave.
    pub const fn gate(&self) -> Gate {
        self.gate
    }

    /// Whether the gate lets this row out.
    pub(super) fn passes(&self, seq: u64) -> bool {
        let Gate::Criticals { unkeyed, .. } = self.gate else { return self.gate == Gate::Open };
        let Some(row) = self.rows.get(&seq) else { return false };
        let keyed = self.posts.get(&row.order.lane.channel).is_some_and(|post| post.nature.keyed);
        (keyed || unkeyed) && (self.is_page(row) || self.is_before_page(&row.order.lane))
    }

    fn is_page(&self, row: &Row) -> bool {
        match row.order.event {
            AlertEvent::Firing | AlertEvent::Escalation => row.is_critical(),
            AlertEvent::Severity => row.is_critical() && row.order.level.starts_with(WORST),
            AlertEvent::Resolved => self.lanes.get(&row.order.lane).is_some_and(|lane| lane.critical),
            _ => false,
        }
    }

    /// Whether a page waits for its turn behind the rows of this problem.
    fn is_before_page(&self, lane: &Lane) -> bool {
        let open = self.family(lane).into_iter().flat_map(|family| &family.open);
        open.filter_map(|seq| self.rows.get(seq)).any(|row| self.is_page(row))
    }

    /// Whether a lane may be refreshed.
    pub(super) fn may_refresh(&self, name: &Lane) -> bool {
        match self.gate {
            Gate::Open => true,
            Gate::Shut => false,
            Gate::Criticals { .. } => self.lanes.get(name).is_some_and(|lane| lane.critical),
        }
    }

    /// Whether what goes to such a channel may have been told by another node.
    pub(super) const fn may_repeat(&self, keyed: bool) -> bool {
        !keyed && matches!(self.gate, Gate::Criticals { repeat: true, .. })
    }

    /// Another node may have told what waits, and cannot be asked: where that would be a second message, it says so.
    pub fn suspect(&mut self) {
        let posts = &self.posts;
        let is_unkeyed = |row: &Row| posts.get(&row.order.lane.channel).is_some_and(|post| !post.nature.keyed);
        let waits = |row: &&mut Row| row.state == DeliveryState::Queued && row.is_critical() && !row.is_update();
        for row in self.rows.values_mut().filter(waits).filter(|row| is_unkeyed(row)) {
            row.possible_repeat = true;
            self.dirty.insert(row.seq);
        }
    }

    /// What the gate opened for has its whole time from here on.
    pub(super) fn free(&mut self, now: Now) {
        let until = now.steady.after(self.give_up_after);
        for seq in std::mem::take(&mut self.freed) {
            self.held.remove(&seq);
            let is_waiting = |row: &Row| self.deadlines.contains(&(row.deadline, seq));
            if self.rows.get(&seq).is_some_and(is_waiting) {
                self.put_off(seq, until);
            }
        }
    }
}

#[cfg(test)]
mod tests;
