//! A cursor over a parsed file that knows where everything stands. Each question (`text`, `duration`, ...) either answers or has noted
//! a problem with file, line and key and answers nothing, so that a reader goes on and finds the next problem too.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    expand::{Sources, expand},
    problem::Problem,
};

pub(super) use super::place::{File, Place};

/// How alike two names must be (Jaro-Winkler, 0..1) for one to be offered for the other.
const ALIKE: f64 = 0.8;

/// Collects what is found while files are read.
pub(super) struct Findings<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(sources: &'a Sources<'a>) -> Self {
        Self { sources, problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn problem(&mut self, at: &Place<'_>, message: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(at.problem(message.into(), fix.into()));
    }

    pub(super) fn warn(&mut self, at: &Place<'_>, message: impl Into<String>, fix: impl Into<String>) {
        self.warnings.push(at.problem(message.into(), fix.into()));
    }
}

/// A string with its references filled in, and where it stands.
pub(super) struct Text<'a> {
    pub(super) value: String,
    pub(super) at: Place<'a>,
}

/// One table of a file.
#[derive(Clone)]
pub(super) struct Section<'a> {
    pub(super) file: File<'a>,
    span: Range<usize>,
    key: String,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn root(file: File<'a>, table: &'a DeTable<'a>) -> Self {
        Self { file, span: 0..0, key: String::new(), table }
    }

    /// Where the table itself stands.
    pub(super) fn place(&self) -> Place<'a> {
        Place { file: self.file, span: Some(self.span.clone()), key: self.key.clone(), shown: false }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// Where a key's value stands; the table's place when it does not.
    pub(super) fn at(&self, key: &str) -> Place<'a> {
        let span = self.table.get(key).map_or(self.span.clone(), Spanned::span);
        Place { file: self.file, span: Some(span), key: self.path(key), shown: self.has(key) }
    }

    /// Where a key in a table within stands, e.g. `rules.pool_saturated.for`; the nearest table's place when it does not.
    pub(super) fn deep(&self, path: &str) -> Place<'a> {
        let Some((first, rest)) = path.split_once('.') else { return self.at(path) };
        match self.table.get(first).and_then(|value| Some((value, value.get_ref().as_table()?))) {
            Some((value, table)) => Section { file: self.file, span: value.span(), key: self.path(first), table }.deep(rest),
            None => Place { key: self.path(path), ..self.at(first) },
        }
    }

    fn path(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }

    /// Refuses keys other than these. Some are known, but `elsewhere`: those names and where they belong.
    pub(super) fn only(&self, findings: &mut Findings<'_>, known: &[&str], elsewhere: (&[&str], &str)) {
        for key in self.table.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                self.unknown(findings, key, known, elsewhere);
            }
        }
    }

    /// Notes an unknown key. Its value is not shown: under a misspelt name it may be a secret.
    fn unknown(
        &self,
        findings: &mut Findings<'_>,
        key: &Spanned<toml::de::DeString<'_>>,
        known: &[&str],
        elsewhere: (&[&str], &str),
    ) {
        let (name, (others, home)) = (key.get_ref().as_ref(), elsewhere);
        let at = Place { file: self.file, span: Some(key.span()), key: self.path(name), shown: false };
        let fix = match nearest(name, known.iter().copied()) {
            _ if others.contains(&name) => format!("it belongs in {home}"),
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("remove it; known here: {}", known.join(", ")),
        };
        findings.problem(&at, "unknown key", fix);
    }

    /// Notes that a key is unknown, when only that key is in question.
    pub(super) fn unknown_key(&self, findings: &mut Findings<'_>, name: &str, known: &[&str]) {
        if let Some((key, _)) = self.table.get_key_value(name) {
            self.unknown(findings, key, known, (&[], ""));
        }
    }

    fn wrong(&self, findings: &mut Findings<'_>, key: &str, found: &DeValue<'_>, expected: &str, example: &str) {
        findings.problem(&self.at(key), format!("must be {expected}, not {}", kind(found)), format!("write {key} = {example}"));
    }

    pub(super) fn text(&self, findings: &mut Findings<'_>, key: &str) -> Option<Text<'a>> {
        let value = self.table.get(key)?.get_ref();
        let Some(text) = value.as_str() else {
            self.wrong(findings, key, value, "a string", "\"...\"");
            return None;
        };
        filled(findings, text, self.at(key))
    }

    /// A string that must be there and not empty.
    pub(super) fn required(&self, findings: &mut Findings<'_>, key: &str, example: &str) -> Option<Text<'a>> {
        if !self.has(key) {
            findings.problem(&self.at(key), "is missing", format!("add {key} = {example}"));
            return None;
        }
        let text = self.text(findings, key)?;
        if text.value.trim().is_empty() {
            findings.problem(&text.at, "is empty", format!("write {key} = {example}"));
            return None;
        }
        Some(text)
    }

    /// A string that may be left empty, as `"${NAME:-}"` may be: then it counts as none.
    pub(super) fn given(&self, findings: &mut Findings<'_>, key: &str) -> Option<Text<'a>> {
        self.text(findings, key).filter(|text| !text.value.trim().is_empty())
    }

    /// A moment as it is written, in quotes or as TOML's own kind.
    pub(super) fn moment(&self, findings: &mut Findings<'_>, key: &str) -> Option<(String, Place<'a>)> {
        if let DeValue::Datetime(moment) = self.table.get(key)?.get_ref() {
            return Some((moment.to_string(), self.at(key)));
        }
        self.given(findings, key).map(|text| (text.value, text.at))
    }

    /// One of a few words; notes a problem, with the nearest of them, otherwise.
    pub(super) fn choice<T: Copy>(&self, findings: &mut Findings<'_>, key: &str, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(findings, key)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names = || words.iter().map(|(word, _)| *word);
            let fix = match nearest(&text.value, names()) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
            };
            findings.problem(&text.at, format!("is not {what}"), fix);
        }
        found
    }

    pub(super) fn texts(&self, findings: &mut Findings<'_>, key: &str) -> Vec<Text<'a>> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(findings, key, value.get_ref(), "a list of strings", "[\"...\"]");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = Place { span: Some(item.span()), key: format!("{}[{index}]", self.path(key)), ..self.at(key) };
            match item.get_ref().as_str() {
                Some(text) => texts.extend(filled(findings, text, at)),
                None => findings.problem(&at, format!("must be a string, not {}", kind(item.get_ref())), "put it in quotes"),
            }
        }
        texts
    }

    pub(super) fn flag(&self, findings: &mut Findings<'_>, key: &str) -> Option<bool> {
        let value = self.table.get(key)?.get_ref();
        if value.as_bool().is_none() {
            self.wrong(findings, key, value, "true or false", "false");
        }
        value.as_bool()
    }

    pub(super) fn number(&self, findings: &mut Findings<'_>, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.table.get(key)?.get_ref();
        let number = match value {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number as f64),
            other => {
                self.wrong(findings, key, other, "a number", &range.start().to_string());
                return None;
            }
        };
        let within = number.filter(|number| range.contains(number));
        if within.is_none() {
            let fix = format!("choose one from {} to {}", range.start(), range.end());
            findings.problem(&self.at(key), "is out of range", fix);
        }
        within
    }

    pub(super) fn whole(&self, findings: &mut Findings<'_>, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.number(findings, key, f64::from(*range.start())..=f64::from(*range.end()))?;
        if number.fract() != 0.0 {
            findings.problem(
                &self.at(key),
                "must be a whole number",
                format!("choose one from {} to {}", range.start(), range.end()),
            );
            return None;
        }
        Some(number as u32)
    }

    pub(super) fn duration(&self, findings: &mut Findings<'_>, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let value = self.table.get(key)?.get_ref();
        if value.as_str().is_none() {
            self.wrong(
                findings,
                key,
                value,
                "a duration in quotes",
                &format!("\"{}\"", humantime::format_duration(*range.start())),
            );
            return None;
        }
        let text = self.text(findings, key)?;
        let Ok(duration) = humantime::parse_duration(&text.value) else {
            findings.problem(&text.at, "is not a duration", "write a number and a unit: \"250ms\", \"10s\", \"5m\", \"2d\"");
            return None;
        };
        if !range.contains(&duration) {
            let [from, to] = [*range.start(), *range.end()].map(humantime::format_duration);
            findings.problem(&text.at, "is out of range", format!("choose one from {from} to {to}"));
            return None;
        }
        Some(duration)
    }

    pub(super) fn table(&self, findings: &mut Findings<'_>, key: &str) -> Option<Section<'a>> {
        let value = self.table.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let fix = format!("write it as a table: [{}]", self.header(key));
            findings.problem(&self.at(key), format!("must be a table, not {}", kind(value.get_ref())), fix);
            return None;
        };
        Some(Section { file: self.file, span: value.span(), key: self.path(key), table })
    }

    /// A key's path as it is written in a header, without the numbers of list items.
    fn header(&self, key: &str) -> String {
        let parts: Vec<_> = self.path(key).split('.').map(|part| part.split('[').next().unwrap_or_default().to_owned()).collect();
        parts.join(".")
    }

    pub(super) fn tables(&self, findings: &mut Findings<'_>, key: &str) -> Vec<Section<'a>> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let items = value.get_ref().as_array().filter(|items| items.iter().all(|item| item.get_ref().is_table()));
        let Some(items) = items else {
            let message = format!("must be a list of tables, not {}", kind(value.get_ref()));
            findings.problem(&self.at(key), message, format!("write it with double brackets: [[{}]]", self.header(key)));
            return Vec::new();
        };
        let section = |(index, item): (usize, &'a Spanned<DeValue<'a>>)| {
            let table = item.get_ref().as_table()?;
            Some(Section { file: self.file, span: item.span(), key: format!("{}[{index}]", self.path(key)), table })
        };
        items.iter().enumerate().filter_map(section).collect()
    }
}

fn filled<'a>(findings: &mut Findings<'_>, text: &str, at: Place<'a>) -> Option<Text<'a>> {
    match expand(text, findings.sources) {
        Ok(value) => Some(Text { value, at }),
        Err(error) => {
            findings.problem(&at, error.to_string(), error.fix());
            None
        }
    }
}

/// A value's type, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The known name that may have been meant.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase().replace('-', "_");
    let likeness = |known: &'k str| (strsim::jaro_winkler(&lower, &known.replace('-', "_")), known);
    let best = known.map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, known)| known)
}
