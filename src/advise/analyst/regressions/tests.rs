use super::*;

const NOW: f64 = 1_796_027_400.0;

/// Small noise that is the same each time, -1 to 1.
fn noise(seed: u64, nth: usize) -> f64 {
    let mixed = (seed * 1_000_003 + nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) >> 12) as f64 / (1_u64 << 51) as f64 - 1.0
}

/// One statement's buckets over the last hours: calls and mean by how many buckets ago.
fn statement(id: &str, hours: usize, of: impl Fn(usize) -> Option<(f64, f64)>) -> Vec<StatementBucket> {
    let bucket = |ago: usize| {
        let (calls, mean) = of(ago)?;
        let at = words::timestamp(NOW - (ago as f64 + 1.0) * BUCKET);
        let (calls, total_ms) = (calls as u64, calls.floor() * mean);
        Some(StatementBucket { at, query_id: id.into(), user: "app".into(), calls, total_ms, rows: calls })
    };
    (0..hours * 12).rev().filter_map(bucket).collect()
}

fn steady(id: &str, seed: u64, hours: usize) -> Vec<StatementBucket> {
    let of = |ago: usize| (900.0 * (1.0 + 0.3 * noise(seed, ago)), 4.0 * (1.0 + 0.25 * noise(seed + 7, ago)));
    statement(id, hours, |ago| Some(of(ago)))
}

fn found(parts: &[Vec<StatementBucket>]) -> Vec<Regression> {
    let mut all = parts.concat();
    all.sort_by_key(|bucket| bucket.at);
    regressions(&all, words::timestamp(NOW))
}

#[test]
fn steady_statements_are_no_regressions() {
    for seed in 0..100 {
        assert_eq!(found(&[steady("1", seed, 26), steady("2", seed + 500, 26)]), vec![], "{seed}");
    }
}

#[test]
fn a_plan_that_changed_is_told_with_its_time_and_share() {
    let seen = (0..100).filter(|seed| {
        let slow = statement("9", 26, |ago| {
            Some((900.0 * (1.0 + 0.3 * noise(*seed, ago)), if ago < 5 { 9.0 } else { 4.0 } * (1.0 + 0.2 * noise(seed + 3, ago))))
        });
        let found = found(&[slow, steady("1", seed + 900, 26)]);
        let told = found.first().is_some_and(|first| {
            let since = seconds(first.since);
            first.kind == RegressionKind::Slower && first.query_id == "9" && (since - (NOW - 5.0 * BUCKET)).abs() <= BUCKET
        });
        told && found.len() == 1 && found[0].share > 0.4
    });
    assert!(seen.count() >= 95);
    let slow = statement("9", 26, |ago| Some((900.0, if ago < 5 { 19.0 } else { 4.0 })));
    let found = found(&[slow, steady("1", 1, 26)]);
    assert_eq!(
        found[0].sentence,
        "Each call takes 19 ms instead of 4 ms since 08:05 UTC, while its calls stayed at about 3/s, as when a plan changes; it is 70% of the load."
    );
}

#[test]
fn a_storm_and_a_new_statement_are_told() {
    let storm = statement("7", 26, |ago| Some((if ago < 4 { 30_000.0 } else { 3_000.0 }, 1.0)));
    let new = statement("8", 26, |ago| (ago < 6).then_some((300.0, 40.0)));
    let found = found(&[storm, new, steady("1", 4, 26)]);
    let kinds: Vec<_> = found.iter().map(|found| (found.kind, found.query_id.as_str())).collect();
    assert_eq!(kinds, [(RegressionKind::Storm, "7"), (RegressionKind::New, "8")], "{found:#?}");
    assert_eq!((found[1].before_mean_ms, found[1].after_calls_per_second), (None, 1.0));
}

#[test]
fn what_happens_every_night_is_usual() {
    let nightly = |ago: usize| (ago % 288 < 6).then_some((300.0, 40.0));
    assert_eq!(found(&[statement("8", 26, nightly), steady("1", 4, 26)]), vec![], "known from yesterday");
    let slower_at_night = |ago: usize| Some((900.0, if ago % 288 < 6 { 12.0 } else { 4.0 }));
    assert_eq!(found(&[statement("6", 26, slower_at_night), steady("1", 4, 26)]), vec![]);
}

#[test]
fn of_a_short_past_nothing_is_new_and_one_bucket_is_no_run() {
    let new = || statement("8", 1, |ago| (ago < 6).then_some((300.0, 40.0)));
    assert_eq!(found(&[new(), steady("1", 4, 2)]), vec![]);
    let blip = statement("9", 26, |ago| Some((900.0, if ago == 0 { 40.0 } else { 4.0 })));
    assert_eq!(found(&[blip]), vec![]);
    let over = statement("9", 26, |ago| Some((900.0, if (2..6).contains(&ago) { 40.0 } else { 4.0 })));
    assert_eq!(found(&[over]), vec![], "it is as it was again");
    assert_eq!(found(&[]), vec![]);
}

#[test]
fn the_cause_is_the_statement_that_moved_most() {
    let since = words::timestamp(NOW - 6.0 * BUCKET);
    let slow = statement("9", 3, |ago| Some((900.0, if ago < 6 { 9.0 } else { 4.0 })));
    let also = statement("5", 3, |ago| Some((900.0, if ago < 6 { 6.0 } else { 4.0 })));
    let all = [slow, also, statement("1", 3, |_| Some((900.0, 4.0)))].concat();
    let part = cause(&all, since, Sum::MeanTime).unwrap();
    assert!(part.query_id == "9" && (part.share - 5.0 / 7.0).abs() < 1e-6, "{part:?}");
    assert_eq!(cause(&all, since, Sum::Calls), None, "calls did not move");
    assert_eq!(cause(&all, words::timestamp(NOW + 1.0), Sum::MeanTime), None, "nothing is known since");
}
