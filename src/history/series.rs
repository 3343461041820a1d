//! What was found, as the answer: parts put in order, each once, and those of one step together. Pure.

use super::{block::Bucket, choose::Plan, sketch::Sketch};
use crate::model::{
    Timestamp,
    history::{Percentiles, Point, Resolution},
};

/// A bucket that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// When it began, seconds.
    pub(super) at: i64,
    /// What is known.
    pub(super) bucket: Bucket,
    /// How its values are spread, where that is kept.
    pub(super) sketch: Option<Sketch>,
}

/// The points of a plan. A part that was found twice, in memory and on disk, counts once: the one that knows more.
pub(super) fn points(mut parts: Vec<Part>, plan: Plan, is_latency: bool) -> Vec<Point> {
    parts.retain(|part| part.bucket.count > 0 && (plan.from..plan.to).contains(&part.at));
    parts.sort_by_key(|part| (part.at, std::cmp::Reverse(part.bucket.count)));
    parts.dedup_by_key(|part| part.at);
    let is_raw = plan.resolution == Resolution::Raw;
    // One value has no percentiles worth saying, so seconds as they are have none.
    let spread = is_latency && (!is_raw || plan.step > 1) && plan.resolution != Resolution::TenSeconds;
    let of_step = |parts: &[Part]| {
        let mut sum = Bucket::default();
        let mut sketch = Sketch::default();
        for part in parts {
            sum.merge(&part.bucket);
            match &part.sketch {
                Some(found) => sketch.merge(found),
                None if spread && is_raw => sketch.add(part.bucket.last.into()),
                None => {}
            }
        }
        let at = Timestamp::from_unix_ms(parts[0].at.div_euclid(plan.step) * plan.step * 1_000)?;
        let [min, max, mean, last] = [sum.min, sum.max, sum.mean, sum.last].map(f64::from);
        let within = |share| sketch.quantile(share).map(|value| value.clamp(min, max));
        let percentiles = || Some(Percentiles { p50: within(0.5)?, p95: within(0.95)?, p99: within(0.99)? });
        let percentiles = if spread { percentiles() } else { None };
        Some(Point { at, min, max, mean, last, count: sum.count, percentiles })
    };
    parts.chunk_by(|one, other| one.at.div_euclid(plan.step) == other.at.div_euclid(plan.step)).filter_map(of_step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(at: i64, values: &[f32]) -> Part {
        Part { at, bucket: Bucket::of(values), sketch: None }
    }

    fn plan(resolution: Resolution, step: i64) -> Plan {
        Plan { resolution, step, from: 0, to: 600 }
    }

    #[test]
    fn parts_of_one_step_become_one_point_whatever_their_order() {
        let parts = vec![part(20, &[9.0]), part(0, &[1.0, 2.0, 3.0]), part(10, &[f32::NAN]), part(600, &[7.0]), part(30, &[4.0])];
        let told = points(parts, plan(Resolution::TenSeconds, 30), true);
        let short: Vec<_> =
            told.iter().map(|point| (point.at.unix_ms(), point.min, point.max, point.mean, point.last, point.count)).collect();
        assert_eq!(short, [(0, 1.0, 9.0, 3.75, 9.0, 4), (30_000, 4.0, 4.0, 4.0, 4.0, 1)]);
        assert!(told.iter().all(|point| point.percentiles.is_none()), "they are not kept of ten seconds");
    }

    #[test]
    fn what_is_found_in_memory_and_on_disk_counts_once() {
        let parts = vec![part(0, &[1.0, 2.0]), part(0, &[1.0, 2.0, 3.0]), part(300, &[5.0])];
        let told = points(parts, plan(Resolution::FiveMinutes, 300), false);
        assert_eq!(told.iter().map(|point| point.count).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn percentiles_of_seconds_are_made_from_them() {
        let seconds: Vec<Part> = (0..100).map(|at| part(at, &[at as f32 + 1.0])).collect();
        let told = points(seconds.clone(), Plan { step: 100, ..plan(Resolution::Raw, 100) }, true);
        let found = told[0].percentiles.expect("a latency's");
        for (told, is) in [(found.p50, 50.0), (found.p95, 95.0), (found.p99, 99.0)] {
            assert!((told / is - 1.0_f64).abs() < 0.02, "{told} of {is}");
        }
        assert!(points(seconds, plan(Resolution::Raw, 1), true).iter().all(|point| point.percentiles.is_none()));
    }
}
