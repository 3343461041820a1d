//! One target: its newest report as it came, and what is shown of it. Pure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::super::{
    quorum::{self, Looked, Own},
    trend::Trends,
};
use crate::model::{
    NodeName, RegionName, Report, Status, Timestamp, Transition,
    cluster::Figures,
    sample::Missing,
    vitals::Vitals,
    world::{Target, Trend},
};

/// While whoever sent the newest report is not silent for so long, an older one does not replace it. Two samples' time and some more.
const HOLDER_SILENT: Duration = Duration::from_secs(1);
/// A report without details keeps those that are not older: details travel on another stream than judgements, four times a second.
const DETAILS_LAST: Duration = Duration::from_secs(2);
/// Figures keep a target known only while its whole report is not older: three of those that are said again each 10 s.
const WHOLE_LASTS: Duration = Duration::from_secs(30);
/// Transitions nobody was told yet; a target that has more in one moment says nothing with them.
const MOST_OWED: usize = 64;
/// Nodes of a region agree on the time to a fraction of this.
const SET_BACK: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    /// As it came, without its transitions.
    report: Report,
    node: NodeName,
    /// When anything was heard of it.
    pub heard: Instant,
    /// When a report of its judgement came.
    whole: Instant,
    /// When its details came.
    detailed: Instant,
    /// When it was first heard to be down.
    down: Option<Instant>,
    /// The newest transition that was passed on.
    moved: Option<Timestamp>,
    owed: Vec<Transition>,
    /// The newest slow signals.
    pub vitals: Arc<Vitals>,
    trends: Trends,
    seen: Arc<Vec<Trend>>,
}

impl Held {
    pub(super) fn new(now: Instant, node: &NodeName, report: Report) -> Self {
        let mut held = Self {
            report,
            node: node.clone(),
            heard: now,
            whole: now,
            detailed: now,
            down: None,
            moved: None,
            owed: Vec::new(),
            vitals: Arc::default(),
            trends: Trends::default(),
            seen: Arc::default(),
        };
        let transitions = std::mem::take(&mut held.report.transitions);
        held.owe(transitions);
        held.note(now);
        held
    }

    /// Takes a report; tells whether it changes the judgement. `is_whole`: it comes with all its details.
    pub(super) fn take(&mut self, now: Instant, node: &NodeName, mut report: Report, is_whole: bool) -> bool {
        let moved = self.owe(std::mem::take(&mut report.transitions));
        if self.is_late(now, report.sample.timestamp) {
            // Of two that measure in step one is always later: whoever hands over must hear of the other all the same.
            self.node.clone_from(node);
            return moved;
        }
        if is_whole || !report.is_light() {
            self.detailed = now;
        } else if now.saturating_duration_since(self.detailed) < DETAILS_LAST {
            report.activity = self.report.activity.take();
            report.queries = self.report.queries.take();
            report.counters = self.report.counters.take();
            report.poolers = std::mem::take(&mut self.report.poolers);
        }
        let is_other =
            report.sample.status != self.report.sample.status || report.sample.reasons.len() != self.report.sample.reasons.len();
        (self.report, self.heard, self.whole) = (report, now, now);
        if self.node != *node {
            self.node = node.clone();
        }
        self.note(now);
        moved || is_other
    }

    /// Takes figures; tells whether anything is new.
    pub(super) fn patch(&mut self, now: Instant, node: &NodeName, figures: &Figures) -> bool {
        if self.is_late(now, figures.timestamp) || now.saturating_duration_since(self.whole) > WHOLE_LASTS {
            return false;
        }
        let sample = Arc::make_mut(&mut self.report.sample);
        sample.timestamp = figures.timestamp;
        sample.connection_pool = figures.connection_pool.clone();
        sample.query_performance = figures.query_performance.clone();
        sample.probe.impact = figures.impact;
        self.heard = now;
        if self.node != *node {
            self.node = node.clone();
        }
        self.note(now);
        true
    }

    fn is_late(&self, now: Instant, timestamp: Timestamp) -> bool {
        timestamp < self.report.sample.timestamp && now.saturating_duration_since(self.heard) < HOLDER_SILENT
    }

    /// Keeps transitions that were not passed on yet: the same ones may come on two streams. Tells whether there are any.
    fn owe(&mut self, mut transitions: Vec<Transition>) -> bool {
        let oldest = transitions.iter().map(|transition| transition.at).min();
        // Clocks that were set back: what was told of the future says nothing about what is told now.
        self.moved = self.moved.filter(|moved| oldest.is_none_or(|at| *moved <= at.after(SET_BACK)));
        if let Some(moved) = self.moved {
            transitions.retain(|transition| transition.at > moved);
        }
        let Some(newest) = transitions.iter().map(|transition| transition.at).max() else { return false };
        self.moved = Some(newest);
        self.owed.append(&mut transitions);
        self.owed.drain(..self.owed.len().saturating_sub(MOST_OWED));
        true
    }

    fn note(&mut self, now: Instant) {
        if self.trends.add(now, &self.report.sample) {
            self.seen = Arc::new(self.trends.trends());
        }
        let is_down = self.report.sample.reasons.iter().any(|reason| quorum::is_down(reason.rule));
        self.down = self.down.filter(|_| is_down).or(is_down.then_some(now));
    }

    /// Makes what is shown, and what is told of it. `cause`: nobody reports it; `is_blind`: nor its region.
    pub(super) fn tell(
        &mut self,
        region: &RegionName,
        cause: Option<&str>,
        is_blind: bool,
        views: &[&Looked],
    ) -> (Arc<Target>, Report) {
        let mut report = self.report.clone();
        let mut transitions = std::mem::take(&mut self.owed);
        let own = match (cause, self.down) {
            (Some(_), _) => Own::Silent { is_blind },
            (None, Some(since)) => Own::Down { since },
            // Before its first reading nothing is known.
            (None, None) if report.sample.status == Status::Unknown => Own::Silent { is_blind: false },
            (None, None) => Own::Up,
        };
        let judged = quorum::judge(region, own, views);
        if cause.is_some() || judged.is_some() {
            let sample = Arc::make_mut(&mut report.sample);
            if let Some(judged) = judged {
                if let Some(path) = &judged.soften {
                    let reasons =
                        sample.reasons.iter_mut().chain(transitions.iter_mut().map(|transition| &mut transition.reason));
                    reasons.for_each(|reason| quorum::soften(reason, path));
                }
                sample.reachability.views = judged.views;
                sample.reachability.verdict = Some(judged.verdict);
            }
            if let Some(cause) = cause
                && sample.status != Status::Unknown
            {
                sample.status = Status::Unknown;
                sample.probe.missing.push(Missing { field: "status".to_owned(), cause: cause.to_owned(), fix: None });
            }
        }
        let (node, heard, trends) = (self.node.clone(), self.heard, Arc::clone(&self.seen));
        let found = Arc::clone(&self.report.sample);
        let vitals = Arc::clone(&self.vitals);
        let shown = Arc::new(Target { report: report.clone(), found, node, heard, vitals, trends });
        (shown, Report { transitions, ..report })
    }
}
