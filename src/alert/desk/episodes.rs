//! The number of an episode. Nodes that cannot hear each other must give the same problem the same name, so that what both of them tell is
//! one message: the number counts on from the newest episode that fired, which all nodes remember alike, and begins with the day.
//!
//! An episode that was withdrawn before it fired counts for nothing: whether it is seen at all is another thing on each node, nobody was told
//! of it, and its number is given again.

use super::super::Now;
use super::{AlertState, Desk, Subject};

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

impl Desk {
    /// The identity of the episode of this problem that begins now: `<fingerprint>-<hexadecimal number>`.
    pub(super) fn name_episode(&mut self, now: Now, subject: &Subject) -> String {
        let fingerprint = subject.fingerprint();
        let (first, beyond) = (format!("{fingerprint}-"), format!("{fingerprint}."));
        let is_withdrawn = |id: &String| self.withdrawn.contains(id);
        let told = self.incidents.range(first..beyond).filter(|(id, it)| it.state != AlertState::Pending && !is_withdrawn(id));
        let newest = told.filter_map(|(id, _)| number(id)).chain(self.numbers.get(subject).copied()).max();
        let next = newest.map_or_else(|| (now.wall.unix_ms() / 1_000).div_euclid(DAY) * DAY, |newest| newest + 1);
        let id = format!("{fingerprint}-{next:x}");
        if is_withdrawn(&id) {
            self.withdrawn.retain(|other| *other != id);
            self.incidents.remove(&id);
        }
        id
    }

    /// It is forgotten, and its name must not be given again.
    pub(super) fn forget_episode(&mut self, id: &str) {
        let Some(incident) = self.incidents.remove(id) else { return };
        let Some(number) = number(id) else { return };
        let newest = self.numbers.entry(incident.subject).or_insert(number);
        *newest = number.max(*newest);
    }
}

fn number(id: &str) -> Option<i64> {
    i64::from_str_radix(id.rsplit_once('-')?.1, 16).ok()
}
