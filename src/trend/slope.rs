//! How fast a figure rises: the median of the slopes of all pairs (Theil 1950), between the bounds that Sen (1968) gives it.
//!
//! Up to 29 of 100 values may be anything without moving it beyond the rest. The bounds count how many pairs could rise by chance (Kendall's
//! statistic), wider when values resemble their neighbours (Yue and Wang 2004), which figures that are sampled often do.

use super::quantile::{correlation, inflation, median, normal, spread};

/// More points than this are taken together: all pairs of so many are 7,140.
const MOST: usize = 120;
/// Fewer points have no bounds worth telling.
const FEWEST: usize = 8;

/// How a figure rises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// By so much per second.
    pub per_second: f64,
    /// Hardly by less.
    pub low: f64,
    /// Hardly by more.
    pub high: f64,
    /// Where the line is at its end.
    pub level: f64,
    /// How far the level may be off, either way.
    pub level_error: f64,
    /// The end of the line: the last point's time.
    pub end: f64,
    /// How long it is, seconds.
    pub span: f64,
    /// How far points are from it, as a standard deviation.
    pub noise: f64,
    /// By how much likeness between neighbours widens the bounds, as a variance.
    pub(super) inflation: f64,
}

impl Slope {
    /// Whether it rises or falls, by more than chance.
    pub fn is_sure(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The median of the slopes of all pairs; 0 where there is no pair.
pub fn theil_sen(points: &[(f64, f64)]) -> f64 {
    median(&mut pairs(points)).unwrap_or(0.0)
}

fn pairs(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes: Vec<f64> = Vec::with_capacity(points.len() * points.len() / 2);
    for (index, (x1, y1)) in points.iter().enumerate() {
        slopes.extend(points[index + 1..].iter().filter(|(x2, _)| x2 > x1).map(|(x2, y2)| (y2 - y1) / (x2 - x1)));
    }
    slopes
}

/// The slope of points in order of time, with bounds that hold it with this confidence (0.95: 19 times of 20); none of few points.
pub fn slope(points: &[(f64, f64)], confidence: f64) -> Option<Slope> {
    bounded(points, confidence, None)
}

/// The same, of points in any order that rises; with an inflation that is known from elsewhere.
pub fn bounded(points: &[(f64, f64)], confidence: f64, known: Option<f64>) -> Option<Slope> {
    let points = thinned(points, MOST);
    let (&(start, _), &(end, _)) = (points.first()?, points.last()?);
    if points.len() < FEWEST || end <= start {
        return None;
    }
    let mut slopes = pairs(&points);
    slopes.sort_unstable_by(f64::total_cmp);
    let last = slopes.len().checked_sub(1)?;
    let per_second = f64::midpoint(slopes[last / 2], slopes[last.div_ceil(2)]);
    let mut rests: Vec<f64> = points.iter().map(|(at, value)| value - per_second * (at - end)).collect();
    let level = median(&mut rests.clone())?;
    for rest in &mut rests {
        *rest -= level;
    }
    let noise = spread(&mut rests.clone())?;
    let count = points.len() as f64;
    // One outlier is not what neighbours are like; and a line follows its points, which hides some of their likeness.
    let clipped: Vec<f64> = rests.iter().map(|rest| rest.clamp(-3.0 * noise, 3.0 * noise)).collect();
    let alike = (count.mul_add(correlation(&clipped), 2.0) / (count - 4.0)).clamp(0.0, 0.95);
    let inflation = known.unwrap_or_else(|| inflation(alike, points.len()));
    let quantile = normal(f64::midpoint(1.0, confidence));
    let doubt = quantile * (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0 * inflation).sqrt();
    let place = |at: f64| slopes[at.clamp(0.0, last as f64) as usize];
    let pairs = slopes.len() as f64;
    // The level at the end of a line is as unsure as its middle, and half of its length times the slope.
    let middle = 1.253 * noise * (inflation / count).sqrt();
    let (low, high) = (place(f64::midpoint(pairs, -doubt).floor()), place(f64::midpoint(pairs, doubt).ceil()));
    let tilt = (high - low) / 2.0 * (end - start) / 2.0;
    Some(Slope {
        per_second,
        low,
        high,
        level,
        level_error: (quantile * middle).hypot(tilt),
        end,
        span: end - start,
        noise,
        inflation,
    })
}

/// At most so many points in order of time: the middle of those that stand together.
pub(super) fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let finite = points.iter().copied().filter(|(at, value)| at.is_finite() && value.is_finite());
    let all: Vec<(f64, f64)> = finite.collect();
    let (Some(&(start, _)), Some(&(end, _))) = (all.first(), all.last()) else { return all };
    if all.len() <= most || end <= start {
        return all;
    }
    let width = (end - start) / most as f64 * (1.0 + 1e-9);
    let alike = |a: &(f64, f64), b: &(f64, f64)| ((a.0 - start) / width).floor() >= ((b.0 - start) / width).floor();
    let mut values = Vec::new();
    all.chunk_by(|a, b| alike(a, b))
        .filter_map(|chunk| {
            values.clear();
            values.extend(chunk.iter().map(|(_, value)| *value));
            Some((chunk.iter().map(|(at, _)| at).sum::<f64>() / chunk.len() as f64, median(&mut values)?))
        })
        .collect()
}
