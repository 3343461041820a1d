//! The points of a metric, whatever kind it is: numbers, and histograms as what they add up to. Pure.

use crate::otlp::{CUMULATIVE, Data, KeyValue, Metric, NO_VALUE, NumberPoint, Value};

/// A sum and a count that grow.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Grown {
    pub(super) start: u64,
    pub(super) count: u64,
    pub(super) sum: f64,
}

/// A point of any kind.
pub(super) enum Point<'a> {
    Number(&'a NumberPoint, i32, bool),
    Spread { attributes: &'a [KeyValue], grown: Grown, has_sum: bool, temporality: i32, flags: u32 },
}

impl Point<'_> {
    pub(super) fn attributes(&self) -> &[KeyValue] {
        match self {
            Self::Number(point, ..) => &point.attributes,
            Self::Spread { attributes, .. } => attributes,
        }
    }
}

/// A point of a histogram, of whichever kind.
macro_rules! spread {
    ($point:ident, $all:ident) => {
        Point::Spread {
            attributes: &$point.attributes,
            grown: Grown { start: $point.start_time_unix_nano, count: $point.count, sum: $point.sum.unwrap_or_default() },
            has_sum: $point.sum.is_some(),
            temporality: $all.aggregation_temporality,
            flags: $point.flags,
        }
    };
}

/// The points of a metric; none of those that say that their series has ended.
pub(super) fn points(metric: &Metric) -> Vec<Point<'_>> {
    let all: Vec<Point<'_>> = match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(gauge)) => gauge.data_points.iter().map(|point| Point::Number(point, CUMULATIVE, false)).collect(),
        Some(Data::Sum(sum)) => {
            let number = |point| Point::Number(point, sum.aggregation_temporality, sum.is_monotonic);
            sum.data_points.iter().map(number).collect()
        }
        Some(Data::Histogram(all)) => all.data_points.iter().map(|point| spread!(point, all)).collect(),
        Some(Data::ExponentialHistogram(all)) => all.data_points.iter().map(|point| spread!(point, all)).collect(),
    };
    let ended = |point: &Point<'_>| match point {
        Point::Number(point, ..) => point.flags & NO_VALUE != 0,
        Point::Spread { flags, .. } => flags & NO_VALUE != 0,
    };
    all.into_iter().filter(|point| !ended(point)).collect()
}

/// A count; no machine has more connections than a u32 can tell.
pub(super) fn whole(point: &NumberPoint) -> Result<u64, String> {
    match point.value {
        Some(Value::AsInt(number)) => u64::try_from(number).map_err(|_| "it is negative".to_owned()),
        Some(Value::AsDouble(number)) if number.is_finite() && (0.0..=1e15).contains(&number) => Ok(number.round() as u64),
        Some(Value::AsDouble(_)) => Err("it is no count".to_owned()),
        None => Err("it has no value".to_owned()),
    }
}
