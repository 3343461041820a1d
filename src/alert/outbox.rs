//! The outbox: carries the desk's orders out. Which may be sent now, what a failure means, when to give up. Pure.
//!
//! ```text
//!  Orders ──► rows, one lane per incident, channel and address ──► offer: consignments ──► (calls) ──► settle
//!                │ FIFO: the first unfinished of a lane only            ▲   tokens, pauses,         │
//!                ▼                                                      │   criticals first         ▼
//!             dirty rows ──► journal, before a call and after       backoff ◄── try again    sent, failed, cancelled
//! ```
//! A lane keeps the order of one conversation, so an end never overtakes its beginning, and an episode none of the same problem. What a beginning left behind (Slack's `ts`)
//! is given to all that follows. What lost its sense before it was sent is void: steps and reminders when somebody took the incident,
//! everything but its end when it is over. An end whose beginning nobody got says both at once when it was critical, and is dropped
//! otherwise.
//!
//! A call whose end nobody knows (a crash, no answer at all) leaves its row **in doubt**: it counts as told, is not void any more, and is
//! made again with the same key where that is one message to people, or where it is critical. The rest counts as sent.

mod deadlines;
mod family;
mod gate;
mod keep;
mod lane;
mod post;
mod recall;
mod refresh;
mod row;
mod void;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{
    Now,
    channels::{Failure, Nature, Parcel, Receipt},
    desk::Changes,
    order::{Lane, Order},
};
use crate::model::{
    Severity, Timestamp,
    alert::{AlertEvent, AlertStep, ChannelState, DeliveryState},
};
use family::Family;
use lane::LaneState;
use post::Post;

pub use gate::Gate;
pub use keep::RowChanges;
pub use row::Row;

/// The first delay after a failure is drawn from nothing to this; the span doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// And ends here, so that a deadline of minutes sees several attempts.
const MOST_DELAY: Duration = Duration::from_mins(1);

/// A channel as the outbox must know it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Its kind, for people.
    pub kind: &'static str,
    /// How it is to be used.
    pub nature: Nature,
    /// Whether what it took counts only when it says later that it was delivered.
    pub confirms: bool,
}

/// A parcel to be sent now.
#[derive(Debug, Clone)]
pub struct Consignment {
    /// Whose result is expected.
    pub seq: u64,
    /// Which attempt; results of others are dropped.
    pub attempt: u32,
    /// What to send.
    pub parcel: Parcel,
}

/// How a call ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Ended {
    /// The channel said so.
    Answered(Result<Receipt, Failure>),
    /// Nobody knows: no answer at all in time.
    Unknown(String),
}

/// What the desk must be told.
#[derive(Debug, Default)]
pub struct News {
    /// Orders given up, and why.
    pub undeliverable: Vec<(Order, String)>,
    /// Channels that took a message, and the address when they have several.
    pub delivered: BTreeSet<(String, Option<String>)>,
    /// What happened to the messages of incidents.
    pub notes: Vec<(String, AlertStep)>,
}

/// See the module.
#[derive(Debug)]
pub struct Outbox {
    /// Whose outbox it is, where there are several.
    node: String,
    give_up_after: Duration,
    posts: BTreeMap<String, Post>,
    rows: BTreeMap<u64, Row>,
    keys: HashMap<String, u64>,
    lanes: BTreeMap<Lane, LaneState>,
    families: HashMap<family::Name, Family>,
    /// By incident: the rows that tell of it, digests included.
    about: BTreeMap<String, BTreeSet<u64>>,
    deadlines: BTreeSet<(Timestamp, u64)>,
    refreshes: BTreeSet<(Timestamp, Lane)>,
    next: u64,
    gate: Gate,
    /// Rows whose time ran out while they waited for the gate.
    held: BTreeSet<u64>,
    /// Rows that the gate opened for.
    freed: BTreeSet<u64>,
    dirty: BTreeSet<u64>,
    dropped: Vec<u64>,
    touched: BTreeSet<String>,
    news: News,
}

impl Outbox {
    /// An empty one.
    pub fn new(routes: Vec<Route>, give_up_after: Duration) -> Self {
        let post = |route: Route| (route.name.clone(), Post::new(&route));
        Self {
            node: String::new(),
            give_up_after,
            posts: routes.into_iter().map(post).collect(),
            rows: BTreeMap::new(),
            keys: HashMap::new(),
            lanes: BTreeMap::new(),
            families: HashMap::new(),
            about: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            refreshes: BTreeSet::new(),
            next: 1,
            gate: Gate::Open,
            held: BTreeSet::new(),
            freed: BTreeSet::new(),
            dirty: BTreeSet::new(),
            dropped: Vec::new(),
            touched: BTreeSet::new(),
            news: News::default(),
        }
    }

    /// Other channels from now on; what waits for one that is gone has failed.
    pub fn reconfigure(&mut self, routes: Vec<Route>, give_up_after: Duration, now: Now) {
        self.give_up_after = give_up_after;
        let mut before = std::mem::take(&mut self.posts);
        for route in routes {
            let post = match before.remove(&route.name) {
                Some(mut post) => {
                    post.change(&route);
                    post
                }
                None => Post::new(&route),
            };
            self.posts.insert(route.name, post);
        }
        self.fail_strays(now);
    }

    /// Takes what the desk decided: first what became void, then what to tell.
    pub fn take(&mut self, changes: &Changes, now: Now) {
        for (id, settled) in &changes.settled {
            self.settled(id, *settled, now);
        }
        for order in &changes.orders {
            self.add(order.clone(), now);
        }
    }

    fn add(&mut self, order: Order, now: Now) {
        let key = order.key();
        let edits = self.posts.get(&order.lane.channel).is_some_and(|post| post.nature.edits);
        if self.keys.contains_key(&key) || (order.event == AlertEvent::Update && !edits) {
            return;
        }
        if matches!(order.event, AlertEvent::Update | AlertEvent::Digest) {
            self.replace(&order);
        }
        let mut members: Vec<String> = order.alerts.iter().map(|alert| alert.id.clone()).collect();
        if order.event != AlertEvent::Digest && !members.contains(&order.lane.about) {
            members.push(order.lane.about.clone());
        }
        let row = Row {
            seq: self.next,
            members,
            key,
            state: DeliveryState::Queued,
            attempts: 0,
            calls: BTreeMap::new(),
            queued_at: now.wall,
            next_due: now.steady,
            deadline: order.decided.after(self.give_up_after),
            finished: None,
            sent_at: None,
            answer: None,
            reference: None,
            in_doubt: false,
            possible_repeat: false,
            fired_and_recovered: order.fired_and_recovered(),
            void: false,
            order,
        };
        let (seq, lane) = (row.seq, row.order.lane.clone());
        self.enter(row);
        self.touch(seq);
        if !self.posts.contains_key(&lane.channel) {
            self.fail(seq, "there is no such channel in the configuration", now);
        }
        self.advance(&lane, now);
    }

    /// Takes back the newest unsent order of the same event in the lane: the newer one says all that it said.
    fn replace(&mut self, order: &Order) {
        let Some(lane) = self.lanes.get(&order.lane) else { return };
        let is_old = |seq: &&u64| {
            let row = &self.rows[*seq];
            row.order.event == order.event && row.state == DeliveryState::Queued && !row.in_doubt
        };
        if let Some(seq) = lane.open.iter().rev().find(is_old).copied() {
            self.leave_lane(seq);
            self.remove(seq);
        }
    }

    /// What is to be sent now; each counts as under way from here on, which must be on disk before the call is made.
    pub fn offer(&mut self, now: Now) -> Vec<Consignment> {
        self.free(now);
        self.expire(now);
        let mut offered = Vec::new();
        let names: Vec<String> = self.posts.keys().cloned().collect();
        for name in names {
            while let Some(seq) = self.next_of(&name, now.steady) {
                offered.push(self.lend(seq, now));
            }
        }
        offered
    }

    /// The order of this channel whose turn it is, its token taken.
    fn next_of(&mut self, channel: &str, now: Timestamp) -> Option<u64> {
        let waiting = &self.posts.get(channel).filter(|post| post.is_free())?.waiting;
        let seq = waiting.iter().map(|(_, _, seq)| *seq).find(|seq| self.rows[seq].next_due <= now && self.passes(*seq))?;
        self.posts.get_mut(channel)?.bucket.take(now).then_some(seq)
    }

    fn lend(&mut self, seq: u64, now: Now) -> Consignment {
        let keyed = |row: &Row| self.posts.get(&row.order.lane.channel).is_some_and(|post| post.nature.keyed);
        let may_repeat = self.may_repeat(self.rows.get(&seq).is_some_and(keyed));
        let row = self.rows.get_mut(&seq).expect("a row that waits is there");
        self.deadlines.remove(&(row.deadline, seq));
        if row.attempts == 0 {
            row.deadline = now.steady.after(self.give_up_after);
        }
        row.state = DeliveryState::Sending;
        row.attempts += 1;
        row.calls.insert(self.node.clone(), (row.attempts, false));
        row.possible_repeat |= may_repeat && !row.is_update();
        let parcel = Parcel {
            order: row.order.clone(),
            key: row.key.clone(),
            reference: self.lanes.get(&row.order.lane).and_then(|lane| lane.reference.clone()),
            possible_repeat: row.possible_repeat,
            fired_and_recovered: row.fired_and_recovered,
            now: now.wall,
        };
        let attempt = row.attempts;
        if let Some(post) = self.posts.get_mut(&parcel.order.lane.channel) {
            post.in_flight += 1;
        }
        self.touch(seq);
        self.advance(&parcel.order.lane, now);
        Consignment { seq, attempt, parcel }
    }

    /// Takes the end of a call.
    pub fn settle(&mut self, seq: u64, attempt: u32, ended: Ended, now: Now, rng: &mut impl Rng) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        if row.state != DeliveryState::Sending || row.calls.get(&self.node) != Some(&(attempt, false)) {
            return;
        }
        row.calls.insert(self.node.clone(), (attempt, true));
        let (lane, critical) = (row.order.lane.clone(), row.is_critical());
        let post = self.posts.get_mut(&lane.channel);
        let keyed = post.as_ref().is_some_and(|post| post.nature.keyed);
        match (post, &ended) {
            (Some(post), Ended::Answered(Ok(_))) => {
                post.in_flight = post.in_flight.saturating_sub(1);
                post.took(now);
            }
            (
                Some(post),
                Ended::Answered(Err(Failure::Permanent(why) | Failure::Doubt { why } | Failure::Retry { why, .. }))
                | Ended::Unknown(why),
            ) => {
                post.in_flight = post.in_flight.saturating_sub(1);
                post.refused(why);
            }
            (None, _) => {}
        }
        match ended {
            Ended::Answered(Ok(receipt)) => self.sent(seq, receipt, now),
            Ended::Answered(Err(Failure::Permanent(why))) => self.fail(seq, &why, now),
            Ended::Answered(Err(Failure::Retry { why, after })) => self.again(seq, &why, after, now, rng),
            Ended::Unknown(why) | Ended::Answered(Err(Failure::Doubt { why })) => {
                row.in_doubt = true;
                if keyed || critical {
                    row.possible_repeat |= !keyed && !row.is_update();
                    self.again(seq, &why, None, now, rng);
                } else {
                    self.count_as_sent(seq, &why, now);
                }
            }
        }
        self.advance(&lane, now);
    }

    fn sent(&mut self, seq: u64, receipt: Receipt, now: Now) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        (row.answer, row.sent_at) = (Some(receipt.answer.clone()), Some(now.wall));
        let (lane, is_update, is_end) = (row.order.lane.clone(), row.is_update(), row.order.event == AlertEvent::Resolved);
        row.reference.clone_from(&receipt.reference);
        let known = self.lanes.get(&lane).and_then(|lane| lane.reference.clone());
        let is_news = receipt.reference.is_some() && receipt.reference != known;
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.told |= !is_end && !is_update;
            state.reference = receipt.reference.or(known);
        }
        if self.posts.get(&lane.channel).is_none_or(|post| !post.confirms) {
            self.works(&lane);
        }
        self.note(seq, "sent", &format!("said {}", receipt.answer), now);
        self.finish(seq, DeliveryState::Sent, now);
        self.schedule_refresh(&lane, is_end, now);
        // Edits are many, and say nothing that the message does not; unless the message is another one now.
        if is_update && !is_news {
            self.remove(seq);
        }
    }

    fn again(&mut self, seq: u64, why: &str, after: Option<Duration>, now: Now, rng: &mut impl Rng) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.answer = Some(why.to_owned());
        let channel = row.order.lane.channel.clone();
        if row.void && !row.in_doubt {
            return self.cancel(seq, "it had lost its sense when the call failed", now);
        }
        if !self.posts.contains_key(&channel) {
            return self.fail(seq, "its channel is not in the configuration any more", now);
        }
        let span = FIRST_DELAY.saturating_mul(1 << row.attempts.saturating_sub(1).min(16)).min(MOST_DELAY);
        let delay = after.unwrap_or_else(|| span.mul_f64(rng.random_range(0.0..=1.0)));
        row.next_due = now.steady.after(delay);
        if after.is_some() && row.next_due >= row.deadline {
            let why = format!("{why}; asked to wait for {}, longer than this may take", humantime::format_duration(delay));
            return self.fail(seq, &why, now);
        }
        row.state = DeliveryState::Queued;
        let (deadline, until) = (row.deadline, row.next_due);
        self.deadlines.insert((deadline, seq));
        if after.is_some()
            && let Some(post) = self.posts.get_mut(&channel)
        {
            post.bucket.pause(until);
        }
        self.note(seq, "retry", &format!("failed and is tried again: {why}"), now);
        self.touch(seq);
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
