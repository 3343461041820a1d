//! One channel as the outbox uses it: how fast, how many calls at once, and how it went so far. Pure.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    alert::{Now, bucket::Bucket, channels::Nature},
    model::{Timestamp, alert::ChannelState},
};

use super::Route;

/// Calls under way at once where the same message twice is one to people; elsewhere one, so that order and doubt stay simple.
const KEYED_CALLS: usize = 4;

/// What took a message within this time takes messages: no pace is slower.
const TAKES: Duration = Duration::from_mins(1);

/// News before edits of what was told, criticals before the rest, then in the order of decisions.
pub(super) type Place = (bool, bool, u64);

/// See the module.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) kind: String,
    pub(super) nature: Nature,
    pub(super) confirms: bool,
    pub(super) bucket: Bucket,
    pub(super) in_flight: usize,
    /// The first orders of its lanes that wait.
    pub(super) waiting: BTreeSet<Place>,
    pub(super) queued: usize,
    sent: u64,
    failures: u64,
    pub(super) dead: u64,
    /// By the wall clock, and by the steady one.
    last_sent_at: Option<Timestamp>,
    took_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl Post {
    pub(super) fn new(route: &Route) -> Self {
        let nature = route.nature;
        Self {
            kind: route.kind.to_owned(),
            nature,
            confirms: route.confirms,
            bucket: Bucket::new(nature.burst, nature.every),
            in_flight: 0,
            waiting: BTreeSet::new(),
            queued: 0,
            sent: 0,
            failures: 0,
            dead: 0,
            last_sent_at: None,
            took_at: None,
            last_error: None,
        }
    }

    /// The same channel with other settings.
    pub(super) fn change(&mut self, route: &Route) {
        (self.kind, self.nature, self.confirms) = (route.kind.to_owned(), route.nature, route.confirms);
        self.bucket.limit(route.nature.burst, route.nature.every);
    }

    /// Whether one more call may be under way.
    pub(super) fn is_free(&self) -> bool {
        self.in_flight < if self.nature.keyed { KEYED_CALLS } else { 1 }
    }

    pub(super) fn took(&mut self, now: Now) {
        self.sent += 1;
        (self.last_sent_at, self.took_at, self.last_error) = (Some(now.wall), Some(now.steady), None);
    }

    /// Whether it took a message so lately that only our own pace keeps the next one back.
    pub(super) fn takes_messages(&self, now: Timestamp) -> bool {
        self.took_at.is_some_and(|took| took.after(TAKES) > now) && !self.bucket.is_paused(now)
    }

    pub(super) fn refused(&mut self, why: &str) {
        self.failures += 1;
        self.last_error = Some(why.to_owned());
    }

    pub(super) fn state(&self, name: &str) -> ChannelState {
        ChannelState {
            name: name.to_owned(),
            kind: self.kind.clone(),
            queued: self.queued,
            sent: self.sent,
            failures: self.failures,
            dead: self.dead,
            last_sent_at: self.last_sent_at,
            last_error: self.last_error.clone(),
        }
    }
}
