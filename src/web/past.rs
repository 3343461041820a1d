//! What is asked about the past of a target, in the words of an address. Pure.

pub(super) mod answers;
mod statements;

use std::time::Duration;

use serde::{Deserialize, de::value::StrDeserializer};

use crate::model::{
    TargetId, Timestamp,
    history::{FIGURES, Question, figure_at},
};

/// Requests that are answered at once; each takes a thread for some milliseconds.
pub(super) const AT_ONCE: usize = 4;
/// A request waits so long for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// Figures of one request.
const MOST: usize = 20;
/// Without a beginning.
const USUAL: Duration = Duration::from_hours(1);

/// `?metric=&from=&to=&step=`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    metric: Option<String>,
    from: Option<String>,
    to: Option<String>,
    step: Option<String>,
}

impl Asked {
    /// The question, of which each figure is a part once; or what is wrong with the words.
    fn question(&self, target: &TargetId, now: Timestamp) -> Result<Question, String> {
        let (from, to) = span(self.from.as_ref(), self.to.as_ref(), now)?;
        let step = given(self.step.as_ref()).map(step).transpose()?;
        let names: Vec<&str> = given(self.metric.as_ref()).into_iter().flat_map(|all| all.split(',')).map(str::trim).collect();
        if names.is_empty() {
            return Err(format!("metric is missing; there are {}", all()));
        }
        if names.len() > MOST {
            return Err(format!("more than {MOST} metrics at once"));
        }
        let mut figures = Vec::with_capacity(names.len());
        for name in names {
            let figure = figure_at(name).ok_or_else(|| unknown(name))?;
            if !figures.contains(&figure) {
                figures.push(figure);
            }
        }
        Ok(Question { target: target.clone(), figures, from, to, step, percentiles: true })
    }
}

/// From when until when; the last hour unless told.
fn span(from: Option<&String>, to: Option<&String>, now: Timestamp) -> Result<(Timestamp, Timestamp), String> {
    let to = moment("to", to, now)?.unwrap_or(now);
    let from = moment("from", from, now)?.unwrap_or_else(|| to.before(USUAL));
    if from < to { Ok((from, to)) } else { Err("from must be before to".to_owned()) }
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// RFC 3339, `now`, `-90m`, or milliseconds since 1970; none when nothing is given.
pub(super) fn moment(key: &str, text: Option<&String>, now: Timestamp) -> Result<Option<Timestamp>, String> {
    given(text).map(|text| read(key, text, now)).transpose()
}

fn read(key: &str, text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = || format!("{key} must be a moment: 2026-11-30T08:00:00Z, -1h, now, or milliseconds since 1970");
    if text == "now" {
        return Ok(now);
    }
    if let Some(ms) = text.parse::<i64>().ok().filter(|ms| *ms >= 0) {
        return Timestamp::from_unix_ms(ms).ok_or_else(wrong);
    }
    if let Some(ago) = text.strip_prefix("now-").or_else(|| text.strip_prefix('-')) {
        return humantime::parse_duration(ago).map(|ago| now.before(ago)).map_err(|_| wrong());
    }
    // A plus that was not encoded comes as a space.
    let text = text.replace(' ', "+");
    Timestamp::deserialize(StrDeserializer::<serde::de::value::Error>::new(&text)).map_err(|_| wrong())
}

fn step(text: &str) -> Result<Duration, String> {
    let step = humantime::parse_duration(text).ok().filter(|step| !step.is_zero());
    step.ok_or_else(|| "step must be a length of time: 10s, 5m, 1h".to_owned())
}

fn all() -> String {
    FIGURES.map(|figure| figure.path).join(", ")
}

/// That there is no such figure, with those that may have been meant.
fn unknown(name: &str) -> String {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let wanted = last(name);
    let is_near = |path: &&str| {
        wanted.len() > 2 && (path.to_lowercase().contains(&wanted) || (last(path).len() > 4 && wanted.contains(&last(path))))
    };
    let near: Vec<&str> = FIGURES.iter().map(|figure| figure.path).filter(is_near).collect();
    let shown: String = name.chars().take(80).collect();
    if near.is_empty() {
        return format!("no metric is called {shown:?}; there are {}", all());
    }
    format!("no metric is called {shown:?}; did you mean {}?", near.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn now() -> Timestamp {
        Timestamp::from_unix_ms(NOW).expect("a moment")
    }

    /// Beginning and end, milliseconds from now, and the step's seconds.
    fn asked(metric: &str, from: &str, to: &str, step: &str) -> Result<(i64, i64, Option<u64>), String> {
        let [metric, from, to, step] = [metric, from, to, step].map(|text| Some(text.to_owned()));
        let question = Asked { metric, from, to, step }.question(&TargetId::new("r", "t"), now())?;
        Ok((question.from.unix_ms() - NOW, question.to.unix_ms() - NOW, question.step.map(|step| step.as_secs())))
    }

    #[test]
    fn moments_may_be_said_in_many_ways() {
        let hour = 3_600_000;
        let table = [
            ("", "", "", (-hour, 0, None)),
            ("-2h", "now", "10s", (-2 * hour, 0, Some(10))),
            ("now-30m", "-10m", "1m 30s", (-1_800_000, -600_000, Some(90))),
            ("2023-11-14T22:13:20Z", "1700000060000", "", (0, 60_000, None)),
            ("2023-11-14T23:13:20 01:00", "2023-11-14T22:14:20.5Z", "5m", (0, 60_500, Some(300))),
            ("", "-1h", "", (-2 * hour, -hour, None)),
        ];
        for (from, to, step, expected) in table {
            assert_eq!(asked("status", from, to, step), Ok(expected), "{from} {to} {step}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let table = [
            ("status", "yesterday", "", "", "from must be a moment"),
            ("status", "-1h", "-2h", "", "from must be before to"),
            ("status", "", "", "often", "step must be a length of time"),
            ("status", "", "", "0s", "step must be a length of time"),
            ("", "", "", "", "metric is missing; there are status, "),
            ("Utilization", "", "", "", "did you mean connectionPool.utilization?"),
            ("connectionPool.xyzzy", "", "", "", "there are status, "),
            ("status,sizeBytes", "", "", "", "\"sizeBytes\"; did you mean database.sizeBytes?"),
        ];
        for (metric, from, to, step, expected) in table {
            let said = asked(metric, from, to, step).expect_err(expected);
            assert!(said.contains(expected), "{said}");
        }
        assert!(asked(&["status"; 21].join(","), "", "", "").is_err());
        assert!(asked(&["status"; 20].join(","), "", "", "").is_ok());
    }
}
