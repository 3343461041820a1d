//! What others ask: the past of a target, and notes. Answers come from what is gathered in memory and from the file, in this order: what
//! is written in between is found twice and counts once.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use arc_swap::ArcSwap;
use rusqlite::OptionalExtension;

use super::{
    Settings,
    choose::choose,
    gather::{Gathered, tell},
    reader::{self, Readers},
    series::{Part, points},
    spending,
    table::{MOST_TARGETS, Table, key},
};
use crate::{
    clock,
    model::{
        RegionName, TargetId, TargetName, Timestamp,
        history::{FIGURES, Figure, Keeping, Notes, Past, Question, Resolution, Series, StatementBucket},
    },
};

/// Targets and their numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    all: HashMap<RegionName, HashMap<TargetName, u32>>,
    pub(super) last: u32,
}

impl Numbers {
    pub(super) fn of(&self, region: &RegionName, target: &TargetName) -> Option<u32> {
        self.all.get(region)?.get(target).copied()
    }

    pub(super) fn insert(&mut self, region: &RegionName, target: &TargetName, number: u32) {
        self.all.entry(region.clone()).or_default().insert(target.clone(), number);
        self.last = self.last.max(number);
    }

    /// Gives a target the next number; none when there are too many.
    pub(super) fn give(&mut self, region: &RegionName, target: &TargetName) -> Option<u32> {
        let next = self.last + 1;
        (next <= MOST_TARGETS).then(|| self.insert(region, target, next))?;
        Some(next)
    }

    pub(super) fn list(&self) -> Vec<(u32, String, String)> {
        let names = |(region, targets): (&RegionName, &HashMap<TargetName, u32>)| {
            let one = |(target, number): (&TargetName, &u32)| (*number, region.to_string(), target.to_string());
            targets.iter().map(one).collect::<Vec<_>>()
        };
        self.all.iter().flat_map(names).collect()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    pub(super) settings: Settings,
    pub(super) path: PathBuf,
    pub(super) gathered: RwLock<Gathered>,
    pub(super) numbers: RwLock<Numbers>,
    /// Notes that are not on disk yet.
    pub(super) notes: Mutex<BTreeMap<String, String>>,
    pub(super) readers: Readers,
    /// How it goes.
    pub keeping: Arc<ArcSwap<Keeping>>,
}

/// A lock that somebody died with holds what is whole enough: whoever comes next begins it anew.
macro_rules! held {
    ($lock:expr) => {
        $lock.unwrap_or_else(PoisonError::into_inner)
    };
}
pub(super) use held;

impl Store {
    pub(super) fn new(settings: Settings, path: PathBuf, keeping: Arc<ArcSwap<Keeping>>) -> Self {
        Self {
            settings,
            readers: Readers::new(path.clone()),
            path,
            gathered: RwLock::default(),
            numbers: RwLock::default(),
            notes: Mutex::default(),
            keeping,
        }
    }

    fn number(&self, target: &TargetId) -> Option<u32> {
        held!(self.numbers.read()).of(&target.region, &target.target)
    }

    /// Reads from the file; nothing, while there is none that can be read and somebody was told of that.
    fn read<T: Default>(&self, read: impl FnOnce(&rusqlite::Connection) -> Result<T, rusqlite::Error>) -> Result<T, String> {
        match self.readers.read(read) {
            Err(_) if self.keeping.load().trouble.is_some() => Ok(T::default()),
            read => read.map_err(|error| format!("history cannot be read: {error}")),
        }
    }
}

const fn tables(resolution: Resolution) -> &'static [Table] {
    match resolution {
        Resolution::Raw => &[Table::Raw],
        Resolution::TenSeconds => &[Table::TenNew, Table::Ten],
        Resolution::FiveMinutes => &[Table::FiveNew, Table::Five],
        Resolution::Hour => &[Table::HourNew, Table::Hour],
    }
}

impl Past for Store {
    fn series(&self, question: &Question) -> Result<Vec<Series>, String> {
        let figures = question.figures.iter().map(|figure| FIGURES.get(*figure)).collect::<Option<Vec<_>>>();
        let figures = figures.ok_or("there is no such figure")?;
        let plan = choose(question.from, question.to, question.step, clock::wall(), &self.settings);
        let mut parts = vec![Vec::new(); figures.len()];
        if let Some(target) = self.number(&question.target).filter(|_| plan.to > plan.from) {
            let tables = tables(plan.resolution);
            {
                let gathered = held!(self.gathered.read());
                for (parts, figure) in parts.iter_mut().zip(&question.figures) {
                    parts.extend(gathered.live(target, *figure, plan.resolution));
                }
                for table in tables {
                    for (period, row) in gathered.waiting(*table, target, plan.from, plan.to) {
                        tell(*table, period, row, question, &mut parts);
                    }
                }
            }
            self.read(|connection| {
                for table in tables {
                    reader::rows(connection, *table, target, (plan.from, plan.to), |period, row| {
                        tell(*table, period, &row, question, &mut parts);
                    })?;
                }
                Ok(())
            })?;
        }
        let series = |(figure, parts): (&Figure, Vec<Part>)| Series {
            metric: figure.path.to_owned(),
            unit: figure.unit.to_owned(),
            step_ms: plan.step.unsigned_abs() * 1_000,
            resolution: plan.resolution,
            points: points(parts, plan, figure.is_latency && question.percentiles),
        };
        Ok(figures.into_iter().zip(parts).map(series).collect())
    }

    fn statements(&self, target: &TargetId, from: Timestamp, to: Timestamp) -> Result<Vec<StatementBucket>, String> {
        let Some(number) = self.number(target) else { return Ok(Vec::new()) };
        let (from, to) = (from.unix_ms().div_euclid(1_000), to.unix_ms().saturating_add(999).div_euclid(1_000));
        if to <= from {
            return Ok(Vec::new());
        }
        // The later of two that tell of the same five minutes knows more: the file, what waits to be written, what is open.
        let mut found: [Vec<Vec<StatementBucket>>; 3] = Default::default();
        {
            let gathered = held!(self.gathered.read());
            let began = gathered.statements_began();
            if (from - Table::Statements.period()..to).contains(&began.unix_ms().div_euclid(1_000)) {
                found[2].push(gathered.statements.of(number, began));
            }
            for (_, row) in gathered.waiting(Table::Statements, number, from, to) {
                found[1].extend(spending::read(&row.block));
            }
        }
        found[0] = self.read(|connection| {
            let mut kept = Vec::new();
            let each = |_, row: super::table::Row| kept.extend(spending::read(&row.block));
            reader::rows(connection, Table::Statements, number, (from, to), each)?;
            Ok(kept)
        })?;
        let all = found.into_iter().flatten().filter_map(|of| Some((of.first()?.at, of)));
        Ok(all.collect::<BTreeMap<_, _>>().into_values().flatten().collect())
    }
}

impl Notes for Store {
    fn read(&self, name: &str) -> Option<String> {
        if let Some(waiting) = held!(self.notes.lock()).get(name) {
            return Some(waiting.clone());
        }
        let found = self.readers.read(|connection| {
            let mut query = connection.prepare_cached("SELECT text FROM notes WHERE name = ?1")?;
            query.query_row([name], |row| row.get(0)).optional()
        });
        found.ok().flatten()
    }

    fn write(&self, name: &'static str, text: String) {
        held!(self.notes.lock()).insert(name.to_owned(), text);
    }
}

impl Gathered {
    /// Rows of a target that wait to be written, of a time.
    fn waiting(&self, table: Table, target: u32, from: i64, to: i64) -> impl Iterator<Item = (i64, &super::table::Row)> {
        let range = (table, key(table.of(from), 0))..(table, key(table.of(to - 1) + 1, 0));
        let mine = move |((_, key), row): (&(Table, i64), _)| {
            let (period, of) = super::table::parts(*key);
            (of == target).then_some((period, row))
        };
        self.pending.range(range).filter_map(mine)
    }
}
