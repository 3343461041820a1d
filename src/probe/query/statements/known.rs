//! What is known about ids: the redacted texts of queries, the names of roles, and which entries are Isobar's own.
//!
//! Texts are dear, so they are asked for seldom, many at once, and only for what is shown. The first asking also tells our
//! own entries apart: of our role, with [`MARK`] in the text. An id is judged once and remembered; of what is
//! remembered the least recently wanted goes first. Everything here is per server.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::{Interval, Key};
use crate::probe::{governor::MARK, query::redact::redact};

/// Texts that are kept: what a few targets list over some hours, at 2,000 characters at most about 4 MB, mostly far less.
const MOST_TEXTS: usize = 2_000;

/// Ids in one asking, so that neither the answer nor the redaction is long.
const MOST_ASKED: usize = 300;

/// Rest between two askings. Each costs the server 7 ms with 5,000 entries, so 0.02% of a core.
const REST: Duration = Duration::from_secs(30);

/// Askings that need no rest before them: the first ones, since what asks is itself a new statement of ours.
const EAGER: u64 = 3;

/// What is known about the ids of one server.
#[derive(Debug, Default)]
pub struct Known {
    /// The role we are; whose entries may be ours.
    role: u32,
    texts: HashMap<i64, Text>,
    own: HashSet<i64>,
    roles: HashMap<u32, String>,
    asked: Option<Instant>,
    asked_roles: Option<Instant>,
    /// Counts askings; the age of a text.
    turn: u64,
}

#[derive(Debug)]
struct Text {
    redacted: Option<String>,
    wanted: u64,
}

/// What to ask the server for now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wants {
    /// Ids whose text is wanted; empty for none.
    pub texts: Vec<i64>,
    /// Whether the names of roles are wanted.
    pub roles: bool,
}

impl Known {
    /// Knows nothing yet; `role` is [`super::Catalog::role`].
    pub fn new(role: u32) -> Self {
        Self { role, ..Self::default() }
    }

    /// What is unknown of an interval's entries: of our own role, since they may be ours, and of what these databases list.
    /// Answers empty while it rests.
    pub fn wants(&mut self, now: Instant, interval: &Interval, databases: &[u32]) -> Wants {
        let rested = |last: Option<Instant>| last.is_none_or(|last| now.saturating_duration_since(last) >= REST);
        let mut wants = Wants::default();
        if rested(self.asked_roles) && interval.entries.iter().any(|entry| !self.roles.contains_key(&entry.key.user)) {
            self.asked_roles = Some(now);
            wants.roles = true;
        }
        if self.turn >= EAGER && !rested(self.asked) {
            return wants;
        }
        let mut unknown = Vec::new();
        let of_our_role = interval.entries.iter().map(|entry| entry.key).filter(|key| key.user == self.role);
        let mut seen = HashSet::new();
        for key in of_our_role.chain(interval.listed(databases)) {
            if self.own.contains(&key.query) && key.user == self.role || !seen.insert(key.query) {
                continue;
            }
            match self.texts.get_mut(&key.query) {
                Some(text) => text.wanted = self.turn,
                None if unknown.len() < MOST_ASKED => unknown.push(key.query),
                None => {}
            }
        }
        if !unknown.is_empty() {
            self.asked = Some(now);
            self.turn += 1;
        }
        wants.texts = unknown;
        wants
    }

    /// Takes what the server answered for `asked`. An id without an answer was evicted meanwhile and is asked for again when it
    /// is next listed.
    pub fn learn(&mut self, answered: HashMap<i64, String>) {
        for (id, text) in answered {
            if text.contains(MARK) {
                self.own.insert(id);
            }
            let redacted = Some(redact(&text)).filter(|text| !text.is_empty());
            self.texts.insert(id, Text { redacted, wanted: self.turn });
        }
        if self.texts.len() > MOST_TEXTS {
            let mut ages: Vec<_> = self.texts.iter().map(|(&id, text)| (text.wanted, id)).collect();
            ages.sort_unstable();
            for (_, id) in ages.drain(..self.texts.len() - MOST_TEXTS) {
                self.texts.remove(&id);
            }
        }
    }

    /// Takes the names of all roles.
    pub fn learn_roles(&mut self, roles: HashMap<u32, String>) {
        self.roles = roles;
    }

    /// Whether an entry is Isobar's own.
    pub fn is_own(&self, key: &Key) -> bool {
        key.user == self.role && self.own.contains(&key.query)
    }

    /// The redacted text, when it is known.
    pub fn text(&self, query: i64) -> Option<&str> {
        self.texts.get(&query)?.redacted.as_deref()
    }

    /// The role's name; its oid while that is unknown, or when the role is gone.
    pub fn role(&self, user: u32) -> String {
        self.roles.get(&user).cloned().unwrap_or_else(|| user.to_string())
    }
}

#[cfg(test)]
mod tests;
