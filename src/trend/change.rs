//! Since when a figure is another than before.
//!
//! A moving two-sample test, as the MOSUM of Eichinger and Kirch (2018) is one: at each moment the next 3, 5 or 15 minutes are held against
//! the 20 minutes before. Only ranks count: each later value gets the normal score of its place among the earlier ones (the placements of
//! Orban and Wolfe 1982, with the scores of van der Waerden), and their mean is normal when nothing changed, whatever the values'
//! distribution; one outlier is worth no more than one value. Ranks say little of how far values moved when few of them are independent:
//! so values that lie apart altogether are held against their spread as well.
//!
//! Values that resemble their neighbours make means less certain: by as much as their correlation says, or the means of five minutes
//! themselves when those differ by more. Windows are short, so a day's ups and downs are no change, but what moves by a step is; whoever asks
//! says how large it must be to matter. From left to right, each change that is found begins a new "before".

use super::quantile::{correlation, median, normal, quantile, rareness, spread};

/// Points before, at most.
const BEFORE: usize = 120;
/// Points before, at least: at the beginning, and after a change.
const FEWEST: usize = 30;
/// Points after, by scale.
const AFTER: [usize; 3] = [18, 30, 90];
/// Every so many points a split is looked at.
const STRIDE: usize = 3;
/// Mean score in standard deviations from which on it is no chance: in white noise once in some thousand days.
const SCORE: f64 = 4.6;
/// The same for medians that lie apart, whose tails are heavier.
const APART: f64 = 6.0;
/// No value scores more: one outlier is worth little more than one value.
const FARTHEST: f64 = 4.0;
/// Points to learn likeness from at once.
const BLOCK: usize = 60;
/// Five minutes of two days, nearly.
const TWO_DAYS: usize = 500;
/// What one in two hundred moves exceeds, times this, nothing does by chance in some hundred days.
const BEYOND: f64 = 1.5;
/// Values so far apart are not alike any more, or not worth the reckoning.
const FARTHEST_ALIKE: usize = 60;

/// By how much five minutes usually differ from the twenty before them at most, from the means of five minutes of some days, in order of time;
/// none of less than two days. What is not far beyond that is how this figure is, whatever a window of two hours says.
pub fn usual_move(points: &[(f64, f64)]) -> Option<f64> {
    let near = |five: &&[(f64, f64)]| five[4].0 - five[0].0 <= 1_500.0;
    let moved = |five: &[(f64, f64)]| Some((five[4].1 - median(&mut [five[0].1, five[1].1, five[2].1, five[3].1])?).abs());
    let mut all: Vec<f64> = points.windows(5).filter(near).filter_map(moved).filter(|moved| moved.is_finite()).collect();
    if all.len() < TWO_DAYS { None } else { quantile(&mut all, 0.995).map(|rare| BEYOND * rare) }
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// When it began: the time of the first value after it.
    pub at: f64,
    /// The median before it, since the change before that, of 20 minutes at most.
    pub before: f64,
    /// The median since, until the next change or the end.
    pub after: f64,
    /// How sure it is that there was one, 0..1.
    pub confidence: f64,
}

/// What counts as a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Least {
    /// By this share of the larger of both levels at least.
    pub share: f64,
    /// By so much at least, in the figure's unit.
    pub absolute: f64,
}

impl Least {
    fn is_reached(self, before: f64, after: f64) -> bool {
        let by = (after - before).abs();
        by >= self.share * before.abs().max(after.abs()) && by >= self.absolute && by > 0.0
    }
}

/// The changes in points that are in order of time, `step` seconds apart where none is missing.
pub fn changes(points: &[(f64, f64)], step: f64, least: Least) -> Vec<Change> {
    let points: Vec<(f64, f64)> = points.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let doubt = Doubt::at_first(&values);
    let mut scan = Scan { points: &points, values: &values, step, doubt, least, scores: Scores::default() };
    let found = scan.pass();
    if found.is_empty() {
        return Vec::new();
    }
    // Values that wander look like changes to whoever knows only blocks of them.
    let places: Vec<usize> = found.iter().map(|found| found.0).collect();
    let doubt = Doubt::between(&values, &places);
    if (0..=BEFORE).any(|count| doubt.inflations[count] > scan.doubt.inflations[count]) {
        let both = |count: usize| doubt.inflations[count].max(scan.doubt.inflations[count]);
        scan.doubt.inflations = (0..=BEFORE).map(both).collect();
        let found = scan.pass();
        return scan.told(&found);
    }
    scan.told(&found)
}

/// One pass over a figure.
struct Scan<'a> {
    points: &'a [(f64, f64)],
    values: &'a [f64],
    step: f64,
    doubt: Doubt,
    least: Least,
    scores: Scores,
}

impl Scan<'_> {
    /// Each change with its score.
    fn pass(&mut self) -> Vec<(usize, f64)> {
        let mut found = Vec::new();
        let (mut start, mut split) = (0, FEWEST);
        while split + AFTER[0] <= self.values.len() {
            let score = self.score(start, split);
            if score == 0.0 {
                split += STRIDE;
                continue;
            }
            // The first that is beyond chance is early: its later windows hold little of what comes. The largest near it is the one.
            let mut best = (split, score);
            for next in (split..self.values.len().min(split + AFTER[2])).step_by(STRIDE).skip(1) {
                let score = self.score(start, next);
                if score.abs() > best.1.abs() {
                    best = (next, score);
                }
            }
            match self.settle(start, best.0) {
                Some(at) => {
                    found.push((at, best.1));
                    (start, split) = (at, at + FEWEST);
                }
                None => split = best.0 + STRIDE,
            }
        }
        found
    }

    /// Where the "before" of a split begins.
    fn from(start: usize, split: usize) -> usize {
        start.max(split.saturating_sub(BEFORE))
    }

    /// By how many standard deviations what follows differs from what was; 0 where that is within chance, or cannot be told.
    fn score(&mut self, start: usize, split: usize) -> f64 {
        let from = Self::from(start, split);
        let count = split - from;
        if count < FEWEST || split >= self.values.len() {
            return 0.0;
        }
        // Across a gap it is another time.
        let lasts = |from: usize, to: usize| self.points[to].0 - self.points[from].0 <= (to - from) as f64 * self.step * 2.5;
        let all = self.values.len().min(split + AFTER[2]) - 1;
        if !lasts(from, split) || !lasts(split, all.min(split + AFTER[0])) {
            return 0.0;
        }
        self.scores.hold(self.values, from, split);
        let (mut sum, mut above, mut below) = (0.0, 0, 0);
        let mut best = 0.0_f64;
        // The longest window moves slowest.
        let longest = if split.is_multiple_of(2 * STRIDE) { AFTER[2] } else { AFTER[1] };
        for (nth, value) in self.values[split..].iter().take(longest).enumerate() {
            let (score, place) = self.scores.of(*value);
            sum += score;
            above += usize::from(place > 0.9);
            below += usize::from(place < 0.1);
            let later = nth + 1;
            if !AFTER.contains(&later) || !lasts(split, split + nth) {
                continue;
            }
            let error = (self.doubt.of_mean(count) + self.doubt.of_mean(later)).sqrt();
            let mut score = sum / later as f64 / error;
            if above * 10 >= later * 9 || below * 10 >= later * 9 {
                let apart = self.apart(from, split, later, error);
                // Counted on the same scale as the others.
                score = if apart.abs() * SCORE > score.abs() * APART { apart * SCORE / APART } else { score };
            }
            if score.abs() >= SCORE && score.abs() > best.abs() {
                best = score;
            }
        }
        best
    }

    /// How far the medians are apart, in what medians of such values differ by.
    fn apart(&self, from: usize, split: usize, later: usize, error: f64) -> f64 {
        let mut before = self.values[from..split].to_vec();
        let mut after = self.values[split..split + later].to_vec();
        let (Some(was), Some(is)) = (median(&mut before), median(&mut after)) else { return 0.0 };
        let spread = spread(&mut before).unwrap_or(0.0).max(was.abs() * 1e-6);
        if spread > 0.0 { ((is - was) / (1.253 * spread * error)).clamp(-99.0, 99.0) } else { 99.0_f64.copysign(is - was) }
    }

    /// The place near a split where two levels fit best, when they differ by enough.
    fn settle(&self, start: usize, split: usize) -> Option<usize> {
        let (from, to) = (Self::from(start, split), self.values.len().min(split + AFTER[1]));
        let before = median(&mut self.values[from..split].to_vec())?;
        let after = median(&mut self.values[split..to].to_vec())?;
        let gain = |value: f64| (value - before).abs() - (value - after).abs();
        let first = split.saturating_sub(AFTER[2]).max(from + FEWEST / 2);
        // What is gained by counting the values before a place to the level before it: it is least where they end.
        let (mut sum, mut least, mut at) = (0.0, 0.0, first);
        for (place, value) in self.values.iter().enumerate().take(to).skip(first) {
            sum += gain(*value);
            if sum < least {
                (least, at) = (sum, place + 1);
            }
        }
        let before = median(&mut self.values[Self::from(start, at)..at].to_vec())?;
        let after = median(&mut self.values[at..self.values.len().min(at + AFTER[2])].to_vec())?;
        (at < to && self.least.is_reached(before, after)).then_some(at)
    }

    fn told(&self, found: &[(usize, f64)]) -> Vec<Change> {
        let looks = (self.values.len() / STRIDE).max(1) as f64;
        let mut changes = Vec::with_capacity(found.len());
        for (nth, &(at, score)) in found.iter().enumerate() {
            let start = if nth == 0 { 0 } else { found[nth - 1].0 };
            let end = found.get(nth + 1).map_or(self.values.len(), |next| next.0);
            let before = median(&mut self.values[Self::from(start, at)..at].to_vec());
            let after = median(&mut self.values[at..end].to_vec());
            let (Some(before), Some(after)) = (before, after) else { continue };
            if self.least.is_reached(before, after) {
                let confidence = (1.0 - rareness(score) * looks).clamp(0.5, 0.999);
                changes.push(Change { at: self.points[at].0, before, after, confidence });
            }
        }
        changes
    }
}

/// The normal scores of places among values.
#[derive(Default)]
struct Scores {
    sorted: Vec<f64>,
    /// From where to where they are.
    held: (usize, usize),
    /// Of the values; beyond the outermost of them scores go on by it.
    spread: f64,
    /// By twice the place, so that equals share one.
    table: Vec<f64>,
}

impl Scores {
    /// Holds the values of this range from now on; cheap when it moved on by little.
    fn hold(&mut self, all: &[f64], from: usize, to: usize) {
        let (was, until) = self.held;
        self.held = (from, to);
        if from >= was && from < until && to >= until && to - until <= STRIDE && from - was <= STRIDE {
            for value in &all[was..from] {
                let place = self.sorted.partition_point(|other| other.total_cmp(value).is_lt());
                self.sorted.remove(place);
            }
            for value in &all[until..to] {
                let place = self.sorted.partition_point(|other| other.total_cmp(value).is_lt());
                self.sorted.insert(place, *value);
            }
        } else {
            self.sorted.clear();
            self.sorted.extend_from_slice(&all[from..to]);
            self.sorted.sort_unstable_by(f64::total_cmp);
        }
        let values = &all[from..to];
        let quarter = |share: usize| self.sorted[(values.len() - 1) * share / 4];
        self.spread = (quarter(3) - quarter(1)) / 1.349;
        let places = 2 * values.len() + 1;
        if self.table.len() != places {
            let all = (values.len() + 1) as f64;
            self.table = (0..places).map(|twice| normal((twice as f64 / 2.0 + 0.5) / all)).collect();
        }
    }

    /// The score of a value, and its place, 0..1.
    fn of(&self, value: f64) -> (f64, f64) {
        let below = self.sorted.partition_point(|other| *other < value);
        let equal = self.sorted[below..].iter().take_while(|other| **other <= value).count();
        let twice = 2 * below + equal;
        let last = self.table.len() - 1;
        let beyond = match (twice, self.sorted.first(), self.sorted.last()) {
            (0, Some(first), _) => value - first,
            (twice, _, Some(highest)) if twice == last => value - highest,
            _ => 0.0,
        };
        let beyond = if self.spread > 0.0 { beyond / self.spread } else { 0.0 };
        ((self.table[twice] + beyond).clamp(-FARTHEST, FARTHEST), twice as f64 / last as f64)
    }
}

/// How uncertain means are.
struct Doubt {
    /// By how much that makes the variance of a mean larger, by the number of values.
    inflations: Vec<f64>,
}

impl Doubt {
    /// At first: from blocks, which no change can bend as long as most of them have none.
    fn at_first(values: &[f64]) -> Self {
        let mut correlations = Vec::new();
        let mut rests = Vec::with_capacity(BLOCK);
        for block in values.chunks_exact(BLOCK) {
            let Some(clipped) = clipped(block, &mut rests) else { continue };
            let mean = clipped.iter().sum::<f64>() / BLOCK as f64;
            for rest in clipped.iter_mut() {
                *rest -= mean;
            }
            correlations.push(correlation(clipped));
        }
        // The mean of a block follows its values, which hides some of their likeness.
        let hidden = |found: f64| (BLOCK as f64).mul_add(found, 1.0) / (BLOCK as f64 - 3.0);
        let rho = median(&mut correlations).map_or(0.0, hidden).clamp(0.0, 0.95);
        let likeness: Vec<f64> = (1..=FARTHEST_ALIKE).map(|far| rho.powf(far as f64)).collect();
        Self::new(&likeness)
    }

    /// Then: from all values, each less the level of its time.
    fn between(values: &[f64], changes: &[usize]) -> Self {
        let mut rests = Vec::with_capacity(values.len());
        let mut part = Vec::new();
        let mut from = 0;
        for to in changes.iter().copied().chain([values.len()]) {
            if let Some(clipped) = clipped(&values[from..to], &mut part) {
                let mean = clipped.iter().sum::<f64>() / clipped.len() as f64;
                rests.extend(clipped.iter().map(|rest| rest - mean));
            }
            from = to;
        }
        let all: f64 = rests.iter().map(|rest| rest * rest).sum::<f64>().max(f64::MIN_POSITIVE);
        let far = FARTHEST_ALIKE.min(rests.len() / 4);
        let at = |far: usize| rests.iter().zip(&rests[far..]).map(|(one, other)| one * other).sum::<f64>() / all;
        let mut likeness: Vec<f64> = (1..=far).map(at).collect();
        let hidden = 1.0 + 2.0 * (changes.len() + 1) as f64 * far as f64 / rests.len().max(1) as f64;
        for alike in &mut likeness {
            *alike *= hidden;
        }
        Self::new(&likeness)
    }

    /// By how much values resemble those before them: by their distance, from 1 on.
    fn new(likeness: &[f64]) -> Self {
        let inflation = |count: usize| {
            let near = likeness.iter().enumerate().take_while(|(far, _)| *far + 1 < count);
            let sum: f64 = near.map(|(far, alike)| (1.0 - (far + 1) as f64 / count as f64) * alike).sum();
            (1.0 + 2.0 * sum).max(1.0)
        };
        let inflations = (0..=BEFORE).map(inflation).collect();
        Self { inflations }
    }

    /// The variance of the mean score of so many values.
    fn of_mean(&self, count: usize) -> f64 {
        self.inflations[count.min(BEFORE)] / count as f64
    }
}

/// The distances from the middle, none too far out; none where all values are the same.
fn clipped<'a>(values: &[f64], rests: &'a mut Vec<f64>) -> Option<&'a mut [f64]> {
    let again = |rests: &mut Vec<f64>| {
        rests.clear();
        rests.extend_from_slice(values);
    };
    again(rests);
    let middle = median(rests)?;
    again(rests);
    let spread = spread(rests).filter(|spread| *spread > 0.0)?;
    again(rests);
    for value in rests.iter_mut() {
        *value = (*value - middle).clamp(-3.0 * spread, 3.0 * spread);
    }
    Some(rests)
}
