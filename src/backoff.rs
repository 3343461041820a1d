//! The next delay of something that failed: exponential with full jitter, so that a thousand sessions that lost one
//! database do not come back in step. Pure: the randomness is passed in.

use std::time::Duration;

use rand::Rng;

/// Delays that grow from `first` to `most`, each drawn from the upper half of its span.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// A backoff whose first delay is about `first` and whose later ones never pass `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// The delay before the next attempt; each call counts as one more failure.
    pub fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let span = self.first.saturating_mul(1 << self.failures.min(16)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        span.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// How often it failed since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// To be called on success: the next failure starts small again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn delays_grow_to_the_ceiling_and_a_success_starts_anew() {
        let mut rng = SmallRng::seed_from_u64(7);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let delays: Vec<_> = (0..40).map(|_| backoff.next(&mut rng)).collect();
        assert!(delays[0] >= Duration::from_millis(50) && delays[0] <= Duration::from_millis(100));
        assert!(delays[10..].iter().all(|d| *d >= Duration::from_millis(500) && *d <= Duration::from_secs(1)));
        backoff.reset();
        assert!(backoff.next(&mut rng) <= Duration::from_millis(100));
    }
}
