//! Which statements ran, and how dear that mix of them is: what a call would take in the mean if each statement took as long as it does in all
//! of the window. That moves when other statements come, and not when the same ones are slower. Pure.

use std::{collections::HashMap, sync::Arc};

use crate::model::queries::Queries;

/// Those that cost most: the others together are hardly felt.
const MOST: usize = 20;
/// Fewer calls say nothing about a mix.
const FEWEST_CALLS: u64 = 20;

/// The statements of one interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mix {
    /// Of all statements.
    calls: u64,
    costliest: Arc<[Cost]>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    query: i64,
    calls: u64,
    total_ms: f64,
}

impl Mix {
    /// None while too few ran.
    pub(super) fn of(queries: &Queries) -> Option<Self> {
        let costs = queries
            .statements
            .iter()
            .filter_map(|one| Some(Cost { query: one.query_id.parse().ok()?, calls: one.calls, total_ms: one.total_ms }));
        let costliest: Arc<[Cost]> = costs.take(MOST).collect();
        (queries.calls >= FEWEST_CALLS && !costliest.is_empty()).then_some(Self { calls: queries.calls, costliest })
    }
}

/// How dear each of them is, milliseconds per call.
pub(super) fn dearness(mixes: &[&Mix]) -> Vec<f64> {
    let mut all: HashMap<i64, (u64, f64)> = HashMap::new();
    for cost in mixes.iter().flat_map(|mix| mix.costliest.iter()) {
        let sum = all.entry(cost.query).or_default();
        *sum = (sum.0 + cost.calls, sum.1 + cost.total_ms);
    }
    let usual = |cost: &Cost| all.get(&cost.query).map_or(0.0, |(calls, ms)| ms / (*calls).max(1) as f64);
    let of = |mix: &&Mix| mix.costliest.iter().map(|cost| cost.calls as f64 * usual(cost)).sum::<f64>() / mix.calls.max(1) as f64;
    mixes.iter().map(of).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::queries::Statement;

    /// Of statements with so many calls of so many milliseconds.
    pub(in crate::advise) fn mix(statements: &[(u64, f64)]) -> Mix {
        let statements = statements.iter().zip(1..).map(|(&(calls, mean_ms), id)| Statement {
            query_id: id.to_string(),
            calls,
            mean_ms,
            total_ms: calls as f64 * mean_ms,
            ..Statement::default()
        });
        let statements: Vec<_> = statements.collect();
        Mix::of(&Queries { calls: statements.iter().map(|one| one.calls).sum(), statements, ..Queries::default() })
            .expect("a mix")
    }

    #[test]
    fn a_mix_is_dearer_when_dearer_statements_come_and_not_when_the_same_are_slower() {
        let (cheap, slower) = (mix(&[(900, 5.0), (100, 50.0)]), mix(&[(900, 15.0), (100, 150.0)]));
        let same = dearness(&[&cheap, &slower]);
        assert!((same[0] - 19.0).abs() < 1e-9 && (same[1] - 19.0).abs() < 1e-9, "{same:?}");
        let other = dearness(&[&cheap, &mix(&[(500, 5.0), (500, 50.0)])]);
        assert!((other[0] - 9.5).abs() < 1e-9 && (other[1] - 27.5).abs() < 1e-9, "{other:?}");
        assert_eq!(Mix::of(&Queries { calls: 5, ..Queries::default() }), None, "too few");
    }
}
