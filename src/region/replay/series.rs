//! How series are written: for numbers the notation of Prometheus' unit tests, for attempts words.
//!
//! | written | means |
//! | --- | --- |
//! | `0.5 0.9` | one value for each step |
//! | `0.5x3` | 0.5, and three more of it: four values |
//! | `0.5+0.1x2`, `1-0.1x2` | 0.5 0.6 0.7; 1 0.9 0.8 |
//! | `_`, `_x3` | not seen; not seen three times |
//! | `ok x3`, `refused` | words: three times, once |

use serde::{Deserialize, de::IntoDeserializer};

use crate::model::Outcome;

/// As many steps as a test may have: a day of four a second.
pub const MOST_STEPS: usize = 24 * 3_600 * 4;

/// Short words for what is most common.
const SHORT: [(&str, Outcome); 5] = [
    ("exhausted", Outcome::PoolExhausted),
    ("paused", Outcome::PoolerPaused),
    ("refused", Outcome::TcpRefused),
    ("timeout", Outcome::Unresponsive),
    ("unresolved", Outcome::DnsFailed),
];

/// Reads a series of numbers; an error names the part that is wrong.
pub fn numbers(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for part in text.split_whitespace() {
        let bad = || format!("`{part}`");
        if let Some(times) = part.strip_prefix('_') {
            let times = if times.is_empty() { Some(1) } else { times.strip_prefix('x').and_then(count) };
            values.extend(std::iter::repeat_n(None, times.ok_or_else(bad)?));
        } else {
            let (ramp, times) = match part.split_once('x') {
                Some((ramp, times)) => (ramp, count(times).ok_or_else(bad)?),
                None => (part, 0),
            };
            let (from, by) = ramp_of(ramp).filter(|_| ramp.len() == part.len() || part.contains('x')).ok_or_else(bad)?;
            values.extend((0..=times).map(|step| Some(tidy(from + by * step as f64))));
        }
        if values.len() > MOST_STEPS {
            return Err(format!("more than {MOST_STEPS} values"));
        }
    }
    Ok(values)
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|times| *times <= MOST_STEPS)
}

/// A value and what is added at each step: `0.5`, `0.5+0.1`, `1-0.1`, `1e3`.
fn ramp_of(text: &str) -> Option<(f64, f64)> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    if let Some(value) = number(text) {
        return Some((value, 0.0));
    }
    let mut signs = text.char_indices().filter(|(at, sign)| *at > 0 && (*sign == '+' || *sign == '-'));
    signs.find_map(|(at, _)| Some((number(&text[..at])?, number(&text[at..])?)))
}

/// 0.5 + 0.1 + 0.1 is 0.7 for a person.
fn tidy(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// Reads a series of attempts; an error names the part that is wrong.
pub fn outcomes(text: &str) -> Result<Vec<Option<Outcome>>, String> {
    let mut values: Vec<Option<Outcome>> = Vec::new();
    for part in text.split_whitespace() {
        // `ok x3`, and `okx3` as numbers are written, would differ by one: only the first is a word.
        match (part.strip_prefix('x').and_then(count), values.last().copied()) {
            (Some(times), Some(last)) if times > 0 => values.extend(std::iter::repeat_n(last, times - 1)),
            _ if part == "_" => values.push(None),
            _ => values.push(Some(outcome(part).ok_or_else(|| format!("`{part}`"))?)),
        }
        if values.len() > MOST_STEPS {
            return Err(format!("more than {MOST_STEPS} values"));
        }
    }
    Ok(values)
}

fn outcome(word: &str) -> Option<Outcome> {
    let short = SHORT.iter().find(|(short, _)| *short == word).map(|(_, outcome)| *outcome);
    let long = || Outcome::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(word)).ok();
    short.or_else(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_for_prometheus() {
        for (text, expected) in [
            ("1 2.5 -3", "1 2.5 -3"),
            ("1x3", "1 1 1 1"),
            ("0.5+0.1x3", "0.5 0.6 0.7 0.8"),
            ("1-0.25x2", "1 0.75 0.5"),
            ("-1+1x2", "-1 0 1"),
            ("1e3 1e-3", "1000 0.001"),
            ("1 _ _x2 2", "1 _ _ _ 2"),
            ("", ""),
            ("1 two", "`two`"),
            ("1x", "`1x`"),
            ("1x-1", "`1x-1`"),
            ("_y2", "`_y2`"),
            ("NaN", "`NaN`"),
            ("0x99999999", "`0x99999999`"),
        ] {
            let shown = |values: Vec<Option<f64>>| {
                values.iter().map(|value| value.map_or("_".to_owned(), |value| value.to_string())).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(numbers(text).map_or_else(|wrong| wrong, shown), expected, "{text}");
        }
    }

    #[test]
    fn attempts_are_written_as_words() {
        use Outcome::{AuthFailed, Ok as In, TcpRefused, Unresponsive};
        for (text, expected) in [
            ("ok x2 refused", Ok(vec![Some(In), Some(In), Some(TcpRefused)])),
            ("timeout _ x2 auth_failed", Ok(vec![Some(Unresponsive), None, None, Some(AuthFailed)])),
            ("x2 ok", Err("`x2`".to_owned())),
            ("ok refsed", Err("`refsed`".to_owned())),
        ] {
            assert_eq!(outcomes(text), expected, "{text}");
        }
    }
}
