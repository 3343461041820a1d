//! `databases = "all"` and `patroni = [...]` of a `[[target]]`, and the configuration with what was found in their place.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{
    Config, DiscoveryConfig, RegionConfig, TargetConfig,
    section::{Findings, Section, Text},
};
use crate::{
    model::TargetId,
    probe::discovery::{
        Discovery, Found, Patterns, Source,
        patroni::{self, check_url},
    },
};

/// The keys of a `[[target]]` that stands for many.
pub(super) const KEYS: [&str; 6] = ["databases", "exclude", "forget_after", "include", "patroni", "patroni_ca"];

/// A node that died is repaired, or given up, within this.
const FORGET_AFTER: Duration = Duration::from_mins(30);

/// What a `[[target]]` stands for; none when it is just one.
pub(super) fn source(findings: &mut Findings<'_>, section: &Section<'_>, folder: &Path) -> Option<Source> {
    let databases = section.text(findings, "databases");
    if let Some(all) = databases.as_ref().filter(|text| text.value != "all") {
        let fix = "write databases = \"all\", and choose with include and exclude";
        findings.problem(&all.at, "is not what a target can stand for", fix);
    }
    let patterns = Patterns { include: patterns(findings, section, "include"), exclude: patterns(findings, section, "exclude") };
    let members = members(findings, section, folder);
    for (key, other, is_there) in [
        ("include", "databases = \"all\"", databases.is_some()),
        ("exclude", "databases = \"all\"", databases.is_some()),
        ("patroni_ca", "patroni = [\"https://...\"]", members.is_some()),
        ("forget_after", "patroni = [\"http://...\"]", members.is_some()),
    ] {
        if section.has(key) && !is_there {
            findings.problem(&section.at(key), "chooses nothing by itself", format!("add {other}, or remove it"));
        }
    }
    let is_many = databases.is_some() || members.is_some();
    if is_many && section.has("vantages") {
        let fix = "remove it, or give each target that other regions shall look at a [[target]] of its own";
        findings.problem(&section.at("vantages"), "cannot go with targets that are found", fix);
    }
    match (databases, members) {
        (Some(_), Some(_)) => {
            let fix = "use two [[target]]s: one with patroni, one with databases = \"all\" and all hosts in its url";
            findings.problem(&section.at("databases"), "cannot go with patroni", fix);
            None
        }
        (Some(_), None) => Some(Source::Databases(patterns)),
        (None, members) => members.map(Source::Patroni),
    }
}

fn patterns(findings: &mut Findings<'_>, section: &Section<'_>, key: &str) -> Vec<String> {
    let texts = section.texts(findings, key);
    for text in texts.iter().filter(|text| text.value.is_empty()) {
        findings.problem(&text.at, "matches nothing", "write a pattern such as \"app_*\", or remove it");
    }
    texts.into_iter().map(|text| text.value).collect()
}

fn members(findings: &mut Findings<'_>, section: &Section<'_>, folder: &Path) -> Option<patroni::Settings> {
    if !section.has("patroni") {
        return None;
    }
    let texts = section.texts(findings, "patroni");
    if texts.is_empty() && section.at("patroni").is_shown() {
        findings.problem(&section.at("patroni"), "names no REST API", "write patroni = [\"http://10.0.0.1:8008\"]");
    }
    let mut urls = Vec::new();
    for Text { value, at } in texts {
        match check_url(&value) {
            Ok(()) => urls.push(value.into()),
            Err(why) => {
                findings.problem(&at, why, "write http://HOST:8008, with ROLE:PASSWORD@ in front of HOST if it asks for them");
            }
        }
    }
    let ca = section.given(findings, "patroni_ca").map(|text| {
        if let Err(error) = (findings.sources.read)(&text.value) {
            let fix = "name a readable PEM file; paths are relative to the configuration's folder";
            findings.problem(&text.at, format!("cannot be read ({})", error.kind()), fix);
        }
        folder.join(&text.value)
    });
    let range = Duration::from_secs(1)..=Duration::from_hours(24 * 30);
    let forget_after = section.duration(findings, "forget_after", range).unwrap_or(FORGET_AFTER);
    Some(patroni::Settings { urls, ca, forget_after })
}

impl DiscoveryConfig {
    pub(super) fn new(template: TargetConfig, source: Source) -> Self {
        Self { discovery: Discovery { template: template.settings, source }, thresholds: template.thresholds }
    }
}

impl Config {
    /// The same with what was found: each thing as a target of its region, beside those of the file. Nothing is known of a source that
    /// was not heard yet. Also what no name is left for.
    pub fn with(&self, found: impl Fn(&TargetId) -> Vec<Found>) -> (Self, Vec<String>) {
        let mut nameless = Vec::new();
        let mut whole = |region: &RegionConfig| {
            let mut targets = region.targets.clone();
            for DiscoveryConfig { discovery, thresholds } in &region.discoveries {
                let taken: BTreeSet<&str> = targets.iter().map(|target| target.settings.id.target.as_str()).collect();
                let (more, unnamed) = discovery.targets(&found(&discovery.template.id), &taken);
                let config = |settings| TargetConfig { settings, thresholds: thresholds.clone() };
                targets.extend(more.into_iter().map(config));
                nameless.extend(unnamed);
            }
            RegionConfig { targets, ..region.clone() }
        };
        let regions = self.regions.iter().map(&mut whole).collect();
        (Self { regions, ..self.clone() }, nameless)
    }
}
