//! Discovery's part of `isobar check`: what each `[[target]]` that stands for many stands for now.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::Config,
    model::TargetId,
    probe::{
        discovery::{Discovery, Found, Source, databases::look, patroni::Cluster},
        preflight::{Finding, Level},
    },
};

/// A person waits for the answer and wants the cause rather than haste.
const WITHIN: Duration = Duration::from_secs(5);

/// What was found, and what is said of it.
pub(super) struct Looked {
    pub(super) of: TargetId,
    pub(super) findings: Vec<Finding>,
    found: Vec<Found>,
}

/// Asks all sources.
pub(super) async fn check(config: &Config) -> Vec<Looked> {
    let discoveries = config.regions.iter().flat_map(|region| &region.discoveries);
    futures_util::future::join_all(discoveries.map(|config| one(&config.discovery))).await
}

/// The configuration with all that was found.
pub(super) fn resolved(config: &Config, looked: &mut [Looked]) -> Config {
    let found: BTreeMap<_, _> = looked.iter().map(|looked| (looked.of.clone(), looked.found.clone())).collect();
    let (config, nameless) = config.with(|id| found.get(id).cloned().unwrap_or_default());
    if let (Some(first), false) = (looked.first_mut(), nameless.is_empty()) {
        let detail = format!("no name is left for {}", nameless.join(", "));
        let fix = Some("rename the [[target]]s that have the names already".to_owned());
        first.findings.push(Finding { part: "discovery".into(), check: "names", level: Level::Degraded, detail, fix });
    }
    config
}

async fn one(discovery: &Discovery) -> Looked {
    let (check, answer) = match &discovery.source {
        Source::Databases(patterns) => {
            let looked = look(&discovery.template.url, &[], patterns, WITHIN).await;
            let found = looked.map_err(|failure| failure.to_string()).map(|looked| {
                let more = if looked.left_out > 0 { format!("; {} more are left out", looked.left_out) } else { String::new() };
                (looked.found, more)
            });
            ("databases", found)
        }
        Source::Patroni(settings) => {
            let members = match Cluster::new(settings) {
                Ok(mut cluster) => cluster.members().await,
                Err(why) => Err(why),
            };
            ("patroni", members.map(|members| (members.into_iter().map(Found::Member).collect(), String::new())))
        }
    };
    let finding = |level, detail, fix: Option<&str>| Finding {
        part: "discovery".into(),
        check,
        level,
        detail,
        fix: fix.map(str::to_owned),
    };
    let (found, finding) = match answer {
        Err(why) => (Vec::new(), finding(Level::Broken, why, None)),
        Ok((found, _)) if found.is_empty() => {
            let fix = "correct include and exclude; a database must allow connections, and the role must have CONNECT on it";
            (found, finding(Level::Degraded, "nothing matches".to_owned(), Some(fix)))
        }
        Ok((found, more)) => {
            let level = if more.is_empty() { Level::Good } else { Level::Degraded };
            let names: Vec<String> = found.iter().map(shown).collect();
            (found, finding(level, format!("{} found: {}{more}", names.len(), names.join(", ")), None))
        }
    };
    Looked { of: discovery.template.id.clone(), findings: vec![finding], found }
}

fn shown(found: &Found) -> String {
    match found {
        Found::Database(name) => name.clone(),
        Found::Member(member) => {
            format!("{} ({} at {}:{}, {})", member.name, member.role, member.host, member.port, member.state)
        }
    }
}
