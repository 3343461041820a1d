//! What is usual at this hour: quantiles of the values of the same hour on former days, an hour around it, widened.
//!
//! Quantiles of the values themselves, as nobody knows how they are distributed: 96 of 100 lie between the 2nd and the 98th of 100, and half
//! of their distance from the middle more holds nearly all. Where weeks have a shape, working days are held against working days and
//! weekends against weekends. The hours before now are left out: what is unusual must not make itself usual.

use super::{quantile::quantile, season::weekday};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
/// Values from so far around the same time of day.
const AROUND: f64 = HOUR;
/// What is nearer than this is now, and not former days.
const NOW: f64 = 6.0 * HOUR;
/// Fewer former days say nothing about what is usual.
const FEWEST_DAYS: usize = 5;
/// Fewer values have no quantiles.
const FEWEST: usize = 48;
/// The outer quantiles.
const OUTER: f64 = 0.02;
/// By this part of their distance from the middle the band is wider than they are.
const WIDER: f64 = 0.5;
/// So many values in a row outside are no chance.
const IN_A_ROW: usize = 3;

/// Between what a figure is usual at some time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Less is unusual.
    pub low: f64,
    /// Half of the values are below this.
    pub middle: f64,
    /// More is unusual.
    pub high: f64,
    /// From so many days.
    pub days: usize,
}

impl Band {
    /// Whether a value is as usual.
    pub fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }
}

/// The band at a time, from values before it; none of too few days. With `by_weekday`, from days of its kind.
pub fn band(points: &[(f64, f64)], now: f64, by_weekday: bool) -> Option<Band> {
    let is_weekend = |at: f64| weekday(at) >= 5;
    let mut values = Vec::new();
    let mut days: Vec<f64> = Vec::new();
    for &(at, value) in points.iter().filter(|(at, value)| *at < now - NOW && value.is_finite()) {
        let off = (now - at).rem_euclid(DAY);
        if off.min(DAY - off) > AROUND || (by_weekday && is_weekend(at) != is_weekend(now)) {
            continue;
        }
        // The same time of day, however many days ago.
        let day = ((now - at) / DAY).round();
        if days.last() != Some(&day) {
            days.push(day);
        }
        values.push(value);
    }
    if days.len() < FEWEST_DAYS || values.len() < FEWEST {
        return None;
    }
    let middle = quantile(&mut values, 0.5)?;
    let (low, high) = (quantile(&mut values, OUTER)?, quantile(&mut values, 1.0 - OUTER)?);
    let (low, high) = (low - WIDER * (middle - low), high + WIDER * (high - middle));
    // What was never negative cannot be.
    let low = if values.iter().all(|value| *value >= 0.0) { low.max(0.0) } else { low };
    Some(Band { low, middle, high, days: days.len() })
}

/// Since when the newest values, five minutes each, lie outside their bands, each outside its own; none while they do not, or not for
/// long enough.
pub fn unusual_since(recent: &[(f64, f64)], mut band_at: impl FnMut(f64) -> Option<Band>) -> Option<f64> {
    let outside = recent.iter().rev().take_while(|(at, value)| band_at(*at).is_some_and(|band| !band.holds(*value)));
    let (count, first) = outside.fold((0, None), |(count, _), (at, _)| (count + 1, Some(*at)));
    first.filter(|_| count >= IN_A_ROW)
}
