//! Moments and lengths of time in words. Pure.

use std::time::Duration;

use crate::model::Timestamp;

const DAY: f64 = 86_400.0;

/// A moment of so many seconds since 1970.
pub(super) fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::EPOCH.after(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// The time of day of a moment: `14:05 UTC`.
pub(super) fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} UTC", text.get(11..16).unwrap_or(&text))
}

/// The day of a moment: `2026-12-05`.
pub(super) fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..10).unwrap_or(&text).to_owned()
}

/// A length of time: `40 minutes`, `5.2 hours`, `12 days`.
pub(super) fn span(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 7_200.0 => format!("{:.0} minutes", (seconds / 60.0).max(1.0)),
        seconds if seconds < 2.0 * DAY => format!("{:.0} hours", seconds / 3_600.0),
        seconds if seconds < 10.0 * DAY => format!("{:.1} days", seconds / DAY),
        seconds => format!("{:.0} days", seconds / DAY),
    }
}

/// How long something lasted: `0.4 s`, `12 s`, `4.2 minutes`.
pub(super) fn lasting(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 10.0 => format!("{seconds:.1} s"),
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 600.0 => format!("{:.1} minutes", seconds / 60.0),
        seconds => span(seconds),
    }
}

/// A change of a level: `up 38%`, `down 12%`, `4.2 times as high`.
pub(super) fn moved(before: f64, after: f64) -> String {
    let factor = if before.abs() > 0.0 { after / before } else { f64::INFINITY };
    match factor {
        factor if !factor.is_finite() || factor < 0.0 => if after >= before { "up" } else { "down" }.to_owned(),
        factor if factor >= 2.5 => format!("{factor:.1} times as high"),
        factor if factor >= 1.0 => format!("up {:.0}%", (factor - 1.0) * 100.0),
        factor => format!("down {:.0}%", (1.0 - factor) * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_lengths_are_short() {
        let at = timestamp(1_796_048_700.0);
        assert_eq!((clock(at), day(at)), ("14:25 UTC".to_owned(), "2026-11-30".to_owned()));
        assert_eq!([90.0, 86_400.0, 4.0 * DAY, 30.0 * DAY].map(span), ["2 minutes", "24 hours", "4.0 days", "30 days"]);
        let all = [(100.0, 138.0), (100.0, 40.0), (1.0, 5.0), (0.0, 5.0)].map(|(before, after)| moved(before, after));
        assert_eq!(all, ["up 38%", "down 60%", "5.0 times as high", "up"]);
    }
}
