//! Where WAL was seen to end, and when. Pure.

use std::{collections::VecDeque, time::Instant};

/// So many are remembered; when they become too many every other one goes. With 2 s between two that is some 20 minutes to the minute, and
/// beyond that less exact, and always rather too young.
const MOST: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ends(VecDeque<(u64, Instant)>);

impl Ends {
    /// It ends there now. One that is before the last begins anew.
    pub(super) fn push(&mut self, end: u64, at: Instant) {
        match self.0.back() {
            Some((last, _)) if *last == end => return,
            Some((last, _)) if *last > end => self.0.clear(),
            _ => {}
        }
        self.0.push_back((end, at));
        if self.0.len() > MOST {
            let mut nth = 0;
            self.0.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
        }
    }

    /// When it was first seen to end beyond that.
    pub(super) fn passed(&self, arrived: u64) -> Option<Instant> {
        self.0.iter().find(|(end, _)| *end > arrived).map(|(_, at)| *at)
    }

    /// Whether it was beyond that before it was first seen, so that nobody saw it pass.
    pub(super) fn began_beyond(&self, arrived: u64) -> bool {
        self.0.front().is_some_and(|(end, _)| *end > arrived)
    }
}
