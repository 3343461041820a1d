//! Keeps: takes in each second of the world, ends minutes, five minutes and hours, and writes. Whatever goes wrong with the file it goes on in
//! memory, says so once, and tries again.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use rusqlite::ErrorCode;

use super::{
    Settings,
    block::Packer,
    file::{Batch, Error, File},
    gather::{Gathered, WIDTH},
    resume::earlier,
    second,
    store::{Numbers, Store, held},
    table::{Table, parts},
    tend::Tend,
};
use crate::{
    backoff::Backoff,
    clock,
    model::{
        RegionName, TargetName, Timestamp,
        history::{FIGURES, Keeping, Seen},
        queries::Queries,
        world::World,
    },
};

/// A target that was not heard for so long is not known any more.
const FRESH: Duration = Duration::from_secs(5);
/// A clock that goes back by no more than this is waited for.
const STEP_BACK: i64 = 5;
/// What waits in memory while the disk does not take it: a quarter of an hour of a thousand targets.
const WAITING_BYTES: usize = 48 << 20;
/// After so many failures in a row the file is opened anew: it may be another by now.
const TRIES: u32 = 3;

/// One target of a second.
#[derive(Debug)]
pub struct Told<'a> {
    /// Its region.
    pub region: &'a RegionName,
    /// Its name.
    pub target: &'a TargetName,
    /// Its figures, in the order of [`FIGURES`].
    pub figures: [Option<f64>; FIGURES.len()],
    /// Its statements over the last interval.
    pub queries: Option<&'a Queries>,
}

/// See the module.
#[derive(Debug)]
pub struct Keeper {
    store: Arc<Store>,
    file: Option<File>,
    /// Whether a file was there ever: until then nobody's number is sure.
    has_begun: bool,
    /// Whether what is open was added up again from it.
    has_resumed: bool,
    /// Targets whose numbers are not on disk.
    new: Vec<(u32, String, String)>,
    packer: Packer,
    /// Seconds of the open minute that are not in the journal yet: the newest, and more while the disk takes nothing.
    seconds: Vec<(i64, Vec<u8>)>,
    line: Vec<u8>,
    /// The second that was taken in last.
    last: Option<i64>,
    /// The newest minute of which a block was ever on disk: the clock may be set back.
    known_until: i64,
    tend: Tend,
    backoff: Backoff,
    retry_at: Option<Instant>,
    failures: u32,
    keeping: Keeping,
}

impl Keeper {
    /// Opens the file. One that cannot be used now is tried again later; only a newer Isobar's is refused.
    pub fn open(settings: &Settings, path: &Path, keeping: &Arc<ArcSwap<Keeping>>) -> Result<Self, Error> {
        let store = Arc::new(Store::new(settings.clone(), path.to_owned(), Arc::clone(keeping)));
        Self::over(store)
    }

    /// The same with a store that others have already, whose last keeper has died.
    pub fn over(store: Arc<Store>) -> Result<Self, Error> {
        *held!(store.gathered.write()) = Gathered::default();
        let keeping = Keeping { is_on: true, ..Keeping::clone(&store.keeping.load()) };
        let mut keeper = Self {
            store,
            file: None,
            has_begun: false,
            has_resumed: false,
            new: Vec::new(),
            packer: Packer::default(),
            seconds: Vec::new(),
            line: Vec::new(),
            last: None,
            known_until: i64::MIN,
            tend: Tend::default(),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_mins(1)),
            retry_at: None,
            failures: 0,
            keeping,
        };
        match keeper.open_file() {
            Err(error @ Error::Newer { .. }) => return Err(error),
            Err(error) => keeper.failed(&error, clock::now()),
            Ok(()) => {}
        }
        keeper.publish();
        Ok(keeper)
    }

    /// Who can be asked.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    fn open_file(&mut self) -> Result<(), Error> {
        let (file, remark) = File::open(&self.store.path, clock::wall())?;
        let known = file.targets()?;
        self.store.readers.begin_anew();
        if let Some(remark) = remark {
            tracing::error!("{remark}");
        }
        let mut numbers = held!(self.store.numbers.write());
        if self.has_begun {
            self.new = numbers.list();
        } else {
            // What was gathered without the numbers that are on disk cannot be told apart by them: it begins anew from the file.
            *numbers = Numbers::default();
            for (id, region, name) in &known {
                numbers.insert(&region.as_str().into(), &name.as_str().into(), *id);
            }
            self.new.clear();
            self.has_resumed = false;
        }
        drop(numbers);
        self.has_begun = true;
        self.file = Some(file);
        self.retry_at = None;
        Ok(())
    }

    /// Takes in the world as it is at that second.
    pub fn look(&mut self, world: &World, at: i64) {
        let now = clock::now();
        let targets = world.regions.iter().flat_map(|(region, state)| state.targets.iter().map(move |target| (region, target)));
        let fresh = targets.filter(|(_, (_, target))| now.saturating_duration_since(target.heard) <= FRESH);
        let told = fresh.map(|(region, (name, target))| Told {
            region,
            target: name,
            figures: Seen::of(target).figures(),
            queries: target.report.queries.as_deref(),
        });
        self.record(at, told);
    }

    /// Takes in what was so at that second, seconds since 1970, and writes it.
    pub fn record<'a>(&mut self, at: i64, told: impl Iterator<Item = Told<'a>>) {
        let began = clock::now();
        if self.file.is_none() && self.retry_at.is_none_or(|retry| began >= retry) {
            match self.open_file() {
                Ok(()) => {}
                Err(error) => self.failed(&error, began),
            }
        }
        self.resume(at);
        if self.is_past(at) {
            return;
        }
        self.see_again(at);
        self.end_until(at);
        self.last = Some(at);
        self.take_in(at, told);
        self.write(Some(at), began);
        self.keeping.busy_us += u64::try_from(clock::now().saturating_duration_since(began).as_micros()).unwrap_or_default();
        self.publish();
    }

    /// Whether that second was taken in already. After a clock that was set back by more than moments what is open is ended, to begin anew
    /// from what is on disk of that time.
    fn is_past(&mut self, at: i64) -> bool {
        let Some(last) = self.last else { return false };
        if at <= last && last - at <= STEP_BACK {
            return true;
        }
        if at < last {
            tracing::warn!(seconds = last - at, "the clock was set back; history goes on from there");
            self.known_until = self.known_until.max(last.div_euclid(60));
            self.begin_at(at);
        }
        false
    }

    /// A minute that is on disk already, before the clock was set back, goes on from what is known of it.
    fn see_again(&mut self, at: i64) {
        let (open, minute) = (held!(self.store.gathered.read()).minute(), at.div_euclid(60));
        if minute != open && minute <= self.known_until {
            self.begin_at(at);
        }
    }

    fn begin_at(&mut self, at: i64) {
        self.end_all();
        self.write(None, clock::now());
        self.has_resumed = false;
        self.resume(at);
    }

    /// Adds up again what is open at that second, from the file; once.
    fn resume(&mut self, at: i64) {
        if std::mem::replace(&mut self.has_resumed, true) {
            return;
        }
        self.last = None;
        let newest = self.file.as_ref().and_then(|file| file.last(Table::Raw).ok().flatten());
        self.known_until = self.known_until.max(newest.map_or(i64::MIN, |key| parts(key).0));
        let journal = self.file.as_ref().map(File::journal);
        let journal = journal.transpose().unwrap_or_else(|error| {
            self.failed(&error, clock::now());
            None
        });
        let journal = journal.unwrap_or_default();
        let first = journal.first().map_or(at, |(first, _)| at.min(*first));
        let mut gathered = Gathered::from_minute(first.div_euclid(60));
        // What waits was not written, and is still all that there is.
        gathered.keep_waiting(std::mem::take(&mut *held!(self.store.gathered.write())));
        if let Some(file) = &self.file
            && let Err(error) = earlier(file, &mut gathered)
        {
            self.failed(&error, clock::now());
        }
        *held!(self.store.gathered.write()) = gathered;
        let mut figures = [f32::NAN; WIDTH];
        for (second, said) in journal {
            self.end_until(second);
            let mut rest = said.as_slice();
            let mut gathered = held!(self.store.gathered.write());
            while let Some(target) = second::read(&mut rest, &mut figures) {
                gathered.second(second, target, &figures);
            }
            drop(gathered);
            self.last = Some(second);
        }
    }

    /// Ends what is over at that second.
    fn end_until(&mut self, at: i64) {
        let (open, minute) = (held!(self.store.gathered.read()).minute(), at.div_euclid(60));
        if minute == open {
            return;
        }
        self.end_minute();
        self.seconds.clear();
        if minute.div_euclid(5) != open.div_euclid(5) {
            self.end_five();
        }
        if minute.div_euclid(60) != open.div_euclid(60) {
            self.end_hour();
        }
        let mut gathered = held!(self.store.gathered.write());
        gathered.open(minute);
        self.keeping.rows_lost += gathered.give_up_beyond(WAITING_BYTES);
    }

    fn end_all(&mut self) {
        self.end_minute();
        self.seconds.clear();
        self.end_five();
        self.end_hour();
    }

    // Rows are made while others read, and change hands in a moment.
    fn end_minute(&mut self) {
        let rows = held!(self.store.gathered.read()).minute_rows(&mut self.packer);
        held!(self.store.gathered.write()).end_minute(rows);
    }

    fn end_five(&mut self) {
        let rows = held!(self.store.gathered.read()).five_rows(&mut self.packer);
        held!(self.store.gathered.write()).end_five(rows);
    }

    fn end_hour(&mut self) {
        let rows = held!(self.store.gathered.read()).hour_rows(&mut self.packer);
        held!(self.store.gathered.write()).end_hour(rows);
    }

    fn take_in<'a>(&mut self, at: i64, told: impl Iterator<Item = Told<'a>>) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let mut gathered = held!(self.store.gathered.write());
        for Told { region, target, figures, queries } in told {
            let known = held!(self.store.numbers.read()).of(region, target);
            let Some(number) = known.or_else(|| held!(self.store.numbers.write()).give(region, target)) else { continue };
            if known.is_none() {
                self.new.push((number, region.to_string(), target.to_string()));
            }
            let figures = figures.map(|value| value.map_or(f32::NAN, |value| value as f32));
            second::write(&mut line, number, &figures);
            gathered.second(at, number, &figures);
            if let Some(queries) = queries {
                gathered.statements.add(number, queries);
            }
        }
        self.seconds.push((at, line));
    }

    /// Writes the second that was taken in, all that waits, and tends the file a little.
    fn write(&mut self, second: Option<i64>, now: Instant) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.is_there() {
            self.file = None;
            return self.failed(&error, now);
        }
        let notes: BTreeMap<String, String> = held!(self.store.notes.lock()).clone();
        let gathered = held!(self.store.gathered.read());
        let before = if second.is_some() { gathered.began() } else { i64::MAX };
        let written = file.commit(&Batch {
            targets: &self.new,
            seconds: &self.seconds,
            rows: &gathered.pending,
            journal_before: (!gathered.pending.is_empty() || second.is_none()).then_some(before),
            notes: &notes,
        });
        drop(gathered);
        if let Err(error) = written {
            return self.failed(&error, now);
        }
        held!(self.store.gathered.write()).written();
        held!(self.store.notes.lock()).retain(|name, text| notes.get(name) != Some(text));
        self.new.clear();
        self.keeping.writes += self.seconds.len() as u64;
        self.line = self.seconds.pop().map(|(_, line)| line).unwrap_or_default();
        self.seconds.clear();
        self.succeeded();
        let last = held!(self.store.numbers.read()).last;
        if let (Some(file), Some(at)) = (&mut self.file, second)
            && let Err(error) = self.tend.step(file, at, last, &self.store.settings, &mut self.packer)
        {
            self.failed(&error, now);
        }
    }

    fn failed(&mut self, error: &Error, now: Instant) {
        self.keeping.errors += 1;
        self.failures += 1;
        let is_full = matches!(error, Error::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull));
        if error.is_damage() || (self.failures >= TRIES && !is_full) {
            self.file = None;
        }
        if self.file.is_none() {
            self.retry_at = Some(now + self.backoff.next(&mut rand::rng()));
        }
        if self.keeping.trouble.is_none() {
            tracing::error!("history is not kept on disk: {error}; it goes on in memory, with the last minutes of it");
        }
        self.keeping.trouble = Some(error.to_string());
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.backoff.reset();
        if self.keeping.trouble.take().is_some() {
            tracing::info!("history is kept on disk again");
        }
    }

    fn publish(&mut self) {
        self.keeping.file_bytes = self.file.as_ref().map_or(0, File::bytes);
        self.keeping.rows_pending = held!(self.store.gathered.read()).pending.len() as u64;
        self.store.keeping.store(Arc::new(self.keeping.clone()));
    }

    #[cfg(test)]
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }
}

/// The second that a moment is in.
pub fn second_of(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(1_000)
}
