use super::*;
use crate::{
    clock,
    probe::query::statements::{Counters, Deltas, Row, Snapshot},
};

/// An interval in which these ids ran once, as that role.
fn ran(user: u32, ids: impl Iterator<Item = i64>) -> Interval {
    let mut deltas = Deltas::default();
    deltas.step(Snapshot::default(), Duration::ZERO, clock::wall());
    let rows = ids.map(|query| Row {
        key: Key { user, database: 5, query, toplevel: true },
        counters: Counters { calls: 1, total_ms: 1.0, ..Counters::default() },
        since: None,
    });
    deltas.step(Snapshot { rows: rows.collect(), info: None }, Duration::from_secs(10), clock::wall())
}

#[test]
fn texts_are_asked_for_seldom_and_once() {
    let mut known = Known::new(1);
    let now = clock::now();
    let mut asked = |seconds, ids: std::ops::Range<i64>| {
        let wants = known.wants(now + Duration::from_secs(seconds), &ran(2, ids), &[5]);
        known.learn(wants.texts.iter().map(|&id| (id, "SELECT 1".to_owned())).collect());
        wants.texts.len()
    };
    assert_eq!(asked(0, 0..10), 10);
    assert_eq!(asked(10, 0..10), 0, "known");
    assert_eq!(asked(20, 0..11), 1, "still eager");
    assert_eq!(asked(30, 0..12), 1);
    assert_eq!(asked(40, 0..13), 0, "rests");
    assert_eq!(asked(59, 0..13), 0, "rests");
    assert_eq!(asked(60, 0..13), 1);
}

#[test]
fn only_what_is_listed_is_asked_for_unless_it_may_be_ours() {
    let mut known = Known::new(1);
    let now = clock::now();
    let wants = known.wants(now, &ran(2, 0..1_000), &[5]);
    assert_eq!(wants.texts.len(), crate::model::queries::Queries::MOST_STATEMENTS);
    assert_eq!(Known::new(1).wants(now, &ran(2, 0..10), &[6]).texts, Vec::<i64>::new());
    assert_eq!(Known::new(2).wants(now, &ran(2, 0..1_000), &[6]).texts.len(), MOST_ASKED);
}

#[test]
fn an_id_without_an_answer_is_asked_for_again() {
    let mut known = Known::new(1);
    let now = clock::now();
    assert_eq!(known.wants(now, &ran(2, 7..8), &[5]).texts, [7]);
    known.learn(HashMap::new());
    assert_eq!(known.wants(now + REST, &ran(2, 7..8), &[5]).texts, [7]);
}

#[test]
fn memory_is_bounded_and_what_is_wanted_stays() {
    let mut known = Known::new(1);
    let mut now = clock::now();
    for round in 0..40 {
        now += REST;
        let ids = std::iter::once(-1).chain(round * 99..(round + 1) * 99);
        let wants = known.wants(now, &ran(2, ids), &[5]);
        known.learn(wants.texts.iter().map(|&id| (id, format!("SELECT {id}"))).collect());
    }
    assert_eq!(known.texts.len(), MOST_TEXTS);
    assert_eq!(known.text(-1), Some("SELECT -?"));
    assert_eq!(known.text(0), None);
}

#[test]
fn a_statement_is_ours_by_role_and_mark() {
    let mut known = Known::new(1);
    known.learn([(7, format!("SELECT {MARK} 1")), (8, "SELECT 1".into())].into());
    let key = |user, query| Key { user, database: 5, query, toplevel: true };
    assert_eq!([key(1, 7), key(2, 7), key(1, 8)].map(|key| known.is_own(&key)), [true, false, false]);
}
