//! `isobar check`: is everything right before somebody depends on it? All problems of the configuration at once, then every target
//! and pooler by phase, many at a time, every region's bus step by step, every channel without telling anybody, and
//! Tinybird without a row.

mod buses;
mod channels;
mod discovery;
mod supabase;
mod tinybird;

use std::{fmt::Write as _, process::ExitCode};

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::{CheckArgs, Failure, terminal};
use crate::{
    alert,
    config::{Config, Problems},
    model::{RegionName, TargetName},
    probe::preflight::{Finding, Level, preflight},
};

/// Targets that are checked at once: quick for hundreds, gentle to a server that has fifty of them.
const AT_ONCE: usize = 8;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Outcome {
    status: Level,
    problems: Option<Problems>,
    warnings: Problems,
    targets: Vec<Checked>,
    buses: Vec<buses::Bus>,
    channels: Vec<channels::Channel>,
    supabase: Vec<supabase::Found>,
    tinybird: Option<tinybird::Tinybird>,
}

#[derive(Debug, Serialize)]
struct Checked {
    region: RegionName,
    target: TargetName,
    status: Level,
    findings: Vec<Finding>,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let outcome = match Config::load(&args.config, &[]) {
        Err(problems) => {
            let warnings = Problems(Vec::new());
            let (targets, buses, channels, supabase) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let (status, problems, tinybird) = (Level::Broken, Some(problems), None);
            Outcome { status, problems, warnings, targets, buses, channels, supabase, tinybird }
        }
        Ok(config) => {
            let runtime = tokio::runtime::Runtime::new().map_err(Failure::failed)?;
            runtime.block_on(check(config))
        }
    };
    let text = if args.json { serde_json::to_string_pretty(&outcome).map_err(Failure::failed)? } else { report(&outcome) };
    terminal::print(&text)?;
    Ok(ExitCode::from(match outcome.status {
        Level::Good => 0,
        Level::Degraded => 1,
        Level::Broken => 2,
    }))
}

async fn check(config: Config) -> Outcome {
    let askers = supabase::askers(&config);
    let mut looked = discovery::check(&config).await;
    let config = discovery::resolved(&config, &mut looked);
    let looked = looked.into_iter().map(|looked| {
        let status = looked.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
        Checked { region: looked.of.region, target: looked.of.target, status, findings: looked.findings }
    });
    let targets = config.regions.into_iter().flat_map(|region| region.targets);
    let checks = targets.map(|target| async move {
        let findings = preflight(&target.settings).await;
        let status = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
        Checked { region: target.settings.id.region, target: target.settings.id.target, status, findings }
    });
    let checked: Vec<Checked> = stream::iter(checks).buffered(AT_ONCE).collect().await;
    let targets: Vec<Checked> = looked.chain(checked).collect();
    let buses = buses::check(config.bus).await;
    let channels = channels::check(config.alerts.channels, alert::channels::build).await;
    let supabase = supabase::check(askers).await;
    let tinybird = tinybird::check(config.tinybird).await;
    let all = targets.iter().map(|target| target.status).chain(channels.iter().map(|channel| channel.status));
    let worst = all
        .chain(buses.iter().map(|bus| bus.status))
        .chain(supabase.iter().map(|found| found.status))
        .chain(tinybird.iter().map(|found| found.status))
        .max()
        .unwrap_or(Level::Good);
    let warned = if config.warnings.is_empty() { Level::Good } else { Level::Degraded };
    let (status, warnings) = (worst.max(warned), Problems(config.warnings));
    Outcome { status, problems: None, warnings, targets, buses, channels, supabase, tinybird }
}

const fn mark(level: Level) -> &'static str {
    match level {
        Level::Good => "ok      ",
        Level::Degraded => "degraded",
        Level::Broken => "BROKEN  ",
    }
}

fn report(outcome: &Outcome) -> String {
    let mut text = String::new();
    if let Some(problems) = &outcome.problems {
        let _ = writeln!(text, "{problems}");
    }
    if !outcome.warnings.0.is_empty() {
        let _ = writeln!(text, "{}", outcome.warnings);
    }
    for target in &outcome.targets {
        let _ = writeln!(text, "{}/{}", target.region, target.target);
        for finding in &target.findings {
            let _ = writeln!(text, "  {} {}: {}: {}", mark(finding.level), finding.part, finding.check, finding.detail);
            if let Some(fix) = &finding.fix {
                let _ = writeln!(text, "           fix: {fix}");
            }
        }
    }
    buses::report(&outcome.buses, &mut text);
    channels::report(&outcome.channels, &mut text);
    supabase::report(&outcome.supabase, &mut text);
    tinybird::report(outcome.tinybird.as_ref(), &mut text);
    let good = outcome.targets.iter().filter(|target| target.status == Level::Good).count();
    let _ = writeln!(text, "{good} of {} targets are good", outcome.targets.len());
    text
}
