//! Files of tests for rules, `isobar rules test`: read with the same questions, and the same thresholds, as a configuration.

use std::time::Duration;

use toml::de::DeValue;

use super::{
    Problems, Sources, document,
    escalations::SEVERITIES,
    section::{File, Findings, Section},
    thresholds::{self, Layer},
};
use crate::{
    model::{Rule, Timestamp},
    region::{
        replay::{
            Case, EVENTS, Expectation,
            scene::{Figure, Series, WAYS},
            series,
        },
        thresholds::Thresholds,
    },
};

/// The fast lane's own.
const INTERVAL: Duration = Duration::from_millis(250);

/// These are judged by who waits for a region, or not yet; the others from what a target shows.
const ELSEWHERE: [Rule; 1] = [Rule::RegionBlind];

/// The tests of one file, by its name and text; or everything that is wrong with it. Nothing of the environment is filled in, so that a test
/// means the same everywhere.
pub fn rule_tests(name: &str, text: &str) -> Result<Vec<Case>, Problems> {
    let read = |_: &str| Err(std::io::ErrorKind::Unsupported.into());
    let sources = Sources { now: Timestamp(chrono::DateTime::UNIX_EPOCH), env: &|_| None, read: &read };
    let mut findings = Findings::new(&sources);
    let file = File { name, text };
    let mut cases = Vec::new();
    if let Some(document) = document(&mut findings, file) {
        let root = Section::root(file, document.get_ref());
        root.only(&mut findings, &["test"], (&["expect", "interval", "name", "series", "thresholds"], "a [[test]]"));
        let sections = root.tables(&mut findings, "test");
        if sections.is_empty() && findings.problems.is_empty() {
            findings.problem(&root.place(), "the file holds no test", "add a [[test]] with name, series and expect");
        }
        cases = sections.iter().map(|section| case(&mut findings, section)).collect();
    }
    let mut problems = findings.problems;
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(cases) } else { Err(Problems(problems)) }
}

fn case(findings: &mut Findings<'_>, section: &Section<'_>) -> Case {
    section.only(findings, &["expect", "interval", "name", "series", "thresholds"], (&[], ""));
    let name = section.required(findings, "name", "\"a full pool fires\"").map_or_else(String::new, |name| name.value);
    let mut thresholds = Thresholds::default();
    thresholds::layer(findings, section, Layer::Global, &mut thresholds);
    let interval =
        section.duration(findings, "interval", Duration::from_millis(1)..=Duration::from_hours(24)).unwrap_or(INTERVAL);
    let problems = findings.problems.len();
    let series = read_series(findings, section);
    let sound = findings.problems.len() == problems;
    // What comes of a series that cannot be read is not known.
    let last = u32::try_from(series.steps().saturating_sub(1)).unwrap_or(u32::MAX);
    let length = if sound { interval * last } else { Duration::MAX };
    if !section.has("expect") {
        let fix = "add expect = [{ at = \"3s\", rule = \"pool_saturated\", event = \"firing\" }], or [] when nothing is to come";
        findings.problem(&section.at("expect"), "is missing", fix);
    }
    let expect = section
        .tables(findings, "expect")
        .iter()
        .filter_map(|section| expectation(findings, section, interval, length))
        .collect();
    Case { name, thresholds, interval, series, expect }
}

fn read_series(findings: &mut Findings<'_>, section: &Section<'_>) -> Series {
    let problems = findings.problems.len();
    let mut series = Series::default();
    let Some(table) = section.table(findings, "series") else {
        if !section.has("series") {
            findings.problem(&section.at("series"), "is missing", "add series = { pool_utilization = \"0.5x3 0.9x20\" }");
        }
        return series;
    };
    let known: Vec<_> = Figure::ALL.iter().map(|(name, _)| *name).chain(WAYS.iter().map(|(name, _)| *name)).collect();
    for (key, value) in table.entries() {
        let Some(text) = written(findings, &table, key, value.get_ref()) else { continue };
        if let Some((_, figure)) = Figure::ALL.iter().find(|(name, _)| *name == key) {
            let most = figure.most();
            match series::numbers(&text) {
                Ok(values) if values.iter().flatten().any(|value| !(0.0..=most).contains(value)) => {
                    findings.problem(&table.at(key), "has a value out of range", format!("choose values from 0 to {most}"));
                }
                Ok(values) => drop(series.numbers.insert(*figure, values)),
                Err(part) => {
                    let fix = "write values such as \"0.5 0.5x3 0.5+0.1x3 _\"";
                    findings.problem(&table.at(key), format!("cannot be read: {part}"), fix);
                }
            }
        } else if let Some((_, way)) = WAYS.iter().find(|(name, _)| *name == key) {
            match series::outcomes(&text) {
                Ok(values) => drop(series.outcomes.insert(*way, values)),
                Err(part) => {
                    let fix = "write words such as \"ok x4 refused x3 timeout _\", or an outcome as samples name it";
                    findings.problem(&table.at(key), format!("cannot be read: {part}"), fix);
                }
            }
        } else {
            table.unknown_key(findings, key, &known);
        }
    }
    if series.steps() == 0 && findings.problems.len() == problems {
        findings.problem(&table.place(), "holds no values", "give at least one figure a value");
    }
    series
}

/// A series as one text, also when it is written as a list or a single number.
fn written(findings: &mut Findings<'_>, table: &Section<'_>, key: &str, value: &DeValue<'_>) -> Option<String> {
    let number = |value: &DeValue<'_>| match value {
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    let all = match value {
        DeValue::Array(items) => {
            items.iter().map(|item| number(item.get_ref())).collect::<Option<Vec<_>>>().map(|all| all.join(" "))
        }
        single => number(single),
    };
    if all.is_none() {
        findings.problem(&table.at(key), "is no series", "write a string such as \"0.5x3 0.9\", or a list of numbers");
    }
    all
}

fn expectation(findings: &mut Findings<'_>, section: &Section<'_>, interval: Duration, length: Duration) -> Option<Expectation> {
    section.only(findings, &["at", "event", "rule", "severity"], (&[], ""));
    let mut there = |key: &str, example: &str| section.required(findings, key, example).is_some();
    let (has_at, has_rule, has_event) =
        (there("at", "\"3s\""), there("rule", "\"pool_saturated\""), there("event", "\"firing\""));
    let at = if has_at { section.duration(findings, "at", Duration::ZERO..=Duration::from_hours(24 * 366)) } else { None };
    if let Some(at) = at {
        if at > length {
            let fix = "choose a time within the series, or make them longer";
            findings.problem(
                &section.at("at"),
                format!("comes after the last step, at {}", humantime::format_duration(length)),
                fix,
            );
        } else if at.as_nanos() % interval.as_nanos() != 0 {
            let fix = format!("choose a multiple of the interval, {}", humantime::format_duration(interval));
            findings.problem(&section.at("at"), "is between two steps", fix);
        }
    }
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| (rule.as_str(), *rule)).collect();
    let rule = if has_rule { section.choice(findings, "rule", "a rule", &rules) } else { None };
    if rule.is_some_and(|rule| ELSEWHERE.contains(&rule)) {
        findings.problem(&section.at("rule"), "is not judged from what a target shows", "remove it: it cannot be tested here");
    }
    let event = if has_event { section.choice(findings, "event", "an event", &EVENTS) } else { None };
    let severity = section.choice(findings, "severity", "a severity", &SEVERITIES);
    Some(Expectation { at: at?, rule: rule?, event: event?, severity })
}
