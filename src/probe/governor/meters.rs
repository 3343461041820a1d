//! What the governor keeps of round trips and charges.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Distress is when the median of the last fast round trips is that many times the baseline ...
const DISTRESS_RATIO: f64 = 5.0;

/// ... and that much above it, so that 0.2 ms becoming 1 ms is none.
const DISTRESS_MARGIN: Duration = Duration::from_millis(20);

/// Fast round trips whose median counts, two seconds of them: one hiccup is no distress.
const RECENT: usize = 8;

/// Fast round trips before the baseline is trusted.
const WARM_UP: u32 = 40;

/// The charges of one lane, as if it had run at its configured interval all along: what a read at a doubled interval costs pays
/// for two of those.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    charges: VecDeque<(Instant, f64)>,
    /// Their sum, seconds.
    sum: f64,
    /// The time that the last charge pays for.
    pays_for: Duration,
}

impl Ledger {
    pub(super) fn add(&mut self, now: Instant, charge: f64, pays_for: Duration) {
        self.charges.push_back((now, charge));
        self.sum += charge;
        self.pays_for = pays_for;
    }

    pub(super) fn forget(&mut self, now: Instant, keep: Duration) {
        while let Some(&(at, charge)) = self.charges.front()
            && now.saturating_duration_since(at) > keep
        {
            self.charges.pop_front();
            self.sum = if self.charges.is_empty() { 0.0 } else { (self.sum - charge).max(0.0) };
        }
    }

    pub(super) fn per_second(&self) -> f64 {
        let (Some((first, _)), Some((last, _))) = (self.charges.front(), self.charges.back()) else { return 0.0 };
        self.sum / (last.saturating_duration_since(*first) + self.pays_for).as_secs_f64()
    }
}

/// The network's share of a round trip: the shortest seen in the last one to two minutes.
#[derive(Debug, Default)]
pub(super) struct Floor {
    began: Option<Instant>,
    previous: Option<Duration>,
    current: Option<Duration>,
}

impl Floor {
    const TURN: Duration = Duration::from_mins(1);

    pub(super) fn take(&mut self, now: Instant, network: Duration) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= Self::TURN) {
            self.began = Some(now);
            self.previous = self.current.take();
        }
        self.current = Some(self.current.map_or(network, |least| least.min(network)));
    }

    pub(super) fn least(&self) -> Duration {
        self.previous.into_iter().chain(self.current).min().unwrap_or_default()
    }
}

/// The fast lane's round trips against their own baseline.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    recent: VecDeque<f64>,
    /// Seconds; falls fast and rises slowly, so that it does not learn a distress as normal for some minutes.
    baseline: f64,
    taken: u32,
}

impl Pulse {
    const FALL: f64 = 0.1;
    /// At 4 a second a lasting change is the new baseline after some ten minutes.
    const RISE: f64 = 0.000_5;

    pub(super) fn take(&mut self, wall: Duration) {
        let wall = wall.as_secs_f64();
        self.taken = self.taken.saturating_add(1);
        let weight = if self.taken <= WARM_UP {
            1.0 / f64::from(self.taken)
        } else if wall < self.baseline {
            Self::FALL
        } else {
            Self::RISE
        };
        self.baseline += (wall - self.baseline) * weight;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(wall);
    }

    /// How many times slower than usual, when that is distress.
    pub(super) fn distress(&self) -> Option<f64> {
        if self.taken <= WARM_UP {
            return None;
        }
        let mut recent: Vec<f64> = self.recent.iter().copied().collect();
        let middle = recent.len() / 2;
        let (_, &mut median, _) = recent.select_nth_unstable_by(middle, f64::total_cmp);
        let far = median > self.baseline * DISTRESS_RATIO && median > self.baseline + DISTRESS_MARGIN.as_secs_f64();
        (far && self.baseline > 0.0).then(|| median / self.baseline)
    }
}
