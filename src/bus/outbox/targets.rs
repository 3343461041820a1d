//! The targets of an outbox: the newest report of each, and what of it the streams do not have yet. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::TRANSITIONS;
use crate::model::{
    RegionName, Report, Rule, Severity, Status, TargetName, Transition,
    cluster::Figures,
    sample::{ConnectionPool, QueryPerformance},
};

/// Every target is said whole this often.
const WHOLE_EVERY: Duration = Duration::from_secs(10);
/// In so many parts, a second apart, so that no second carries all.
const PARTS: u32 = 10;
/// What was heard within this is what a probe says now: the slowest tick and a delay.
const FRESH: Duration = Duration::from_secs(2);
/// A target of which nothing came for so long is not this node's any more.
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Targets {
    region: RegionName,
    known: BTreeMap<TargetName, Known>,
    /// Targets that were ever new here: each gets the next part of the ten seconds.
    parts: u32,
    pub(super) overtaken: u64,
}

#[derive(Debug)]
struct Known {
    /// The newest, without its transitions.
    report: Report,
    arrived: Instant,
    raw: Option<Unsaid>,
    world: Option<Unsaid>,
    /// The figures that were said last; none: they did not come anew since.
    figures: Option<Said>,
    moved: bool,
    whole_due: Option<Instant>,
    part: u32,
}

/// That a report is not on a stream yet.
#[derive(Debug, Default)]
struct Unsaid {
    transitions: Vec<Transition>,
    /// Its judgement changed.
    urgent: bool,
}

type Said = (ConnectionPool, QueryPerformance, Option<f64>);

/// What of a judgement is news: numbers in its sentences move all the time.
fn judgement(report: &Report) -> (Status, Vec<(Rule, Severity)>) {
    (report.sample.status, report.sample.reasons.iter().map(|reason| (reason.rule, reason.severity)).collect())
}

fn said(report: &Report) -> Said {
    let sample = &report.sample;
    (sample.connection_pool.clone(), sample.query_performance.clone(), sample.probe.impact)
}

impl Known {
    const fn new(report: Report, part: u32, now: Instant) -> Self {
        Self { report, arrived: now, raw: None, world: None, figures: None, moved: false, whole_due: None, part }
    }
}

impl Unsaid {
    fn add(&mut self, transitions: &[Transition], urgent: bool) {
        self.transitions.extend_from_slice(transitions);
        let over = self.transitions.len().saturating_sub(TRANSITIONS);
        self.transitions.drain(..over);
        self.urgent |= urgent;
    }
}

impl Targets {
    pub(super) const fn new(region: RegionName) -> Self {
        Self { region, known: BTreeMap::new(), parts: 0, overtaken: 0 }
    }

    pub(super) fn take(&mut self, report: &Report, now: Instant) {
        if report.sample.region != self.region {
            return;
        }
        let mut newest = report.clone();
        newest.transitions = Vec::new();
        let known = self.known.get(&report.sample.target);
        let changed = known.is_none_or(|known| judgement(&known.report) != judgement(report));
        let urgent = changed || !report.transitions.is_empty();
        let known = self.known.entry(report.sample.target.clone()).or_insert_with(|| {
            self.parts = (self.parts + 1) % PARTS;
            Known::new(newest.clone(), self.parts, now)
        });
        (known.report, known.arrived, known.moved) = (newest, now, true);
        self.overtaken += u64::from(known.raw.is_some());
        known.raw.get_or_insert_default().add(&report.transitions, urgent);
        if urgent {
            known.world.get_or_insert_default().add(&report.transitions, true);
        }
    }

    pub(super) fn remove(&mut self, target: &TargetName) {
        self.known.remove(target);
    }

    /// Whether something is to be said at once.
    pub(super) fn is_urgent(&self) -> bool {
        let urgent = |unsaid: &Option<Unsaid>| unsaid.as_ref().is_some_and(|unsaid| unsaid.urgent);
        self.known.values().any(|known| known.world.is_some() || urgent(&known.raw))
    }

    /// Whole reports for `raw`: all that are new when its moment has come, otherwise those whose judgement changed.
    pub(super) fn whole(&mut self, all: bool) -> Vec<Report> {
        let due = |known: &mut Known| {
            let unsaid = known.raw.take_if(|unsaid| all || unsaid.urgent)?;
            Some(Report { transitions: unsaid.transitions, ..known.report.clone() })
        };
        self.known.values_mut().filter_map(due).collect()
    }

    /// Light reports for `world`: those whose judgement changed, and each second the part whose turn it is.
    pub(super) fn light(&mut self, tick: bool, now: Instant) -> Vec<Report> {
        let due = |known: &mut Known| {
            let changed = known.world.take();
            let first = *known.whole_due.get_or_insert(now + WHOLE_EVERY / PARTS * known.part);
            let is_fresh = now.saturating_duration_since(known.arrived) <= FRESH;
            let turn = tick && first <= now && is_fresh;
            if turn {
                let late = now.saturating_duration_since(first).as_millis() / WHOLE_EVERY.as_millis();
                known.whole_due = Some(first + WHOLE_EVERY * (u32::try_from(late).unwrap_or(0) + 1));
            }
            if changed.is_none() && !turn {
                return None;
            }
            known.figures = Some(said(&known.report));
            known.moved = false;
            Some(Report { transitions: changed.map(|unsaid| unsaid.transitions).unwrap_or_default(), ..known.report.light() })
        };
        self.known.values_mut().filter_map(due).collect()
    }

    /// Figures that moved since they were said last.
    pub(super) fn figures(&mut self) -> Vec<Figures> {
        let due = |known: &mut Known| {
            let now = std::mem::take(&mut known.moved).then(|| said(&known.report))?;
            if known.figures.as_ref() == Some(&now) {
                return None;
            }
            known.figures = Some(now.clone());
            let (connection_pool, query_performance, impact) = now;
            let sample = &known.report.sample;
            let (target, timestamp) = (sample.target.clone(), sample.timestamp);
            Some(Figures { target, timestamp, connection_pool, query_performance, impact })
        };
        self.known.values_mut().filter_map(due).collect()
    }

    /// Forgets targets that went to other nodes.
    pub(super) fn forget(&mut self, now: Instant) {
        self.known.retain(|_, known| now.saturating_duration_since(known.arrived) < FORGET_AFTER);
    }
}
