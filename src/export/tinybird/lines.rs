//! A row as a line on disk: its checksum, a space, its JSON. So what a crash or a disk left half-written is told from what is whole. Pure.

/// The checksum and the space.
const HEAD: usize = 9;

/// The line of a row, with its end.
pub(super) fn line(row: &str) -> String {
    format!("{:08x} {row}\n", crc32fast::hash(row.as_bytes()))
}

/// How long the line of a row is.
pub(super) const fn length(row: &str) -> u64 {
    (HEAD + row.len() + 1) as u64
}

/// The row of a line with its end; none when the line is not whole.
pub(super) fn row(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (sum, row) = line.split_once(' ')?;
    let is_sum = sum.len() == HEAD - 1 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_sum && u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(row.as_bytes())).then_some(row)
}

/// A place as a line: always of one length, so that the next overwrites it in one piece.
pub(super) fn mark(segment: u64, byte: u64) -> String {
    line(&format!("{segment:020} {byte:020}"))
}

/// The segment and byte of such a line.
pub(super) fn marked(line: &[u8]) -> Option<(u64, u64)> {
    let (segment, byte) = row(line)?.split_once(' ')?;
    Some((segment.parse().ok()?, byte.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_or_it_is_none() {
        let written = line(r#"{"a":"ü b"}"#);
        assert_eq!(row(written.as_bytes()), Some(r#"{"a":"ü b"}"#));
        assert_eq!(length(r#"{"a":"ü b"}"#), written.len() as u64);
        for cut in 0..written.len() {
            assert_eq!(row(&written.as_bytes()[..cut]), None, "{cut}");
            let mut flipped = written.clone().into_bytes();
            flipped[cut] ^= 2;
            assert_eq!(row(&flipped), None, "{cut}");
        }
        for odd in ["\n", " \n", "00000000 x\n", "+0000000 \n", "zzzzzzzz x\n"] {
            assert_eq!(row(odd.as_bytes()), None, "{odd:?}");
        }
    }

    #[test]
    fn a_mark_has_one_length() {
        assert_eq!(mark(0, 0).len(), mark(u64::MAX, u64::MAX).len());
        assert_eq!(marked(mark(7, u64::MAX).as_bytes()), Some((7, u64::MAX)));
        assert_eq!(marked(line("{}").as_bytes()), None);
    }
}
