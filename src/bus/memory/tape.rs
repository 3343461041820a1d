//! One bounded stream: entries under ids that only grow, as Redis gives them.

use std::collections::VecDeque;

use bytes::Bytes;

/// Milliseconds, and a number among those of the same one.
pub(super) type Id = (i64, u64);

#[derive(Debug, Default)]
pub(super) struct Tape {
    entries: VecDeque<(Id, Bytes)>,
    last: Id,
}

impl Tape {
    pub(super) fn append(&mut self, bytes: Bytes, now: i64, length: usize) {
        self.last = if now > self.last.0 { (now, 0) } else { (self.last.0, self.last.1 + 1) };
        self.entries.push_back((self.last, bytes));
        while self.entries.len() > length {
            self.entries.pop_front();
        }
    }

    /// What came after that.
    pub(super) fn after(&self, place: Id) -> impl Iterator<Item = &(Id, Bytes)> {
        self.entries.iter().skip(self.entries.partition_point(|(id, _)| *id <= place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_when_the_clock_does_not() {
        let mut tape = Tape::default();
        for now in [5, 5, 3, 6] {
            tape.append(Bytes::new(), now, 3);
        }
        let ids = |place| tape.after(place).map(|(id, _)| *id).collect::<Vec<_>>();
        assert_eq!(ids((0, 0)), [(5, 1), (5, 2), (6, 0)], "the oldest fell off the end");
        assert_eq!(ids((5, 1)), [(5, 2), (6, 0)]);
        assert_eq!(ids((6, 0)), []);
    }
}
