//! The figures of every target over the last five minutes, for the small chart in a message: what the rules judge, one point each two
//! seconds, the worst of them. Kept for all targets, since nobody knows which will fail; a thousand cost some seven megabytes.

use super::Now;
use crate::model::{Rule, Sample, Timestamp, alert::Chart};

/// How far apart the points are.
const EVERY_MS: i64 = 2_000;
/// Five minutes of them.
const POINTS: usize = 150;

/// A figure that is kept.
struct Figure {
    name: &'static str,
    unit: &'static str,
    /// From the sample's unit to the chart's.
    scale: f64,
    /// Whether less is worse.
    falls: bool,
    of: fn(&Sample) -> Option<f64>,
}

const fn figure(name: &'static str, unit: &'static str, scale: f64, of: fn(&Sample) -> Option<f64>) -> Figure {
    Figure { name, unit, scale, falls: false, of }
}

const FIGURES: [Figure; 10] = [
    figure("utilization", "%", 100.0, |it| it.connection_pool.utilization),
    figure("oldest wait", "ms", 1.0, |it| it.connection_pool.max_wait_time),
    figure("idle in transaction", "", 1.0, |it| it.connection_pool.idle_in_transaction.map(f64::from)),
    figure("average query time", "ms", 1.0, |it| it.query_performance.average_query_time),
    figure("slow queries", "%", 100.0, |it| it.query_performance.slow_query_rate),
    figure("errors", "%", 100.0, |it| it.query_performance.error_rate),
    Figure { name: "cache hits", unit: "%", scale: 100.0, falls: true, of: |it| it.database.cache_hit_ratio },
    figure("size", "MiB", 1.0, |it| it.database.size),
    figure("active sessions", "", 1.0, |it| it.query_performance.average_active_sessions),
    Figure {
        name: "connections",
        unit: "",
        scale: 1.0,
        falls: true,
        of: |it| it.connection_pool.total_connections.map(f64::from),
    },
];

/// Which figure a rule judges, or shows best what it does.
const fn judged(rule: Rule) -> Option<usize> {
    Some(match rule {
        Rule::PoolSaturated => 0,
        Rule::PoolWaiting => 1,
        Rule::ConnectionLeak => 2,
        Rule::QuerySlow => 3,
        Rule::SlowQueryRate => 4,
        Rule::ErrorRate => 5,
        Rule::CacheHitLow => 6,
        Rule::SizeGrowth => 7,
        Rule::BlockingChain => 8,
        Rule::DatabaseDown | Rule::DatabaseUnresponsive | Rule::DatabaseRejecting | Rule::PoolerDown => 9,
        Rule::RegionBlind | Rule::ReplicationLag | Rule::XidWraparound | Rule::Anomaly | Rule::DeliveryFailing => return None,
    })
}

/// One target's figures; `NaN` is what could not be known.
#[derive(Debug, Default)]
pub(super) struct Figures {
    points: Vec<Point>,
    /// Where the next point goes once the ring is full.
    next: usize,
}

/// The figures of one slot of two seconds, counted since 1970 by the steady clock.
#[derive(Debug, Clone, Copy)]
struct Point {
    slot: u32,
    values: [f32; FIGURES.len()],
}

impl Figures {
    /// Takes a sample.
    pub(super) fn add(&mut self, now: Timestamp, sample: &Sample) {
        let slot = u32::try_from(now.unix_ms() / EVERY_MS).unwrap_or_default();
        let values = FIGURES.each_ref().map(|figure| (figure.of)(sample).map_or(f32::NAN, |value| (value * figure.scale) as f32));
        let full = self.points.len() == POINTS;
        let newest = if full { (self.next + POINTS - 1) % POINTS } else { self.points.len().wrapping_sub(1) };
        if let Some(point) = self.points.get_mut(newest).filter(|point| point.slot == slot) {
            for ((kept, new), figure) in point.values.iter_mut().zip(values).zip(&FIGURES) {
                *kept = if figure.falls { kept.min(new) } else { kept.max(new) };
            }
        } else if full {
            self.points[self.next] = Point { slot, values };
            self.next = (self.next + 1) % POINTS;
        } else {
            // A target costs what it needs from the start, so that a thousand of them cost no more later.
            self.points.reserve_exact(POINTS - self.points.len());
            self.points.push(Point { slot, values });
        }
    }

    /// The chart of the figure that a rule judges; empty when it has none. Times are those on the wall.
    pub(super) fn chart(&self, rule: Rule, now: Now) -> Chart {
        let Some(index) = judged(rule) else { return Chart::default() };
        let Figure { name, unit, .. } = FIGURES[index];
        let ahead = now.wall.unix_ms() - now.steady.unix_ms();
        let oldest = u32::try_from(now.steady.unix_ms() / EVERY_MS).unwrap_or_default().saturating_sub(POINTS as u32);
        let (new, old) = self.points.split_at(self.next);
        let mut points: Vec<(i64, Option<f64>)> = Vec::with_capacity(self.points.len());
        let mut before = None;
        for point in old.iter().chain(new).filter(|point| point.slot > oldest) {
            let at = i64::from(point.slot) * EVERY_MS + ahead;
            if before.is_some_and(|before| point.slot > before + 2) {
                points.push((at - EVERY_MS, None));
            }
            before = Some(point.slot);
            points.push((at, Some(f64::from(point.values[index])).filter(|value| value.is_finite())));
        }
        Chart { figure: name.to_owned(), unit: unit.to_owned(), points }
    }
}

#[cfg(test)]
mod tests;
