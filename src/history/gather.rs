//! What is gathered and not yet on disk: the open minute, second by second, the open five minutes and hour, and blocks that wait to be
//! written. Pure: whoever writes tells it what time it is.

use std::collections::{BTreeMap, HashMap};

use super::{
    block::{self, Bucket, Packer, UNKNOWN},
    series::Part,
    sketch::Sketch,
    spending::Spending,
    table::{Row, Table, key},
};
use crate::model::{
    Timestamp,
    history::{FIGURES, Question, Resolution},
};

/// Figures of a target.
pub(super) const WIDTH: usize = FIGURES.len();
/// Seconds of a minute, as an index.
pub(super) const SECONDS: usize = 60;
const TEN: usize = 10;

const fn latencies() -> usize {
    let (mut at, mut found) = (0, 0);
    while at < WIDTH {
        found += FIGURES[at].is_latency as usize;
        at += 1;
    }
    found
}

/// The figures of which sketches are kept.
pub(super) const LATENCIES: [usize; latencies()] = {
    let (mut at, mut found, mut places) = (0, 0, [0; latencies()]);
    while at < WIDTH {
        if FIGURES[at].is_latency {
            places[found] = at;
            found += 1;
        }
        at += 1;
    }
    places
};

/// What is known of a target over an open length of time.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    buckets: Box<[Bucket]>,
    sketches: Box<[Sketch]>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { buckets: vec![Bucket::default(); WIDTH].into(), sketches: vec![Sketch::default(); LATENCIES.len()].into() }
    }
}

fn sketched(figure: usize) -> Option<usize> {
    LATENCIES.iter().position(|latency| *latency == figure)
}

impl Tally {
    /// Takes in a minute of seconds, figure by figure.
    pub(super) fn seconds(&mut self, values: &[f32]) {
        for (bucket, column) in self.buckets.iter_mut().zip(values.chunks_exact(SECONDS)) {
            bucket.merge(&Bucket::of(column));
        }
        for (sketch, figure) in self.sketches.iter_mut().zip(LATENCIES) {
            spread(sketch, column(values, figure));
        }
    }

    /// Takes in what came after it.
    pub(super) fn merge(&mut self, later: &Self) {
        self.buckets.iter_mut().zip(&later.buckets).for_each(|(bucket, later)| bucket.merge(later));
        self.sketches.iter_mut().zip(&later.sketches).for_each(|(sketch, later)| sketch.merge(later));
    }

    fn row(&self, packer: &mut Packer) -> Row {
        let block = packer.buckets(&self.buckets, 1);
        let sketch = |figure, _| sketched(figure).map(|place| &self.sketches[place]);
        Row { block, sketches: Some(packer.sketches(&LATENCIES, 1, sketch)) }
    }

    /// The one that became a row; none when it is damaged.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let mut read = Self::default();
        for (bucket, found) in read.buckets.iter_mut().zip(block::all_buckets(&row.block)?) {
            *bucket = found.first().copied().unwrap_or_default();
        }
        let sketches = row.sketches.as_ref().map(|packed| block::all_sketches(packed));
        for (figure, found) in sketches.flatten().unwrap_or_default() {
            if let (Some(place), Some(found)) = (sketched(figure), found.into_iter().next()) {
                read.sketches[place] = found;
            }
        }
        Some(read)
    }
}

fn column(values: &[f32], figure: usize) -> &[f32] {
    &values[figure * SECONDS..(figure + 1) * SECONDS]
}

fn spread(sketch: &mut Sketch, values: &[f32]) {
    values.iter().filter(|value| !value.is_nan()).for_each(|value| sketch.add(f64::from(*value)));
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The open minute, minutes since 1970; the open five minutes and hour are those that it is in.
    minute: i64,
    /// Its seconds, target by target, figure by figure.
    values: BTreeMap<u32, Box<[f32]>>,
    /// The five minutes before it.
    five: HashMap<u32, Tally>,
    /// The hour before those.
    hour: HashMap<u32, Tally>,
    /// What statements cost in the five minutes.
    pub(super) statements: Spending,
    /// Blocks that wait.
    pub(super) pending: BTreeMap<(Table, i64), Row>,
    pending_bytes: usize,
}

impl Gathered {
    /// Nothing yet, from this minute on.
    pub(super) fn from_minute(minute: i64) -> Self {
        Self { minute, ..Self::default() }
    }

    /// The open minute.
    pub(super) const fn minute(&self) -> i64 {
        self.minute
    }

    /// Its first second.
    pub(super) const fn began(&self) -> i64 {
        self.minute * 60
    }

    fn five_began(&self) -> i64 {
        Table::FiveNew.of(self.began()) * Table::FiveNew.period()
    }

    /// When the open five minutes began.
    pub(super) fn statements_began(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.five_began() * 1_000).unwrap_or(Timestamp::EPOCH)
    }

    /// Takes in what was so in a second of the open minute.
    pub(super) fn second(&mut self, at: i64, target: u32, figures: &[f32]) {
        let place = at.rem_euclid(60) as usize;
        let values = self.values.entry(target).or_insert_with(|| vec![UNKNOWN; WIDTH * SECONDS].into());
        for (figure, value) in figures.iter().enumerate().take(WIDTH) {
            values[figure * SECONDS + place] = *value;
        }
    }

    /// Takes in a minute before the open one, of the five minutes that it is in.
    pub(super) fn earlier_minute(&mut self, target: u32, values: &[f32]) {
        self.five.entry(target).or_default().seconds(values);
    }

    /// Takes in five minutes before the open ones, of the hour that they are in.
    pub(super) fn earlier_five(&mut self, target: u32, tally: &Tally) {
        self.hour.entry(target).or_default().merge(tally);
    }

    /// The rows that the open minute becomes.
    pub(super) fn minute_rows(&self, packer: &mut Packer) -> Vec<((Table, i64), Row)> {
        let mut rows = Vec::with_capacity(self.values.len() * 2);
        let mut tens = vec![Bucket::default(); WIDTH * SECONDS / TEN];
        for (target, values) in self.values.iter().filter(|(_, values)| values.iter().any(|value| !value.is_nan())) {
            let key = key(self.minute, *target);
            rows.push(((Table::Raw, key), Row { block: packer.moments(values, SECONDS), sketches: None }));
            tens.iter_mut().zip(values.chunks_exact(TEN)).for_each(|(ten, seconds)| *ten = Bucket::of(seconds));
            rows.push(((Table::TenNew, key), Row { block: packer.buckets(&tens, SECONDS / TEN), sketches: None }));
        }
        let began = self.statements_began();
        let period = Table::Statements.of(self.began());
        let spent = self.statements.rows(packer, began).into_iter();
        rows.extend(spent.map(|(target, block)| ((Table::Statements, key(period, target)), Row { block, sketches: None })));
        rows
    }

    /// Ends the open minute, which has become these rows.
    pub(super) fn end_minute(&mut self, rows: Vec<((Table, i64), Row)>) {
        self.wait(rows);
        let mut silent = Vec::new();
        for (target, values) in &mut self.values {
            if values.iter().all(|value| value.is_nan()) {
                silent.push(*target);
                continue;
            }
            self.five.entry(*target).or_default().seconds(values);
            values.fill(UNKNOWN);
        }
        for target in silent {
            self.values.remove(&target);
        }
    }

    /// The rows that the open five minutes become, their last minute ended.
    pub(super) fn five_rows(&self, packer: &mut Packer) -> Vec<((Table, i64), Row)> {
        rows_of(&self.five, Table::FiveNew, self.began(), packer)
    }

    /// Ends the open five minutes, which have become these rows.
    pub(super) fn end_five(&mut self, rows: Vec<((Table, i64), Row)>) {
        self.wait(rows);
        for (target, tally) in std::mem::take(&mut self.five) {
            self.hour.entry(target).or_default().merge(&tally);
        }
        self.statements.begin();
    }

    /// The rows that the open hour becomes, its last five minutes ended.
    pub(super) fn hour_rows(&self, packer: &mut Packer) -> Vec<((Table, i64), Row)> {
        rows_of(&self.hour, Table::HourNew, self.began(), packer)
    }

    /// Ends the open hour, which has become these rows.
    pub(super) fn end_hour(&mut self, rows: Vec<((Table, i64), Row)>) {
        self.wait(rows);
        self.hour.clear();
    }

    /// Opens another minute, the one before it ended.
    pub(super) const fn open(&mut self, minute: i64) {
        self.minute = minute;
    }

    fn wait(&mut self, rows: Vec<((Table, i64), Row)>) {
        for (at, row) in rows {
            self.pending_bytes += size(&row);
            if let Some(before) = self.pending.insert(at, row) {
                self.pending_bytes -= size(&before);
            }
        }
    }

    /// Takes over what waits to be written from what was gathered before.
    pub(super) fn keep_waiting(&mut self, before: Self) {
        self.wait(before.pending.into_iter().collect());
    }

    /// What waited is written.
    pub(super) fn written(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
    }

    /// Gives up what waits beyond so many bytes: seconds first, hours last, and the oldest of each. Tells how many rows.
    pub(super) fn give_up_beyond(&mut self, bytes: usize) -> u64 {
        let mut lost = 0;
        while self.pending_bytes > bytes {
            let Some((_, row)) = self.pending.pop_first() else { break };
            self.pending_bytes -= size(&row);
            lost += 1;
        }
        lost
    }

    /// What is known of a figure and is not in a block yet.
    pub(super) fn live(&self, target: u32, figure: usize, resolution: Resolution) -> Vec<Part> {
        let values = self.values.get(&target).map(|values| column(values, figure));
        let began = self.began();
        let part = |at, bucket| Part { at, bucket, sketch: None };
        match resolution {
            Resolution::Raw => {
                let second = |(at, value): (i64, &f32)| (!value.is_nan()).then(|| part(at, Bucket::one(*value)));
                values.into_iter().flat_map(|values| (began..).zip(values).filter_map(second)).collect()
            }
            Resolution::TenSeconds => {
                let tens = values.into_iter().flat_map(|values| values.chunks_exact(TEN));
                (began..).step_by(TEN).zip(tens).map(|(at, seconds)| part(at, Bucket::of(seconds))).collect()
            }
            Resolution::FiveMinutes => vec![self.open_part(self.five_began(), &[&self.five], target, figure)],
            Resolution::Hour => {
                let at = Table::HourNew.of(began) * Table::HourNew.period();
                vec![self.open_part(at, &[&self.hour, &self.five], target, figure)]
            }
        }
    }

    fn open_part(&self, at: i64, earlier: &[&HashMap<u32, Tally>], target: u32, figure: usize) -> Part {
        let (mut bucket, mut sketch) = (Bucket::default(), Sketch::default());
        let place = sketched(figure);
        for tally in earlier.iter().filter_map(|tallies| tallies.get(&target)) {
            bucket.merge(&tally.buckets[figure]);
            if let Some(place) = place {
                sketch.merge(&tally.sketches[place]);
            }
        }
        if let Some(values) = self.values.get(&target).map(|values| column(values, figure)) {
            bucket.merge(&Bucket::of(values));
            if place.is_some() {
                spread(&mut sketch, values);
            }
        }
        Part { at, bucket, sketch: place.map(|_| sketch) }
    }
}

fn size(row: &Row) -> usize {
    row.block.len() + row.sketches.as_ref().map_or(0, Vec::len) + 64
}

fn rows_of(tallies: &HashMap<u32, Tally>, table: Table, began: i64, packer: &mut Packer) -> Vec<((Table, i64), Row)> {
    let period = table.of(began);
    tallies.iter().map(|(target, tally)| ((table, key(period, *target)), tally.row(packer))).collect()
}

/// Adds what a row tells of figures to what is known of each; nothing when it is damaged.
pub(super) fn tell(table: Table, period: i64, row: &Row, question: &Question, parts: &mut [Vec<Part>]) -> Option<()> {
    let (began, step) = (period * table.period(), table.step());
    let moments = || (began..).step_by(step as usize);
    if table == Table::Raw {
        for (parts, values) in parts.iter_mut().zip(block::moments(&row.block, &question.figures)?) {
            let known = moments().zip(values).filter(|(_, value)| !value.is_nan());
            parts.extend(known.map(|(at, value)| Part { at, bucket: Bucket::one(value), sketch: None }));
        }
        return Some(());
    }
    let is_spread = question.percentiles && question.figures.iter().any(|figure| FIGURES[*figure].is_latency);
    let packed = row.sketches.as_ref().filter(|_| is_spread);
    let mut sketches = packed.map_or_else(|| Some(Vec::new()), |packed| block::all_sketches(packed))?;
    let buckets = block::buckets(&row.block, &question.figures)?;
    for ((parts, figure), buckets) in parts.iter_mut().zip(&question.figures).zip(buckets) {
        let of_figure = sketches.iter_mut().find(|(whose, _)| whose == figure);
        let mut sketches = of_figure.map(|(_, of_figure)| std::mem::take(of_figure)).unwrap_or_default().into_iter();
        parts.extend(moments().zip(buckets).map(|(at, bucket)| Part { at, bucket, sketch: sketches.next() }));
    }
    Some(())
}

/// Puts rows of one target together to a row that lasts longer, which began with that period. Damaged ones are left out.
pub(super) fn put_together<'r>(
    into: Table,
    period: i64,
    from: impl Iterator<Item = (Table, i64, &'r Row)>,
    packer: &mut Packer,
) -> Row {
    let (each, began) = (into.each(), period * into.period());
    let mut buckets = vec![Bucket::default(); WIDTH * each];
    let mut sketches: Vec<Sketch> =
        if into.has_sketches() { vec![Sketch::default(); LATENCIES.len() * each] } else { Vec::new() };
    for (table, period, row) in from {
        let first = (period * table.period() - began).div_euclid(into.step());
        let place = |at: usize| usize::try_from(first + at.cast_signed() as i64).ok().filter(|place| *place < each);
        for (figure, found) in block::all_buckets(&row.block).unwrap_or_default().into_iter().enumerate().take(WIDTH) {
            for (at, bucket) in found.into_iter().enumerate().filter(|(_, bucket)| bucket.count > 0) {
                if let Some(place) = place(at) {
                    buckets[figure * each + place] = bucket;
                }
            }
        }
        let spread = row.sketches.as_ref().filter(|_| into.has_sketches());
        for (figure, found) in spread.and_then(|bytes| block::all_sketches(bytes)).unwrap_or_default() {
            let Some(latency) = sketched(figure) else { continue };
            for (at, sketch) in found.into_iter().enumerate().filter(|(_, sketch)| !sketch.is_empty()) {
                if let Some(place) = place(at) {
                    sketches[latency * each + place].clone_from(&sketch);
                }
            }
        }
    }
    let block = packer.buckets(&buckets, each);
    let of = |figure, at| sketched(figure).and_then(|latency| sketches.get(latency * each + at));
    let sketches = if into.has_sketches() { Some(packer.sketches(&LATENCIES, each, of)) } else { None };
    Row { block, sketches }
}

#[cfg(test)]
mod tests;
