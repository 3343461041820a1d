//! The leader's ledger: what it decided goes to the region's shelves turn by turn, and a call is made only when its intent is there. One
//! commit is under way at a time; turns that come meanwhile make up the next one, and their calls wait for it. Pure.
//!
//! A commit of which nobody knows whether it was applied is made again as it was: whoever keeps the shelves knows it again. When they hold
//! something else, as after a failover that lost the last writes, or nothing at all, everything is written anew; also when that has the very
//! version, for then somebody else wrote it.

use std::{sync::Arc, time::Duration};

use super::{Now, turn::Turn};
use crate::model::{
    Timestamp,
    cluster::{Commit, Committed, Unreachable},
};

/// What says nothing new to anybody, as a figure that moves, is written this often.
const LAZY: Duration = Duration::from_secs(1);

/// What became of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<T> {
    /// Written: these calls may be made.
    Written(Vec<T>),
    /// To be made again, as it was or anew.
    Again,
    /// Another one leads: nothing of it counts.
    Fenced,
}

/// What is under way.
#[derive(Debug)]
struct Sent<T> {
    commit: Commit,
    turn: Turn,
    calls: Vec<T>,
}

/// See the module. `T` is a call that waits.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    fence: u64,
    /// What the shelves hold.
    version: u64,
    anew: bool,
    open: Turn,
    calls: Vec<T>,
    urgent: bool,
    sent: Option<Sent<T>>,
    cut: Option<Timestamp>,
    unwritable: usize,
}

impl<T> Ledger<T> {
    /// Of a leader with this fence, when the shelves hold this version; anew: when what they hold does not count.
    pub(super) fn new(fence: u64, version: u64, anew: bool) -> Self {
        Self {
            fence,
            version,
            anew,
            open: Turn::default(),
            calls: Vec::new(),
            urgent: anew,
            sent: None,
            cut: None,
            unwritable: 0,
        }
    }

    /// The term's.
    pub(super) const fn fence(&self) -> u64 {
        self.fence
    }

    /// What the shelves hold, as far as is known.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Whether calls wait for anything to be written.
    pub(super) fn is_waiting(&self) -> bool {
        self.sent.is_some() || !self.calls.is_empty()
    }

    /// The version with which all that was put is written; none when it is.
    pub(super) fn awaited(&self) -> Option<u64> {
        match &self.sent {
            _ if self.anew || !self.open.is_empty() => Some(self.upcoming()),
            Some(sent) => Some(sent.commit.version),
            None => None,
        }
    }

    /// What the shelves hold does not count any more.
    pub(super) const fn write_anew(&mut self) {
        self.anew = true;
    }

    /// The calls that wait, for whoever makes them without.
    pub(super) fn release(&mut self) -> Vec<T> {
        let mut calls = self.sent.as_mut().map(|sent| std::mem::take(&mut sent.calls)).unwrap_or_default();
        calls.append(&mut self.calls);
        calls
    }

    /// The version of what comes next.
    pub(super) fn upcoming(&self) -> u64 {
        let last = self.sent.as_ref().map_or(self.version, |sent| sent.commit.version);
        (self.fence << 32).max(last) + 1
    }

    /// Takes a turn; its calls wait until it is written.
    pub(super) fn put(&mut self, turn: Turn, calls: Vec<T>, urgent: bool) {
        self.open.absorb(turn);
        self.urgent |= urgent || !calls.is_empty();
        self.calls.extend(calls);
    }

    /// What is to be written now, when anything is.
    pub(super) fn next(&mut self, everything: impl FnOnce() -> Turn, now: Now) -> Option<Commit> {
        let is_due = self.urgent || self.cut.is_none_or(|cut| cut.after(LAZY) <= now.steady);
        let has_news = self.anew || !self.calls.is_empty() || (is_due && !self.open.is_empty());
        if self.sent.is_some() || !has_news {
            return None;
        }
        let mut turn = std::mem::take(&mut self.open);
        let (anew, base, version) = (self.anew, self.version, self.upcoming());
        if anew {
            turn = everything();
        }
        let (items, unwritable) = turn.items(now);
        self.unwritable += unwritable;
        let items = Arc::new(items);
        let commit = Commit { fence: self.fence, base, version, anew, items };
        (self.urgent, self.cut, self.anew) = (false, Some(now.steady), false);
        self.sent = Some(Sent { commit: commit.clone(), turn, calls: std::mem::take(&mut self.calls) });
        Some(commit)
    }

    /// How many items could not be written since it was last asked.
    pub(super) const fn unwritable(&mut self) -> usize {
        std::mem::replace(&mut self.unwritable, 0)
    }

    /// The commit that is under way, to be made again.
    pub(super) fn again(&self) -> Option<Commit> {
        self.sent.as_ref().map(|sent| sent.commit.clone())
    }

    /// Takes what became of it.
    pub(super) fn done(&mut self, result: &Result<Committed, Unreachable>) -> Outcome<T> {
        let Some(mut sent) = self.sent.take() else { return Outcome::Again };
        match result {
            Ok(Committed::Done) => self.written(sent),
            Ok(Committed::Fenced) => {
                self.sent = Some(sent);
                Outcome::Fenced
            }
            Ok(Committed::Behind(_) | Committed::Wiped) => {
                self.version = if let Ok(Committed::Behind(holds)) = result { *holds } else { 0 };
                let newer = std::mem::take(&mut self.open);
                self.open = sent.turn;
                self.open.absorb(newer);
                sent.calls.append(&mut self.calls);
                self.calls = sent.calls;
                self.anew = true;
                Outcome::Again
            }
            Err(_) => {
                self.sent = Some(sent);
                Outcome::Again
            }
        }
    }

    fn written(&mut self, sent: Sent<T>) -> Outcome<T> {
        self.version = sent.commit.version;
        Outcome::Written(sent.calls)
    }

    /// The end of its term: what was not written for sure, the calls that were never made, and whether all there is was to be written.
    pub(super) fn close(self) -> (Turn, Vec<T>, bool) {
        let anew = self.anew || self.sent.as_ref().is_some_and(|sent| sent.commit.anew);
        let (mut turn, mut calls) = self.sent.map_or_else(Default::default, |sent| (sent.turn, sent.calls));
        turn.absorb(self.open);
        calls.extend(self.calls);
        (turn, calls, anew)
    }
}

#[cfg(test)]
mod tests;
