//! `[[target.pooler]]`: a pooler in front of a target, and what tells of its pools.

use std::path::Path;

use super::{
    pages,
    region::conninfo,
    section::{Findings, Section, nearest},
};
use crate::{
    model::sample::PoolerKind,
    probe::{Dialect, PoolerSettings, conninfo::ConnInfo, scrape::Source},
};

const POOLER_KINDS: [(&str, PoolerKind); 6] = [
    ("pgbouncer", PoolerKind::Pgbouncer),
    ("supavisor", PoolerKind::Supavisor),
    ("supabase", PoolerKind::Supabase),
    ("pgcat", PoolerKind::Pgcat),
    ("odyssey", PoolerKind::Odyssey),
    ("pgdog", PoolerKind::Pgdog),
];

/// Keys of every kind, and those of a Supavisor alone.
const COMMON: [&str; 3] = ["client_url", "kind", "url"];
const PAGE: [&str; 3] = ["metrics_secret", "metrics_url", "tenant"];

/// One `[[target.pooler]]`; none when it cannot be used. `project` is where the target's project of Supabase tells of its poolers.
pub(super) fn read(
    findings: &mut Findings<'_>,
    section: &Section<'_>,
    folder: &Path,
    project: Option<&Source>,
) -> Option<PoolerSettings> {
    section.only(findings, &[&COMMON[..], &PAGE].concat(), (&[], ""));
    let mut kind = None;
    if let Some(text) = section.required(findings, "kind", "\"pgbouncer\"") {
        kind = POOLER_KINDS.iter().find(|(name, _)| *name == text.value).map(|(_, kind)| *kind);
        let names = POOLER_KINDS.map(|(name, _)| name);
        match (kind, nearest(&text.value, names.into_iter())) {
            (Some(_), _) => {}
            (None, Some(name)) => {
                findings.problem(&text.at, "is not a pooler that isobar knows", format!("did you mean \"{name}\"?"));
            }
            (None, None) => {
                findings.problem(&text.at, "is not a pooler that isobar knows", format!("write one of {}", names.join(", ")));
            }
        }
    }
    let mut parsed = |key: &str| section.text(findings, key).and_then(|text| conninfo(findings, &text, folder));
    let (console, client) = (parsed("url"), parsed("client_url"));
    match kind {
        Some(kind @ (PoolerKind::Supavisor | PoolerKind::Supabase)) => return told(findings, section, kind, client, project),
        _ => strays(findings, section, &PAGE, "is read of a Supavisor alone"),
    }
    if !section.has("url") && !section.has("client_url") {
        let fix = "add url (its console) or client_url (what an application would use), best both";
        findings.problem(&section.place(), "has neither url nor client_url", fix);
    }
    let dialect = Dialect::of(kind?)?;
    let (title, names) = (dialect.title(), dialect.consoles());
    if console.as_ref().is_some_and(|console| !dialect.names_its_console() && !dialect.is_console(&console.dbname)) {
        let fix = format!("end it with /{}, or name it client_url if it is what an application would use", names.join(" or /"));
        findings.problem(&section.at("url"), format!("does not lead to {title}'s console"), fix);
    }
    if client.as_ref().is_some_and(|client| dialect.is_console(&client.dbname)) {
        let fix = "name the console url, and give in client_url the database that an application would use";
        findings.problem(&section.at("client_url"), format!("leads to {title}'s console"), fix);
    }
    let kind = dialect.kind();
    (console.is_some() || client.is_some()).then_some(PoolerSettings { kind, console, client, metrics: None })
}

/// A pooler without a console.
fn told(
    findings: &mut Findings<'_>,
    section: &Section<'_>,
    kind: PoolerKind,
    client: Option<ConnInfo>,
    project: Option<&Source>,
) -> Option<PoolerSettings> {
    let title = if kind == PoolerKind::Supabase { "Supabase" } else { "Supavisor" };
    if section.has("url") {
        let fix = "remove it, or name it client_url if it is what an application would use";
        findings.problem(&section.at("url"), format!("is a console, and {title} has none"), fix);
    }
    let (metrics, missing, fix) = if kind == PoolerKind::Supabase {
        strays(findings, section, &PAGE, "is read of a Supavisor of your own alone");
        let fix = "add client_url (what an application would use), or secret_key to [target.supabase] (its pools), best both";
        (project.cloned(), "has neither client_url nor the project's metrics", fix)
    } else {
        let fix = "add metrics_url and metrics_secret (its pools) or client_url (what an application would use), best both";
        (pages::supavisor(findings, section), "has neither metrics_url nor client_url", fix)
    };
    if metrics.is_none() && !section.has("client_url") && !section.has("metrics_url") && !section.has("metrics_secret") {
        findings.problem(&section.place(), missing, fix);
    }
    (metrics.is_some() || client.is_some()).then_some(PoolerSettings { kind, console: None, client, metrics })
}

/// Keys of another kind of pooler.
fn strays(findings: &mut Findings<'_>, section: &Section<'_>, keys: &[&str], message: &str) {
    for key in keys.iter().filter(|key| section.has(key)) {
        findings.problem(&section.at(key), message, "remove it");
    }
}
