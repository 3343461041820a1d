//! What can go wrong on the way to a Redis, at a test's wish: one set for each link.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::bus::transport::Entry;

/// The faults of one link; none at first.
#[derive(Debug, Default)]
pub struct Faults {
    cut: AtomicBool,
    loses_answers: AtomicBool,
    delay_ms: AtomicU64,
    duplicates: AtomicBool,
    reorders: AtomicBool,
}

impl Faults {
    /// Nothing gets through: what is asked is not done.
    pub fn cut(&self, on: bool) {
        self.cut.store(on, Relaxed);
    }

    /// What is asked is done, and the answer never arrives.
    pub fn lose_answers(&self, on: bool) {
        self.loses_answers.store(on, Relaxed);
    }

    /// How long the way there takes, and the way back.
    pub fn delay(&self, way: Duration) {
        self.delay_ms.store(way.as_millis() as u64, Relaxed);
    }

    /// Whatever is read comes twice.
    pub fn duplicate(&self, on: bool) {
        self.duplicates.store(on, Relaxed);
    }

    /// Of what is read at once the order is turned round; the newest of each stream stays the last, so that cursors go on.
    pub fn reorder(&self, on: bool) {
        self.reorders.store(on, Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    pub(super) fn is_mute(&self) -> bool {
        self.is_cut() || self.loses_answers.load(Relaxed)
    }

    pub(super) fn way(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Relaxed))
    }

    /// The entries of one stream as they arrive.
    pub(super) fn disturb(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        if self.reorders.load(Relaxed)
            && let Some((_, earlier)) = entries.split_last_mut()
        {
            earlier.reverse();
        }
        if self.duplicates.load(Relaxed) {
            entries = entries.into_iter().flat_map(|entry| [entry.clone(), entry]).collect();
        }
        entries
    }
}
