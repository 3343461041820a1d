//! What came of advice: the prediction is kept when a pool's size changes, and compared with the window that follows. Pure.

use serde::{Deserialize, Serialize};

use super::{bound::Contention, demand::Demand, fitting, pool_size};
use crate::model::{
    Timestamp,
    advice::{Outcome, Predicted, Recommendation, Verdict},
};

/// Within this part of the prediction, or so many milliseconds, it came as predicted.
const NEAR: (f64, f64) = (0.5, 3.0);
/// Beyond these the load is another one.
const SAME_LOAD: std::ops::RangeInclusive<f64> = 0.7..=1.4;
/// A service that grows by so much of what the pool did is one that the connections share.
const SHARES: f64 = 0.5;
/// Nobody measures a wait more finely than this, milliseconds.
const FINE: f64 = 0.5;

/// A size that was advised and then changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// As it was given.
    pub(super) recommendation: Recommendation,
    outcome: Outcome,
    /// What clients wanted before.
    before: Demand,
}

impl Taken {
    /// Of a change to this size.
    pub(super) fn new(recommendation: Recommendation, before: Demand, to: u32, wall: Timestamp) -> Self {
        let predicted = (!pool_size::is_hidden(&before)).then(|| pool_size::predict(&before, to)).flatten();
        let outcome = Outcome {
            taken_at: wall,
            to,
            predicted,
            mean_wait_ms: None,
            utilization: None,
            service_before_ms: before.service * 1e3,
            service_ms: None,
            within_bounds: None,
            verdict: Verdict::Measuring,
        };
        Self { recommendation, outcome, before }
    }

    /// Takes in what is seen since; a whole window settles it. Whether it is settled now and was not before.
    pub(super) fn measure(&mut self, after: &Demand) -> bool {
        if self.outcome.verdict != Verdict::Measuring || !after.whole || after.size != self.outcome.to {
            return false;
        }
        let seen = after.wait * 1e3;
        self.outcome.mean_wait_ms = Some(seen);
        self.outcome.utilization = Some(after.load() / f64::from(after.size.max(1)));
        self.outcome.service_ms = Some(after.service * 1e3);
        let predicted =
            self.outcome.predicted.filter(|predicted| SAME_LOAD.contains(&(after.rate / self.expected_rate(predicted))));
        self.outcome.within_bounds = predicted.map(|predicted| (predicted.low - FINE..=predicted.high + FINE).contains(&seen));
        self.outcome.verdict = match predicted {
            None => Verdict::NotComparable,
            Some(predicted) if (seen - predicted.mean_wait_ms).abs() <= NEAR.1.max(NEAR.0 * predicted.mean_wait_ms) => {
                Verdict::AsPredicted
            }
            Some(predicted) if seen < predicted.mean_wait_ms => Verdict::Better,
            Some(_) => Verdict::Worse,
        };
        true
    }

    /// Few clients ask more often when they wait for less.
    fn expected_rate(&self, predicted: &Predicted) -> f64 {
        match self.before.closed {
            Some(_) if self.before.wanted.is_none() => {
                let service = fitting::service(&self.before, self.outcome.to).unwrap_or(self.before.service);
                predicted.utilization * f64::from(self.outcome.to) / service
            }
            _ => self.before.rate,
        }
    }

    /// The size changed again before anything could be said.
    pub(super) fn give_up(&mut self) {
        if self.outcome.verdict == Verdict::Measuring {
            self.outcome.verdict = Verdict::NotComparable;
        }
    }

    /// As the API shows it.
    pub(super) fn told(&self) -> Recommendation {
        // What was taken asks nothing of anybody.
        Recommendation { outcome: Some(self.outcome.clone()), value: 0.0, ..self.recommendation.clone() }
    }

    /// When the change was seen.
    pub(super) fn at(&self) -> Timestamp {
        self.outcome.taken_at
    }

    /// What a larger pool did to the service, when that became slower by as good as what it grew.
    pub(super) fn contention(&self) -> Option<Contention> {
        let (before, after) = (self.outcome.service_before_ms / 1e3, self.outcome.service_ms? / 1e3);
        let (from, to) = (self.before.size, self.outcome.to);
        let grown = f64::from(to) / f64::from(from.max(1)) - 1.0;
        (grown > 0.0 && after / before - 1.0 > (SHARES * grown).max(0.1)).then_some(Contention { from, to, before, after })
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
        let mut taken = Taken::new(recommendation, before.clone(), 6, wall);
        assert!(!taken.measure(&Demand { whole: false, size: 6, wait, rate, ..before.clone() }));
        assert!(!taken.measure(&Demand { rate, wait, ..before.clone() }), "another size");
        assert_eq!(taken.outcome.verdict, Verdict::Measuring);
        assert!(taken.measure(&Demand { size: 6, wait, rate, ..before }));
        assert!(taken.outcome.mean_wait_ms.is_some() && taken.contention().is_none());
        let text = serde_json::to_string(&taken).unwrap();
        assert_eq!(serde_json::from_str::<Taken>(&text).unwrap().outcome, taken.outcome, "it outlives a restart");
        taken.outcome.verdict
    }

    #[test]
    fn what_came_is_compared_with_what_was_said_for_the_size_that_was_set() {
        assert_eq!(after(0.001, 172.0), Verdict::AsPredicted);
        assert_eq!(after(0.015, 172.0), Verdict::Worse);
        assert_eq!(after(0.001, 400.0), Verdict::NotComparable);
    }

    #[test]
    fn a_service_that_grows_with_the_pool_is_shared() {
        let before = demand(4, 170.0, 0.020);
        let wall = Timestamp(chrono::DateTime::UNIX_EPOCH);
        let after = |service| {
            let mut taken = Taken::new(crate::advise::adviser::tests::recommendation(), before.clone(), 8, wall);
            taken.measure(&Demand { size: 8, service, ..before.clone() });
            taken.contention()
        };
        assert_eq!(after(0.022), None);
        let seen = after(0.036).unwrap();
        assert_eq!((seen.from, seen.to), (4, 8));
    }
}
