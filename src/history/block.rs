//! What is kept of a target over a time, as bytes: columns, one after the other, each as what changed from one moment to the next, and all of
//! it deflated. Pure.
//!
//! ```text
//!  moments   figures, moments per figure, then a column of values each
//!  buckets   the same with five columns each: counts, last, and how min, max and mean differ from that
//!  column    nothing | the same all along | bits that changed, by place: all first bytes, all second ones, ...
//! ```
//! Most figures of most targets stand still, or are not known: those take a byte or five. Of the others the high bytes seldom change, so
//! that byte by byte they are long runs. New figures come last, so a block tells how many it has, and what it does not have is unknown.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::sketch::{Sketch, unvarint, varint};

/// No block is larger than this; what claims to be is damaged.
const LARGEST: usize = 16 << 20;

/// A value that is not known, in a column.
pub(super) const UNKNOWN: f32 = f32::NAN;

/// What is known of a figure over a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Bucket {
    /// Seconds of which something is known; of none the rest means nothing.
    pub(super) count: u32,
    /// The smallest value.
    pub(super) min: f32,
    /// The largest.
    pub(super) max: f32,
    /// The mean.
    pub(super) mean: f32,
    /// The last.
    pub(super) last: f32,
}

impl Bucket {
    /// What one second tells.
    pub(super) const fn one(value: f32) -> Self {
        Self { count: 1, min: value, max: value, mean: value, last: value }
    }

    /// The values of some seconds in their order, unknown ones among them.
    pub(super) fn of(values: &[f32]) -> Self {
        let (mut found, mut sum) = (Self::default(), 0.0);
        for value in values.iter().copied().filter(|value| !value.is_nan()) {
            if found.count == 0 {
                found = Self { count: 0, ..Self::one(value) };
            }
            found.count += 1;
            found.min = found.min.min(value);
            found.max = found.max.max(value);
            found.last = value;
            sum += f64::from(value);
        }
        if found.count > 0 {
            found.mean = (sum / f64::from(found.count)) as f32;
        }
        found
    }

    /// Takes in what came after it.
    pub(super) fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        let weighted = |of: &Self| f64::from(of.mean) * f64::from(of.count);
        let count = self.count.saturating_add(later.count);
        self.mean = ((weighted(self) + weighted(later)) / f64::from(count)) as f32;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
        self.count = count;
    }
}

/// Packs blocks; it keeps what it works with, since there are thousands of them a minute.
#[derive(Debug)]
pub(super) struct Packer {
    deflate: Compress,
    plain: Vec<u8>,
    words: [Vec<u32>; 2],
}

impl Default for Packer {
    fn default() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false), plain: Vec::new(), words: Default::default() }
    }
}

impl Packer {
    /// Packs the values of so many moments, figure by figure.
    pub(super) fn moments(&mut self, values: &[f32], moments: usize) -> Vec<u8> {
        self.begin(values.len() / moments.max(1), moments);
        for column in values.chunks_exact(moments.max(1)) {
            self.words[0].clear();
            self.words[0].extend(column.iter().map(|value| if value.is_nan() { UNKNOWN.to_bits() } else { value.to_bits() }));
            put(&mut self.plain, &self.words[0]);
        }
        self.finish()
    }

    /// Packs so many buckets of each figure, figure by figure.
    pub(super) fn buckets(&mut self, buckets: &[Bucket], each: usize) -> Vec<u8> {
        self.begin(buckets.len() / each.max(1), each);
        for of_figure in buckets.chunks_exact(each.max(1)) {
            if of_figure.iter().all(|bucket| bucket.count == 0) {
                self.plain.push(0);
                continue;
            }
            self.plain.push(1);
            let [words, last] = &mut self.words;
            let mut column = |of: &dyn Fn(&Bucket) -> u32, against: Option<&[u32]>| {
                words.clear();
                match against {
                    None => words.extend(of_figure.iter().map(of)),
                    Some(against) => words.extend(of_figure.iter().zip(against).map(|(bucket, last)| of(bucket) ^ last)),
                }
                put(&mut self.plain, words);
            };
            column(&|bucket| bucket.count, None);
            column(&|bucket| bucket.last.to_bits(), None);
            last.clear();
            last.extend(of_figure.iter().map(|bucket| bucket.last.to_bits()));
            column(&|bucket| bucket.min.to_bits(), Some(last));
            column(&|bucket| bucket.max.to_bits(), Some(last));
            column(&|bucket| bucket.mean.to_bits(), Some(last));
        }
        self.finish()
    }

    /// Packs sketches: so many of each of these figures.
    pub(super) fn sketches<'s>(
        &mut self,
        figures: &[usize],
        each: usize,
        of: impl Fn(usize, usize) -> Option<&'s Sketch>,
    ) -> Vec<u8> {
        self.begin(figures.len(), each);
        for figure in figures {
            varint(&mut self.plain, *figure as u64);
            for at in 0..each {
                of(*figure, at).unwrap_or(&Sketch::default()).write(&mut self.plain);
            }
        }
        self.finish()
    }

    /// Packs any bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.plain.clear();
        self.plain.extend_from_slice(bytes);
        self.finish()
    }

    fn begin(&mut self, figures: usize, each: usize) {
        self.plain.clear();
        varint(&mut self.plain, figures as u64);
        varint(&mut self.plain, each as u64);
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.plain.len() / 2 + 64);
        packed.extend_from_slice(&(self.plain.len() as u32).to_le_bytes());
        self.deflate.reset();
        loop {
            let done = self.deflate.total_in() as usize;
            match self.deflate.compress_vec(&self.plain[done..], &mut packed, FlushCompress::Finish) {
                Ok(Status::StreamEnd) | Err(_) => return packed,
                Ok(_) => packed.reserve(self.plain.len() / 2 + 64),
            }
        }
    }
}

/// Unpacks; none when it is damaged.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, packed) = packed.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > LARGEST {
        return None;
    }
    let mut plain = Vec::with_capacity(length);
    let ended = Decompress::new(false).decompress_vec(packed, &mut plain, FlushDecompress::Finish).ok()?;
    (ended == Status::StreamEnd && plain.len() == length).then_some(plain)
}

fn begun(plain: &mut &[u8]) -> Option<(usize, usize)> {
    let figures = usize::try_from(unvarint(plain)?).ok()?;
    let each = usize::try_from(unvarint(plain)?).ok()?;
    (figures <= 4_096 && each <= 65_536).then_some((figures, each))
}

/// The values of these figures, each asked for once; unknown ones when the block does not have it.
pub(super) fn moments(packed: &[u8], wanted: &[usize]) -> Option<Vec<Vec<f32>>> {
    let plain = unpack(packed)?;
    let mut rest = plain.as_slice();
    let (figures, each) = begun(&mut rest)?;
    let mut found = vec![Vec::new(); wanted.len()];
    for figure in 0..figures {
        match wanted.iter().position(|one| *one == figure) {
            Some(place) => found[place] = take(&mut rest, each)?.into_iter().map(f32::from_bits).collect(),
            None => skip(&mut rest, each)?,
        }
    }
    found.iter_mut().filter(|values| values.is_empty()).for_each(|values| values.resize(each, UNKNOWN));
    Some(found)
}

/// The values of all figures that the block has.
pub(super) fn all_moments(packed: &[u8]) -> Option<Vec<Vec<f32>>> {
    let plain = unpack(packed)?;
    let mut rest = plain.as_slice();
    let (figures, each) = begun(&mut rest)?;
    (0..figures).map(|_| Some(take(&mut rest, each)?.into_iter().map(f32::from_bits).collect())).collect()
}

/// The buckets of these figures, each asked for once; those of nothing when the block does not have it.
pub(super) fn buckets(packed: &[u8], wanted: &[usize]) -> Option<Vec<Vec<Bucket>>> {
    let plain = unpack(packed)?;
    let mut rest = plain.as_slice();
    let (figures, each) = begun(&mut rest)?;
    let mut found = vec![Vec::new(); wanted.len()];
    for figure in 0..figures {
        if let Some(place) = wanted.iter().position(|one| *one == figure) {
            found[place] = take_buckets(&mut rest, each)?;
        } else if flag(&mut rest)? {
            (0..5).try_for_each(|_| skip(&mut rest, each))?;
        }
    }
    found.iter_mut().filter(|buckets| buckets.is_empty()).for_each(|buckets| buckets.resize(each, Bucket::default()));
    Some(found)
}

/// The buckets of all figures that the block has.
pub(super) fn all_buckets(packed: &[u8]) -> Option<Vec<Vec<Bucket>>> {
    let plain = unpack(packed)?;
    let mut rest = plain.as_slice();
    let (figures, each) = begun(&mut rest)?;
    (0..figures).map(|_| take_buckets(&mut rest, each)).collect()
}

fn take_buckets(from: &mut &[u8], each: usize) -> Option<Vec<Bucket>> {
    if !flag(from)? {
        return Some(vec![Bucket::default(); each]);
    }
    let columns: Vec<Vec<u32>> = (0..5).map(|_| take(from, each)).collect::<Option<_>>()?;
    let bucket = |at: usize| {
        let [count, last, min, max, mean] = [0, 1, 2, 3, 4].map(|column| columns[column][at]);
        let value = |bits: u32| f32::from_bits(bits ^ last);
        Bucket { count, last: f32::from_bits(last), min: value(min), max: value(max), mean: value(mean) }
    };
    Some((0..each).map(bucket).collect())
}

/// All sketches, by figure.
pub(super) fn all_sketches(packed: &[u8]) -> Option<Vec<(usize, Vec<Sketch>)>> {
    let plain = unpack(packed)?;
    let mut rest = plain.as_slice();
    let (figures, each) = begun(&mut rest)?;
    let figure = |_| {
        let whose = usize::try_from(unvarint(&mut rest)?).ok()?;
        Some((whose, (0..each).map(|_| Sketch::read(&mut rest)).collect::<Option<Vec<_>>>()?))
    };
    (0..figures).map(figure).collect()
}

fn flag(from: &mut &[u8]) -> Option<bool> {
    let (first, rest) = from.split_first()?;
    *from = rest;
    Some(*first != 0)
}

const NOTHING: u8 = 0;
const SAME: u8 = 1;
const MOVES: u8 = 2;

fn put(to: &mut Vec<u8>, words: &[u32]) {
    let first = words.first().copied().unwrap_or_default();
    if words.iter().all(|word| *word == first) {
        if first == 0 {
            to.push(NOTHING);
        } else {
            to.push(SAME);
            to.extend_from_slice(&first.to_le_bytes());
        }
        return;
    }
    to.push(MOVES);
    for place in (0..4).rev() {
        let mut before = 0;
        to.extend(words.iter().map(|word| {
            let changed = word ^ before;
            before = *word;
            changed.to_le_bytes()[place]
        }));
    }
}

fn skip(from: &mut &[u8], words: usize) -> Option<()> {
    let (kind, rest) = from.split_first()?;
    let length = match *kind {
        NOTHING => 0,
        SAME => 4,
        MOVES => words * 4,
        _ => return None,
    };
    *from = rest.get(length..)?;
    Some(())
}

fn take(from: &mut &[u8], words: usize) -> Option<Vec<u32>> {
    let column = *from;
    skip(from, words)?;
    let (kind, rest) = column.split_first()?;
    match *kind {
        NOTHING => Some(vec![0; words]),
        SAME => Some(vec![u32::from_le_bytes(*rest.first_chunk()?); words]),
        _ => {
            let mut before = 0;
            let word = |at: usize| {
                let changed = u32::from_be_bytes([0, 1, 2, 3].map(|place| rest[place * words + at]));
                before ^= changed;
                before
            };
            Some((0..words).map(word).collect())
        }
    }
}

#[cfg(test)]
mod tests;
