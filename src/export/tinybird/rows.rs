//! What is sent of a target, and when: with each interval, and at once when its status changes. Pure.
//!
//! A row has the columns of the data source in `deploy/tinybird`; what is not known is null. No statement's text is in it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::model::{
    NodeName, Status, TargetId, Timestamp,
    world::{Target, World},
};

/// As Tinybird reads a `DateTime64(3)`.
const FORMAT: &str = "%Y-%m-%d %H:%M:%S%.3f";

/// One row, by the columns of the data source. Region, database and timestamp are its key.
#[derive(Debug, Serialize)]
struct Row<'a> {
    timestamp: String,
    region: &'a str,
    database: &'a str,
    node: &'a str,
    status: &'static str,
    connection_pool_utilization: Option<f64>,
    average_query_time: Option<f64>,
    slow_queries: Option<u64>,
    database_size: Option<f64>,
    total_connections: Option<u32>,
    active_connections: Option<u32>,
    idle_connections: Option<u32>,
    idle_in_transaction: Option<u32>,
    waiting_clients: Option<u32>,
    average_wait_time: Option<f64>,
    max_wait_time: Option<f64>,
    pool_size: Option<u32>,
    max_connections: Option<u32>,
    queries_per_second: Option<f64>,
    error_rate: Option<f64>,
    slow_query_rate: Option<f64>,
    average_active_sessions: Option<f64>,
    cache_hit_ratio: Option<f64>,
    size_bytes: Option<u64>,
    growth_per_day: Option<f64>,
    replication_lag: Option<f64>,
    rule: Option<&'static str>,
    severity: Option<&'static str>,
    rules_in_breach: usize,
}

/// What was sent last of a target.
#[derive(Debug)]
struct Last {
    status: Status,
    measured: Timestamp,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Rows {
    every: Duration,
    due: Instant,
    last: BTreeMap<TargetId, Last>,
}

impl Rows {
    /// The first come after one interval: before that little was seen.
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self { every, due: now + every, last: BTreeMap::new() }
    }

    /// Whether an interval is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// The rows that are due now, of the targets that this node watches.
    pub(super) fn due(&mut self, world: &World, node: &NodeName, now: Instant, wall: Timestamp) -> Vec<String> {
        let is_due = self.is_due(now);
        if is_due {
            // On the grid; a stall is one missed slot.
            self.due = if self.due + self.every > now { self.due + self.every } else { now + self.every };
            self.last.retain(|id, _| world.target(id.region.as_str(), id.target.as_str()).is_some());
        }
        let all = world.regions.values().flat_map(|region| region.targets.values());
        all.filter(|target| target.node == *node).filter_map(|target| self.of(target, is_due, wall)).collect()
    }

    fn of(&mut self, target: &Target, is_due: bool, wall: Timestamp) -> Option<String> {
        let (sample, id) = (&target.report.sample, target.report.id());
        let last = self.last.get(&id);
        let has_changed = last.is_some_and(|last| last.status != sample.status);
        let is_new = last.is_none_or(|last| last.measured != sample.timestamp);
        // Of what was not measured again there is nothing to say, unless it is judged otherwise now.
        if !(has_changed || (is_due && is_new)) {
            return None;
        }
        self.last.insert(id, Last { status: sample.status, measured: sample.timestamp });
        let at = if is_new { sample.timestamp } else { wall };
        serde_json::to_string(&row(target, at)).ok()
    }
}

fn row(target: &Target, at: Timestamp) -> Row<'_> {
    let sample = &target.report.sample;
    let (pool, queries, database) = (&sample.connection_pool, &sample.query_performance, &sample.database);
    let worst = sample.reasons.first();
    let upstream = target.vitals.replication.as_ref().and_then(|replication| replication.upstream.as_ref());
    Row {
        timestamp: at.0.format(FORMAT).to_string(),
        region: sample.region.as_str(),
        database: sample.target.as_str(),
        node: target.node.as_str(),
        status: sample.status.as_str(),
        connection_pool_utilization: pool.utilization,
        average_query_time: queries.average_query_time,
        slow_queries: queries.slow_queries,
        database_size: database.size,
        total_connections: pool.total_connections,
        active_connections: pool.active_connections,
        idle_connections: pool.idle_connections,
        idle_in_transaction: pool.idle_in_transaction,
        waiting_clients: pool.waiting_clients,
        average_wait_time: pool.average_wait_time,
        max_wait_time: pool.max_wait_time,
        pool_size: pool.pool_size,
        max_connections: database.max_connections,
        queries_per_second: queries.queries_per_second,
        error_rate: queries.error_rate,
        slow_query_rate: queries.slow_query_rate,
        average_active_sessions: queries.average_active_sessions,
        cache_hit_ratio: database.cache_hit_ratio,
        size_bytes: database.size_bytes,
        growth_per_day: database.growth_per_day,
        replication_lag: upstream.and_then(|upstream| upstream.lag_seconds),
        rule: worst.map(|reason| reason.rule.as_str()),
        severity: worst.map(|reason| reason.severity.as_str()),
        rules_in_breach: sample.reasons.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock,
        model::{
            Report,
            vitals::{Replication, Upstream, Vitals},
            world::Region,
        },
    };

    const GOLDEN: &str = include_str!("../../../tests/golden/web/report.json");
    const SCHEMA: &str = include_str!("../../../deploy/tinybird/datasources/database_health_metrics.datasource");

    /// A world of one target as it is at that millisecond, watched by that node.
    fn world(node: &str, ms: i64, status: Status) -> World {
        let mut report: Report = serde_json::from_str(GOLDEN).expect("a report");
        let sample = Arc::make_mut(&mut report.sample);
        (sample.status, sample.timestamp) = (status, moment(ms));
        let target = Arc::new(Target::of(report, node.into(), clock::now()));
        let mut world = World::unseen([], clock::wall(), clock::now());
        let region = Region { targets: [("marketing".into(), target)].into(), ..Region::unseen() };
        world.regions.insert("us-east-1".into(), Arc::new(region));
        world
    }

    fn moment(ms: i64) -> Timestamp {
        Timestamp(chrono::DateTime::from_timestamp_millis(1_700_000_000_000 + ms).expect("a moment"))
    }

    #[test]
    fn a_target_has_a_row_with_each_interval_and_one_when_its_status_changes() {
        let (start, node) = (clock::now(), NodeName::from("n1"));
        let mut rows = Rows::new(Duration::from_secs(10), start);
        let mut due = |ms: u64, status| {
            let now = start + Duration::from_millis(ms);
            rows.due(&world("n1", ms.cast_signed(), status), &node, now, moment(ms.cast_signed())).len()
        };
        let counts: Vec<_> = (0..400).map(|quarter| due(quarter * 250, Status::Healthy)).collect();
        assert_eq!(counts.iter().sum::<usize>(), 9, "in 99.75 s");
        assert_eq!((counts[40], counts[80], counts[81]), (1, 1, 0));
        assert_eq!(due(100_000, Status::Healthy), 1);
        assert_eq!((due(100_250, Status::Unhealthy), due(100_500, Status::Unhealthy)), (1, 0), "a change at once, and once");
        assert_eq!(due(110_000, Status::Unhealthy), 1, "the grid stays");
        assert_eq!((due(165_000, Status::Healthy), due(165_250, Status::Healthy)), (1, 0), "a stall is one missed slot");
    }

    #[test]
    fn what_another_node_watches_or_was_not_measured_again_has_none() {
        let (start, node) = (clock::now(), NodeName::from("n1"));
        let mut rows = Rows::new(Duration::from_secs(10), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(rows.due(&world("n2", 0, Status::Healthy), &node, at(10), moment(0)).is_empty());
        assert_eq!(rows.due(&world("n1", 0, Status::Healthy), &node, at(20), moment(20_000)).len(), 1);
        assert!(rows.due(&world("n1", 0, Status::Healthy), &node, at(30), moment(30_000)).is_empty());
        let judged = rows.due(&world("n1", 0, Status::Unknown), &node, at(31), moment(31_000));
        assert!(judged[0].contains(r#""timestamp":"2023-11-14 22:13:51.000""#), "its key is its own: {judged:?}");
        assert!(rows.due(&world("n1", 0, Status::Unknown), &node, at(40), moment(40_000)).is_empty());
        let back = rows.due(&world("n1", -9_000, Status::Unknown), &node, at(50), moment(-9_000));
        assert_eq!(back.len(), 1, "a clock that was set back holds up nothing");
    }

    #[test]
    fn a_row_has_the_columns_of_the_data_source_in_their_order() {
        let (start, node) = (clock::now(), NodeName::from("n1"));
        let mut seen = world("n1", 7, Status::Healthy);
        let region = Arc::make_mut(seen.regions.get_mut(&"us-east-1".into()).expect("a region"));
        let target = Arc::make_mut(region.targets.get_mut(&"marketing".into()).expect("a target"));
        let upstream = Upstream { lag_seconds: Some(1.5), ..Upstream::default() };
        let replication = Replication { upstream: Some(upstream), ..Replication::default() };
        target.vitals = Arc::new(Vitals { replication: Some(Arc::new(replication)), ..Vitals::default() });
        let row = Rows::new(Duration::ZERO, start).due(&seen, &node, start, moment(0)).remove(0);
        assert!(
            row.starts_with(r#"{"timestamp":"2023-11-14 22:13:20.007","region":"us-east-1","database":"marketing","node":"n1""#)
        );
        let columns: Vec<_> = SCHEMA.lines().filter_map(|line| line.split("`json:$.").nth(1)?.split('`').next()).collect();
        let mut from = 0;
        for column in &columns {
            let found = row[from..].find(&format!("\"{column}\":")).unwrap_or_else(|| panic!("{column} after {}", &row[..from]));
            from += found;
        }
        let value: serde_json::Value = serde_json::from_str(&row).expect("JSON");
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(columns.len()));
        let report: Report = serde_json::from_str(GOLDEN).expect("a report");
        let worst = report.sample.reasons.first().map(|reason| (reason.rule.as_str(), reason.severity.as_str()));
        assert_eq!(value["rule"].as_str().zip(value["severity"].as_str()), worst);
        assert_eq!(
            (&value["replication_lag"], &value["growth_per_day"]),
            (&1.5.into(), &report.sample.database.growth_per_day.into())
        );
        assert_eq!(value["size_bytes"].as_u64(), report.sample.database.size_bytes);
        let statements = report.queries.iter().flat_map(|queries| &queries.statements).filter_map(|one| one.text.as_deref());
        assert!(statements.count() > 0 && !row.contains("SELECT"), "{row}");
    }
}
