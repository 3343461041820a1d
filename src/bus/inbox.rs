//! What one look at the streams brought, put together: a batch per node, and the rest in order. Pure.
//!
//! The same report travels on two streams, so one of them counts: of a home region it is `raw`, of others `world`. While somebody looks at
//! another region its `raw` brings the details, and `world` what changed; the transitions come from `world` alone then, or they would come
//! twice.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    message::{Message, Sender},
    transport::Stream,
};
use crate::model::{
    NodeName, RegionName, Report, TargetId, TargetName, Timestamp,
    cluster::{AlertNews, Figures, View},
    report::{Batch, RosterState},
};

/// No stream is so far behind another: whoever measured has set its clock.
const CLOCK_SET_MS: i64 = 5_000;

/// How a region's streams are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A region of this node: `raw` counts.
    Home,
    /// Another one: `world` counts.
    Far,
    /// Another one that somebody looks at.
    Watched,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Inbox {
    gathered: BTreeMap<(RegionName, NodeName), Gathered>,
    /// The newest moment of each target of regions that somebody looks at: two streams tell of them, and either may be ahead.
    newest: BTreeMap<TargetId, Timestamp>,
    /// News of leaders, in order.
    pub news: Vec<AlertNews>,
    /// Questions and answers, in order.
    pub letters: Vec<(Sender, Message)>,
    /// What each sender that beat reads of the wire.
    pub beats: Vec<(Sender, u16)>,
}

/// What came of one node.
#[derive(Debug, Default)]
struct Gathered {
    roster: Option<RosterState>,
    reports: BTreeMap<TargetName, Report>,
    figures: BTreeMap<TargetName, Figures>,
    views: BTreeMap<TargetId, View>,
    removed: BTreeSet<TargetId>,
}

impl Inbox {
    /// Takes a message that is neither old nor this node's own.
    pub fn take(&mut self, stream: Stream, reading: Reading, from: Sender, message: Message) {
        let counts = match reading {
            Reading::Home => stream == Stream::Raw,
            Reading::Far | Reading::Watched => stream == Stream::World,
        };
        let key = (from.region.clone(), from.node.clone());
        match message {
            Message::Beat { reads, roster } => {
                self.gathered.entry(key).or_default().roster = Some(roster);
                self.beats.push((from, reads));
            }
            Message::Reports(reports) => {
                for report in reports.into_iter().filter(|report| report.sample.region == from.region) {
                    if let Some(report) = self.choose(stream, reading, report) {
                        self.gathered.entry(key.clone()).or_default().add(report);
                    }
                }
            }
            Message::Figures(figures) if counts && reading == Reading::Far => {
                let known = &mut self.gathered.entry(key).or_default().figures;
                known.extend(figures.into_iter().map(|figures| (figures.target.clone(), figures)));
            }
            Message::Removed(removed) if counts => {
                let gathered = self.gathered.entry(key).or_default();
                for id in removed.into_iter().filter(|id| id.region == from.region) {
                    gathered.reports.remove(&id.target);
                    gathered.figures.remove(&id.target);
                    self.newest.remove(&id);
                    gathered.removed.insert(id);
                }
            }
            Message::Figures(_) | Message::Removed(_) => {}
            Message::Views(views) => self.gathered.entry(key).or_default().views.extend(views),
            Message::News { items, silences } => self.news.push(AlertNews { region: Some(from.region), items, silences }),
            letter @ (Message::Ask { .. } | Message::Reply { .. }) => self.letters.push((from, letter)),
        }
    }

    /// What of a report counts on that stream.
    fn choose(&mut self, stream: Stream, reading: Reading, mut report: Report) -> Option<Report> {
        match (reading, stream) {
            (Reading::Home, stream) => return (stream == Stream::Raw).then_some(report),
            (Reading::Far, stream) => return (stream == Stream::World).then_some(report),
            (Reading::Watched, Stream::Raw) => report.transitions.clear(),
            (Reading::Watched, _) if report.transitions.is_empty() => return None,
            (Reading::Watched, _) => {}
        }
        let (id, at) = (report.id(), report.sample.timestamp);
        let behind = self.newest.get(&id).map_or(0, |newest| newest.unix_ms() - at.unix_ms());
        let is_newest = behind <= 0 || behind > CLOCK_SET_MS;
        if is_newest {
            self.newest.insert(id, at);
        }
        // What happened is told, whatever is newer.
        (is_newest || !report.transitions.is_empty()).then_some(report)
    }

    /// The batches that came, by region and node.
    pub fn batches(&mut self) -> Vec<Batch> {
        let batch = |((region, node), gathered): ((RegionName, NodeName), Gathered)| Batch {
            region,
            node,
            roster: gathered.roster,
            reports: gathered.reports.into_values().collect(),
            figures: gathered.figures.into_values().collect(),
            views: gathered.views.into_iter().collect(),
            removed: gathered.removed.into_iter().collect(),
        };
        std::mem::take(&mut self.gathered).into_iter().map(batch).collect()
    }
}

impl Gathered {
    /// The newest report of a target counts, with all that happened.
    fn add(&mut self, mut report: Report) {
        self.removed.remove(&report.id());
        self.figures.remove(&report.sample.target);
        let target = report.sample.target.clone();
        match self.reports.remove(&target) {
            Some(mut known) => {
                known.transitions.append(&mut report.transitions);
                report.transitions = known.transitions;
                match known.sample.timestamp.cmp(&report.sample.timestamp) {
                    Ordering::Greater => report = Report { transitions: report.transitions, ..known },
                    // The same one, from both streams: the details are of one of them.
                    Ordering::Equal if report.activity.is_none() && report.poolers.is_empty() => {
                        let Report { activity, queries, counters, poolers, .. } = known;
                        report = Report { activity, queries, counters, poolers, ..report };
                    }
                    Ordering::Equal | Ordering::Less => {}
                }
                self.reports.insert(target, report);
            }
            None => drop(self.reports.insert(target, report)),
        }
    }
}
