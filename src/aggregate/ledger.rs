//! One region as it is kept: its nodes, and the newest report of each target. Pure.
//!
//! Taking a batch only notes what is new; [`settle`](Ledger::settle) judges and makes what is shown of it, so that a flood of batches
//! costs one judgement. Reports for one target may come from two nodes at once, and on two streams out of order: the newest wins, and
//! transitions are passed on once, whichever report carried them.
//!
//! What nobody reports is unknown: all targets of a silent region, and a single one that no node has reported for a while. One that
//! its region's nodes have forgotten altogether leaves, in case the word of its removal was lost.

mod held;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Blindness, blind,
    quorum::{self, Looked, Views},
    status,
};
use crate::model::{
    Reason, RegionName, Report, Status, TargetId, TargetName, Timestamp,
    cluster::View,
    report::{Batch, RosterState},
    vitals::Vitals,
    world::{NodeState, Region},
};
use held::Held;

/// A node silent for so long does not count among those who probe.
const NODE_LIVES: Duration = Duration::from_secs(5);
/// A node silent for so long is not shown any more; until then an operator sees since when it is silent.
const NODE_SHOWN: Duration = Duration::from_mins(10);
/// A target that nobody reported for so long is unknown; its node says something of it twice a second, other regions hear it each second.
pub(super) const UNHEARD: Duration = Duration::from_secs(15);
/// A target that nobody reported for so long, while the region's nodes report all that they watch, is not watched any more.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// For judging.
    pub at: Instant,
    /// For people.
    pub wall: Timestamp,
}

/// What a region is judged by, beside what was heard of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// When silence is blindness.
    pub rule: Blindness,
    /// Since when somebody has listened without a gap.
    pub listening: Instant,
    /// Why this node does not hear the region's bus.
    pub trouble: Option<&'a str>,
}

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Whether anything that is shown is another.
    pub changed: bool,
    /// Reports that are new, with the transitions that nobody was told yet.
    pub reports: Vec<Report>,
    /// Targets that left.
    pub removed: Vec<TargetId>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    name: RegionName,
    /// As it is shown.
    pub region: Region,
    targets: BTreeMap<TargetName, Held>,
    views: Views,
    /// Targets to be shown anew.
    fresh: BTreeSet<TargetName>,
    dirty: bool,
    configured: Moment,
    /// Since when it has been heard without a silence; what was reported before says how it was.
    heard_since: Instant,
    removed: Vec<TargetId>,
    /// It is silent and so its targets are unknown, for this cause.
    dark: Option<String>,
    /// Whether it is this node that hears nothing.
    pub cut_off: bool,
}

impl Ledger {
    pub(super) fn new(name: RegionName, now: Moment) -> Self {
        Self {
            name,
            region: Region::unseen(),
            targets: BTreeMap::new(),
            views: Views::default(),
            fresh: BTreeSet::new(),
            dirty: false,
            configured: now,
            heard_since: now.at,
            removed: Vec::new(),
            dark: None,
            cut_off: false,
        }
    }

    /// Takes what a node says; tells whether it should be shown at once.
    pub(super) fn take(&mut self, now: Moment, batch: Batch) -> bool {
        let mut urgent = self.dark.is_some() || !batch.removed.is_empty() || self.region.heard.is_none();
        if self.dark.take().is_some() {
            self.heard_since = now.at;
            self.fresh.extend(self.targets.keys().cloned());
        }
        // Only a region's supervisor on this node says both at once, and it leaves nothing out.
        let is_whole = batch.roster.is_some();
        let heard = NodeState { heard: now.at, heard_at: now.wall, roster: RosterState::default() };
        let node = self.region.nodes.entry(batch.node.clone()).or_insert(heard);
        (node.heard, node.heard_at) = (now.at, now.wall);
        if let Some(roster) = batch.roster {
            node.roster = roster;
        }
        (self.region.heard, self.region.heard_at) = (Some(now.at), Some(now.wall));
        self.dirty = true;
        for report in batch.reports {
            let target = report.sample.target.clone();
            if let Some(held) = self.targets.get_mut(&target) {
                urgent |= held.take(now.at, &batch.node, report, is_whole);
            } else {
                self.targets.insert(target.clone(), Held::new(now.at, &batch.node, report));
                urgent = true;
            }
            self.fresh.insert(target);
        }
        for figures in &batch.figures {
            if let Some(held) = self.targets.get_mut(&figures.target)
                && held.patch(now.at, &batch.node, figures)
            {
                self.fresh.insert(figures.target.clone());
            }
        }
        for (target, vitals) in batch.vitals {
            if let Some(held) = self.targets.get_mut(&target) {
                held.vitals = vitals;
                self.fresh.insert(target);
            }
        }
        for (target, replication) in batch.copies {
            if let Some(held) = self.targets.get_mut(&target) {
                held.vitals = Arc::new(Vitals { replication: Some(replication), ..Vitals::clone(&held.vitals) });
                self.fresh.insert(target);
            }
        }
        for id in batch.removed {
            self.remove(id);
        }
        urgent
    }

    /// Takes how one of its targets looks from another region.
    pub(super) fn view(&mut self, now: Moment, target: &TargetName, view: View) {
        self.dirty = true;
        self.views.take(target, Looked { view, at: now.at });
        if self.targets.contains_key(target) {
            self.fresh.insert(target.clone());
        }
    }

    /// All targets leave with their region.
    pub(super) fn leave(&self) -> Vec<TargetId> {
        let id = |target: &TargetName| TargetId { region: self.name.clone(), target: target.clone() };
        self.targets.keys().map(id).collect()
    }

    fn remove(&mut self, id: TargetId) {
        self.targets.remove(&id.target);
        self.fresh.remove(&id.target);
        self.region.targets.remove(&id.target);
        self.views.forget(&id.target);
        self.removed.push(id);
    }

    /// Whether there is news to settle.
    pub(super) const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Looks for what time alone changes, which is silence of all kinds; tells whether the region should be settled.
    pub(super) fn look(&mut self, now: Moment, terms: Terms<'_>) -> bool {
        let nodes = self.region.nodes.len();
        self.region.nodes.retain(|_, node| now.at.saturating_duration_since(node.heard) < NODE_SHOWN);
        self.dirty |= self.region.nodes.len() != nodes;
        for target in self.views.expire(now.at) {
            self.dirty = true;
            self.fresh.insert(target);
        }
        let is_dark = self.blind(now, terms).is_some();
        self.dirty |= is_dark != self.dark.is_some() || (is_dark && self.cut_off != terms.trouble.is_some());
        if is_dark {
            return self.dirty;
        }
        let unheard: Vec<TargetName> = self
            .targets
            .iter()
            .filter(|(_, held)| now.at.saturating_duration_since(held.heard.max(terms.listening)) >= UNHEARD)
            .map(|(name, _)| name.clone())
            .collect();
        if !unheard.is_empty() {
            let watched: u32 = self.live(now.at).map(|node| node.roster.targets).sum();
            let all_reported = self.targets.len() - unheard.len() >= watched as usize;
            for target in unheard {
                let heard = self.targets[&target].heard.max(terms.listening).max(self.heard_since);
                let unheard = now.at.saturating_duration_since(heard);
                if unheard >= FORGOTTEN && all_reported && self.live(now.at).next().is_some() {
                    self.remove(TargetId { region: self.name.clone(), target });
                    self.dirty = true;
                } else if self.region.targets.get(&target).is_none_or(|shown| shown.report.sample.status != Status::Unknown) {
                    self.fresh.insert(target);
                    self.dirty = true;
                }
            }
        }
        self.dirty
    }

    fn live(&self, now: Instant) -> impl Iterator<Item = &NodeState> {
        self.region.nodes.values().filter(move |node| now.saturating_duration_since(node.heard) < NODE_LIVES)
    }

    fn blind(&self, now: Moment, terms: Terms<'_>) -> Option<Reason> {
        let counts = |(at, wall): (Instant, Timestamp)| (at.max(terms.listening), wall);
        let heard = self.region.heard.zip(self.region.heard_at).map(counts);
        blind::judge(heard, counts((self.configured.at, self.configured.wall)), now.at, terms.rule, terms.trouble)
    }

    /// Judges, and makes what is shown.
    pub(super) fn settle(&mut self, now: Moment, terms: Terms<'_>) -> Settled {
        let before = (self.region.status, self.region.reasons.len(), self.cut_off);
        let mut blind = self.blind(now, terms);
        let was_dark = self.dark.is_some();
        self.cut_off = blind.is_some() && terms.trouble.is_some();
        match &mut blind {
            None => self.dark = None,
            Some(reason) => {
                self.dark.get_or_insert_with(|| reason.message.clone());
                let silent_since = self.region.heard.unwrap_or(self.configured.at);
                quorum::add_sights(reason, &self.views, silent_since);
            }
        }
        if was_dark != self.dark.is_some() {
            self.fresh.extend(self.targets.keys().cloned());
        }
        let mut settled = Settled { removed: std::mem::take(&mut self.removed), ..Settled::default() };
        for target in std::mem::take(&mut self.fresh) {
            let Some(held) = self.targets.get_mut(&target) else { continue };
            let heard = held.heard.max(terms.listening);
            let unheard = now.at.saturating_duration_since(heard);
            let cause = if self.dark.is_some() {
                self.dark.clone()
            } else if unheard >= UNHEARD || held.heard < self.heard_since {
                Some(format!("no node of the region has reported it for {:.0} s", unheard.as_secs_f64()))
            } else {
                None
            };
            let views = self.views.of(&target);
            let (shown, report) = held.tell(&self.name, cause.as_deref(), self.dark.is_some(), &views);
            settled.reports.push(report);
            self.region.targets.insert(target, shown);
        }
        let live: Vec<&RosterState> = self.live(now.at).map(|node| &node.roster).collect();
        if !live.is_empty() {
            self.region.roster = sum(&live);
        }
        let targets = self.region.targets.values();
        let status = status::region(targets.map(|target| (target.report.sample.status, target.report.critical)));
        self.region.status = if blind.is_some() { Status::Unknown } else { status };
        self.region.reasons = blind.into_iter().filter(|_| terms.rule.enabled).collect();
        let is_other = before != (self.region.status, self.region.reasons.len(), self.cut_off);
        settled.changed = is_other || self.dirty || self.dark.is_some();
        self.dirty = false;
        settled
    }
}

/// The probes of several nodes together.
fn sum(rosters: &[&RosterState]) -> RosterState {
    let mut all = RosterState::default();
    for RosterState { targets, probes, silent, panics, hangs, given_up, dropped, seen } in rosters {
        all.targets += targets;
        all.probes += probes;
        all.silent += silent;
        all.panics += panics;
        all.hangs += hangs;
        all.given_up += given_up;
        all.dropped += dropped;
        all.seen += seen;
    }
    all
}

#[cfg(test)]
mod tests;
