//! First trends: how the leading figures of a target moved over the last minutes, kept in memory. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    model::{Sample, world::Trend},
    trend::slope::theil_sen,
};

/// How far back trends look.
const WINDOW: Duration = Duration::from_mins(5);
/// One point per figure in this time: 60 of them fill the window, and the slope needs all their pairs.
const EVERY: Duration = Duration::from_secs(5);
/// Fewer points say nothing about a slope.
const FEWEST: usize = 4;

/// The figures that trends are kept of, by their path in the sample.
const FIGURES: [(&str, fn(&Sample) -> Option<f64>); 9] = [
    ("connectionPool.utilization", |sample| sample.connection_pool.utilization),
    ("connectionPool.totalConnections", |sample| sample.connection_pool.total_connections.map(f64::from)),
    ("connectionPool.waitingClients", |sample| sample.connection_pool.waiting_clients.map(f64::from)),
    ("connectionPool.averageWaitTime", |sample| sample.connection_pool.average_wait_time),
    ("queryPerformance.averageActiveSessions", |sample| sample.query_performance.average_active_sessions),
    ("queryPerformance.averageQueryTime", |sample| sample.query_performance.average_query_time),
    ("queryPerformance.queriesPerSecond", |sample| sample.query_performance.queries_per_second),
    ("queryPerformance.errorRate", |sample| sample.query_performance.error_rate),
    ("database.sizeBytes", |sample| sample.database.size_bytes.map(|bytes| bytes as f64)),
];

/// The last minutes of one target.
#[derive(Debug, Default)]
pub struct Trends {
    points: VecDeque<(Instant, [Option<f64>; FIGURES.len()])>,
}

impl Trends {
    /// Takes a sample; tells whether a point was added, so that the trends are worth computing again.
    pub fn add(&mut self, now: Instant, sample: &Sample) -> bool {
        if self.points.back().is_some_and(|(last, _)| now.saturating_duration_since(*last) < EVERY) {
            return false;
        }
        self.points.push_back((now, FIGURES.map(|(_, figure)| figure(sample))));
        while self.points.front().is_some_and(|(first, _)| now.saturating_duration_since(*first) > WINDOW) {
            self.points.pop_front();
        }
        true
    }

    /// The trends as they stand; figures with too few points are left out.
    pub fn trends(&self) -> Vec<Trend> {
        (0..FIGURES.len()).filter_map(|figure| self.trend(figure)).collect()
    }

    fn trend(&self, figure: usize) -> Option<Trend> {
        let origin = self.points.front()?.0;
        let points: Vec<(f64, f64)> = self
            .points
            .iter()
            .filter_map(|(at, values)| Some((at.saturating_duration_since(origin).as_secs_f64() / 60.0, values[figure]?)))
            .collect();
        let (first, last) = (points.first()?, points.last()?);
        if points.len() < FEWEST {
            return None;
        }
        let values = || points.iter().map(|(_, value)| *value);
        Some(Trend {
            metric: FIGURES[figure].0.to_owned(),
            now: last.1,
            mean: values().sum::<f64>() / points.len() as f64,
            min: values().fold(f64::INFINITY, f64::min),
            max: values().fold(f64::NEG_INFINITY, f64::max),
            slope_per_minute: theil_sen(&points),
            window_ms: ((last.0 - first.0) * 60e3).round() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Timestamp, sample::ConnectionPool};

    fn sample(utilization: Option<f64>) -> Sample {
        let text = r#"{"timestamp":"2026-11-23T08:46:00.123Z","region":"r","target":"t","status":"healthy","reasons":[],
            "connectionPool":{},"queryPerformance":{},"database":{},"poolers":[],"reachability":{"phases":{}},
            "probe":{"intervalMs":250,"connections":2,"missing":[]}}"#;
        let sample: Sample = serde_json::from_str(text).expect("a sample");
        assert!(sample.timestamp > Timestamp(chrono::DateTime::UNIX_EPOCH));
        Sample { connection_pool: ConnectionPool { utilization, ..ConnectionPool::default() }, ..sample }
    }

    #[test]
    fn a_steady_rise_has_its_slope_and_an_outlier_does_not_move_it() {
        let start = crate::clock::now();
        let mut trends = Trends::default();
        for second in 0..=300_u32 {
            let value = if second == 150 { 50.0 } else { 0.2 + f64::from(second) / 60.0 * 0.1 };
            trends.add(start + Duration::from_secs(second.into()), &sample(Some(value)));
        }
        let seen = trends.trends();
        assert_eq!(seen.len(), 1, "figures that were never known have no trend");
        assert!((seen[0].slope_per_minute - 0.1).abs() < 1e-9, "{seen:?}");
        assert_eq!((seen[0].metric.as_str(), seen[0].window_ms), ("connectionPool.utilization", 300_000));
        assert!((seen[0].max - 50.0).abs() < 1e-9 && (seen[0].min - 0.2).abs() < 1e-9);
    }

    #[test]
    fn old_points_leave_and_few_points_say_nothing() {
        let start = crate::clock::now();
        let mut trends = Trends::default();
        for step in 0..3 {
            assert!(trends.add(start + EVERY * step, &sample(Some(1.0))));
            assert!(!trends.add(start + EVERY * step + EVERY / 2, &sample(Some(9.0))), "too soon for another point");
        }
        assert_eq!(trends.trends(), vec![]);
        for step in 200..204 {
            trends.add(start + EVERY * step, &sample(Some(2.0)));
        }
        assert!((trends.trends()[0].mean - 2.0).abs() < 1e-9);
    }
}
