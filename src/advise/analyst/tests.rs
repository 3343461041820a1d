use std::collections::BTreeMap;

use super::*;
use crate::model::{
    history::{FIGURES, Point, Resolution, Series},
    insight::Resource,
    report::Report,
    vitals::{Host, Sequence, Tables, Upkeep, Vitals},
};

const NOW: f64 = 1_796_027_400.0;

/// A past that is made up: each figure's value at each moment, and statements.
#[derive(Default)]
struct Made {
    figures: BTreeMap<&'static str, Box<dyn Fn(f64) -> f64 + Send + Sync>>,
    since: f64,
    statements: Vec<StatementBucket>,
    fails: bool,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Made")
    }
}

impl Past for Made {
    fn series(&self, question: &Question) -> Result<Vec<Series>, String> {
        if self.fails {
            return Err("the disk is away".into());
        }
        Ok(question.figures.iter().map(|figure| self.one(question, *figure)).collect())
    }

    fn statements(&self, _: &TargetId, from: Timestamp, to: Timestamp) -> Result<Vec<StatementBucket>, String> {
        Ok(self.statements.iter().filter(|bucket| bucket.at >= from && bucket.at < to).cloned().collect())
    }
}

impl Made {
    fn one(&self, question: &Question, figure: usize) -> Series {
        let step = question.step.unwrap().as_secs_f64();
        let (path, unit) = (FIGURES[figure].path, FIGURES[figure].unit);
        let (from, to) = (regressions::seconds(question.from).max(self.since), regressions::seconds(question.to));
        let point = |at: f64, value: f64| {
            let at = words::timestamp(at);
            Point { at, min: value, max: value, mean: value, last: value, count: 1, percentiles: None }
        };
        let figure = self.figures.get(path);
        let count = ((to - from) / step).max(0.0) as usize;
        let points = figure.iter().flat_map(|of| (0..count).map(|nth| from + nth as f64 * step).map(|at| point(at, of(at))));
        let (metric, unit) = (path.to_owned(), unit.to_owned());
        Series { metric, unit, step_ms: (step * 1e3) as u64, resolution: Resolution::FiveMinutes, points: points.collect() }
    }
}

/// Noise that is the same each time at a moment: -1 to 1.
fn noise(at: f64) -> f64 {
    let mixed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) >> 12) as f64 / (1_u64 << 51) as f64 - 1.0
}

fn target(vitals: Vitals) -> Target {
    let report: Report = serde_json::from_str(include_str!("../../../tests/golden/web/report.json")).unwrap();
    Target { vitals: vitals.into(), ..Target::of(report, "n1".into(), crate::clock::now()) }
}

fn looked(past: &Made, target: &Target) -> Insight {
    let mut analyst = Analyst::new(Settings::default());
    analyst.look(target, past, crate::clock::now(), words::timestamp(NOW)).unwrap();
    analyst.insights().targets[&target.report.id()].as_ref().clone()
}

fn outlook_of(past: &Made, target: &Target) -> Outlook {
    let mut analyst = Analyst::new(Settings::default());
    analyst.look(target, past, crate::clock::now(), words::timestamp(NOW)).unwrap();
    analyst.outlook(&target.report.id()).unwrap()
}

fn made(figures: impl IntoIterator<Item = (&'static str, Box<dyn Fn(f64) -> f64 + Send + Sync>)>, days: f64) -> Made {
    Made { figures: figures.into_iter().collect(), since: NOW - days * DAY, ..Made::default() }
}

#[test]
fn a_change_is_told_with_its_time_and_cause() {
    let began = NOW - 1_500.0;
    let time: Box<dyn Fn(f64) -> f64 + Send + Sync> =
        Box::new(move |at| if at < began { 3.1 } else { 4.28 } * (1.0 + 0.1 * noise(at)));
    let mut past = made([("queryPerformance.averageQueryTime", time)], 0.2);
    for ago in (1..13).rev() {
        let at = NOW - f64::from(ago) * 300.0;
        for (id, before, after) in [("8123", 3.0, 6.0), ("77", 3.0, 4.0)] {
            let mean = if at < began { before } else { after };
            past.statements.push(StatementBucket {
                at: words::timestamp(at),
                query_id: id.into(),
                user: "app".into(),
                calls: 100,
                total_ms: mean * 100.0,
                rows: 100,
            });
        }
    }
    let found = looked(&past, &target(Vitals::default()));
    assert_eq!(found.changes.len(), 1, "{found:#?}");
    let change = &found.changes[0];
    assert!((regressions::seconds(change.since) - began).abs() <= 20.0 && change.holds, "{change:?}");
    assert!((change.factor.unwrap() - 1.38).abs() < 0.05, "{change:?}");
    let expected = "Average query time up ";
    assert!(found.sentence.starts_with(expected) && found.sentence.ends_with("; query 8123 is 75% of it."), "{}", found.sentence);
    assert!(found.sentence.contains(" since 08:05 UTC, from 3."), "{}", found.sentence);
}

#[test]
fn what_is_steady_says_so_and_what_was_never_kept_too() {
    let steady: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|at| 3.0 * (1.0 + 0.2 * noise(at)));
    let found = looked(&made([("queryPerformance.averageQueryTime", steady)], 20.0), &target(Vitals::default()));
    assert_eq!((&found.changes, &found.slopes, found.growth_per_day), (&vec![], &vec![], None), "{found:#?}");
    assert!(found.sentence.starts_with("Nothing changed in the last 2 hours: average query time "), "{}", found.sentence);
    assert_eq!(found.bands.len(), 1);
    assert_eq!(found.bands[0].unusual_since, None);
    let short: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|_| 3.0);
    let found = looked(&made([("queryPerformance.averageQueryTime", short)], 10.0 / 1_440.0), &target(Vitals::default()));
    assert!(found.sentence.starts_with("Its past is known for 10 minutes, too short to compare"), "{}", found.sentence);
    let found = looked(&Made::default(), &target(Vitals::default()));
    assert_eq!(found.sentence, "Nothing of its past is known yet.");
}

#[test]
fn what_came_and_went_is_told_with_the_worst_of_it() {
    // Two floods of forty seconds, of which the second paused for ten, and one that nobody saw.
    let is_bad = |at: f64| {
        let ago = NOW - at;
        (2_000.0..2_040.0).contains(&ago) || (600.0..620.0).contains(&ago) || (630.0..650.0).contains(&ago)
    };
    let dark = |at: f64| (1_000.0..1_060.0).contains(&(NOW - at));
    let status: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(move |at| {
        if is_bad(at) {
            2.0
        } else if dark(at) {
            3.0
        } else {
            1.0
        }
    });
    let waiting: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(move |at| if is_bad(at) { 38.0 } else { 0.0 });
    let oldest: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(move |at| if is_bad(at) { 4_200.0 } else { 0.0 });
    // What is so for half a minute is not how it usually is.
    let time: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|at| if NOW - at < 30.0 { 300.0 } else { 3.0 });
    let figures = [
        ("status", status),
        ("connectionPool.waitingClients", waiting),
        ("connectionPool.maxWaitTime", oldest),
        ("queryPerformance.averageQueryTime", time),
    ];
    let found = looked(&made(figures, 1.0), &target(Vitals::default()));
    let episodes = found.episodes.expect("two");
    assert_eq!((episodes.count, episodes.most_waiting, episodes.longest_wait_ms), (2, Some(38.0), Some(4_200.0)));
    assert!((70.0..=110.0).contains(&episodes.seconds), "{episodes:?}");
    assert!((regressions::seconds(episodes.last_at) - (NOW - 650.0)).abs() <= 10.0, "{episodes:?}");
    let expected = "Unhealthy 2 times in the last 2 hours, for ";
    let ends = ": up to 38 clients waited for a connection, the oldest for 4.2 s. \
                Otherwise nothing changed in the last 2 hours: average query time 3 ms.";
    assert!(found.sentence.starts_with(expected) && found.sentence.contains(ends), "{}", found.sentence);
}

#[test]
fn what_is_unusual_at_this_hour_is_told() {
    // Nights are quiet, and this morning is as a noon.
    let load =
        |at: f64| if at > NOW - 6.5 * HOUR { 160.0 } else { 100.0 + 60.0 * (std::f64::consts::TAU * (at / DAY - 0.6)).sin() };
    let figure: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(move |at| load(at) * (1.0 + 0.1 * noise(at)));
    let found = looked(&made([("queryPerformance.queriesPerSecond", figure)], 21.0), &target(Vitals::default()));
    assert_eq!(found.changes, vec![], "it was so for hours");
    assert!(found.bands[0].unusual_since.is_some(), "{found:#?}");
    assert!(found.sentence.contains(" at this hour"), "{}", found.sentence);
    let told = sentence::told(&found);
    let [unusual] = &told.unusual[..] else { panic!("{told:?}") };
    assert_eq!(unusual.metric, "queryPerformance.queriesPerSecond");
    assert_eq!(
        (Some(unusual.edge), unusual.now > unusual.edge),
        (found.bands.first().map(|band| band.high), true),
        "{unusual:?}"
    );
    assert!(unusual.message.contains(", usually ") && unusual.message.ends_with(" at this hour."), "{}", unusual.message);
    let season = &found.seasons[0];
    assert!(season.daily > 0.8 && (19..=22).contains(&season.highest_at), "{season:?}");
}

#[test]
fn a_disk_that_fills_is_foretold_with_its_interval_and_growth() {
    let gib = 1_073_741_824.0;
    let free: Box<dyn Fn(f64) -> f64 + Send + Sync> =
        Box::new(move |at| gib * (100.0 + 20.0 * (NOW - at) / DAY + 0.5 * noise(at)));
    let size: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(move |at| 1.9e9 - 19e6 * (NOW - at) / DAY);
    let past = made([("vitals.host.diskFreeBytes", free), ("database.sizeBytes", size)], 10.0);
    let host = Host { disk_free_bytes: Some((100.0 * gib) as u64), ..Host::default() };
    let target = target(Vitals { host: Some(host.into()), ..Vitals::default() });
    let found = looked(&past, &target);
    let disk = &found.forecasts[0];
    let truth = words::timestamp(NOW + 5.0 * DAY);
    assert!(disk.what == Resource::Disk && disk.earliest <= truth && truth <= disk.latest, "{disk:?}");
    assert!(disk.sentence.starts_with("The disk is full in about 5.0 days, on 2026-12-05 ("), "{}", disk.sentence);
    assert_eq!(found.sentence, disk.sentence, "it is the most of it");
    let told = outlook_of(&past, &target);
    let filling = told.disk.expect("ten days are enough");
    assert!(filling.at_least < filling.per_day && filling.per_day < filling.at_most, "{filling:?}");
    assert!((filling.per_day / gib - 20.0).abs() < 0.2 && filling.over >= Duration::from_hours(24), "{filling:?}");
    // The report's size is 1,923,311,104.
    assert!((found.growth_per_day.unwrap() - 19e6 / 1_923_311_104.0).abs() < 1e-4, "{:?}", found.growth_per_day);
}

#[test]
fn a_disk_is_judged_by_hours_and_not_by_less() {
    let told = |hours: f64| {
        let free: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|at| 1e11 + 1e9 * noise(at));
        outlook_of(&made([("vitals.host.diskFreeBytes", free)], hours / 24.0), &target(Vitals::default())).disk
    };
    assert_eq!(told(9.0), None);
    let calm = told(12.0).expect("half a day is enough");
    assert!(calm.at_least < 0.0 && calm.at_most > 0.0, "{calm:?}");
}

#[test]
fn ids_that_vacuum_takes_back_do_not_run_out() {
    let upkeep = Upkeep { age_limit: Some(2_000_000_000), ..Upkeep::default() };
    let vitals = || Vitals { upkeep: Some(upkeep.clone().into()), ..Vitals::default() };
    // Up to 200 million and back, again and again.
    let saw: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|at| (at * 500.0) % 2e8);
    assert_eq!(looked(&made([("vitals.upkeep.xidAge", saw)], 20.0), &target(vitals())).forecasts, vec![]);
    let rise: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|at| 1.6e9 - 20e6 * (NOW - at) / DAY);
    let found = looked(&made([("vitals.upkeep.xidAge", rise)], 20.0), &target(vitals()));
    let days = (regressions::seconds(found.forecasts[0].runs_out_at) - NOW) / DAY;
    assert!((days - 20.0).abs() < 0.2 && found.forecasts[0].what == Resource::TransactionIds, "{days}");
}

#[test]
fn a_sequence_is_followed_in_memory_and_one_begun_anew_is_forgotten() {
    let seen = |hour: f64, used: f64| {
        let sequence = Sequence { schema: "public".into(), name: "orders_id_seq".into(), used, last: 1 };
        let looked_at = Some(words::timestamp(NOW + hour * HOUR));
        let tables = Tables { looked_at, sequences: vec![sequence], ..Tables::default() };
        target(Vitals { upkeep: Some(Upkeep { tables: Some(tables), ..Upkeep::default() }.into()), ..Vitals::default() })
    };
    let mut sequences = Sequences::default();
    let told = |sequences: &Sequences, hour: f64| {
        let wall = words::timestamp(NOW + hour * HOUR);
        outlook::forecasts(&outlook::Paces::default(), sequences, &seen(hour, 0.0), wall)
    };
    for hour in 0..48 {
        sequences.add(&seen(f64::from(hour), 0.8 + 0.001 * f64::from(hour)), words::timestamp(NOW));
    }
    let found = told(&sequences, 47.0);
    let hours = (regressions::seconds(found[0].runs_out_at) - NOW) / HOUR;
    assert!((hours - 200.0).abs() < 1.0 && found[0].subject.as_deref() == Some("public.orders_id_seq"), "{found:?}");
    sequences.add(&seen(48.0, 0.6), words::timestamp(NOW));
    assert_eq!(told(&sequences, 48.0), vec![]);
}

#[test]
fn a_store_that_fails_leaves_what_was_found() {
    let steady: Box<dyn Fn(f64) -> f64 + Send + Sync> = Box::new(|at| 3.0 * (1.0 + 0.2 * noise(at)));
    let mut past = made([("queryPerformance.averageQueryTime", steady)], 1.0);
    let (target, now) = (target(Vitals::default()), crate::clock::now());
    let mut analyst = Analyst::new(Settings::default());
    analyst.look(&target, &past, now, words::timestamp(NOW)).unwrap();
    let before = analyst.insights();
    past.fails = true;
    let later = now + Duration::from_mins(1);
    assert_eq!(analyst.look(&target, &past, later, words::timestamp(NOW + 60.0)), Err("the disk is away".to_owned()));
    assert_eq!((analyst.insights(), before.targets.len()), (before, 1));
}
