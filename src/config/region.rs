//! `<region>.toml`: the targets of one region and the poolers in front of them.

use std::{collections::HashSet, path::Path};

use super::{
    DiscoveryConfig, RegionConfig, TargetConfig, discovery, global, poolers,
    section::{Findings, Section, Text, nearest},
    supabase,
    thresholds::{self, Layer},
};
use crate::{
    model::{RegionName, TargetId},
    probe::{
        TargetSettings,
        conninfo::{ConnInfo, POOL_MODES},
    },
    region::thresholds::Thresholds,
};

/// The database of PgBouncer that is its console.
pub(super) const CONSOLE: &str = "pgbouncer";

/// As long as a label of a host name may be: regions and targets appear in URLs, metrics and file names.
pub(crate) const LONGEST_NAME: usize = 63;

/// What is known around the file.
pub(super) struct Surroundings<'a> {
    /// Relative paths start here.
    pub(super) folder: &'a Path,
    /// The name that the file gives the region.
    pub(super) stem: &'a str,
    /// All regions of the folder, by their files.
    pub(super) regions: &'a [&'a str],
    /// What `global.toml` sets.
    pub(super) base: &'a Thresholds,
    /// Whether the regions of the folder have a bus.
    pub(super) bus: bool,
}

pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, around: &Surroundings<'_>) -> RegionConfig {
    root.only(findings, &["bus", "region", "target", "thresholds"], (&global::KEYS, "global.toml"));
    let stem = around.stem;
    if let Some(region) = root.required(findings, "region", &format!("\"{stem}\""))
        && name(findings, &region, "region")
        && region.value != stem
    {
        findings.problem(
            &region.at,
            "is not the name of its file",
            format!("write region = \"{stem}\", or rename the file to match"),
        );
    }
    let mut base = around.base.clone();
    thresholds::layer(findings, root, Layer::Local, &mut base);

    let problems = findings.problems.len();
    let sections = root.tables(findings, "target");
    if sections.is_empty() && findings.problems.len() == problems {
        let fix = "add a [[target]] with name and url, or remove the file";
        findings.problem(&root.place(), "the region has no target", fix);
    }
    let mut names = HashSet::new();
    let (mut targets, mut discoveries) = (Vec::new(), Vec::new());
    for section in &sections {
        let source = discovery::source(findings, section, around.folder);
        match (target(findings, section, around, &base, &mut names), source) {
            (Some(template), Some(source)) => discoveries.push(DiscoveryConfig::new(template, source)),
            (target, _) => targets.extend(target),
        }
    }
    RegionConfig { name: stem.into(), targets, discoveries }
}

/// One `[[target]]`; none when what matters most is missing.
fn target(
    findings: &mut Findings<'_>,
    section: &Section<'_>,
    around: &Surroundings<'_>,
    base: &Thresholds,
    names: &mut HashSet<String>,
) -> Option<TargetConfig> {
    const ONE: [&str; 8] = ["importance", "name", "pool_mode", "pooler", "supabase", "thresholds", "url", "vantages"];
    section.only(findings, &[&ONE[..], &discovery::KEYS].concat(), (&[], ""));
    let title = title(findings, section);
    if let Some(name) = &title
        && !names.insert(name.value.clone())
    {
        findings.problem(&name.at, "another target of this region has this name", "give each target its own name");
    }
    let url = url(findings, section, around.folder);
    if url.as_ref().is_some_and(|url| url.dbname == CONSOLE) {
        let fix = "name the server and database themselves here, and this one as url of a [[target.pooler]]";
        findings.problem(&section.at("url"), "leads to PgBouncer's console", fix);
    }
    let critical = section.text(findings, "importance").is_some_and(|importance| {
        if !["normal", "critical"].contains(&importance.value.as_str()) {
            findings.problem(&importance.at, "is not an importance", "write \"normal\" or \"critical\"");
        }
        importance.value == "critical"
    });
    let vantages = vantages(findings, section, around);
    let supabase::Given { project, metrics } = supabase::read(findings, section);
    let sections = section.tables(findings, "pooler");
    let poolers =
        sections.iter().filter_map(|section| poolers::read(findings, section, around.folder, metrics.as_ref())).collect();
    let mut thresholds = base.clone();
    thresholds::layer(findings, section, Layer::Local, &mut thresholds);
    let settings = TargetSettings {
        id: TargetId::new(around.stem, &title?.value),
        url: url?,
        critical,
        vantages,
        supabase: project,
        machine: metrics,
        poolers,
        slow_query_ms: thresholds.average_query_ms,
        listed: false,
    };
    Some(TargetConfig { settings, thresholds })
}

fn title<'a>(findings: &mut Findings<'_>, section: &Section<'a>) -> Option<Text<'a>> {
    section.required(findings, "name", "\"marketing\"").filter(|text| name(findings, text, "target"))
}

fn url(findings: &mut Findings<'_>, section: &Section<'_>, folder: &Path) -> Option<ConnInfo> {
    let text = section.required(findings, "url", "\"postgres://ROLE:${PASSWORD}@HOST:5432/DATABASE\"")?;
    let mut url = conninfo(findings, &text, folder)?;
    if let Some(mode) = section.choice(findings, "pool_mode", "what a pooler gives to a client", &POOL_MODES) {
        url.pool_mode = Some(mode);
    }
    Some(url)
}

/// Of a `[[target]]` only who it is and how to get there.
pub(super) fn address(findings: &mut Findings<'_>, section: &Section<'_>, folder: &Path) -> Option<(String, ConnInfo)> {
    let (title, url) = (title(findings, section), url(findings, section, folder));
    Some((title?.value, url?))
}

fn vantages(findings: &mut Findings<'_>, section: &Section<'_>, around: &Surroundings<'_>) -> Vec<RegionName> {
    let mut vantages = Vec::new();
    if section.has("vantages") && !around.bus {
        let fix = "add [bus] redis to global.toml, where the regions' nodes meet, or remove it";
        findings.warn(&section.at("vantages"), "has no effect without a bus: only this node looks", fix);
    }
    for vantage in section.texts(findings, "vantages") {
        let known = || around.regions.iter().copied().filter(|region| *region != around.stem);
        if known().any(|region| region == vantage.value) {
            vantages.push(vantage.value.as_str().into());
        } else if vantage.value == around.stem {
            findings.problem(&vantage.at, "is the target's own region", "remove it; name other regions only");
        } else {
            let fix = match nearest(&vantage.value, known()) {
                Some(region) => format!("did you mean \"{region}\"?"),
                None => "remove it, or add a file for that region".to_owned(),
            };
            findings.problem(&vantage.at, "no such region in this folder", fix);
        }
    }
    vantages
}

/// A connection string whose file of authorities is there, its path made to start at the folder.
pub(super) fn conninfo(findings: &mut Findings<'_>, text: &Text<'_>, folder: &Path) -> Option<ConnInfo> {
    match ConnInfo::parse(&text.value) {
        Ok(mut info) => {
            if let Some(file) = &mut info.sslrootcert {
                if let Err(error) = (findings.sources.read)(&file.to_string_lossy()) {
                    let fix = "name a readable PEM file; paths are relative to the configuration's folder";
                    findings.problem(&text.at, format!("the file in sslrootcert cannot be read ({})", error.kind()), fix);
                }
                *file = folder.join(&*file);
            }
            Some(info)
        }
        Err(error) => {
            findings.problem(&text.at, error.to_string(), error.fix());
            None
        }
    }
}

/// Whether a region's or target's name is well-formed; notes a problem otherwise.
fn name(findings: &mut Findings<'_>, text: &Text<'_>, what: &str) -> bool {
    let well_formed = is_name(&text.value);
    if !well_formed {
        let message = format!("is not a name for a {what}");
        let fix =
            format!("use lower-case letters, digits, `_`, `.` and `-`, starting with a letter or digit, at most {LONGEST_NAME}");
        findings.problem(&text.at, message, fix);
    }
    well_formed
}

pub(super) fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= LONGEST_NAME
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || b"_.-".contains(&byte))
}
