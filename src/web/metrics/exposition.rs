//! The two text formats that scrapers read: Prometheus 0.0.4 and OpenMetrics 1.0. Written by hand because the exporters' counters
//! must keep their names: `pg_stat_database_xact_commit` counts but does not end in `_total`, which OpenMetrics forbids; there
//! such a family is of type `unknown`, so that a dashboard finds the same name in either format.

use std::{
    collections::{HashSet, hash_map::RandomState},
    fmt::{self, Write},
    hash::BuildHasher,
};

/// Which of the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What to send as content type.
    pub(in crate::web) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    /// Only grows, until a reset.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A constant 1 whose labels are the message; named `..._info`.
    Info,
    /// One series per state, 1 for the one that holds; the label has the family's name.
    StateSet,
}

/// The units whose names OpenMetrics wants declared; base units only.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// Label names and values, in the order they are shown.
pub(in crate::web) type Labels<'a> = &'a [(&'static str, &'a str)];

/// Writes families one after the other.
pub(in crate::web) struct Exposition {
    format: Format,
    out: String,
    hasher: RandomState,
    /// All families, also those without samples.
    #[cfg(test)]
    pub(super) named: Vec<&'static str>,
}

/// Writes the samples of one family.
pub(in crate::web) struct Family<'a> {
    page: &'a mut Exposition,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Hashes of the series written, so that none is written twice; a collision of 64 bits would lose one series for once.
    written: HashSet<u64>,
}

impl Exposition {
    pub(in crate::web) fn new(format: Format) -> Self {
        Self {
            format,
            out: String::with_capacity(64 << 10),
            hasher: RandomState::new(),
            #[cfg(test)]
            named: Vec::new(),
        }
    }

    /// The next family, by the full name of its samples; its head is written with the first of them.
    pub(in crate::web) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        #[cfg(test)]
        self.named.push(name);
        Family { page: self, name, kind, help, written: HashSet::new() }
    }

    pub(in crate::web) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

impl Family<'_> {
    /// One series; a second one with the same labels, or a value that is not a number, is left out.
    pub(in crate::web) fn sample(&mut self, labels: Labels, value: f64) {
        if !value.is_finite() || !self.written.insert(self.page.hasher.hash_one(labels)) {
            return;
        }
        if self.written.len() == 1 {
            self.head();
        }
        let out = &mut self.page.out;
        out.push_str(self.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            let _ = write!(out, "{}{name}=\"{}\"", if index == 0 { '{' } else { ',' }, Escaped(value, true));
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }

    fn head(&mut self) {
        let Self { name, kind, help, .. } = *self;
        let open = self.page.format == Format::OpenMetrics;
        let (family, word) = match (kind, open) {
            (Kind::Counter, false) => (name, "counter"),
            (Kind::Counter, true) => name.strip_suffix("_total").map_or((name, "unknown"), |family| (family, "counter")),
            (Kind::Info, true) => (name.strip_suffix("_info").unwrap_or(name), "info"),
            (Kind::StateSet, true) => (name, "stateset"),
            (Kind::Gauge, _) | (Kind::Info | Kind::StateSet, false) => (name, "gauge"),
        };
        let out = &mut self.page.out;
        let _ = writeln!(out, "# HELP {family} {}\n# TYPE {family} {word}", Escaped(help, open));
        let unit = UNITS.iter().find(|unit| family.strip_suffix(*unit).is_some_and(|stem| stem.ends_with('_')));
        if let (true, Some(unit)) = (open, unit) {
            let _ = writeln!(out, "# UNIT {family} {unit}");
        }
    }
}

/// Text with backslashes and line breaks escaped, and quotes where they would end it.
struct Escaped<'a>(&'a str, bool);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, quotes) = self;
        let mut rest = *text;
        while let Some(at) = rest.find(['\\', '\n', '"']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'\\' => "\\\\",
                b'\n' => "\\n",
                _ if *quotes => "\\\"",
                _ => "\"",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}
