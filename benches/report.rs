//! The page: `docs/benchmarks.md`, one section per part between marks, so that a run of some parts leaves the others' as they are.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");

const HEAD: &str = "# Benchmarks

What Isobar costs and how soon it tells, held against its budgets. `make bench` writes this page; `make bench ARGS=\"-- cost detection\"`
makes these parts anew and leaves the others. Everything runs on one machine: the servers (throw-away PostgreSQL and PgBouncer on loopback),
their load, Isobar (release build) and the bench itself. Each section says when and on what, and how loaded the machine was before.
";

/// What a budget says, and what came out.
struct Row {
    what: String,
    budget: String,
    measured: String,
    met: Option<bool>,
}

/// One part's table, with what is to be known to read it.
pub(crate) struct Section {
    title: &'static str,
    setup: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(title: &'static str, setup: impl Into<String>) -> Self {
        Self { title, setup: setup.into(), rows: Vec::new(), notes: Vec::new() }
    }

    /// A figure with a budget.
    pub(crate) fn held(&mut self, what: impl Into<String>, budget: impl Into<String>, measured: impl Into<String>, met: bool) {
        self.rows.push(Row { what: what.into(), budget: budget.into(), measured: measured.into(), met: Some(met) });
    }

    /// A figure to compare with.
    pub(crate) fn beside(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.rows.push(Row { what: what.into(), budget: String::new(), measured: measured.into(), met: None });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// As it stands on the page.
    pub(crate) fn told(&self, name: &str, context: &str) -> String {
        let mut text = format!("## {}\n\n{}\n\n{context}: `make bench ARGS=\"-- {name}\"`.\n\n", self.title, self.setup);
        text.push_str("| what | budget | measured | met |\n| --- | --- | --- | --- |\n");
        for Row { what, budget, measured, met } in &self.rows {
            let met = met.map_or("", |met| if met { "yes" } else { "**no**" });
            let _ = writeln!(text, "| {what} | {budget} | {measured} | {met} |");
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }
}

/// When, on what, and how loaded it was.
pub(crate) fn context() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo").split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default();
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let day = isobar::clock::wall().0.format("%Y-%m-%d");
    let (version, memory) = (env!("CARGO_PKG_VERSION"), memory.div_ceil(1 << 20));
    format!("{day}, Isobar {version} on Linux with {cores} cores and {memory} GiB, load average {load} before it began")
}

/// Puts a section on the page.
pub(crate) fn keep(name: &str, section: &str) {
    let page = fs::read_to_string(PAGE).unwrap_or_else(|_| HEAD.to_owned());
    let (from, to) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let kept = match page.split_once(&from).and_then(|(before, rest)| Some((before, rest.split_once(&to)?.1))) {
        Some((before, after)) => format!("{before}{from}{section}{to}{after}"),
        None => format!("{page}\n{from}{section}{to}"),
    };
    fs::write(Path::new(PAGE), kept).expect("docs/benchmarks.md can be written");
}

/// Milliseconds with as many digits as they are worth.
pub(crate) fn ms(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// A share of one core.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// The value that so many percent of them are not above.
pub(crate) fn percentile(of: &[Duration], percent: usize) -> Duration {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or_default()
}
