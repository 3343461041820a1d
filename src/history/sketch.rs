//! How times are spread: a sketch that tells any percentile within two in a hundred, and that can be added to another without losing
//! that. Pure.
//!
//! It counts values by bins whose borders grow by the same factor (DDSketch): a bin's middle is never further from its values than
//! [`ALPHA`]. What is added up over a month is as exact as a minute.

/// The most that a percentile is off by; the rest up to two in a hundred is for values kept in four bytes.
const ALPHA: f64 = 0.015;
/// Shorter than a nanosecond is nothing.
const LEAST: f64 = 1e-6;
/// Longer than 31 years counts as that.
const MOST: f64 = 1e12;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sketch {
    /// Values of nothing, or less.
    zeros: u32,
    /// Bins that hold something, by their number.
    bins: Vec<(i16, u32)>,
}

fn factor() -> f64 {
    ((1.0 + ALPHA) / (1.0 - ALPHA)).ln()
}

impl Sketch {
    /// Counts one value.
    pub(super) fn add(&mut self, value: f64) {
        if value.is_nan() || value < LEAST {
            self.zeros = self.zeros.saturating_add(1);
            return;
        }
        self.put((value.min(MOST).ln() / factor()).ceil() as i16, 1);
    }

    fn put(&mut self, bin: i16, count: u32) {
        match self.bins.binary_search_by_key(&bin, |(known, _)| *known) {
            Ok(at) => self.bins[at].1 = self.bins[at].1.saturating_add(count),
            Err(at) => self.bins.insert(at, (bin, count)),
        }
    }

    /// Counts all that another has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        if self.bins.is_empty() {
            self.bins.clone_from(&other.bins);
            return;
        }
        for (bin, count) in &other.bins {
            self.put(*bin, *count);
        }
    }

    /// Whether it has counted nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.zeros == 0 && self.bins.is_empty()
    }

    /// How many values it has counted.
    pub(super) fn count(&self) -> u64 {
        u64::from(self.zeros) + self.bins.iter().map(|(_, count)| u64::from(*count)).sum::<u64>()
    }

    /// The value that this share of all is not above (0.95: of 95 in 100); none of nothing.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((share * count as f64).ceil() as u64).clamp(1, count);
        let mut below = u64::from(self.zeros);
        if below >= rank {
            return Some(0.0);
        }
        for (bin, count) in &self.bins {
            below += u64::from(*count);
            if below >= rank {
                let top = (f64::from(*bin) * factor()).exp();
                // As far from the bin's lower border as from its upper one, measured in parts of them.
                return Some(top * (1.0 - ALPHA));
            }
        }
        None
    }

    /// Writes it behind what is there.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        varint(to, u64::from(self.zeros));
        varint(to, self.bins.len() as u64);
        let mut before = i16::MIN;
        for (bin, count) in &self.bins {
            varint(to, bin.abs_diff(before).into());
            varint(to, u64::from(*count));
            before = *bin;
        }
    }

    /// Reads one from the front; none when it is damaged.
    pub(super) fn read(from: &mut &[u8]) -> Option<Self> {
        let zeros = u32::try_from(unvarint(from)?).ok()?;
        let bins = unvarint(from)?;
        let mut read = Self { zeros, bins: Vec::with_capacity(bins.min(4_096) as usize) };
        let mut before = i32::from(i16::MIN);
        for _ in 0..bins {
            before = before.checked_add(i32::try_from(unvarint(from)?).ok()?)?;
            read.bins.push((i16::try_from(before).ok()?, u32::try_from(unvarint(from)?).ok()?));
        }
        Some(read)
    }
}

/// Writes a number in as many bytes as it needs, seven bits each.
pub(super) fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Reads such a number from the front.
pub(super) fn unvarint(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    fn exact(values: &mut [f64], share: f64) -> f64 {
        values.sort_by(f64::total_cmp);
        values[((share * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn percentiles_are_within_two_in_a_hundred_however_the_values_were_added_up(
            exponents in prop::collection::vec(prop::collection::vec(-3.0_f64..6.0, 1..60), 1..40),
        ) {
            let parts: Vec<Vec<f64>> =
                exponents.iter().map(|part| part.iter().map(|exponent| 10.0_f64.powf(*exponent)).collect()).collect();
            let mut sum = Sketch::default();
            for part in &parts {
                // Each goes through the file on its way.
                let mut bytes = Vec::new();
                of(part).write(&mut bytes);
                sum.merge(&Sketch::read(&mut bytes.as_slice()).expect("what was written"));
            }
            let mut all = parts.concat();
            prop_assert_eq!(sum.count(), all.len() as u64);
            for share in [0.5, 0.95, 0.99] {
                let (told, is) = (sum.quantile(share).expect("values"), exact(&mut all, share));
                prop_assert!((told / is - 1.0).abs() <= 0.02, "p{}: {} of {}", share * 100.0, told, is);
            }
        }

        #[test]
        fn damage_is_noticed_or_harmless(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Sketch::read(&mut bytes.as_slice());
        }
    }

    #[test]
    fn nothing_and_less_than_nothing_count_as_nothing() {
        let sketch = of(&[0.0, -1.0, f64::NAN, 5.0]);
        assert_eq!((sketch.count(), sketch.quantile(0.5)), (4, Some(0.0)));
        assert!(sketch.quantile(1.0).is_some_and(|most| (most - 5.0).abs() < 0.1));
        assert_eq!(Sketch::default().quantile(0.5), None);
        assert!(of(&[f64::MAX, f64::INFINITY]).quantile(0.5).is_some_and(|most| (most / MOST - 1.0).abs() < 0.02));
    }
}
