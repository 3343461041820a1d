//! The books of the spool: its segments, what of them is sent and under way, what must go to make room. Pure: the files are elsewhere.
//!
//! Segments are whole files, so what goes beyond the bound is the oldest segment, a sixteenth of the bound. Rows under way when their
//! segment goes are lost only if they come back.

use std::collections::VecDeque;

/// The bound is so many segments.
const SEGMENTS: u64 = 16;
/// A longer file is of no use: it is read as a whole.
const LONGEST_SEGMENT: u64 = 4 << 20;

/// A place in the spool: the segment, and how many bytes and rows of it come before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) byte: u64,
    pub(super) row: u64,
}

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) id: u64,
    pub(super) bytes: u64,
    /// Those that can be read.
    pub(super) rows: u64,
}

/// Where to append, and what goes to make room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) segment: u64,
    /// Segments to remove.
    pub(super) gone: Vec<u64>,
    /// Rows that nobody got of them.
    pub(super) dropped: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    bound: u64,
    /// The oldest first.
    segments: VecDeque<Segment>,
    /// The one that is appended to. One from before a restart is not: its end may be half-written.
    open: Option<u64>,
    next: u64,
    sent: Place,
    /// The end of what is under way.
    out: Option<Place>,
    /// Rows under way whose segment is gone.
    lost: u64,
}

impl Queue {
    /// What a folder holds, the oldest first, and what of it is sent.
    pub(super) fn new(bound: u64, segments: Vec<Segment>, sent: Place) -> Self {
        let next = segments.last().map_or(0, |last| last.id).max(sent.segment) + 1;
        Self { bound, segments: segments.into(), open: None, next, sent, out: None, lost: 0 }
    }

    /// The most that one append may have.
    pub(super) fn longest(&self) -> u64 {
        (self.bound / SEGMENTS).clamp(1, LONGEST_SEGMENT)
    }

    /// Makes room for so many bytes.
    pub(super) fn admit(&mut self, bytes: u64) -> Admission {
        let (mut gone, mut dropped) = (Vec::new(), 0);
        while self.segments.iter().map(|segment| segment.bytes).sum::<u64>() + bytes > self.bound {
            let Some(oldest) = self.segments.pop_front() else { break };
            dropped += self.forsake(oldest);
            gone.push(oldest.id);
        }
        let longest = self.longest();
        let fits = |segment: &&Segment| segment.bytes == 0 || segment.bytes + bytes <= longest;
        let open = self.segments.back().filter(|last| self.open == Some(last.id)).filter(fits);
        let segment = open.map_or(self.next, |open| open.id);
        if open.is_none() {
            self.segments.push_back(Segment { id: segment, bytes: 0, rows: 0 });
            (self.open, self.next) = (Some(segment), segment + 1);
        }
        Admission { segment, gone, dropped }
    }

    /// So much came to the segment that was told last.
    pub(super) fn appended(&mut self, bytes: u64, rows: u64) {
        if let Some(last) = self.segments.back_mut() {
            last.bytes += bytes;
            last.rows += rows;
        }
    }

    /// The open segment may have a broken end: the next append begins another.
    pub(super) fn close(&mut self) {
        self.open = None;
        if self.segments.back().is_some_and(|last| last.bytes == 0) {
            self.segments.pop_back();
        }
    }

    /// Where the first row is that is not sent; none when all are.
    pub(super) fn first(&self) -> Option<Place> {
        (self.rows() > 0).then(|| self.start_of(self.segments.front()))
    }

    /// The segments from this one on.
    pub(super) fn from(&self, segment: u64) -> impl Iterator<Item = u64> + '_ {
        self.segments.iter().map(|segment| segment.id).filter(move |id| *id >= segment)
    }

    fn start_of(&self, segment: Option<&Segment>) -> Place {
        let id = segment.map_or(self.sent.segment, |segment| segment.id);
        if id == self.sent.segment { self.sent } else { Place { segment: id, ..Place::default() } }
    }

    /// Rows that wait, those under way included.
    pub(super) fn rows(&self) -> u64 {
        let all: u64 = self.segments.iter().map(|segment| segment.rows).sum();
        all.saturating_sub(self.start_of(self.segments.front()).row)
    }

    /// What they take.
    pub(super) fn bytes(&self) -> u64 {
        let all: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        all.saturating_sub(self.start_of(self.segments.front()).byte)
    }

    /// What comes before this place is under way.
    pub(super) fn take_out(&mut self, end: Place) {
        (self.out, self.lost) = (Some(end), 0);
    }

    /// What was under way is sent, or given up; the segments to remove.
    pub(super) fn settle(&mut self) -> Vec<u64> {
        self.sent = self.out.take().map_or(self.sent, |out| out.max(self.sent));
        self.lost = 0;
        let mut gone = Vec::new();
        while let Some(oldest) = self.segments.front() {
            let is_sent = oldest.id < self.sent.segment || (oldest.id == self.sent.segment && self.sent.row >= oldest.rows);
            if !is_sent || self.open == Some(oldest.id) {
                break;
            }
            gone.extend(self.segments.pop_front().map(|oldest| oldest.id));
        }
        gone
    }

    /// What was under way waits again; how many rows of it nobody gets.
    pub(super) fn put_back(&mut self) -> u64 {
        self.out = None;
        std::mem::take(&mut self.lost)
    }

    /// The oldest segment cannot be read: it and what was in it go.
    pub(super) fn drop_oldest(&mut self) -> Option<(u64, u64)> {
        let oldest = self.segments.pop_front()?;
        Some((oldest.id, self.forsake(oldest)))
    }

    pub(super) const fn sent(&self) -> Place {
        self.sent
    }

    /// Rows of a segment that nobody got, those under way left out.
    fn forsake(&mut self, segment: Segment) -> u64 {
        let start = self.start_of(Some(&segment));
        let left = segment.rows.saturating_sub(start.row);
        let out = self.out.map_or(0, |out| match out.segment.cmp(&segment.id) {
            std::cmp::Ordering::Greater => left,
            std::cmp::Ordering::Equal => out.row.saturating_sub(start.row),
            std::cmp::Ordering::Less => 0,
        });
        self.lost += out;
        if self.open == Some(segment.id) {
            self.open = None;
        }
        left - out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of at most 160 bytes, in segments of 10: a row has one byte.
    fn queue() -> Queue {
        Queue::new(160, Vec::new(), Place::default())
    }

    /// Appends rows one by one; how many were dropped.
    fn append(queue: &mut Queue, rows: u64) -> u64 {
        let one = |queue: &mut Queue| {
            let admission = queue.admit(1);
            queue.appended(1, 1);
            admission.dropped
        };
        (0..rows).map(|_| one(queue)).sum()
    }

    /// Where the row at this place ends; segments of this test are full but for the last.
    fn after(place: Place, rows: u64) -> Place {
        let all = place.row + rows;
        let (segment, row) = if all.is_multiple_of(10) && all > 0 { (all / 10 - 1, 10) } else { (all / 10, all % 10) };
        Place { segment: place.segment + segment, byte: row, row }
    }

    #[test]
    fn what_comes_first_is_sent_first_and_what_is_sent_goes() {
        let mut queue = queue();
        assert_eq!((queue.first(), queue.rows()), (None, 0));
        append(&mut queue, 25);
        let first = queue.first().expect("rows wait");
        assert_eq!(first, Place { segment: 1, byte: 0, row: 0 });
        queue.take_out(after(first, 14));
        assert_eq!(queue.rows(), 25, "under way is not sent");
        assert_eq!(queue.settle(), [1]);
        assert_eq!((queue.rows(), queue.bytes(), queue.first()), (11, 11, Some(Place { segment: 2, byte: 4, row: 4 })));
        queue.take_out(after(queue.first().expect("rows"), 11));
        assert_eq!(queue.put_back(), 0);
        assert_eq!(queue.rows(), 11, "it waits again");
        queue.take_out(after(queue.first().expect("rows"), 11));
        assert_eq!(queue.settle(), [2], "the open one stays for what comes");
        assert_eq!((queue.rows(), queue.first()), (0, None));
        append(&mut queue, 1);
        assert_eq!(queue.first(), Some(Place { segment: 3, byte: 5, row: 5 }));
    }

    #[test]
    fn beyond_the_bound_the_oldest_go_and_are_counted() {
        let mut queue = queue();
        assert_eq!(append(&mut queue, 160), 0);
        assert_eq!(append(&mut queue, 1), 10);
        assert_eq!((queue.rows(), queue.first().expect("rows").segment), (151, 2));
        assert_eq!(append(&mut queue, 1_000), 1_000, "as many go as come");
        assert!(queue.bytes() <= 160 && queue.rows() > 150);
    }

    #[test]
    fn what_is_under_way_when_its_segment_goes_is_lost_only_if_it_comes_back() {
        let mut all = 0;
        for taken in [true, false] {
            let mut queue = queue();
            append(&mut queue, 160);
            queue.take_out(after(queue.first().expect("rows"), 15));
            let mut dropped = append(&mut queue, 20);
            assert_eq!(dropped, 5, "of the second segment, which was half under way");
            let sent = if taken {
                queue.settle();
                15
            } else {
                dropped += queue.put_back();
                0
            };
            assert_eq!(sent + dropped + queue.rows(), 180, "every row is accounted for");
            all += dropped;
        }
        assert_eq!(all, 5 + 20);
    }

    #[test]
    fn after_a_restart_it_goes_on_where_it_was_and_touches_no_old_file() {
        let segments = vec![Segment { id: 4, bytes: 10, rows: 10 }, Segment { id: 6, bytes: 7, rows: 6 }];
        let mut queue = Queue::new(160, segments, Place { segment: 4, byte: 3, row: 3 });
        assert_eq!((queue.rows(), queue.bytes()), (13, 14));
        assert_eq!(queue.admit(1), Admission { segment: 7, gone: Vec::new(), dropped: 0 });
        queue.appended(1, 1);
        assert_eq!(queue.from(5).collect::<Vec<_>>(), [6, 7]);
        queue.take_out(Place { segment: 7, byte: 1, row: 1 });
        assert_eq!(queue.settle(), [4, 6]);
        let mut gone = Queue::new(160, Vec::new(), Place { segment: 9, byte: 3, row: 0 });
        assert_eq!((gone.rows(), gone.admit(1).segment), (0, 10), "no name is used again");
    }

    #[test]
    fn an_append_that_failed_leaves_nothing() {
        let mut queue = queue();
        append(&mut queue, 5);
        queue.close();
        for attempt in 2..5 {
            assert_eq!(queue.admit(1).segment, attempt);
            queue.close();
        }
        assert_eq!((queue.from(0).collect::<Vec<_>>(), queue.rows()), (vec![1], 5));
    }

    #[test]
    fn one_append_beyond_all_bounds_takes_all_of_it() {
        let mut queue = queue();
        append(&mut queue, 50);
        let admission = queue.admit(1_000);
        assert_eq!((admission.dropped, admission.gone.len()), (50, 5));
        assert_eq!(queue.drop_oldest().map(|(_, rows)| rows), Some(0));
        assert_eq!(queue.drop_oldest(), None);
    }
}
