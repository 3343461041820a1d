//! Joins the stages' settings with a folder of files: `global.toml` (optional) and one `<region>.toml` per region.
//!
//! ```text
//!  folder ──► TOML with places ──► section: typed questions ──► global, region: meaning ──► Config
//!                                        │ ${NAME}, file:PATH filled in                └──► or every Problem
//! ```
//! A configuration is used whole or not at all, and it tells everything that is wrong with it at once: file, line, key, value and fix.
//! So nothing here stops at the first problem; a value that cannot be used is noted and its default goes on in its place until the end,
//! where the problems win. What variables and files hold is never shown, and keys that may hold a secret show as `***`.
//!
//! [`Config::parse`] is pure: texts, environment and file reader are arguments. [`Config::load`] gives it the real ones. A running
//! node compares [`Fingerprint`]s, loads again when they differ, and keeps what it has when the new one is refused.

mod advice;
mod alerts;
mod bus;
mod cases;
mod channels;
mod discovery;
mod escalations;
mod expand;
mod far;
mod fingerprint;
mod folder;
mod given;
mod global;
mod history;
mod links;
mod otlp;
mod pages;
mod place;
mod places;
mod poolers;
mod problem;
mod region;
mod section;
mod silences;
mod state;
mod supabase;
mod thresholds;
mod tinybird;
mod watch;

#[cfg(test)]
mod tests;

use std::{fs, net::SocketAddr, path::Path};

use toml::{Spanned, de::DeTable};

pub use cases::rule_tests;
pub use expand::Sources;
pub use fingerprint::Fingerprint;
pub use problem::{Problem, Problems};
pub(crate) use region::LONGEST_NAME;

use crate::{
    advise, alert, clock, export,
    model::{RegionName, TargetId},
    probe::{Sampling, TargetSettings, conninfo::ConnInfo, discovery::Discovery},
    region::thresholds::Thresholds,
    web,
};
use far::Paper;
use section::{File, Findings, Place, Section, nearest};

/// All that a node is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to serve.
    pub web: web::Settings,
    /// How often to look.
    pub sampling: Sampling,
    /// Whom to tell of what, and when.
    pub alerts: alert::Settings,
    /// What holds where neither region nor target says otherwise.
    pub thresholds: Thresholds,
    /// The regions to run, by name.
    pub regions: Vec<RegionConfig>,
    /// Where all regions of the folder meet; none without a bus.
    pub bus: Option<crate::bus::Settings>,
    /// Targets that the regions to run look at from afar; none without a bus.
    pub vantages: Vec<Vantage>,
    /// Where figures are pushed; none: nowhere.
    pub otlp: Option<export::Settings>,
    /// Where rows are sent; none: nowhere.
    pub tinybird: Option<export::tinybird::Settings>,
    /// How far back advice looks.
    pub advice: advise::Settings,
    /// Where the past is kept, and for how long.
    pub history: crate::history::Settings,
    /// What is there without effect.
    pub warnings: Vec<Problem>,
}

/// One region to run.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionConfig {
    /// Its name.
    pub name: RegionName,
    /// Its targets, in the order of the file; found ones come after them.
    pub targets: Vec<TargetConfig>,
    /// Its targets that stand for many; with those above, at least one.
    pub discoveries: Vec<DiscoveryConfig>,
}

/// A target that stands for many, with the levels that they are judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscoveryConfig {
    /// What to look for, and where.
    pub discovery: Discovery,
    /// All layers applied.
    pub thresholds: Thresholds,
}

/// A target that another region than its own looks at too.
#[derive(Debug, Clone, PartialEq)]
pub struct Vantage {
    /// The region that looks; one that this node runs.
    pub from: RegionName,
    /// At what.
    pub target: TargetId,
    /// How to get there.
    pub url: ConnInfo,
}

/// One target with the levels it is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetConfig {
    /// What to watch.
    pub settings: TargetSettings,
    /// All layers applied: the defaults, `global.toml`, the region's, its own.
    pub thresholds: Thresholds,
}

/// The name of the file that is no region's.
const GLOBAL: &str = "global";

impl Config {
    /// Loads a folder, with the process's environment. Of the regions only those named, when any are: a node must not fail for
    /// another region's secrets. With a bus it must know where every region's is.
    pub fn load(dir: &Path, only_regions: &[String]) -> Result<Self, Problems> {
        let refuse =
            |message: String, fix: &str| Problems(vec![Problem::about(&dir.display().to_string(), message, fix.to_owned())]);
        let paths = folder::files(dir).map_err(|error| {
            refuse(
                format!("the configuration's folder cannot be read ({})", error.kind()),
                "name a readable folder with --config",
            )
        })?;
        let mut files = Vec::new();
        let mut unreadable = Vec::new();
        for path in paths {
            match fs::read_to_string(&path) {
                Ok(text) => files.push((path.display().to_string(), text)),
                Err(error) => unreadable.push(Problem::about(
                    &path.display().to_string(),
                    format!("the file cannot be read ({})", error.kind()),
                    "make it UTF-8 text, readable for the user that runs isobar".to_owned(),
                )),
            }
        }
        if !unreadable.is_empty() {
            return Err(Problems(unreadable));
        }
        let sources = Sources {
            now: clock::wall(),
            env: &|name| std::env::var(name).ok(),
            read: &|path| fs::read_to_string(dir.join(path)),
        };
        Self::parse(dir, &files, only_regions, &sources)
    }

    /// The same from texts: `files` are names (whose last part is `<region>.toml`) and contents; `dir` is what relative paths in
    /// the result start with.
    pub fn parse(
        dir: &Path,
        files: &[(String, String)],
        only_regions: &[String],
        sources: &Sources<'_>,
    ) -> Result<Self, Problems> {
        let mut findings = Findings::new(sources);
        let regions: Vec<_> = files.iter().map(|(name, _)| stem(name)).filter(|stem| *stem != GLOBAL).collect();
        let folder = dir.display().to_string();
        if regions.is_empty() {
            let fix = "add one file per region, e.g. us-east-1.toml, with region = \"us-east-1\" and a [[target]]";
            findings.problems.push(Problem::about(&folder, "the folder holds no region's file".to_owned(), fix.to_owned()));
        }
        for wanted in only_regions.iter().filter(|wanted| !regions.contains(&wanted.as_str())) {
            let fix = match nearest(wanted, regions.iter().copied()) {
                Some(region) => format!("did you mean `{region}`?"),
                None => format!("choose from {}", regions.join(", ")),
            };
            findings.problems.push(Problem::about(&folder, format!("there is no region `{wanted}` here"), fix));
        }

        let around = global::Around { folder: dir, regions: &regions };
        let mut base = global::Global { history: history::usual(dir), ..global::Global::default() };
        for (name, text) in files.iter().filter(|(name, _)| stem(name) == GLOBAL) {
            if let Some(document) = document(&mut findings, File { name, text }) {
                base = global::read(&mut findings, &Section::root(File { name, text }, document.get_ref()), &around);
            }
        }
        let run = |stem: &str| only_regions.is_empty() || only_regions.iter().any(|only| only == stem);
        let mut papers: Vec<Paper<'_>> = files
            .iter()
            .filter(|(name, _)| stem(name) != GLOBAL)
            .map(|(name, text)| Paper::new(&mut findings, File { name, text }, stem(name), run(stem(name))))
            .collect();
        let bus = far::places(&mut findings, &mut papers, &base.bus);
        let mut configs = Vec::new();
        for paper in papers.iter().filter(|paper| paper.home) {
            let around = region::Surroundings {
                folder: dir,
                stem: paper.stem,
                regions: &regions,
                base: &base.thresholds,
                bus: bus.is_some(),
            };
            configs.extend(paper.root().map(|root| region::read(&mut findings, &root, &around)));
        }
        let mut vantages = Vec::new();
        if bus.is_some() {
            vantages = far::vantages(&mut findings, &papers, &configs, dir);
        }

        let Findings { mut problems, mut warnings, .. } = findings;
        let order = |problem: &Problem| (files.iter().position(|(name, _)| *name == problem.file), problem.line);
        problems.sort_by_key(order);
        warnings.sort_by_key(order);
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        Ok(Self {
            web: base.web,
            alerts: base.alerts,
            sampling: base.sampling,
            thresholds: base.thresholds,
            regions: configs,
            bus,
            vantages,
            otlp: base.otlp,
            tinybird: base.tinybird,
            advice: base.advice,
            history: base.history,
            warnings,
        })
    }

    /// What `isobar watch` runs: these connection strings as targets of the region `local`, each named after its database, with
    /// poolers in front. A pooler's connection string leads to its console (database `pgbouncer`) or is what an application would use, which
    /// tells where the console is; it belongs to the targets with the same database name, or to all when there is none.
    pub fn for_watch(urls: &[String], poolers: &[String], listen: Option<SocketAddr>) -> Result<Self, Problems> {
        watch::config(urls, poolers, listen)
    }

    /// Listens elsewhere than the files say (`--listen`); refused beyond loopback without tokens.
    pub fn listen_on(&mut self, listen: SocketAddr) -> Result<(), Problems> {
        let web = web::Settings { listen, ..self.web.clone() };
        let missing = global::missing_tokens(&web);
        if !missing.is_empty() {
            let problem = Problem::about(COMMAND_LINE, global::open(&missing), global::open_fix(&missing));
            let (key, value) = ("--listen".to_owned(), Some(listen.to_string()));
            return Err(Problems(vec![Problem { key, value, ..problem }]));
        }
        self.web = web;
        Ok(())
    }
}

/// The `file` of problems with arguments.
const COMMAND_LINE: &str = "command line";

/// The region that a file is for.
fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

/// Parses one file; notes all its errors of syntax, without the text around them.
fn document<'a>(findings: &mut Findings<'_>, file: File<'a>) -> Option<Spanned<DeTable<'a>>> {
    let (document, errors) = DeTable::parse_recoverable(file.text);
    for error in &errors {
        let fix = "correct the TOML here; strings stand in double quotes, tables in [brackets]";
        findings.problem(&Place::bare(file, error.span()), error.message(), fix);
    }
    errors.is_empty().then_some(document)
}
