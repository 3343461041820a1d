//! Figures, times and names as people read them.

use std::{borrow::Cow, time::Duration};

use crate::model::{Rule, Timestamp};

/// What a rule's figure is and how it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// A share, 0..1.
    Share,
    /// A share that grows so much in a day.
    SharePerDay,
}

/// The figure that a rule judges, its unit, and whether less of it is worse; none for rules that judge attempts.
pub(super) const fn figure(rule: Rule) -> Option<(&'static str, Unit, bool)> {
    Some(match rule {
        Rule::DatabaseDown
        | Rule::DatabaseUnresponsive
        | Rule::DatabaseRejecting
        | Rule::PoolerDown
        | Rule::DeliveryFailing
        | Rule::Anomaly => {
            return None;
        }
        Rule::RegionBlind => ("silence", Unit::Seconds, false),
        Rule::PoolSaturated => ("utilization", Unit::Share, false),
        Rule::PoolWaiting => ("oldest wait", Unit::Milliseconds, false),
        Rule::ConnectionLeak => ("connections held", Unit::Share, false),
        Rule::BlockingChain => ("longest blocked", Unit::Milliseconds, false),
        Rule::QuerySlow => ("query time", Unit::Milliseconds, false),
        Rule::SlowQueryRate => ("slow calls", Unit::Share, false),
        Rule::ErrorRate => ("failed transactions", Unit::Share, false),
        Rule::CacheHitLow => ("cache hits", Unit::Share, true),
        Rule::SizeGrowth => ("growth", Unit::SharePerDay, false),
        Rule::ReplicationLag => ("lag", Unit::Seconds, false),
        Rule::XidWraparound => ("age", Unit::Share, false),
    })
}

impl Unit {
    /// A value of this unit in words: `4.2 s`, `85%`.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds => span(value),
            Self::Seconds => span(value * 1_000.0),
            Self::Share => percent(value),
            Self::SharePerDay => format!("{} a day", percent(value)),
        }
    }

    /// A value of this unit in the unit of a chart: `ms`, `s`, `%`, or nothing for a plain number. None when the chart shows something
    /// else than what the rule judges, such as sessions where the threshold is a share.
    pub(super) fn on_chart(self, value: f64, chart: &str) -> Option<f64> {
        match (self, chart) {
            (Self::Milliseconds, "ms") | (Self::Seconds, "s") => Some(value),
            (Self::Milliseconds, "s") => Some(value / 1_000.0),
            (Self::Seconds, "ms") => Some(value * 1_000.0),
            (Self::Share, "%") => Some(value * 100.0),
            _ => None,
        }
    }
}

/// A value on a chart's axis.
pub fn tick(value: f64, unit: &str) -> String {
    match unit {
        "ms" => Unit::Milliseconds.show(value),
        "s" => Unit::Seconds.show(value),
        "%" => Unit::Share.show(value / 100.0),
        unit => {
            let number = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") };
            format!("{number} {unit}").trim_end().to_owned()
        }
    }
}

/// A measured time: `0.4 ms`, `850 ms`, `5.2 s`, `12 min`.
pub(super) fn span(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 && ms.fract() != 0.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 && (ms / 1_000.0).fract() == 0.0 => format!("{:.0} s", ms / 1_000.0),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms if ms < 7_200_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms => format!("{:.1} h", ms / 3_600_000.0),
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.fract().abs() > 0.05 && !(10.0..=90.0).contains(&percent) {
        format!("{percent:.1}%")
    } else {
        format!("{percent:.0}%")
    }
}

/// How long something lasts, to the second: `42 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn lasting(length: Duration) -> String {
    let seconds = length.as_secs();
    let two = |big: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {smaller}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

/// A moment, to the second: `2026-11-23 08:46:00 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    at.0.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `1 connection`, `2 connections`.
pub(super) fn count(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Whether a character hides something: it controls the terminal, breaks the line or turns the direction of writing.
pub(super) fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Text from elsewhere on one line, with nothing in it that a reader would not see; cut when it is long.
pub fn plain(text: &str, most: usize) -> String {
    let shown = text.chars().map(|letter| match letter {
        '\n' | '\r' | '\t' => ' ',
        letter if is_treacherous(letter) => '\u{fffd}',
        letter => letter,
    });
    cut(shown.collect::<String>().trim(), most).into_owned()
}

/// The beginning of a text, with a mark where more was.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.char_indices().nth(most).is_none() {
        return text.into();
    }
    let end = text.char_indices().nth(most.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    format!("{}…", text[..end].trim_end()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        let table = [
            (Unit::Milliseconds, 0.42, "0.4 ms"),
            (Unit::Milliseconds, 5.0, "5 ms"),
            (Unit::Milliseconds, 850.2, "850 ms"),
            (Unit::Milliseconds, 5_230.0, "5.2 s"),
            (Unit::Milliseconds, 5_000.0, "5 s"),
            (Unit::Seconds, 720.0, "12 min"),
            (Unit::Seconds, 10_000.0, "2.8 h"),
            (Unit::Share, 0.0123, "1.2%"),
            (Unit::Share, 0.85, "85%"),
            (Unit::Share, 0.9971, "99.7%"),
            (Unit::SharePerDay, 0.34, "34% a day"),
        ];
        for (unit, value, expected) in table {
            assert_eq!(unit.show(value), expected, "{unit:?} {value}");
        }
    }

    #[test]
    fn lengths_of_time_name_the_two_units_that_matter() {
        let table = [(0, "0 s"), (42, "42 s"), (192, "3 min 12 s"), (180, "3 min"), (7_500, "2 h 5 min"), (273_600, "3 d 4 h")];
        for (seconds, expected) in table {
            assert_eq!(lasting(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn what_would_hide_or_break_lines_is_shown() {
        assert_eq!(plain("a\r\nBcc: b", 99), "a  Bcc: b");
        assert_eq!(plain("app\u{202e}txt.exe\u{7}\u{1b}[2J", 99), "app\u{fffd}txt.exe\u{fffd}\u{fffd}[2J");
        assert_eq!(plain("αβγδε", 4), "αβγ…");
        assert_eq!(plain("αβγδ", 4), "αβγδ");
    }

    #[test]
    fn a_threshold_stands_on_its_chart_in_the_chart_s_unit() {
        let table = [
            (Unit::Share, 0.75, "%", Some(75.0)),
            (Unit::Milliseconds, 500.0, "s", Some(0.5)),
            (Unit::Seconds, 10.0, "s", Some(10.0)),
            (Unit::Share, 0.1, "", None),
            (Unit::Milliseconds, 5_000.0, "", None),
            (Unit::SharePerDay, 0.1, "MiB", None),
        ];
        for (unit, value, chart, expected) in table {
            assert_eq!(unit.on_chart(value, chart), expected, "{unit:?} on {chart:?}");
        }
    }
}
