//! What came of advice: the prediction is kept when a pool's size changes, and compared with the window that follows. Pure, and in memory
//! only: a node that starts anew has forgotten.

use super::{demand::Demand, pool_size};
use crate::model::{
    Timestamp,
    advice::{Outcome, Recommendation, Verdict},
};

/// Within this part of the prediction, or so many milliseconds, it came as predicted.
const NEAR: (f64, f64) = (0.5, 3.0);
/// Beyond these the load is another one.
const SAME_LOAD: std::ops::RangeInclusive<f64> = 0.7..=1.4;

/// A size that was advised and then changed.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// As it was given.
    pub(super) recommendation: Recommendation,
    /// When it was seen.
    pub(super) at: std::time::Instant,
    outcome: Outcome,
    /// What clients wanted before.
    before: Demand,
}

impl Taken {
    /// Of a change to this size.
    pub(super) fn new(recommendation: Recommendation, before: Demand, to: u32, now: std::time::Instant, wall: Timestamp) -> Self {
        let predicted = (!before.saturated).then(|| pool_size::predict(&before, to)).flatten();
        let outcome =
            Outcome { taken_at: wall, to, predicted, mean_wait_ms: None, utilization: None, verdict: Verdict::Measuring };
        Self { recommendation, at: now, outcome, before }
    }

    /// Takes in what is seen since; a whole window settles it.
    pub(super) fn measure(&mut self, after: &Demand) {
        if self.outcome.verdict != Verdict::Measuring || !after.whole {
            return;
        }
        let seen = after.wait * 1e3;
        self.outcome.mean_wait_ms = Some(seen);
        self.outcome.utilization = Some(after.load() / f64::from(after.size.max(1)));
        let same = SAME_LOAD.contains(&(after.rate / self.before.rate));
        self.outcome.verdict = match self.outcome.predicted.filter(|_| same) {
            None => Verdict::NotComparable,
            Some(predicted) if (seen - predicted.mean_wait_ms).abs() <= NEAR.1.max(NEAR.0 * predicted.mean_wait_ms) => {
                Verdict::AsPredicted
            }
            Some(predicted) if seen < predicted.mean_wait_ms => Verdict::Better,
            Some(_) => Verdict::Worse,
        };
    }

    /// What came of it so far.
    pub(super) fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::demand::tests::demand;

    fn after(wait: f64, rate: f64) -> Verdict {
        let before = demand(4, 170.0, 0.020);
        let recommendation = crate::advise::adviser::tests::recommendation();
        let wall = Timestamp(chrono::DateTime::UNIX_EPOCH);
        let mut taken = Taken::new(recommendation, before.clone(), 6, crate::clock::now(), wall);
        taken.measure(&Demand { whole: false, size: 6, wait, rate, ..before.clone() });
        assert_eq!(taken.outcome().verdict, Verdict::Measuring);
        taken.measure(&Demand { size: 6, wait, rate, ..before });
        assert!(taken.outcome().mean_wait_ms.is_some());
        taken.outcome().verdict
    }

    #[test]
    fn what_came_is_compared_with_what_was_said_for_the_size_that_was_set() {
        assert_eq!(after(0.001, 172.0), Verdict::AsPredicted);
        assert_eq!(after(0.015, 172.0), Verdict::Worse);
        assert_eq!(after(0.001, 400.0), Verdict::NotComparable);
    }
}
