//! One second of all targets, as a row of the journal: who, which of their figures are known, and those. Pure.

use super::sketch::{unvarint, varint};

/// Writes one target's figures behind what is there.
pub(super) fn write(to: &mut Vec<u8>, target: u32, figures: &[f32]) {
    varint(to, target.into());
    varint(to, figures.len() as u64);
    let at = to.len();
    to.resize(at + figures.len().div_ceil(8), 0);
    for (place, value) in figures.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
        to[at + place / 8] |= 1 << (place % 8);
        to.extend_from_slice(&value.to_le_bytes());
    }
}

/// Reads the next target's figures from the front into `figures`, unknown where it tells nothing of them; none at the end, or when it is
/// damaged.
pub(super) fn read(from: &mut &[u8], figures: &mut [f32]) -> Option<u32> {
    let target = u32::try_from(unvarint(from)?).ok()?;
    let told = usize::try_from(unvarint(from)?).ok()?;
    let (known, mut values) = from.split_at_checked(told.div_ceil(8))?;
    figures.fill(f32::NAN);
    for place in (0..told).filter(|place| known[place / 8] & (1 << (place % 8)) != 0) {
        let (value, rest) = values.split_first_chunk()?;
        values = rest;
        if let Some(figure) = figures.get_mut(place) {
            *figure = f32::from_le_bytes(*value);
        }
    }
    *from = values;
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_back_in_order_with_what_was_known_of_them() {
        let (one, two) = ([1.5, f32::NAN, f32::NAN, 4.0, 5.0, 6.0, 7.0, 8.0, f32::NAN, 10.0], [f32::NAN; 10]);
        let mut row = Vec::new();
        write(&mut row, 300, &one);
        write(&mut row, 7, &two);
        let (mut rest, mut read_back) = (row.as_slice(), [0.0; 10]);
        assert_eq!(read(&mut rest, &mut read_back), Some(300));
        assert_eq!(read_back.map(f32::to_bits), one.map(f32::to_bits));
        // A version that knows fewer figures, and one that knows more.
        let mut fewer = [0.0; 4];
        assert_eq!((read(&mut row.as_slice(), &mut fewer), fewer[0], fewer[3]), (Some(300), 1.5, 4.0));
        let mut more = [0.0; 12];
        assert_eq!((read(&mut row.as_slice(), &mut more), more[9], more[11].is_nan()), (Some(300), 10.0, true));
        assert_eq!((read(&mut rest, &mut read_back), read_back[3].is_nan()), (Some(7), true));
        assert_eq!(read(&mut rest, &mut read_back), None);
        for cut in 0..row.len() {
            let mut rest = &row[..cut];
            while read(&mut rest, &mut read_back).is_some() {}
        }
    }
}
