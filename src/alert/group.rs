//! Storms: a channel gets so many first notices a minute, and what is beyond that and not critical goes into one digest. A person can
//! read twenty messages, not five hundred; each critical one is still told by itself.
//!
//! A digest is sent a second after its first member came, so that it holds most of the storm, and is changed as its members change:
//! every ten seconds where the channel can edit, and as a new message every five minutes elsewhere. It is over when all of its members are
//! and that was told.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::model::Timestamp;

/// What a channel's budget is counted over.
const WINDOW: Duration = Duration::from_mins(1);
/// A digest gathers members for so long before it is first sent.
const GATHERS: Duration = Duration::from_secs(1);
/// A message that can be changed is changed at most this often.
pub(super) const EDITED_EVERY: Duration = Duration::from_secs(10);
/// One that cannot be is sent anew at most this often.
const TOLD_EVERY: Duration = Duration::from_mins(5);
/// More members are counted in none but the newest digest; a page of alerts says the rest.
const MOST_MEMBERS: usize = 2_000;

/// One digest of one channel.
#[derive(Debug)]
pub(super) struct Digest {
    /// Its identity: what its messages are about.
    pub(super) id: String,
    /// The incidents in it, in the order in which they came.
    pub(super) members: Vec<String>,
    /// How often it was told.
    pub(super) number: u32,
    due: Timestamp,
    told: u64,
}

/// One channel's.
#[derive(Debug, Default)]
struct Budget {
    firsts: VecDeque<Timestamp>,
    digest: Option<Digest>,
}

/// First notices and digests by channel.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    channels: BTreeMap<String, Budget>,
}

/// The state of a digest's members, as one number.
pub(super) fn mark<'a>(members: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> u64 {
    let mut hash = Sha256::new();
    for (id, state, severity) in members {
        hash.update(format!("{id} {state} {severity}\n"));
    }
    hash.finalize()[..8].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

impl Budgets {
    /// Whether one more first notice fits into a channel's minute; it is counted when it does, or must go out anyway.
    pub(super) fn admits(&mut self, channel: &str, now: Timestamp, above: u32, must: bool) -> bool {
        let budget = self.channels.entry(channel.to_owned()).or_default();
        while budget.firsts.front().is_some_and(|first| now.since(*first) >= WINDOW) {
            budget.firsts.pop_front();
        }
        let fits = budget.firsts.len() < above as usize;
        if fits || must {
            budget.firsts.push_back(now);
        }
        fits || must
    }

    /// Puts an incident into the channel's digest.
    pub(super) fn join(&mut self, channel: &str, now: Timestamp, id: &str) {
        let budget = self.channels.entry(channel.to_owned()).or_default();
        if budget.digest.as_ref().is_some_and(|digest| digest.members.len() >= MOST_MEMBERS) {
            budget.digest = None;
        }
        let begin = || Digest {
            id: format!("digest-{}-{:x}", channel, now.unix_ms()),
            members: Vec::new(),
            number: 0,
            due: now.after(GATHERS),
            told: 0,
        };
        let digest = budget.digest.get_or_insert_with(begin);
        if !digest.members.iter().any(|member| member == id) {
            digest.members.push(id.to_owned());
        }
    }

    /// Digests that were told before the process began: changes of their members will be told, what they are now will not.
    pub(super) fn resume(&mut self, channel: &str, now: Timestamp, mark: u64) {
        if let Some(digest) = self.channels.get_mut(channel).and_then(|budget| budget.digest.as_mut()) {
            (digest.told, digest.number, digest.due) = (mark, 1, now.after(TOLD_EVERY));
        }
    }

    /// The digests that may be told now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<(String, Vec<String>)> {
        let digest = |(name, budget): (&String, &Budget)| {
            let digest = budget.digest.as_ref().filter(|digest| digest.due <= now)?;
            Some((name.clone(), digest.members.clone()))
        };
        self.channels.iter().filter_map(digest).collect()
    }

    /// The members of a channel's digest.
    pub(super) fn members(&self, channel: &str) -> &[String] {
        let digest = self.channels.get(channel).and_then(|budget| budget.digest.as_ref());
        digest.map_or(&[], |digest| &digest.members)
    }

    /// What becomes of a due digest whose members are as `mark` says: its identity and number when it is to be told. It is forgotten when all
    /// of it is over.
    pub(super) fn tell(&mut self, channel: &str, now: Timestamp, mark: u64, edits: bool, is_over: bool) -> Option<(String, u32)> {
        let budget = self.channels.get_mut(channel)?;
        let digest = budget.digest.as_mut()?;
        // What was over before anybody could be told is not worth a message.
        let told = (mark != digest.told && !(is_over && digest.number == 0)).then(|| {
            digest.told = mark;
            digest.number += 1;
            (digest.id.clone(), digest.number)
        });
        digest.due = now.after(if edits || told.is_none() { EDITED_EVERY } else { TOLD_EVERY });
        if is_over {
            budget.digest = None;
        }
        told
    }
}

#[cfg(test)]
mod tests;
