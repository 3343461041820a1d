//! What statements cost over a time: the costliest of it, bucket by bucket. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::{
    Timestamp,
    history::{Resolution, StatementBucket},
};

/// Statements of an answer.
const MOST: usize = 30;
/// Points of each: about as many as a chart has room for.
const POINTS: u64 = 300;
/// Longer would be hundreds of thousands of figures to look at.
const LONGEST: Duration = Duration::from_hours(8 * 24);

/// `?from=&to=`
#[derive(Debug, Default, Deserialize)]
pub(in crate::web) struct Asked {
    from: Option<String>,
    to: Option<String>,
}

impl Asked {
    /// From when until when; or what is wrong with the words.
    pub(super) fn span(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), String> {
        let (from, to) = super::span(self.from.as_ref(), self.to.as_ref(), now)?;
        let days = LONGEST.as_secs() / 86_400;
        if to.since(from) > LONGEST { Err(format!("from and to: at most {days} days at once")) } else { Ok((from, to)) }
    }
}

/// `.../queries/history`
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Costliest {
    step_ms: u64,
    statements: Vec<Statement>,
}

/// One statement of one role.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    query_id: String,
    user: String,
    points: Vec<Point>,
}

/// What it cost in one bucket; buckets in which it was not among the costliest are left out.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    at: Timestamp,
    calls: u64,
    mean_ms: Option<f64>,
    total_ms: f64,
}

/// The statements with the largest total, that first, in buckets that fit the time.
pub(super) fn costliest(kept: Vec<StatementBucket>, from: Timestamp, to: Timestamp) -> Costliest {
    let five = Resolution::FiveMinutes.length();
    let fives = to.since(from).as_secs().div_ceil(five.as_secs() * POINTS).max(1);
    let step_ms = fives * five.as_millis() as u64;
    let mut all: HashMap<(String, String), (f64, BTreeMap<i64, (u64, f64)>)> = HashMap::new();
    for StatementBucket { at, query_id, user, calls, total_ms, .. } in kept {
        let (total, points) = all.entry((query_id, user)).or_default();
        let point = points.entry(at.unix_ms().div_euclid(step_ms.cast_signed())).or_default();
        *total += total_ms;
        *point = (point.0 + calls, point.1 + total_ms);
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by(|(a, (more, _)), (b, (less, _))| less.total_cmp(more).then_with(|| a.cmp(b)));
    let point = |(place, (calls, total_ms)): (i64, (u64, f64))| {
        let at = Timestamp::from_unix_ms(place * step_ms.cast_signed())?;
        Some(Point { at, calls, mean_ms: (calls > 0).then(|| total_ms / calls as f64), total_ms })
    };
    let statement = |((query_id, user), (_, points)): (_, (f64, BTreeMap<_, _>))| Statement {
        query_id,
        user,
        points: points.into_iter().filter_map(point).collect(),
    };
    Costliest { step_ms, statements: all.into_iter().take(MOST).map(statement).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_100_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_ms(START + minutes * 60_000).expect("a moment")
    }

    fn bucket(minutes: i64, query: &str, calls: u64, total_ms: f64) -> StatementBucket {
        StatementBucket { at: at(minutes), query_id: query.into(), user: "app".into(), calls, total_ms, rows: 1 }
    }

    #[test]
    fn the_costliest_come_first_and_no_more_than_thirty() {
        let mut kept: Vec<_> = (0..40).map(|id| bucket(0, &format!("q{id:02}"), 10, f64::from(id))).collect();
        kept.push(bucket(5, "q00", 4, 1_000.0));
        let found = costliest(kept, at(0), at(60));
        assert_eq!((found.step_ms, found.statements.len()), (300_000, MOST));
        let ids: Vec<_> = found.statements.iter().map(|one| &*one.query_id).take(3).collect();
        assert_eq!(ids, ["q00", "q39", "q38"]);
        let point = |minutes, calls, mean, total_ms| Point { at: at(minutes), calls, mean_ms: mean, total_ms };
        assert_eq!(found.statements[0].points, [point(0, 10, Some(0.0), 0.0), point(5, 4, Some(250.0), 1_000.0)]);
    }

    #[test]
    fn a_long_time_has_longer_buckets() {
        let kept = (0..2_016).map(|five| bucket(five * 5, "q", 2, 3.0)).collect();
        let found = costliest(kept, at(0), at(7 * 24 * 60));
        let points = &found.statements[0].points;
        assert_eq!(found.step_ms, 35 * 60_000);
        assert!(points.len() <= 300, "{}", points.len());
        assert_eq!(points.iter().map(|point| point.calls).sum::<u64>(), 4_032);
        assert!(points.iter().all(|point| point.mean_ms == Some(1.5)));
    }

    #[test]
    fn a_time_that_is_too_long_is_refused() {
        let asked = |from: &str| Asked { from: Some(from.to_owned()), to: None }.span(at(0)).map(drop);
        assert_eq!(asked("-8d"), Ok(()));
        assert_eq!(asked("-9d"), Err("from and to: at most 8 days at once".to_owned()));
        assert_eq!(
            asked("1h"),
            Err("from must be a moment: 2026-11-30T08:00:00Z, -1h, now, or milliseconds since 1970".to_owned())
        );
    }
}
