//! Figures as people write them.

use crate::model::{Severity, Timestamp};

/// `4m 12s`; two units are as exact as anybody reads.
pub(super) fn lasting(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = seconds.min(4e9).round() as u64;
    let parts = [(whole / 86_400, "d"), (whole / 3_600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
    let first = parts.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let told = parts.iter().skip(first).take(2).filter(|(number, _)| *number > 0);
    told.map(|(number, unit)| format!("{number}{unit}")).collect::<Vec<_>>().join(" ")
}

/// `2026-11-23 08:46 UTC`
pub(super) fn minute(at: Timestamp) -> String {
    at.0.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2026-11-23`
pub(super) fn day(at: Timestamp) -> String {
    at.0.format("%Y-%m-%d").to_string()
}

/// `0.40 ms`, `12 ms`, `1.2 s`
pub(super) fn ms(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => lasting(ms / 1_000.0),
        ms if ms >= 1_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{:.*} ms", if ms >= 1.0 { 1 } else { 2 }, ms),
    }
}

/// `41%`, `0.13%`
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 || percent <= 0.0 {
        format!("{percent:.0}%")
    } else {
        format!("{percent:.*}%", if percent >= 1.0 { 1 } else { 2 })
    }
}

/// `1.8 GiB`
pub(super) fn bytes(bytes: f64) -> String {
    let steps = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)].map(|(name, bits)| (name, (1_u64 << bits) as f64));
    let found = steps.into_iter().find(|(_, scale)| bytes >= *scale);
    found.map_or_else(|| format!("{bytes:.0} bytes"), |(name, scale)| format!("{:.1} {name}", bytes / scale))
}

/// `1 incident`, `2 incidents`
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `2 critical, 1 high`
pub(super) fn severities(by: &[(Severity, usize)]) -> String {
    by.iter().map(|(severity, count)| format!("{count} {}", severity.as_str())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        for (seconds, said) in
            [(0.4, "0.4 s"), (9.96, "10.0 s"), (3_605.0, "1h"), (252.0, "4m 12s"), (604_800.0, "7d"), (90_061.0, "1d 1h")]
        {
            assert_eq!(lasting(seconds), said);
        }
        for (wait, said) in [(0.4, "0.40 ms"), (1.23, "1.2 ms"), (12.3, "12 ms"), (1_234.0, "1.2 s"), (252_000.0, "4m 12s")] {
            assert_eq!(ms(wait), said);
        }
        for (share, said) in [(0.0, "0%"), (0.001_3, "0.13%"), (0.041, "4.1%"), (0.41, "41%"), (1.0, "100%")] {
            assert_eq!(percent(share), said);
        }
        assert_eq!((count(1, "incident"), count(0, "incident")), ("1 incident".into(), "0 incidents".into()));
    }
}
