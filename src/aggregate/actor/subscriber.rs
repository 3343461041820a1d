//! Somebody who is told of every change, and what it is still owed because it was too busy to take it. What the state says anyway heals
//! with the next change; transitions and removals are told only once, so they wait, for this subscriber alone.

use std::sync::Arc;

use actix::Recipient;

use crate::model::{
    Report, TargetId,
    world::{World, WorldChange},
};

/// Reports and removals that wait; a subscriber that is busy for so long is dead.
const MOST_OWED: usize = 10_000;

/// See the module.
pub(super) struct Subscriber {
    to: Recipient<WorldChange>,
    reports: Vec<Report>,
    removed: Vec<TargetId>,
}

impl Subscriber {
    pub(super) fn new(to: Recipient<WorldChange>) -> Self {
        Self { to, reports: Vec::new(), removed: Vec::new() }
    }

    /// Tells it, or notes what it is owed.
    pub(super) fn tell(&mut self, world: &Arc<World>, reports: &[Report], removed: &[TargetId]) {
        let all = |owed: &[Report]| owed.iter().chain(reports).cloned().collect();
        let gone = self.removed.iter().chain(removed).cloned().collect();
        if self.to.try_send(WorldChange { world: Arc::clone(world), reports: all(&self.reports), removed: gone }).is_ok() {
            self.reports.clear();
            self.removed.clear();
            return;
        }
        self.reports.extend(reports.iter().filter(|report| !report.transitions.is_empty()).cloned());
        self.removed.extend_from_slice(removed);
        keep_newest(&mut self.reports);
        keep_newest(&mut self.removed);
    }
}

fn keep_newest<T>(owed: &mut Vec<T>) {
    owed.drain(..owed.len().saturating_sub(MOST_OWED));
}
