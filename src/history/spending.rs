//! What statements cost each target in the five minutes that are open. Pure.

use std::collections::{BTreeMap, HashMap};

use super::block::{Packer, unpack};
use crate::model::{Timestamp, history::StatementBucket, queries::Queries};

/// As many of five minutes are kept, those that took most time.
pub(super) const MOST: usize = 50;
/// As many are added up at a time; beyond that the cheaper half is given up.
const ROOM: usize = 400;

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    calls: u64,
    total_ms: f64,
    rows: u64,
}

#[derive(Debug, Default)]
struct Spent {
    /// The end of the interval that was added last; each is said many times.
    taken_at: Option<Timestamp>,
    sums: HashMap<(String, String), Sum>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Spending(BTreeMap<u32, Spent>);

impl Spending {
    /// Adds what a target's statements cost in an interval, unless that was added already.
    pub(super) fn add(&mut self, target: u32, queries: &Queries) {
        if queries.taken_at.is_none() || queries.interval_ms.is_none() {
            return;
        }
        let spent = self.0.entry(target).or_default();
        if spent.taken_at == queries.taken_at {
            return;
        }
        spent.taken_at = queries.taken_at;
        for statement in queries.statements.iter().filter(|statement| statement.calls > 0) {
            let sum = spent.sums.entry((statement.query_id.clone(), statement.user.clone())).or_default();
            sum.calls += statement.calls;
            sum.total_ms += statement.total_ms;
            sum.rows += statement.rows;
        }
        if spent.sums.len() > ROOM {
            let mut costs: Vec<f64> = spent.sums.values().map(|sum| sum.total_ms).collect();
            costs.sort_by(f64::total_cmp);
            let border = costs[costs.len() / 2];
            spent.sums.retain(|_, sum| sum.total_ms > border);
        }
    }

    /// Goes on from what was kept of a target.
    pub(super) fn resume(&mut self, target: u32, kept: Vec<StatementBucket>) {
        let spent = self.0.entry(target).or_default();
        for StatementBucket { query_id, user, calls, total_ms, rows, .. } in kept {
            spent.sums.insert((query_id, user), Sum { calls, total_ms, rows });
        }
    }

    /// Those of a target that cost most so far, the dearest first.
    pub(super) fn of(&self, target: u32, began: Timestamp) -> Vec<StatementBucket> {
        let mut all: Vec<_> = self.0.get(&target).into_iter().flat_map(|spent| &spent.sums).collect();
        all.sort_by(|(one, a), (other, b)| b.total_ms.total_cmp(&a.total_ms).then_with(|| one.cmp(other)));
        all.truncate(MOST);
        let bucket = |((query_id, user), sum): (&(String, String), &Sum)| StatementBucket {
            at: began,
            query_id: query_id.clone(),
            user: user.clone(),
            calls: sum.calls,
            total_ms: sum.total_ms,
            rows: sum.rows,
        };
        all.into_iter().map(bucket).collect()
    }

    /// Those of all targets, packed.
    pub(super) fn rows(&self, packer: &mut Packer, began: Timestamp) -> Vec<(u32, Vec<u8>)> {
        let with = self.0.iter().filter(|(_, spent)| !spent.sums.is_empty());
        let rows = with.filter_map(|(target, _)| {
            let json = serde_json::to_vec(&self.of(*target, began)).ok()?;
            Some((*target, packer.bytes(&json)))
        });
        rows.collect()
    }

    /// Begins the next five minutes.
    pub(super) fn begin(&mut self) {
        self.0.retain(|_, spent| !spent.sums.is_empty());
        self.0.values_mut().for_each(|spent| spent.sums.clear());
    }
}

/// Reads what was packed; none when it is damaged.
pub(super) fn read(packed: &[u8]) -> Option<Vec<StatementBucket>> {
    serde_json::from_slice(&unpack(packed)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::queries::Statement;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms).expect("a moment")
    }

    fn queries(taken_at: i64, of: &[(&str, u64, f64)]) -> Queries {
        let statement = |(id, calls, total_ms): &(&str, u64, f64)| Statement {
            query_id: (*id).to_owned(),
            user: "app".to_owned(),
            text: None,
            calls: *calls,
            mean_ms: total_ms / *calls as f64,
            stddev_ms: None,
            total_ms: *total_ms,
            share: 0.0,
            rows: calls * 2,
            cache_hit_ratio: None,
            slow: false,
            calls_total: 0,
            seconds_total: 0.0,
            rows_total: 0,
        };
        let statements = of.iter().map(statement).collect();
        Queries { interval_ms: Some(10_000.0), taken_at: Some(at(taken_at)), statements, ..Queries::default() }
    }

    #[test]
    fn each_interval_counts_once_and_the_dearest_come_first() {
        let mut spending = Spending::default();
        let first = queries(10_000, &[("1", 5, 50.0), ("2", 1, 400.0)]);
        spending.add(3, &first);
        spending.add(3, &first);
        spending.add(3, &queries(20_000, &[("1", 5, 600.0), ("3", 0, 0.0)]));
        let short = |spending: &Spending| -> Vec<_> {
            spending.of(3, at(0)).iter().map(|one| (one.query_id.clone(), one.calls, one.total_ms, one.rows)).collect()
        };
        let expected = [("1".to_owned(), 10, 650.0, 20), ("2".to_owned(), 1, 400.0, 2)];
        assert_eq!(short(&spending), expected);
        let rows = spending.rows(&mut Packer::default(), at(0));
        let mut resumed = Spending::default();
        resumed.resume(rows[0].0, read(&rows[0].1).expect("what was packed"));
        assert_eq!(short(&resumed), expected);
        spending.begin();
        assert_eq!(short(&spending), []);
        spending.add(3, &queries(20_000, &[("1", 5, 600.0)]));
        assert_eq!(short(&spending), [], "it was said already");
        assert_eq!(read(b"none"), None);
    }

    #[test]
    fn a_flood_of_statements_is_cut_and_the_dear_ones_stay() {
        let mut spending = Spending::default();
        for interval in 0..20 {
            let names: Vec<String> = (0..100).map(|nth| format!("{interval}-{nth}")).collect();
            let mut of: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1.0 + f64::from(interval) / 100.0)).collect();
            of.push(("dear", 1, 1_000.0));
            spending.add(1, &queries(i64::from(interval) * 10_000, &of));
            assert!(spending.0[&1].sums.len() <= ROOM);
        }
        let kept = spending.of(1, at(0));
        assert_eq!((kept.len(), kept[0].query_id.as_str(), kept[0].calls), (MOST, "dear", 20));
    }
}
