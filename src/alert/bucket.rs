//! How fast a channel may be called: a bucket of tokens that fills evenly, and a pause that the provider asked for. Pure.

use std::time::Duration;

use crate::model::Timestamp;

/// Kept as the moment when it will be full again, so that it needs no timer.
#[derive(Debug, Clone)]
pub struct Bucket {
    burst: u32,
    every: Duration,
    full: Option<Timestamp>,
    paused: Option<Timestamp>,
}

impl Bucket {
    /// A full one.
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst: burst.max(1), every, full: None, paused: None }
    }

    /// Other limits from now on; what was taken stays taken.
    pub fn limit(&mut self, burst: u32, every: Duration) {
        (self.burst, self.every) = (burst.max(1), every);
    }

    /// Takes a token, if there is one now.
    pub fn take(&mut self, now: Timestamp) -> bool {
        if self.is_paused(now) {
            return false;
        }
        let full = self.full.map_or(now, |full| full.max(now));
        let after = full.after(self.every);
        if after.since(now) > self.every.saturating_mul(self.burst) {
            return false;
        }
        self.full = Some(after);
        true
    }

    /// Whether the provider asked for a rest that lasts.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused.is_some_and(|until| now < until)
    }

    /// No tokens before that moment: the provider said so.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused = Some(self.paused.map_or(until, |paused| paused.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(chrono::DateTime::from_timestamp_millis(1_700_000_000_000 + ms).expect("a moment"))
    }

    /// Calls asked for each 100 ms; `+` for those that were allowed.
    fn script(bucket: &mut Bucket, calls: i64) -> String {
        (0..calls).map(|call| if bucket.take(at(call * 100)) { '+' } else { '-' }).collect()
    }

    #[test]
    fn a_burst_is_followed_by_one_each_interval() {
        assert_eq!(script(&mut Bucket::new(1, Duration::from_millis(300)), 10), "+--+--+--+");
        assert_eq!(script(&mut Bucket::new(3, Duration::from_millis(300)), 10), "++++--+--+");
        assert_eq!(script(&mut Bucket::new(5, Duration::ZERO), 6), "++++++");
    }

    #[test]
    fn a_rest_fills_it_and_never_more_than_full() {
        let mut bucket = Bucket::new(2, Duration::from_secs(1));
        assert_eq!([bucket.take(at(0)), bucket.take(at(0)), bucket.take(at(0))], [true, true, false]);
        let late = at(3_600_000);
        assert_eq!([bucket.take(late), bucket.take(late), bucket.take(late)], [true, true, false]);
    }

    #[test]
    fn a_pause_holds_until_it_ends_and_a_shorter_one_does_not_shorten_it() {
        let mut bucket = Bucket::new(2, Duration::from_millis(100));
        bucket.pause(at(500));
        bucket.pause(at(200));
        assert_eq!(script(&mut bucket, 7), "-----++");
    }
}
