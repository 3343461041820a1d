//! Where ticks stand and what they say: times at round moments of UTC, values at round numbers in a unit that makes them short.

use std::ops::Range;

use chrono::DateTime;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::model::Timestamp;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// Steps between moments, and how a moment is written then.
const STEPS: [(f64, Form); 19] = [
    (1.0, Form::Second),
    (5.0, Form::Second),
    (15.0, Form::Second),
    (30.0, Form::Second),
    (MINUTE, Form::Minute),
    (5.0 * MINUTE, Form::Minute),
    (10.0 * MINUTE, Form::Minute),
    (30.0 * MINUTE, Form::Minute),
    (HOUR, Form::Minute),
    (2.0 * HOUR, Form::Minute),
    (4.0 * HOUR, Form::Minute),
    (6.0 * HOUR, Form::Minute),
    (12.0 * HOUR, Form::Minute),
    (DAY, Form::Day),
    (2.0 * DAY, Form::Day),
    (5.0 * DAY, Form::Day),
    (14.0 * DAY, Form::Day),
    (30.0 * DAY, Form::Day),
    (90.0 * DAY, Form::Day),
];

/// Ticks along the time.
const MOMENTS: f64 = 8.0;

/// Ticks along the values.
const LEVELS: f64 = 5.0;

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Second,
    Minute,
    Day,
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Unit {
    /// 0..1.
    Share,
    /// Milliseconds.
    Time,
    /// Bytes.
    Bytes,
}

/// The axis of values: what they are divided by, its ends and its ticks.
pub(super) struct Values {
    pub(super) unit: &'static str,
    pub(super) scale: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    decimals: usize,
}

/// An axis with ticks of its own choice.
pub(super) struct Ticked {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
}

impl Ranged for Ticked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// Seconds since 1970.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.unix_ms() as f64 / 1_000.0
}

/// The moments of the ticks, and how they are written.
pub(super) fn moments(from: f64, to: f64) -> (Vec<f64>, Form) {
    let (step, form) = STEPS.into_iter().find(|(step, _)| (to - from) / step <= MOMENTS).unwrap_or(STEPS[STEPS.len() - 1]);
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    ((first..=last).map(|nth| nth as f64 * step).collect(), form)
}

/// A moment on the axis.
pub(super) fn moment(at: f64, form: Form) -> String {
    let Some(at) = DateTime::from_timestamp(at as i64, 0) else { return String::new() };
    let midnight = at.timestamp() % 86_400 == 0;
    let pattern = match form {
        Form::Second => "%H:%M:%S",
        Form::Minute if !midnight => "%H:%M",
        Form::Minute | Form::Day => "%-d %b",
    };
    at.format(pattern).to_string()
}

/// What stands below the axis of time.
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    let day = |at: Timestamp| at.0.format("%-d %b %Y").to_string();
    let (from, to) = (day(from), day(to));
    if from == to { format!("UTC, {from}") } else { format!("UTC, {from} to {to}") }
}

impl Values {
    /// With room for all of these.
    pub(super) fn of(unit: Unit, values: &[f64]) -> Self {
        let most = values.iter().copied().fold(0.0, f64::max);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min).clamp(0.0, most);
        let (name, scale) = match unit {
            Unit::Share => ("%", 0.01),
            Unit::Time if most >= 10_000.0 => ("s", 1_000.0),
            Unit::Time => ("ms", 1.0),
            Unit::Bytes => *[("GiB", 30), ("MiB", 20), ("KiB", 10)]
                .map(|(name, bits)| (name, f64::from(1_u32 << bits)))
                .iter()
                .find(|(_, scale)| most >= *scale)
                .unwrap_or(&("bytes", 1.0)),
        };
        // A database is never empty: what it grows by is what matters. A share and a time stand on zero.
        let stands_high = unit == Unit::Bytes && least > most * 0.5;
        let (least, most) = (if stands_high { least / scale } else { 0.0 }, most / scale);
        let step = round((most - least).max(most * 1e-3).max(1e-6) / LEVELS);
        let low = (least / step).floor() * step;
        let high = ((most / step).floor() + 1.0) * step;
        let count = ((high - low) / step).round() as i64;
        let ticks = (0..=count).map(|nth| low + nth as f64 * step).collect();
        let high = if unit == Unit::Share && most <= 100.0 { high.min(105.0) } else { high };
        let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize + usize::from(is_quarter(step));
        Self { unit: name, scale, low, high, ticks, decimals }
    }

    /// A value on the axis.
    pub(super) fn tick(&self, value: f64) -> String {
        format!("{value:.*}", self.decimals)
    }
}

/// The next larger of 1, 2, 2.5, 5 and 10 times a power of ten.
fn round(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 2.5, 5.0].into_iter().find(|times| times * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    times * power
}

fn is_quarter(step: f64) -> bool {
    let power = 10_f64.powf(step.log10().floor());
    (step / power - 2.5).abs() < 1e-6 && power <= 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_at_round_moments() {
        let start = 1_795_423_500.0;
        for (length, count, says) in [
            (20.0, 5, "08:45:00"),
            (600.0, 3, "08:45"),
            (3_600.0, 6, "08:50"),
            (DAY, 6, "12:00"),
            (7.0 * DAY, 7, "24 Nov"),
            (30.0 * DAY, 6, "28 Nov"),
            (365.0 * DAY, 4, "3 Dec"),
        ] {
            let (found, form) = moments(start, start + length);
            assert_eq!((found.len(), moment(found[0], form).as_str()), (count, says), "{length}");
        }
    }

    #[test]
    fn values_stand_at_round_numbers() {
        let ticks = |unit, values: &[f64]| {
            let values = Values::of(unit, values);
            let ticks = values.ticks.iter().map(|value| values.tick(*value)).collect::<Vec<_>>().join(" ");
            (ticks, values.unit)
        };
        assert_eq!(ticks(Unit::Share, &[0.3, 0.97]), ("0 20 40 60 80 100".into(), "%"));
        assert_eq!(ticks(Unit::Time, &[0.0, 1.1]), ("0.00 0.25 0.50 0.75 1.00 1.25".into(), "ms"));
        assert_eq!(ticks(Unit::Time, &[42_000.0]), ("0 10 20 30 40 50".into(), "s"));
        assert_eq!(ticks(Unit::Bytes, &[1_900e6, 2_000e6]), ("1.76 1.78 1.80 1.82 1.84 1.86 1.88".into(), "GiB"));
        assert_eq!(ticks(Unit::Time, &[]).0.split(' ').count(), 2, "nothing at all has an axis too");
    }
}
