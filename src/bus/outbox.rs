//! What one home region's node still has to say. Pure: it is told what came, and tells what is due at a moment.
//!
//! ```text
//!  raw    whole reports, the newest per target, each interval; at once when the judgement changed; slow signals that are new
//!  world  at once: changed judgements, removals, news of alerts, questions and answers
//!         each second: the beat, views, figures that moved, and a tenth of all targets as whole light reports
//! ```
//! Only what a probe said lately is said again: a target that went to another node is that node's to tell, and what this one knew of it
//! must not stand against it.
//!
//! **While Redis is away** nothing is due, and what comes meanwhile is kept within bounds: the newest report and the newest
//! [`TRANSITIONS`] transitions per target, [`NEWS`] news of alerts, and questions and answers for as long as somebody waits for them.

mod targets;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{message::Message, transport::Stream};
use crate::model::{
    RegionName, TargetId, TargetName,
    alert::Silence,
    cluster::{AlertNews, NewsItem, View},
    report::{Batch, RosterState},
    vitals::Vitals,
};
use targets::Targets;

/// Transitions of one target that wait at most; more than a rule makes in an hour of flapping. The oldest go first.
pub const TRANSITIONS: usize = 64;
/// News of alerts that wait at most; what goes first is what is only said again.
pub const NEWS: usize = 1_000;
/// How long somebody waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Beats, figures, views and the tenth of the whole reports go out this often.
const TICK: Duration = Duration::from_secs(1);
/// Reports in one message, with details and without: large enough that a stream holds some seconds of a thousand targets, and small enough
/// that the wire seldom has to split it.
const WHOLE: usize = 100;
const LIGHT: usize = 500;
/// Small things in one message.
const SMALL: usize = 1_000;
/// Alerts in one message: some KiB each.
const ALERTS: usize = 100;

/// One message that is due.
#[derive(Debug, Clone)]
pub struct Due {
    /// Where.
    pub stream: Stream,
    /// What.
    pub message: Message,
    /// From when on nobody wants it any more.
    pub expires: Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub struct Outbox {
    reads: u16,
    raw_every: Duration,
    raw_due: Instant,
    tick_due: Instant,
    roster: RosterState,
    targets: Targets,
    removed: BTreeSet<TargetId>,
    vitals: BTreeMap<TargetName, Arc<Vitals>>,
    /// Of copies and of what has some: how they stand, for other regions.
    copies: BTreeMap<TargetName, Arc<Vitals>>,
    views: BTreeMap<TargetId, View>,
    news: VecDeque<NewsItem>,
    silences: Option<Vec<Silence>>,
    letters: VecDeque<(Instant, Message)>,
}

impl Outbox {
    /// An empty outbox of a node that reads the wire up to `reads` and writes `raw` each `raw_every`.
    pub fn new(region: RegionName, reads: u16, raw_every: Duration, now: Instant) -> Self {
        Self {
            reads,
            raw_every,
            raw_due: now,
            tick_due: now,
            roster: RosterState::default(),
            targets: Targets::new(region),
            removed: BTreeSet::new(),
            vitals: BTreeMap::new(),
            copies: BTreeMap::new(),
            views: BTreeMap::new(),
            news: VecDeque::new(),
            silences: None,
            letters: VecDeque::new(),
        }
    }

    /// Takes what a supervisor or a vantage of this node said.
    pub fn take(&mut self, batch: &Batch, now: Instant) {
        if let Some(roster) = &batch.roster {
            self.roster = roster.clone();
        }
        for report in &batch.reports {
            self.removed.remove(&report.id());
            self.targets.take(report, now);
        }
        for id in &batch.removed {
            self.targets.remove(&id.target);
            self.vitals.remove(&id.target);
            self.copies.remove(&id.target);
            self.removed.insert(id.clone());
        }
        self.copies.extend(batch.vitals.iter().filter_map(|(target, vitals)| Some((target.clone(), standing(vitals)?))));
        self.vitals.extend(batch.vitals.iter().cloned());
        self.views.extend(batch.views.iter().cloned());
    }

    /// Takes what the region's leader tells.
    pub fn tell(&mut self, news: AlertNews) {
        for item in news.items {
            self.news.retain(|known| !known.event.is_empty() || known.alert.id != item.alert.id);
            self.news.push_back(item);
        }
        while self.news.len() > NEWS {
            let again = self.news.iter().position(|item| item.event.is_empty()).unwrap_or(0);
            self.news.remove(again);
        }
        self.silences = news.silences.or(self.silences.take());
    }

    /// Takes a question or an answer, for as long as somebody waits for it.
    pub fn post(&mut self, letter: Message, now: Instant) {
        self.letters.push_back((now + PATIENCE, letter));
    }

    /// Reports that a newer one of the same target replaced before they were due.
    pub const fn overtaken(&self) -> u64 {
        self.targets.overtaken
    }

    /// When the next thing is due.
    pub fn next(&self, now: Instant) -> Instant {
        let at_once = !self.removed.is_empty()
            || !self.news.is_empty()
            || self.silences.is_some()
            || !self.letters.is_empty()
            || self.targets.is_urgent();
        if at_once { now } else { self.tick_due.min(self.raw_due) }
    }

    /// Takes out what is due.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        let tick = passes(&mut self.tick_due, TICK, now);
        let raw = passes(&mut self.raw_due, self.raw_every, now);
        let mut world = |message| due.push(Due { stream: Stream::World, message, expires: None });
        if tick {
            world(Message::Beat { reads: self.reads, roster: self.roster.clone() });
        }
        let removed: Vec<TargetId> = std::mem::take(&mut self.removed).into_iter().collect();
        in_parts(removed.clone(), SMALL, Message::Removed).for_each(&mut world);
        in_parts(self.targets.light(tick, now), LIGHT, Message::Reports).for_each(&mut world);
        if tick {
            in_parts(self.targets.figures(), SMALL, Message::Figures).for_each(&mut world);
            let views: Vec<_> = std::mem::take(&mut self.views).into_iter().collect();
            in_parts(views, SMALL, Message::Views).for_each(&mut world);
            let copies = std::mem::take(&mut self.copies).into_iter().collect();
            in_parts(copies, WHOLE, Message::Vitals).for_each(&mut world);
            self.targets.forget(now);
        }
        let (items, silences) = (Vec::from(std::mem::take(&mut self.news)), self.silences.take());
        if silences.is_some() {
            world(Message::News { items: Vec::new(), silences, unreadable: 0 });
        }
        in_parts(items, ALERTS, |items| Message::News { items, silences: None, unreadable: 0 }).for_each(&mut world);
        let letters = std::mem::take(&mut self.letters).into_iter().filter(|(expires, _)| *expires > now);
        due.extend(letters.map(|(expires, message)| Due { stream: Stream::World, message, expires: Some(expires) }));
        let whole = in_parts(self.targets.whole(raw), WHOLE, Message::Reports);
        let vitals = if raw { std::mem::take(&mut self.vitals).into_iter().collect() } else { Vec::new() };
        let whole = in_parts(removed, SMALL, Message::Removed).chain(whole).chain(in_parts(vitals, WHOLE, Message::Vitals));
        due.extend(whole.map(|message| Due { stream: Stream::Raw, message, expires: None }));
        due
    }
}

/// What other regions must know of it: a copy there is judged by where its primary stands.
fn standing(vitals: &Vitals) -> Option<Arc<Vitals>> {
    let replication = vitals.replication.as_ref().filter(|it| it.upstream.is_some() || !it.replicas.is_empty())?;
    Some(Arc::new(Vitals { replication: Some(Arc::clone(replication)), ..Vitals::default() }))
}

/// Whether a moment of a grid has passed; the next one lies ahead, however many were missed.
fn passes(due: &mut Instant, every: Duration, now: Instant) -> bool {
    let passed = *due <= now;
    if passed {
        *due = if *due + every > now { *due + every } else { now + every };
    }
    passed
}

/// Splits what would be too much for one message.
fn in_parts<T, M>(mut all: Vec<T>, most: usize, make: M) -> impl Iterator<Item = Message>
where
    M: Fn(Vec<T>) -> Message,
{
    std::iter::from_fn(move || {
        let rest = all.split_off(all.len().min(most));
        let part = std::mem::replace(&mut all, rest);
        (!part.is_empty()).then(|| make(part))
    })
}

#[cfg(test)]
mod tests;
