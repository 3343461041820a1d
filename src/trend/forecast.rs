//! When a figure reaches a limit.
//!
//! A robust line (Theil-Sen) through the past, and its bounds: the earliest moment is where the steepest line that the past allows meets the
//! limit, the latest where the flattest does. Nothing is said while the past allows that it does not rise at all, nor of what lies
//! farther ahead than a line carries.
//!
//! **How much of the past.** Growth changes, so the last day may say more than the last month; but a day says little. Lines of growing
//! length are taken as long as the bounds of all of them have a value in common: the longest such line counts (Lepski 1991, by the
//! intersection of confidence intervals of Goldenshluger and Nemirovski 1997).
//!
//! **Steps.** A table dropped or a counter that began anew is a step and no pace: steps that are rare and far above the usual movement are
//! taken out before. What happens every night is the pace, and stays.

use super::{
    quantile::{median, quantile},
    slope::{Slope, bounded, slope},
};

const DAY: f64 = 86_400.0;
/// How long lines may be: nothing shorter than a day, since many a figure follows that; where there is less, all of it.
const SPANS: [f64; 5] = [DAY, 3.0 * DAY, 7.0 * DAY, 14.0 * DAY, 28.0 * DAY];
/// 19 times of 20 the truth is between the bounds.
const CONFIDENCE: f64 = 0.95;
/// Bounds for choosing the length: wide, so that only what changed is left out.
const CHOICE: f64 = 0.9995;
/// A line carries this many times its own length.
const CARRIES: f64 = 20.0;
/// Nobody plans farther ahead.
const HORIZON: f64 = 366.0 * DAY;
/// A step is above this many times of what nine of ten movements are below.
const STEP: f64 = 8.0;

/// When a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Most likely then.
    pub at: f64,
    /// Hardly sooner.
    pub earliest: f64,
    /// Hardly later.
    pub latest: f64,
    /// The pace it goes by.
    pub pace: Slope,
}

/// When values, in order of time, reach a limit above them; none while they do not rise for sure, or not within the time a line carries. What
/// falls towards a limit is turned around by whoever asks.
pub fn reaches(points: &[(f64, f64)], limit: f64) -> Option<Forecast> {
    meets(pace(points)?, limit)
}

/// The same of a pace that is known.
pub fn meets(pace: Slope, limit: f64) -> Option<Forecast> {
    let gap = limit - pace.level;
    if pace.low <= 0.0 || gap <= 0.0 {
        return None;
    }
    let until = |gap: f64, pace: f64| gap.max(0.0) / pace;
    let ahead = until(gap, pace.per_second);
    let carried = (pace.span * CARRIES).min(HORIZON);
    (ahead <= carried).then(|| Forecast {
        at: pace.end + ahead,
        earliest: pace.end + until(gap - pace.level_error, pace.high),
        latest: pace.end + until(gap + pace.level_error, pace.low),
        pace,
    })
}

/// The pace of values in order of time, steps left out, over as much of the past as agrees with itself.
pub fn pace(points: &[(f64, f64)]) -> Option<Slope> {
    let points = without_steps(points);
    let (&(start, _), &(end, _)) = (points.first()?, points.last()?);
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut chosen, mut inflation) = (None, None);
    for span in SPANS {
        let from = points.partition_point(|(at, _)| *at < end - span);
        // A line that does not fit makes its own bounds wide: the shortest one says how much neighbours are alike.
        if let Some(found) = bounded(&points[from..], CHOICE, inflation).filter(|found| found.noise > 0.0 || span >= end - start)
        {
            inflation = inflation.or(Some(found.inflation));
            (low, high) = (low.max(found.low), high.min(found.high));
            if low > high {
                break;
            }
            chosen = Some(from);
        }
        if end - span <= start {
            break;
        }
    }
    slope(&points[chosen?..], CONFIDENCE)
}

/// The same values without steps that are no pace: the values before one are moved to where those after it are.
pub fn without_steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = points.iter().copied().filter(|(at, value)| at.is_finite() && value.is_finite()).collect();
    let (Some(&(start, _)), Some(&(end, _))) = (points.first(), points.last()) else { return points };
    let moves: Vec<f64> = points.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    let Some(usual) = quantile(&mut moves.iter().map(|by| by.abs()).collect::<Vec<_>>(), 0.9) else { return points };
    let largest = points.iter().map(|point| point.1.abs()).fold(0.0, f64::max);
    let apart = quantile(&mut points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect::<Vec<_>>(), 0.5).unwrap_or(0.0);
    let middle = |from: usize, to: usize| median(&mut points[from..to].iter().map(|it| it.1).collect::<Vec<_>>()).unwrap_or(0.0);
    let is_step = |at: usize| {
        let is_large = |by: f64| by.abs() > STEP * usual && by.abs() > 0.01 * largest;
        // What happened in a gap may have taken all of its time; and what comes back at once is an outlier.
        is_large(moves[at])
            && points[at + 1].0 - points[at].0 <= 3.0 * apart
            && is_large(middle(at + 1, points.len().min(at + 6)) - middle((at + 1).saturating_sub(5), at + 1))
    };
    let steps: Vec<usize> = (0..moves.len()).filter(|at| is_step(*at)).collect();
    // One in three days is rare; so is one in whatever time there is.
    let rare = ((end - start) / (3.0 * DAY)).max(1.0) as usize;
    if steps.is_empty() || steps.len() > rare {
        return points;
    }
    let mut by = 0.0;
    for at in (0..moves.len()).rev() {
        if steps.binary_search(&at).is_ok() {
            by += moves[at];
        }
        points[at].1 += by;
    }
    points
}
