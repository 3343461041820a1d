//! What keeping the past takes: disk, processor, and how long a chart waits; and what looking at it takes.

mod analyst;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use isobar::{
    clock,
    history::{
        Settings,
        keeper::{Keeper, Told},
        store::Store,
    },
    model::{
        RegionName, TargetId, TargetName, Timestamp,
        history::{FIGURES, Past, Question, Resolution, figure_at},
    },
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rusqlite::Connection;

use crate::report::{Section, ms, percent, percentile};

const TARGETS: usize = 1_000;
/// Hours that are lived through at one sample a second; `ISOBAR_BENCH_HOURS` says otherwise.
const HOURS: i64 = 24;
/// Targets of the month, of which each minute is a sample: a chart reads one of them.
const FEW: usize = 10;
const MONTH: i64 = 30 * 24;
const CHARTS: usize = 100;

/// Targets as they are: some figures are not known, some stand still, some move a little, latencies always do.
struct Crowd {
    names: Vec<(RegionName, TargetName)>,
    now: Vec<[Option<f64>; FIGURES.len()]>,
    rng: SmallRng,
}

impl Crowd {
    fn new(targets: usize) -> Self {
        let name = |nth: usize| (format!("region-{}", nth % 5).as_str().into(), format!("db-{nth}").as_str().into());
        let rng = SmallRng::seed_from_u64(7);
        let mut crowd = Self { names: (0..targets).map(name).collect(), now: Vec::new(), rng };
        for nth in 0..targets {
            let has_pooler = nth % 2 == 0;
            let figure = |of: &isobar::model::history::Figure| {
                let is_known = has_pooler || !(of.path.starts_with("connectionPool.") || of.path.contains("viaPooler"));
                is_known.then(|| {
                    if of.unit == "bytes" {
                        5e9
                    } else if of.unit == "age" {
                        1e8
                    } else {
                        5.0
                    }
                })
            };
            crowd.now.push(std::array::from_fn(|place| figure(&FIGURES[place])));
        }
        crowd
    }

    /// A second passes.
    fn pass(&mut self, at: i64) {
        for figures in &mut self.now {
            for (figure, value) in FIGURES.iter().zip(figures.iter_mut()) {
                let Some(value) = value else { continue };
                match figure.unit {
                    // A fresh client comes every five seconds, so its times stand still in between.
                    "ms" if figure.path.contains("reachability") && at % 5 != 0 => {}
                    "ms" => *value = (self.rng.random_range(0.0_f64..3.0)).exp(),
                    "connections" | "1" if self.rng.random_bool(0.3) => {
                        *value = (*value + f64::from(self.rng.random_range(-2..=2))).clamp(0.0, 100.0);
                    }
                    "1/s" | "bytes/s" => *value = 1_000.0 + self.rng.random_range(0.0..100.0),
                    "share" if self.rng.random_bool(0.2) => *value = f64::from(self.rng.random_range(0..=1_000)) / 1_000.0,
                    "bytes" | "age" if at % 60 == 0 => *value += self.rng.random_range(0.0..1e6),
                    _ => {}
                }
            }
        }
    }

    fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.names.iter().zip(&self.now).map(|((region, target), figures)| Told {
            region,
            target,
            figures: *figures,
            queries: None,
        })
    }
}

fn live(path: &Path, targets: usize, hours: i64, every: i64) -> (Keeper, Crowd, Timestamp) {
    let end = clock::wall();
    let settings = Settings { path: Some(path.to_owned()), ..Settings::default() };
    let mut keeper = Keeper::open(&settings, path, &Arc::default()).expect("a keeper");
    let mut crowd = Crowd::new(targets);
    let last = end.unix_ms() / 1_000;
    for at in ((last - hours * 3_600)..=last).step_by(every as usize) {
        crowd.pass(at);
        keeper.record(at, crowd.told());
    }
    (keeper, crowd, end)
}

fn bytes(path: &Path, tables: &[&str]) -> f64 {
    let file = Connection::open(path).expect("a file");
    let sum = |table: &&str| -> f64 {
        let query = format!("SELECT total(length(block) + coalesce(length(sketches), 0) + 16) FROM {table}");
        file.query_row(&query, [], |row| row.get(0)).expect("a sum")
    };
    tables.iter().map(sum).sum()
}

fn mib(bytes: f64) -> String {
    if bytes < 1e9 { format!("{:.0} MB", bytes / 1e6) } else { format!("{:.1} GB", bytes / 1e9) }
}

fn minutes(time: Duration) -> String {
    format!("{:.1} minutes", time.as_secs_f64() / 60.0)
}

/// How long charts wait, and what one is made from.
fn charts(
    store: &Store,
    crowd: &Crowd,
    end: Timestamp,
    range: Duration,
    step: Option<Duration>,
) -> (Duration, Resolution, usize) {
    let figures =
        ["connectionPool.averageWaitTime", "waits.cpu", "database.sizeBytes"].map(|path| figure_at(path).expect("kept"));
    let (mut took, mut found) = (Vec::new(), (Resolution::Raw, 0));
    for nth in 0..CHARTS {
        let (region, target) = &crowd.names[(nth * 34) % crowd.names.len()];
        let target = TargetId { region: region.clone(), target: target.clone() };
        let (figures, from) = (vec![figures[nth % 3]], end.before(range));
        let question = Question { target, figures, from, to: end, step, percentiles: true };
        let began = Instant::now();
        let told = store.series(&question).expect("an answer").remove(0);
        took.push(began.elapsed());
        found = (told.resolution, told.points.len().max(found.1));
    }
    (percentile(&took, 95), found.0, found.1)
}

pub(crate) fn run() -> Section {
    let hours = std::env::var("ISOBAR_BENCH_HOURS").ok().and_then(|hours| hours.parse().ok()).unwrap_or(HOURS);
    let mut section = Section::new(
        "History",
        format!(
            "{TARGETS} targets, half of them with a pooler, {} figures each, at one sample a second for {hours} hours by a simulated clock, as fast as it goes; \
             and {FEW} targets for 30 days at one sample a minute.",
            FIGURES.len()
        ),
    );
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("isobar.db");
    let (keeper, crowd, end) = live(&path, TARGETS, hours, 1);
    let store = keeper.store();
    let keeping = store.keeping.load_full();
    let share = keeping.busy_us as f64 / 1e6 / (hours * 3_600) as f64;
    section.held("writing, of one core", "< 10%", percent(share), share < 0.1);
    section.beside("the file", format!("{} after {hours} hours", mib(keeping.file_bytes as f64)));
    let hour_of = |tables: &[&str], kept: i64| bytes(&path, tables) / hours.min(kept) as f64;
    let [raw, ten, five, hour] = [
        hour_of(&["raw"], 1),
        hour_of(&["ten", "ten_new"], 48),
        hour_of(&["five", "five_new"], 2_160),
        hour_of(&["hour", "hour_new"], 17_520),
    ];
    section.beside(
        "blocks of an hour, all targets",
        format!("seconds {}, ten seconds {}, five minutes {}, hours {}", mib(raw), mib(ten), mib(five), mib(hour)),
    );
    let after = |days: f64| raw + ten * (days * 24.0).min(48.0) + five * (days * 24.0).min(2_160.0) + hour * days * 24.0;
    section.beside("by that, a week; 90 days; two years", [7.0, 90.0, 730.0].map(|days| mib(after(days))).join("; "));
    for (what, range, step) in [
        ("a chart of an hour", Duration::from_hours(1), None),
        ("the same, second by second", Duration::from_hours(1), Some(Duration::from_secs(1))),
        ("a chart of 24 hours", Duration::from_hours(24), None),
    ] {
        let (took, from, points) = charts(&store, &crowd, end, range, step);
        section.beside(format!("{what}, p95"), format!("{}: {points} points from {from:?}", ms(took)));
    }
    let (first, later, published) = analyst::rounds(&store, &crowd.names, end);
    let share = first.share().max(later.share());
    section.held("the analyst at its pauses, of one core", "≤ 3%", percent(share), share < 0.031);
    section.beside(
        "- a look at a target: processor time, p95 by the clock",
        format!("{}, {}; when all is learned anew {}, {}", ms(later.mean()), ms(later.p95()), ms(first.mean()), ms(first.p95())),
    );
    let times = [&later, &first].map(|round| minutes(round.takes));
    section.beside("- so all of them are looked at within", format!("{}; when all is learned anew {}", times[0], times[1]));
    section.beside("- publishing what was found of all, about once a second", ms(published));
    drop(keeper);
    let path = dir.path().join("month.db");
    let (keeper, crowd, end) = live(&path, FEW, MONTH, 60);
    let store = keeper.store();
    for (what, days, step) in [
        ("a chart of 7 days", 7, None),
        ("a chart of 7 days by five minutes", 7, Some(Duration::from_mins(5))),
        ("a chart of 30 days by five minutes", 30, Some(Duration::from_mins(5))),
    ] {
        let (took, from, points) = charts(&store, &crowd, end, Duration::from_hours(24 * days), step);
        section.beside(format!("{what}, p95"), format!("{}: {points} points from {from:?}", ms(took)));
    }
    let (first, later, _) = analyst::rounds(&store, &crowd.names, end);
    section.beside(
        "a look of the analyst at a target with 30 days, mean",
        format!("{}; when all is learned anew {}", ms(later.mean()), ms(first.mean())),
    );
    let many = |round: &analyst::Round| minutes(round.takes * u32::try_from(TARGETS / FEW).unwrap_or(1));
    section.beside(
        format!("- {TARGETS} such targets would be looked at within"),
        format!("{}; when all is learned anew {}", many(&later), many(&first)),
    );
    let (took, from, points) = charts(&store, &crowd, end, Duration::from_hours(24 * 30), None);
    let met = took < Duration::from_millis(50);
    section.held("a chart of 30 days, p95", "< 50 ms", format!("{}: {points} points from {from:?}", ms(took)), met);
    section.note(
        "Writing is all of a second's work by the clock: taking values in, ending minutes, compressing, committing, putting rows together, forgetting. Half of the figures move \
         as they do on a busy server; quiet ones take a fraction.",
    );
    section.note(
        "The analyst pauses after each look so that it stays within its share. Weeks are learned anew each quarter of an hour; figures that stand still cost a question only, and \
         no statements are kept here, which each look at would add.",
    );
    section
}
