//! `isobar report`: what a stretch of time was like, from what a running node tells: gathered over HTTP, made into figures, told as text, as
//! JSON or as one page. What is not known is said, and never shown as fine.

mod figures;
mod file;
mod gather;
mod html;
mod plot;
mod plots;
mod text;
mod told;
mod words;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use chrono::{DateTime, Utc};
use clap::Args;

use super::{
    Failure,
    node::NodeArgs,
    terminal::{self, clean},
};
use crate::{clock, model::Timestamp};
use figures::Report;
use gather::{Gathered, Scope};

/// `isobar report`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReportArgs {
    /// Since when: a length of time before now such as 12h or 7d, or a time such as 2026-11-24T06:00:00Z; a year at most
    #[arg(long, value_name = "WHEN", default_value = "7d", value_parser = since)]
    since: Since,
    /// Write one page with plots to this file; it needs nothing else, so it may be mailed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Only this region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Only targets of this name
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Print the figures as JSON
    #[arg(long, display_order = 800)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

const EXAMPLES: &str = "\
The first three lines say what happened, what hurts and what to do next. What was not seen is told as not seen.

Examples:
  isobar report                                          the last seven days of everything
  isobar report --since 12h --region eu-west-1           last night in one region
  isobar report --since 30d --html november.html         a page with plots, to look at or to mail
  isobar report --since 2026-11-24T06:00:00Z --target marketing
  isobar report --json | jq .summary                     for a script";

/// The longest time that is reported on.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// In a shorter time nothing can be said.
const SHORTEST: Duration = Duration::from_secs(1);

/// Where a report begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Ago(Duration),
    At(Timestamp),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Since::At(Timestamp(at.with_timezone(&Utc))));
    }
    let ago = humantime::parse_duration(text);
    let ago = ago.map_err(|_| "give a length of time such as 12h or 7d, or a time such as 2026-11-24T06:00:00Z".to_owned())?;
    if (SHORTEST..=LONGEST).contains(&ago) { Ok(Since::Ago(ago)) } else { Err("give between 1s and 365d".to_owned()) }
}

impl Since {
    /// The moment, when it can be reported on.
    fn from(self, now: Timestamp) -> Result<Timestamp, Failure> {
        let wrong =
            |why: &str| Failure::usage(format!("--since: {why}; give a time of the last 365 days, or a length such as 7d"));
        match self {
            Self::Ago(ago) => Ok(now.before(ago)),
            Self::At(at) if now.since(at) < SHORTEST => Err(wrong("that is still to come")),
            Self::At(at) if now.since(at) > LONGEST => Err(wrong("that is longer than a year ago")),
            Self::At(at) => Ok(at),
        }
    }
}

pub(super) fn run(args: &ReportArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    let gathered = runtime.block_on(ask(args, clock::wall()))?;
    terminal::print(&answer(args, &gathered, terminal::width())?)
}

async fn ask(args: &ReportArgs, now: Timestamp) -> Result<Gathered, Failure> {
    let scope = Scope { from: args.since.from(now)?, to: now, region: args.region.clone(), target: args.target.clone() };
    if let Some(file) = &args.html {
        file::check(file)?;
    }
    gather::gather(&args.node.node()?, scope).await
}

/// Writes the page when one is wanted, and words what is printed.
fn answer(args: &ReportArgs, gathered: &Gathered, width: usize) -> Result<String, Failure> {
    let report = Report::of(gathered);
    if let Some(file) = &args.html {
        file::write(file, &html::page(&report, &plots::of(gathered, &report)))?;
    }
    match &args.html {
        _ if args.json => terminal::json(&serde_json::to_value(&report).map_err(Failure::failed)?),
        Some(file) => {
            let summary = report.summary.iter().map(|line| terminal::wrapped(&clean(line), "", width)).collect::<String>();
            Ok(format!("{summary}\nwritten to {}", clean(&file.display().to_string())))
        }
        None => Ok(text::text(&report, width)),
    }
}

#[cfg(test)]
mod tests;
