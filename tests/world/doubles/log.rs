//! What a double took, in order.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Messages in the order they were taken; clones share them.
pub(crate) struct Log<M>(Arc<(Mutex<Vec<M>>, Condvar)>);

impl<M> Clone for Log<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Clone + std::fmt::Debug> Log<M> {
    pub(super) fn new() -> Self {
        Self(Arc::new((Mutex::new(Vec::new()), Condvar::new())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<M>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, message: M) {
        self.lock().push(message);
        self.0.1.notify_all();
    }

    /// Changes what is there.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Vec<M>) -> T) -> T {
        let changed = change(&mut self.lock());
        self.0.1.notify_all();
        changed
    }

    pub(super) fn all(&self) -> Vec<M> {
        self.lock().clone()
    }

    /// Waits for so many and returns them; fails when they do not come in time, or when there are more.
    #[track_caller]
    pub(super) fn expect(&self, wanted: usize, within: Duration) -> Vec<M> {
        let deadline = Instant::now() + within;
        let mut messages = self.lock();
        while messages.len() < wanted && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            messages = self.0.1.wait_timeout(messages, left).map_or_else(|poisoned| poisoned.into_inner().0, |(kept, _)| kept);
        }
        let messages = messages.clone();
        assert_eq!(messages.len(), wanted, "messages within {within:?}: {messages:#?}");
        messages
    }

    /// Watches that there are so many and no more for as long; an extra one fails at once.
    #[track_caller]
    pub(super) fn stays(&self, wanted: usize, during: Duration) {
        let deadline = Instant::now() + during;
        let mut messages = self.lock();
        loop {
            assert_eq!(messages.len(), wanted, "messages: {:#?}", *messages);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            messages = self.0.1.wait_timeout(messages, left).map_or_else(|poisoned| poisoned.into_inner().0, |(kept, _)| kept);
        }
    }
}
