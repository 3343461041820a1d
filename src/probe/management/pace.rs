//! When the next request may go, as the last answer's headers say. The provider's word is bounded: whatever it says, it is asked again.

use std::time::{Duration, Instant};

/// What the documentation promises at most: the rest of a minute. More is not believed.
const LONGEST: Duration = Duration::from_mins(5);

/// The rest of a minute at most, when a refusal does not say how much of it is left.
const UNSAID: Duration = Duration::from_mins(1);

/// What an answer's headers say of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u64>,
    /// `X-RateLimit-Reset`, or `Retry-After`: seconds from now.
    pub reset: Option<u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Pace {
    not_before: Option<Instant>,
}

impl Pace {
    /// How long to wait still; none when a request may go now.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.not_before.map(|at| at.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Takes what an answer of this status said.
    pub fn heard(&mut self, now: Instant, status: u16, said: Said) {
        let reset = || said.reset.map_or(UNSAID, Duration::from_secs).clamp(Duration::from_secs(1), LONGEST);
        let used_up = status == 429 || said.remaining == Some(0);
        self.not_before = used_up.then(|| now + reset());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_used_up_is_waited_for_and_no_longer_than_is_credible() {
        let now = crate::clock::now();
        for (status, remaining, reset, waits, why) in [
            (200, Some(100), Some(42), None, "there is room"),
            (200, Some(0), Some(42), Some(42), "the last one of this minute"),
            (429, None, Some(17), Some(17), "refused"),
            (429, None, None, Some(60), "refused without a word"),
            (429, None, Some(u64::MAX), Some(300), "not believed"),
            (429, None, Some(0), Some(1), "never at once"),
            (500, None, None, None, "another trouble"),
        ] {
            let mut pace = Pace::default();
            pace.heard(now, status, Said { remaining, reset });
            assert_eq!(pace.wait(now), waits.map(Duration::from_secs), "{why}");
            let later = now + Duration::from_secs(waits.unwrap_or(0));
            assert_eq!(pace.wait(later), None, "{why}");
        }
    }
}
