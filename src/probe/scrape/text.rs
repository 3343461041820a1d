//! Prometheus' text as far as it is wanted: the known series, without what is not a number. Pure.
//!
//! `prometheus-parse` takes a line apart at its commas, equals signs and braces, wherever they stand, so a client that calls itself
//! `x",tenant="other` would count for somebody else. What stands in quotes is made harmless first.

use std::{collections::BTreeMap, io};

use chrono::DateTime;
use prometheus_parse::{Scrape, Value};

/// A thousand pools have some ten thousand.
const MOST_SERIES: usize = 50_000;
/// In the place of what takes a line apart; in no name.
const HARMLESS: char = '\u{fffd}';

/// One series of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    /// Its value, always a finite number.
    pub value: f64,
}

impl Series {
    /// A label's value; empty when there is none, as Prometheus has it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// As a count; none when it is no such thing.
    pub fn count(&self) -> Option<u32> {
        (0.0..=f64::from(u32::MAX)).contains(&self.value).then_some(self.value as u32)
    }
}

/// The wanted series of a page, in an order that does not depend on the page's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(Vec<Series>);

impl Figures {
    /// Reads a page; an error says why it is none.
    pub fn read(body: &str, wanted: &[&str]) -> Result<Self, String> {
        if body.trim_start().starts_with('<') {
            return Err("it is a page for people (HTML), no metrics".to_owned());
        }
        if !body.trim().is_empty() && !body.lines().any(is_metrics) {
            return Err("it is no metrics".to_owned());
        }
        let lines: Vec<_> = body.lines().filter(|line| wanted.contains(&name(line))).take(MOST_SERIES + 1).collect();
        if lines.len() > MOST_SERIES {
            return Err(format!("it has more than {MOST_SERIES} series"));
        }
        let lines = lines.into_iter().map(|line| Ok::<_, io::Error>(harmless(line)));
        // Without the lines that tell types every series is read as it stands, sums and counts too.
        let scrape = Scrape::parse_at(lines, DateTime::UNIX_EPOCH).map_err(|_| "it is no text".to_owned())?;
        let series = scrape.samples.into_iter().filter_map(|sample| {
            let (Value::Untyped(value) | Value::Gauge(value) | Value::Counter(value)) = sample.value else { return None };
            let labels = sample.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            value.is_finite().then_some(Series { name: sample.metric, labels, value })
        });
        let mut series: Vec<_> = series.collect();
        series.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        Ok(Self(series))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All series of that name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Series> + use<'a> {
        let from = self.0.partition_point(|series| series.name.as_str() < name);
        let many = self.0[from..].partition_point(|series| series.name.as_str() <= name);
        self.0[from..from + many].iter()
    }

    /// The only one of that name, or the first.
    pub fn one(&self, name: &str) -> Option<f64> {
        self.all(name).next().map(|series| series.value)
    }

    /// By how much the counters of that name grew since an earlier page, those that are on both; none when there are none, or when one of
    /// them ran backwards.
    pub fn grown(&self, before: &Self, name: &str, of: impl Fn(&Series) -> bool) -> Option<f64> {
        let earlier: BTreeMap<_, _> = before.all(name).map(|series| (&series.labels, series.value)).collect();
        let mut sum = None;
        for series in self.all(name).filter(|series| of(series)) {
            let Some(from) = earlier.get(&series.labels) else { continue };
            let grown = series.value - from;
            if grown < 0.0 {
                return None;
            }
            sum = Some(sum.unwrap_or(0.0) + grown);
        }
        sum
    }
}

/// What comes before the labels or the value.
fn name(line: &str) -> &str {
    line.split(['{', ' ', '\t']).next().unwrap_or_default()
}

/// Whether a line could stand on such a page.
fn is_metrics(line: &str) -> bool {
    let name = name(line);
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
    let comment = ["# HELP ", "# TYPE ", "# EOF"].iter().any(|start| line.starts_with(start));
    comment
        || (named && line.split_whitespace().nth(1).is_some() && line.split_whitespace().any(|word| word.parse::<f64>().is_ok()))
}

/// A line in which nothing within quotes takes it apart.
fn harmless(line: &str) -> String {
    let (mut clean, mut quoted, mut escaped) = (String::with_capacity(line.len()), false, false);
    for letter in line.chars() {
        match letter {
            _ if escaped => {
                escaped = false;
                clean.push(HARMLESS);
            }
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                clean.push(letter);
            }
            ',' | '=' | '{' | '}' if quoted => clean.push(HARMLESS),
            letter => clean.push(letter),
        }
    }
    clean.replace("{}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(body: &str) -> Figures {
        Figures::read(body, &["a", "b_sum"]).expect("metrics")
    }

    #[test]
    fn known_series_are_read_and_what_is_no_number_is_not_known() {
        let page = "# HELP a What it is.\n# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} NaN\na{x=\"3\"} +Inf\na 4\na{} 5\nother 6\nb_sum 0.5 1700000000000\n# EOF\n";
        let read = figures(page);
        assert_eq!(
            read.all("a").map(|series| (series.label("x"), series.value)).collect::<Vec<_>>(),
            [("", 4.0), ("", 5.0), ("1", 2.0)]
        );
        assert_eq!((read.one("b_sum"), read.one("other"), read.one("c")), (Some(0.5), None, None));
        assert_eq!(figures(""), Figures::default(), "nothing to tell is no lie");
    }

    #[test]
    fn a_client_cannot_pass_its_figures_off_as_anothers() {
        let read = figures(
            "a{app=\"x,tenant=y\",tenant=\"mine\"} 1\na{app=\"q\\\",tenant=\\\"y\",tenant=\"mine\"} 2\na{app=\"}\",tenant=\"mine\"} 3\n",
        );
        assert_eq!(read.all("a").map(|series| series.label("tenant")).collect::<Vec<_>>(), ["mine"; 3]);
        assert_eq!(read.all("a").filter_map(Series::count).sum::<u32>(), 6);
    }

    #[test]
    fn what_is_no_metrics_is_refused() {
        for page in ["<!doctype html><p>a 1</p>", "{\"error\":\"no\"}", "Not Found", "\u{1f}\u{8b}\u{8}\u{0}"] {
            assert!(Figures::read(page, &["a"]).is_err(), "{page}");
        }
        let many = "a 1\n".repeat(MOST_SERIES + 1);
        assert!(Figures::read(&many, &["a"]).is_err());
    }

    #[test]
    fn counters_that_ran_backwards_tell_nothing_and_new_ones_wait_for_a_second_page() {
        let (before, after) = (figures("a{x=\"1\"} 5\na{x=\"2\"} 7\n"), figures("a{x=\"1\"} 8\na{x=\"2\"} 7\na{x=\"3\"} 900\n"));
        assert_eq!(after.grown(&before, "a", |_| true), Some(3.0));
        assert_eq!(after.grown(&before, "a", |series| series.label("x") == "3"), None);
        assert_eq!(before.grown(&after, "a", |_| true), None, "backwards");
    }
}
