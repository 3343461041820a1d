//! What one look at the streams brought, put together: a batch per node, and the rest in order. Pure.
//!
//! The same report travels on two streams, so one of them counts: of a home region it is `raw`, of others `world`. While somebody looks at
//! another region its `raw` brings the details, and `world` what changed; the transitions come from `world` alone then, or they would come
//! twice.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    message::{Message, Sender},
    transport::Stream,
};
use crate::model::{
    NodeName, RegionName, Report, TargetId, TargetName, Timestamp,
    cluster::{AlertNews, Figures, View},
    report::{Batch, RosterState},
    vitals::{Replication, Vitals},
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
    vitals: BTreeMap<TargetName, Arc<Vitals>>,
    copies: BTreeMap<TargetName, Arc<Replication>>,
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
                    gathered.vitals.remove(&id.target);
                    gathered.copies.remove(&id.target);
                    self.newest.remove(&id);
                    gathered.removed.insert(id);
                }
            }
            Message::Figures(_) | Message::Removed(_) => {}
            Message::Vitals(vitals) => match (reading, stream) {
                (Reading::Home | Reading::Watched, Stream::Raw) => self.gathered.entry(key).or_default().vitals.extend(vitals),
                (Reading::Far, _) => self.gathered.entry(key).or_default().copies.extend(vitals.into_iter().filter_map(standing)),
                _ => {}
            },
            Message::Views(views) => self.gathered.entry(key).or_default().views.extend(views),
            Message::News { items, silences, .. } => self.news.push(AlertNews { region: Some(from.region), items, silences }),
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
            vitals: gathered.vitals.into_iter().collect(),
            copies: gathered.copies.into_iter().collect(),
            views: gathered.views.into_iter().collect(),
            removed: gathered.removed.into_iter().collect(),
        };
        std::mem::take(&mut self.gathered).into_iter().map(batch).collect()
    }
}

/// What a far node says of slow signals.
fn standing((target, vitals): (TargetName, Arc<Vitals>)) -> Option<(TargetName, Arc<Replication>)> {
    Some((target, vitals.replication.clone()?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::fixtures::{REGION, figure, numbers, report, with},
        model::Status::Healthy,
    };

    fn from(node: &str) -> Sender {
        Sender { region: REGION.into(), node: node.into(), boot: 1, sequence: 1 }
    }

    /// What one look brings of reports of one target, each on a stream with a figure and its transitions.
    fn look(reading: Reading, reports: &[(Stream, u32, &[u32])]) -> Option<(u32, Vec<u32>)> {
        let mut inbox = Inbox::default();
        for (stream, figure, numbers) in reports {
            let report = with(report("orders", Healthy, *figure), numbers);
            inbox.take(*stream, reading, from("eu-1"), Message::Reports(vec![report]));
        }
        let batches = inbox.batches();
        let report = batches.iter().flat_map(|batch| &batch.reports).next()?;
        Some((figure(report), numbers(report)))
    }

    #[test]
    fn each_way_of_reading_tells_every_transition_once() {
        let both: &[(Stream, u32, &[u32])] = &[
            (Stream::World, 1, &[1]),
            (Stream::Raw, 1, &[1]),
            (Stream::Raw, 2, &[]),
            (Stream::World, 3, &[2]),
            (Stream::Raw, 3, &[2]),
            (Stream::Raw, 4, &[]),
        ];
        assert_eq!(look(Reading::Home, both), Some((4, vec![1, 2])));
        assert_eq!(look(Reading::Watched, both), Some((4, vec![1, 2])));
        assert_eq!(look(Reading::Far, both), Some((3, vec![1, 2])));
    }

    #[test]
    fn a_late_stream_does_not_turn_the_clock_back() {
        assert_eq!(look(Reading::Watched, &[(Stream::World, 3, &[1]), (Stream::Raw, 2, &[])]), Some((3, vec![1])));
        assert_eq!(look(Reading::Watched, &[(Stream::World, 60, &[1]), (Stream::Raw, 2, &[])]), Some((60, vec![1])));
        assert_eq!(look(Reading::Watched, &[(Stream::Raw, 3, &[]), (Stream::World, 2, &[1])]), Some((3, vec![1])), "it happened");
    }

    #[test]
    fn nodes_have_batches_of_their_own_and_speak_for_their_region_only() {
        let mut inbox = Inbox::default();
        for node in ["eu-1", "eu-2"] {
            inbox.take(Stream::World, Reading::Far, from(node), Message::Reports(vec![report(node, Healthy, 1)]));
        }
        let stranger = Sender { region: "us-east-1".into(), ..from("us-1") };
        inbox.take(Stream::World, Reading::Far, stranger, Message::Reports(vec![report("orders", Healthy, 1)]));
        let nodes: Vec<String> = inbox.batches().iter().map(|batch| format!("{}:{}", batch.node, batch.reports.len())).collect();
        assert_eq!(nodes, ["eu-1:1", "eu-2:1"]);
        assert!(inbox.batches().is_empty(), "each is brought once");
    }

    #[test]
    fn what_was_removed_is_gone_and_may_come_again() {
        let mut inbox = Inbox::default();
        let id = TargetId::new(REGION, "orders");
        let mut take = |message| inbox.take(Stream::World, Reading::Far, from("eu-1"), message);
        take(Message::Reports(vec![report("orders", Healthy, 1), report("users", Healthy, 1)]));
        take(Message::Removed(vec![id.clone(), TargetId::new(REGION, "users")]));
        take(Message::Reports(vec![report("users", Healthy, 2)]));
        let batches = inbox.batches();
        assert_eq!(batches[0].removed, [id]);
        assert_eq!(batches[0].reports.iter().map(figure).collect::<Vec<_>>(), [2]);
    }
}
