//! The store as others see it, on files that are thrown away.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Settings,
    keeper::{Keeper, Told},
};
use crate::model::{
    RegionName, TargetId, TargetName, Timestamp,
    history::{FIGURES, Notes, Past, Question, Resolution, Series, figure_at},
    queries::{Queries, Statement},
};

const GAUGE: &str = "connectionPool.totalConnections";
const LATENCY: &str = "connectionPool.averageWaitTime";

/// A time far enough in the past that nothing of it is in the future, on the border of four days.
fn begin() -> i64 {
    let now = crate::clock::wall().unix_ms() / 1_000;
    now / (96 * 3_600) * (96 * 3_600) - 96 * 3_600
}

fn forever(path: &Path) -> Settings {
    let long = Duration::from_hours(24 * 3_650);
    Settings { path: Some(path.to_owned()), keep_raw: long, keep_10s: long, keep_5m: long, keep_1h: long }
}

fn open(settings: &Settings) -> Keeper {
    Keeper::open(settings, settings.path.as_ref().expect("a path"), &Arc::default()).expect("a keeper")
}

/// What second `at` is like.
fn gauge(at: i64) -> f64 {
    (at % 97) as f64
}

fn wait(at: i64) -> f64 {
    1.0 + (at % 50) as f64
}

fn queries(at: i64) -> Queries {
    let statement = Statement {
        query_id: "42".to_owned(),
        user: "app".to_owned(),
        text: None,
        calls: 3,
        mean_ms: 2.0,
        stddev_ms: None,
        total_ms: 6.0,
        share: 1.0,
        rows: 9,
        cache_hit_ratio: None,
        slow: false,
        calls_total: 0,
        seconds_total: 0.0,
        rows_total: 0,
    };
    let taken_at = Timestamp::from_unix_ms(at / 10 * 10_000);
    Queries { interval_ms: Some(10_000.0), taken_at, statements: vec![statement], ..Queries::default() }
}

fn record(keeper: &mut Keeper, seconds: impl Iterator<Item = i64>) {
    let (region, target) = (RegionName::from("us-east-1"), TargetName::from("shop"));
    for at in seconds {
        let mut figures = [None; FIGURES.len()];
        figures[figure_at(GAUGE).expect("kept")] = Some(gauge(at));
        figures[figure_at(LATENCY).expect("kept")] = Some(wait(at));
        let queries = queries(at);
        keeper.record(at, [Told { region: &region, target: &target, figures, queries: Some(&queries) }].into_iter());
    }
}

fn shop() -> TargetId {
    TargetId::new("us-east-1", "shop")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(second * 1_000).expect("a moment")
}

fn ask(past: &dyn Past, metric: &str, from: i64, to: i64, step: u64) -> Series {
    let step = Some(Duration::from_secs(step));
    let figure = figure_at(metric).expect("kept");
    let question = Question { target: shop(), figures: vec![figure], from: at(from), to: at(to), step, percentiles: true };
    past.series(&question).expect("an answer").remove(0)
}

/// The seconds of which something is known.
fn seconds(past: &dyn Past, from: i64, to: i64) -> Vec<i64> {
    let told = ask(past, GAUGE, from, to, 1);
    assert_eq!(told.resolution, Resolution::Raw);
    let is_true =
        |point: &crate::model::history::Point| (point.last - gauge(point.at.unix_ms() / 1_000)).abs() < 1e-9 && point.count == 1;
    assert!(told.points.iter().all(is_true));
    told.points.iter().map(|point| point.at.unix_ms() / 1_000).collect()
}

/// Seconds as ranges, so that one can read them.
fn ranges(seconds: &[i64], begin: i64) -> Vec<(i64, i64)> {
    seconds.chunk_by(|one, next| one + 1 == *next).map(|run| (run[0] - begin, run[run.len() - 1] - begin + 1)).collect()
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("isobar.db")
}

#[test]
fn every_resolution_tells_the_truth_up_to_this_second() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let mut keeper = open(&forever(&path(&dir)));
    let to = begin + 2 * 3_600 + 90;
    record(&mut keeper, begin..to);
    let store = keeper.store();
    assert_eq!(ranges(&seconds(&*store, begin, to), begin), [(0, to - begin)]);
    for (step, resolution) in [(10, Resolution::TenSeconds), (300, Resolution::FiveMinutes), (3_600, Resolution::Hour)] {
        let told = ask(&*store, LATENCY, begin, to, step);
        assert_eq!((told.resolution, told.step_ms, told.unit.as_str()), (resolution, step * 1_000, "ms"));
        assert_eq!(told.points.iter().map(|point| i64::from(point.count)).sum::<i64>(), to - begin, "{resolution:?}");
        for point in &told.points {
            let first = point.at.unix_ms() / 1_000;
            let mut all: Vec<f64> = (first..(first + step.cast_signed()).min(to)).map(wait).collect();
            assert_eq!((point.last, point.count as usize), (*all.last().expect("some"), all.len()));
            assert!((point.mean - all.iter().sum::<f64>() / all.len() as f64).abs() < 1e-3);
            all.sort_by(f64::total_cmp);
            assert_eq!((point.min, point.max), (all[0], all[all.len() - 1]));
            if let Some(percentiles) = point.percentiles {
                let exact = |share: f64| all[((share * all.len() as f64).ceil() as usize).max(1) - 1];
                assert!((percentiles.p95 / exact(0.95) - 1.0).abs() < 0.02 && (percentiles.p50 / exact(0.5) - 1.0).abs() < 0.02);
            }
            assert_eq!(point.percentiles.is_some(), resolution >= Resolution::FiveMinutes);
        }
    }
    let day = ask(&*store, LATENCY, begin, begin + 86_400, 86_400);
    assert_eq!((day.points.len(), day.points[0].count), (1, (to - begin) as u32));
    let nobody = TargetId::new("us-east-1", "x");
    let nobody = Question { target: nobody, figures: vec![0], from: at(begin), to: at(to), step: None, percentiles: true };
    assert_eq!(store.series(&nobody).expect("an answer")[0].points, []);
    let statements = store.statements(&shop(), at(begin), at(to)).expect("an answer");
    assert_eq!(statements.len(), 25);
    assert_eq!(statements.iter().map(|one| one.calls).sum::<u64>(), 3 * (to - begin).cast_unsigned().div_ceil(10));
    assert!(statements.is_sorted_by_key(|one| one.at) && statements[0].at == at(begin));
}

#[test]
fn a_restart_goes_on_wherever_it_comes() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let settings = forever(&path(&dir));
    let mut from = begin;
    for length in [1, 58, 1, 130, 299, 3_000, 400] {
        let mut keeper = open(&settings);
        record(&mut keeper, from..from + length);
        from += length;
    }
    let mut keeper = open(&settings);
    // A pause, too.
    record(&mut keeper, from + 700..from + 760);
    let store = keeper.store();
    let expected = from - begin + 60;
    let (end, pause) = (from - begin, from - begin + 700);
    assert_eq!(ranges(&seconds(&*store, begin, from + 800), begin), [(0, end), (pause, pause + 60)]);
    for step in [10, 300, 3_600] {
        let told = ask(&*store, LATENCY, begin, from + 800, step);
        assert_eq!(told.points.iter().map(|point| i64::from(point.count)).sum::<i64>(), expected, "{step}");
    }
    let hour = &ask(&*store, LATENCY, begin, from + 800, 3_600).points[0];
    assert!((hour.percentiles.expect("of a latency").p50 / 25.0 - 1.0).abs() < 0.03, "{hour:?}");
    assert_eq!(store.keeping.load().errors, 0);
}

#[test]
fn small_rows_become_large_ones_and_tell_the_same() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let settings = forever(&path(&dir));
    let mut keeper = open(&settings);
    // Sparse, for the time it takes: a second of each ten.
    let to = begin + 8 * 3_600;
    record(&mut keeper, (begin..to).step_by(10));
    let file = keeper.file().expect("a file");
    let count = |table| file.rows(table, 0, i64::MAX).expect("rows").len();
    assert!(count(super::table::Table::Ten) >= 7 && count(super::table::Table::Five) == 1, "{}", count(super::table::Table::Ten));
    assert!(count(super::table::Table::TenNew) <= 62 && count(super::table::Table::FiveNew) <= 25);
    let store = keeper.store();
    for (step, points) in [(10, 2_880), (300, 96), (3_600, 8)] {
        let told = ask(&*store, GAUGE, begin, to, step);
        assert_eq!(told.points.len(), points);
        assert_eq!(told.points.iter().map(|point| point.count).sum::<u32>(), 2_880);
    }
}

#[test]
fn what_is_older_than_it_is_kept_is_forgotten_and_its_pages_are_used_again() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    let settings =
        Settings { keep_raw: minute * 10, keep_10s: minute * 30, keep_5m: hour, keep_1h: hour * 2, ..forever(&path(&dir)) };
    let mut keeper = open(&settings);
    let end = begin + 7 * 3_600;
    record(&mut keeper, (begin..begin + 3 * 3_600).step_by(5));
    let before = keeper.file().expect("a file").pages().expect("a number");
    record(&mut keeper, (begin + 3 * 3_600..end).step_by(5));
    let file = keeper.file().expect("a file");
    for table in super::table::Table::ALL {
        let kept = settings.keep(table.resolution()).as_secs().cast_signed() + table.period() + 120;
        let first = file.first(table).expect("readable").map(|key| super::table::parts(key).0 * table.period());
        assert!(
            first.is_none_or(|first| first >= end - kept - table.period()),
            "{table:?}: {} s",
            end - first.unwrap_or_default()
        );
    }
    assert!(file.pages().expect("a number") <= before + before / 4 + 20, "{before}");
    assert!(fs::metadata(path(&dir)).expect("a file").permissions().mode().trailing_zeros() >= 7, "for its owner alone");
}

#[test]
fn a_damaged_file_is_moved_aside_and_a_newer_one_refused() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let settings = forever(&path(&dir));
    for (nth, damage) in [b"this is no database at all, whatever it is called".repeat(100), {
        record(&mut open(&settings), begin..begin + 130);
        let mut bytes = fs::read(path(&dir)).expect("a file");
        let half = bytes.len() / 3;
        bytes[half..half * 2].fill(0x55);
        bytes
    }]
    .into_iter()
    .enumerate()
    {
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", path(&dir).display()));
        }
        fs::write(path(&dir), damage).expect("written");
        let mut keeper = open(&settings);
        record(&mut keeper, begin + 200..begin + 203);
        let store = keeper.store();
        assert_eq!(seconds(&*store, begin, begin + 300), [begin + 200, begin + 201, begin + 202]);
        let names = fs::read_dir(dir.path()).expect("readable").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let aside =
            names.filter(|name| name.starts_with("isobar.db.corrupt-") && !name.ends_with("-shm") && !name.ends_with("-wal"));
        assert!(aside.count() >= 1, "{nth}");
    }
    let newer = rusqlite::Connection::open(path(&dir)).expect("a file");
    newer.pragma_update(None, "user_version", 2).expect("written");
    let before = fs::metadata(path(&dir)).expect("a file").len();
    let refused = Keeper::open(&settings, &path(&dir), &Arc::default()).expect_err("a newer one").to_string();
    assert!(refused.contains("written by a newer isobar (shape 2, this one knows 1)"), "{refused}");
    assert_eq!(fs::metadata(path(&dir)).expect("a file").len(), before);
}

#[test]
fn two_processes_never_write_the_same_file_and_the_second_goes_on_in_memory() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let settings = forever(&path(&dir));
    let first = open(&settings);
    let mut second = open(&settings);
    record(&mut second, begin..begin + 400);
    let store = second.store();
    let trouble = store.keeping.load().trouble.clone().expect("trouble");
    assert!(trouble.contains("another process uses this file"), "{trouble}");
    assert_eq!(seconds(&*store, begin, begin + 400).len(), 400);
    assert!(store.keeping.load().rows_pending > 0);
    drop(first);
}

#[test]
fn a_full_disk_stops_nothing_and_is_recovered_from() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let mut keeper = open(&forever(&path(&dir)));
    record(&mut keeper, begin..begin + 100);
    let file = keeper.file().expect("a file");
    file.limit(file.pages().expect("a number")).expect("a limit");
    let store = keeper.store();
    store.write("much", "x".repeat(1 << 20));
    record(&mut keeper, begin + 100..begin + 400);
    let keeping = store.keeping.load_full();
    assert!(keeping.errors > 10 && keeping.trouble.as_ref().is_some_and(|why| why.contains("full")), "{keeping:?}");
    assert!(keeping.rows_pending > 10);
    assert_eq!(seconds(&*store, begin, begin + 400).len(), 400, "all of it is in memory");
    assert_eq!(ask(&*store, GAUGE, begin, begin + 400, 300).points.iter().map(|point| point.count).sum::<u32>(), 400);
    keeper.file().expect("the same file").limit(1 << 30).expect("no limit");
    record(&mut keeper, begin + 400..begin + 410);
    assert_eq!((store.keeping.load().trouble.clone(), store.keeping.load().rows_pending), (None, 0));
    drop(keeper);
    let mut again = open(&forever(&path(&dir)));
    record(&mut again, begin + 410..begin + 411);
    assert_eq!(seconds(&*again.store(), begin, begin + 500).len(), 411, "and then on disk");
}

#[test]
fn a_file_that_is_taken_away_is_begun_anew() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let mut keeper = open(&forever(&path(&dir)));
    record(&mut keeper, begin..begin + 100);
    let other = dir.path().join("gone");
    fs::create_dir(&other).expect("a folder");
    for end in ["", "-wal", "-shm"] {
        fs::rename(format!("{}{end}", path(&dir).display()), other.join(format!("isobar.db{end}"))).expect("moved");
    }
    let store = keeper.store();
    record(&mut keeper, begin + 100..begin + 110);
    std::thread::sleep(Duration::from_millis(1_100));
    record(&mut keeper, begin + 110..begin + 200);
    assert_eq!(store.keeping.load().trouble, None);
    assert!(fs::metadata(path(&dir)).is_ok());
    drop(keeper);
    let mut again = open(&forever(&path(&dir)));
    record(&mut again, begin + 200..begin + 201);
    let known = seconds(&*again.store(), begin, begin + 300);
    assert!(known.contains(&(begin + 200)) && known.contains(&(begin + 119)), "{:?}", ranges(&known, begin));
}

#[test]
fn a_clock_that_is_set_back_overwrites_nothing_that_it_does_not_see_again() {
    let (dir, begin) = (tempfile::tempdir().expect("a folder"), begin());
    let mut keeper = open(&forever(&path(&dir)));
    record(&mut keeper, begin..begin + 1_000);
    record(&mut keeper, begin + 997..begin + 1_010);
    record(&mut keeper, begin + 330..begin + 345);
    record(&mut keeper, begin + 345..begin + 420);
    drop(keeper);
    let mut again = open(&forever(&path(&dir)));
    record(&mut again, begin + 1_010..begin + 1_200);
    let store = again.store();
    assert_eq!(ranges(&seconds(&*store, begin, begin + 1_200), begin), [(0, 1_200)]);
    let five = ask(&*store, GAUGE, begin, begin + 1_200, 300);
    assert_eq!(five.points[0].count, 300);
}

#[test]
fn notes_are_known_again_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = forever(&path(&dir));
    let mut keeper = open(&settings);
    let store = keeper.store();
    assert_eq!(store.read("trends"), None);
    store.write("trends", "one".to_owned());
    store.write("trends", "two".to_owned());
    assert_eq!(store.read("trends").as_deref(), Some("two"), "before it is on disk");
    record(&mut keeper, std::iter::once(begin()));
    assert_eq!(store.read("trends").as_deref(), Some("two"));
    drop(keeper);
    assert_eq!(open(&settings).store().read("trends").as_deref(), Some("two"));
}
