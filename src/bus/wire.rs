//! The bytes on a stream: a hand-written `header`, then bincode of structs that are frozen per version (`v1`, `v2`, `v3`). Version 4 has
//! the words of `v3`, and one more rule.
//!
//! bincode says nothing of which field is which: a reader with another struct reads nonsense or nothing. So the version stands in the header,
//! a struct that was ever released is never changed, and the enums of the model are numbers of a frozen table: a new one, or a new
//! field, is a new version. Each version converts to and from the model by itself (`word`), so the model is free to grow.
//!
//! Alerts, silences, commands, answers and slow signals are JSON inside their frozen struct: that JSON is a contract already, which grows by fields with
//! defaults.
//!
//! **Bytes are not trusted.** What is read has a limit before anything is taken from memory; lists are bounded; a sum over all bytes finds
//! damage; numbers that are none are refused. The sum proves nothing about who wrote it: that is for whoever may write to the Redis.

mod codes;
mod header;
mod v1;
mod v2;
mod v3;
mod word;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bincode::Options;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::{Message, Sender};
use crate::model::{Reason, Report, Rule};
use header::Header;
use word::Word;

/// The newest version that this program writes and reads.
pub const NEWEST: u16 = 4;
/// The oldest that it still reads, and writes while a node of the cluster reads no newer one.
pub const OLDEST: u16 = 1;

/// A payload is at most this long: some thousand whole samples, well below what a hosted Redis takes in one request (10 MB).
pub const LONGEST: usize = 4 << 20;

/// No list is longer: more than any message of sense has, and little enough to bound what a hostile one costs.
const MOST: usize = 10_000;

/// Why bytes are no message; whoever wrote them is counted, and nothing else happens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not ours at all, cut off, or damaged on the way.
    #[error("no message of isobar: {0}")]
    Broken(&'static str),
    /// From a newer or a much older node.
    #[error("wire version {0}, and this node reads {OLDEST} to {NEWEST}")]
    Version(u16),
    /// Of a kind that this version does not know.
    #[error("unknown kind of message {0}")]
    Kind(u16),
}

/// The kinds as the header has them; frozen.
mod kind {
    pub(super) const BEAT: u16 = 1;
    pub(super) const REPORTS: u16 = 2;
    pub(super) const FIGURES: u16 = 3;
    pub(super) const REMOVED: u16 = 4;
    /// From version 2 on.
    pub(super) const VIEWS: u16 = 5;
    pub(super) const NEWS: u16 = 6;
    pub(super) const ASK: u16 = 7;
    pub(super) const REPLY: u16 = 8;
    /// From version 3 on.
    pub(super) const VITALS: u16 = 9;
}

/// The bytes of a message in that version; none when the version has no words for it, or when it is too long for one frame: see [`frames`].
///
/// A figure that is not finite is left out, or 0 where there must be one: one odd figure must not cost the message. Within a report no list
/// is longer than `MOST`; what is beyond is left out.
pub fn encode(version: u16, from: &Sender, message: &Message) -> Option<Bytes> {
    if !has_words(version, message) || length(message) > MOST {
        return None;
    }
    let write = Frame { version, from };
    match message {
        Message::Beat { reads, roster } => write.frame(kind::BEAT, &v1::Beat { reads: *reads, roster: Word::of(roster) }),
        Message::Reports(reports) if version < 4 && reports.iter().any(tells_of_newer) => {
            let reports: Vec<Report> = reports.iter().map(without_newer).collect();
            write.frame::<Vec<v1::Report>>(kind::REPORTS, &Word::of(&reports))
        }
        Message::Reports(reports) => write.frame::<Vec<v1::Report>>(kind::REPORTS, &Word::of(reports)),
        Message::Figures(figures) => write.frame::<Vec<v1::Figures>>(kind::FIGURES, &Word::of(figures)),
        Message::Removed(targets) => write.frame::<Vec<v1::Target>>(kind::REMOVED, &Word::of(targets)),
        Message::Views(views) => write.frame::<Vec<v2::TargetView>>(kind::VIEWS, &Word::of(views)),
        Message::Vitals(vitals) => write.frame(kind::VITALS, &v3::Vitals::said(vitals)?),
        Message::News { items, silences, .. } => write.frame(kind::NEWS, &v1::News::said(items, silences.as_deref())?),
        Message::Ask { id, to, command } => write.frame(kind::ASK, &v1::Ask::said(*id, to, command)?),
        Message::Reply { to, id, answer } => write.frame(kind::REPLY, &v1::Reply::said(to, *id, answer)?),
    }
}

/// The same in as many frames as it takes. `from` has the number of the last message on the stream; each frame takes the next.
///
/// A single report that is too long goes without its details; what is too long even so is left out.
pub fn frames(version: u16, from: &mut Sender, message: &Message) -> Vec<Bytes> {
    if !has_words(version, message) {
        return Vec::new();
    }
    let next = Sender { sequence: from.sequence + 1, ..from.clone() };
    if let Some(bytes) = encode(version, &next, message) {
        *from = next;
        return vec![bytes];
    }
    smaller(message).iter().flat_map(|part| frames(version, from, part)).collect()
}

/// Who wrote it and what it says. `newest` is the newest version that this node reads.
pub fn decode(bytes: &[u8], newest: u16) -> Result<(Sender, Message), Refusal> {
    let (Header { version, kind, from }, payload) = header::read(bytes, newest.min(NEWEST))?;
    let message = match kind {
        kind::BEAT => {
            let beat: v1::Beat = read(payload)?;
            Message::Beat { reads: beat.reads, roster: beat.roster.thaw()? }
        }
        kind::REPORTS => Message::Reports(read::<Vec<v1::Report>>(payload)?.thaw()?),
        kind::FIGURES => Message::Figures(read::<Vec<v1::Figures>>(payload)?.thaw()?),
        kind::REMOVED => Message::Removed(read::<Vec<v1::Target>>(payload)?.thaw()?),
        kind::VIEWS if version >= 2 => Message::Views(read::<Vec<v2::TargetView>>(payload)?.thaw()?),
        kind::VITALS if version >= 3 => read::<v3::Vitals>(payload)?.heard()?,
        kind::NEWS => read::<v1::News>(payload)?.heard()?,
        kind::ASK => read::<v1::Ask>(payload)?.heard()?,
        kind::REPLY => read::<v1::Reply>(payload)?.heard()?,
        unknown => return Err(Refusal::Kind(unknown)),
    };
    Ok((from, message))
}

/// How bincode is used here, and only here. Its encoding with fixed widths is one that another crate writes too.
fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(LONGEST as u64).reject_trailing_bytes()
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Refusal> {
    options().deserialize(payload).map_err(|_| Refusal::Broken("its payload cannot be read"))
}

struct Frame<'a> {
    version: u16,
    from: &'a Sender,
}

impl Frame<'_> {
    /// Header and payload in one piece of memory, taken once.
    fn frame<T: Serialize>(&self, kind: u16, payload: &T) -> Option<Bytes> {
        let long = options().serialized_size(payload).ok()? as usize;
        let mut bytes = header::begin(self.version, kind, self.from, long)?;
        options().with_no_limit().serialize_into(&mut bytes, payload).ok()?;
        header::end(&mut bytes, long);
        Some(bytes.into())
    }
}

/// A rule that came with version 4.
fn is_newer(reason: &Reason) -> bool {
    reason.rule == Rule::Anomaly
}

/// Whether such a rule is in breach; a reader of an older version would refuse all of the message.
fn tells_of_newer(report: &Report) -> bool {
    report.sample.reasons.iter().chain(report.transitions.iter().map(|transition| &transition.reason)).any(is_newer)
}

fn without_newer(report: &Report) -> Report {
    let mut report = report.clone();
    Arc::make_mut(&mut report.sample).reasons.retain(|reason| !is_newer(reason));
    report.transitions.retain(|transition| !is_newer(&transition.reason));
    report
}

fn has_words(version: u16, message: &Message) -> bool {
    let since = match message {
        Message::Views(_) => 2,
        Message::Vitals(_) => 3,
        _ => OLDEST,
    };
    (since..=NEWEST).contains(&version)
}

/// How many things it is about.
fn length(message: &Message) -> usize {
    match message {
        Message::Reports(reports) => reports.len(),
        Message::Figures(figures) => figures.len(),
        Message::Removed(targets) => targets.len(),
        Message::Views(views) => views.len(),
        Message::Vitals(vitals) => vitals.len(),
        Message::News { items, .. } => items.len(),
        Message::Beat { .. } | Message::Ask { .. } | Message::Reply { .. } => 1,
    }
}

/// A message that is too long as two, or as one without details; nothing when it cannot be less.
fn smaller(message: &Message) -> Vec<Message> {
    fn halves<T: Clone>(list: &[T], say: impl Fn(Vec<T>) -> Message) -> Vec<Message> {
        let (one, other) = list.split_at(list.len() / 2);
        if one.is_empty() { Vec::new() } else { vec![say(one.to_vec()), say(other.to_vec())] }
    }
    match message {
        Message::Reports(reports) => match &reports[..] {
            [one] if !one.is_light() => vec![Message::Reports(vec![one.light()])],
            reports => halves(reports, Message::Reports),
        },
        Message::Figures(figures) => halves(figures, Message::Figures),
        Message::Removed(targets) => halves(targets, Message::Removed),
        Message::Views(views) => halves(views, Message::Views),
        Message::Vitals(vitals) => halves(vitals, Message::Vitals),
        Message::News { items, silences: Some(silences), .. } if !items.is_empty() => vec![
            Message::News { items: items.clone(), silences: None, unreadable: 0 },
            Message::News { items: Vec::new(), silences: Some(silences.clone()), unreadable: 0 },
        ],
        Message::News { items, .. } => halves(items, |items| Message::News { items, silences: None, unreadable: 0 }),
        Message::Beat { .. } | Message::Ask { .. } | Message::Reply { .. } => Vec::new(),
    }
}
