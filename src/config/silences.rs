//! `[[silence]]` and `[[maintenance]]`: what is held back, and when.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::parser::{CronParser, Seconds, Year};

use super::{
    escalations::SEVERITIES,
    section::{Findings, Section, Text, nearest},
};
use crate::{
    alert::settings::{PlannedSilence, When},
    model::{Rule, Timestamp, alert::Matchers},
};

const KEYS: [&str; 8] = ["ends", "lasts", "matchers", "name", "reason", "schedule", "starts", "timezone"];

/// A window that comes every month ends before the next one.
const LONGEST: Duration = Duration::from_hours(28 * 24);

pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, regions: &[&str]) -> Vec<PlannedSilence> {
    let mut planned = Vec::new();
    for (kind, maintenance) in [("silence", false), ("maintenance", true)] {
        let mut names = HashSet::new();
        for (index, section) in root.tables(findings, kind).iter().enumerate() {
            section.only(findings, &KEYS, (&[], ""));
            let name = section.given(findings, "name").map_or_else(|| format!("{kind}-{}", index + 1), |name| name.value);
            if name.len() > 64 || name.contains(|letter: char| letter.is_control() || letter == '/') {
                findings.problem(
                    &section.at("name"),
                    format!("is not a name for a {kind}"),
                    "use at most 64 letters, without `/`",
                );
            } else if !names.insert(name.clone()) {
                findings.problem(&section.at("name"), format!("another {kind} has this name"), "give each its own name");
            }
            let matchers = matchers(findings, section, regions);
            let when = when(findings, section);
            let reason = section.text(findings, "reason").map_or_else(String::new, |text| text.value);
            if let Some(when) = when {
                planned.push(PlannedSilence { name, maintenance, matchers, when, reason });
            }
        }
    }
    planned
}

fn matchers(findings: &mut Findings<'_>, section: &Section<'_>, regions: &[&str]) -> Matchers {
    let problems = findings.problems.len();
    let table = section.table(findings, "matchers");
    let mut matchers = Matchers::default();
    if let Some(table) = &table {
        table.only(findings, &["region", "rule", "severity", "target"], (&[], ""));
        let mut value = |key: &str| table.given(findings, key);
        let [region, target, rule, severity] = ["region", "target", "rule", "severity"].map(&mut value);
        let rules: Vec<_> = Rule::ALL.iter().chain(&[Rule::DeliveryFailing]).map(|rule| rule.as_str()).collect();
        exists(findings, rule.as_ref(), "a rule", &rules);
        exists(findings, severity.as_ref(), "a severity", &SEVERITIES.map(|(name, _)| name));
        if let Some(region) =
            region.as_ref().filter(|text| !is_glob(text) && !regions.contains(&text.value.as_str()) && text.value != OWN)
        {
            let fix = match nearest(&region.value, regions.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "name a region of this folder; `*` and `?` stand for any text and any character".to_owned(),
            };
            findings.warn(&region.at, "there is no such region here: this holds nothing back", fix);
        }
        let text = |text: Option<Text<'_>>| text.map(|text| text.value);
        matchers = Matchers { region: text(region), target: text(target), rule: text(rule), severity: text(severity) };
    }
    if matchers == Matchers::default() && findings.problems.len() == problems {
        let fix = "add matchers = { region = \"us-east-1\" }, or of target, rule, severity; { region = \"*\" } is everything";
        findings.problem(&section.at("matchers"), "nothing is matched", fix);
    }
    matchers
}

/// The region of what Isobar tells of itself.
const OWN: &str = "isobar";

fn is_glob(text: &Text<'_>) -> bool {
    text.value.contains(['*', '?'])
}

/// Notes a name that is none of these and no pattern.
fn exists(findings: &mut Findings<'_>, text: Option<&Text<'_>>, what: &str, known: &[&str]) {
    let Some(text) = text.filter(|text| !is_glob(text) && !known.contains(&text.value.as_str())) else { return };
    let fix = match nearest(&text.value, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write one of {}; `*` and `?` stand for any text and any character", known.join(", ")),
    };
    findings.problem(&text.at, format!("is not {what}"), fix);
}

fn when(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<When> {
    let written = section.given(findings, "timezone");
    let zone = match &written {
        Some(text) => zone(findings, text),
        None => Some(Tz::UTC),
    };
    if section.has("schedule") {
        return recurring(findings, section, zone);
    }
    if section.has("lasts") {
        let fix = "give starts and ends, or a schedule, whose each time lasts so long";
        findings.problem(&section.at("lasts"), "belongs to a schedule", fix);
    }
    let mut moment = |key: &str| {
        let (text, at) = section.moment(findings, key)?;
        let parsed = parse(&text, written.as_ref().and(zone));
        if let Err(wrong) = parsed {
            let fix = "write it like \"2026-12-01T22:00:00Z\", or without an offset and with timezone = \"Europe/Berlin\"";
            findings.problem(&at, wrong, fix);
        }
        parsed.ok()
    };
    let (starts, ends) = (moment("starts"), moment("ends"));
    if let (Some(starts), Some(ends)) = (starts, ends)
        && ends <= starts
    {
        findings.problem(&section.at("ends"), "is not after starts", "swap them, or correct the later one");
    } else if ends.is_some_and(|ends| ends <= findings.sources.now) {
        findings.warn(&section.at("ends"), "is over: this holds nothing back any more", "remove it");
    }
    Some(When::Once { starts, ends })
}

fn recurring(findings: &mut Findings<'_>, section: &Section<'_>, zone: Option<Tz>) -> Option<When> {
    for key in ["starts", "ends"].into_iter().filter(|key| section.has(key)) {
        findings.problem(&section.at(key), "does not go with a schedule", "remove it, or the schedule");
    }
    let cron = section.required(findings, "schedule", "\"0 22 * * SUN\"");
    if !section.has("lasts") {
        findings.problem(&section.at("lasts"), "is missing", "add lasts = \"2h\": how long each time of the schedule lasts");
    }
    let lasts = section.duration(findings, "lasts", Duration::from_secs(1)..=LONGEST);
    let cron = cron?;
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let Ok(schedule) = parser.parse(&cron.value) else {
        let fix = "write minute, hour, day of month, month and day of week: \"0 22 * * SUN\" is Sundays at 22:00";
        findings.problem(&cron.at, "is not a schedule", fix);
        return None;
    };
    if schedule.find_next_occurrence(&findings.sources.now.0.with_timezone(&zone?), true).is_err() {
        findings.problem(&cron.at, "never comes", "correct the day or the month");
    }
    Some(When::Recurring { cron: cron.value, lasts: lasts?, zone: zone? })
}

fn zone(findings: &mut Findings<'_>, text: &Text<'_>) -> Option<Tz> {
    let zone = text.value.parse().ok();
    if zone.is_none() {
        // What stands behind the continent is what people write.
        let names: Vec<_> = TZ_VARIANTS.iter().map(|zone| (zone.name(), zone.name().to_lowercase())).collect();
        let wanted = text.value.to_lowercase().replace(' ', "_");
        let city = names.iter().find(|(_, lower)| lower.rsplit('/').next() == Some(&wanted));
        let like = || {
            let near = nearest(&wanted, names.iter().map(|(_, lower)| lower.as_str()))?;
            names.iter().find(|(_, lower)| lower == near)
        };
        let fix = match city.or_else(like).map(|(name, _)| *name) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write a name of the time zone database, such as \"Europe/Berlin\"".to_owned(),
        };
        findings.problem(&text.at, "is not a time zone", fix);
    }
    zone
}

/// A moment with its offset, or one of a zone that is given.
fn parse(text: &str, zone: Option<Tz>) -> Result<Timestamp, &'static str> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Timestamp(at.with_timezone(&Utc)));
    }
    let text = text.replacen(' ', "T", 1);
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return Ok(Timestamp(at.with_timezone(&Utc)));
    }
    let local = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"].iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
    let local = local.ok_or("is not a date and time")?;
    let zone = zone.ok_or("does not say where its clock hangs")?;
    zone.from_local_datetime(&local)
        .earliest()
        .map(|at| Timestamp(at.with_timezone(&Utc)))
        .ok_or("is skipped by the clocks of its time zone")
}
