//! `[[escalation]]`: when to tell whom. Channels that nobody leads to, and severities of which nobody would hear, are told here,
//! before an incident finds them.

use std::time::Duration;

use super::{
    channels::Named,
    section::{Findings, Section, nearest},
};
use crate::{
    alert::settings::{Policy, PolicyStep},
    model::Severity,
};

pub(super) const SEVERITIES: [(&str, Severity); 4] =
    [("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];

/// As long as anybody waits, or works on something.
const WEEK: Duration = Duration::from_hours(7 * 24);

pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, channels: &[Named<'_>]) -> Vec<Policy> {
    let sections = root.tables(findings, "escalation");
    let mut policies: Vec<Policy> = Vec::new();
    let mut unsure = false;
    for section in &sections {
        match escalation(findings, section, channels) {
            Some(policy) if policies.iter().any(|other| other.severity == policy.severity) => {
                let fix = "give each severity one [[escalation]], with all its steps";
                findings.problem(&section.at("severity"), "another escalation is for this severity", fix);
            }
            Some(policy) => policies.push(policy),
            None => unsure = true,
        }
    }
    if let Some(first) = sections.first().filter(|_| !unsure) {
        untold(findings, first, &policies);
        let used =
            |name: &str| policies.iter().flat_map(|policy| &policy.steps).any(|step| step.channels.iter().any(|it| it == name));
        for channel in channels.iter().filter(|channel| !used(&channel.name)) {
            let fix = "name it in a step, or remove it";
            findings.warn(&channel.at, "no escalation leads to this channel: it tells nobody of anything", fix);
        }
    }
    policies
}

/// Warns of severities that are told to nobody. An escalation without steps says that this is meant.
fn untold(findings: &mut Findings<'_>, first: &Section<'_>, policies: &[Policy]) {
    let lowest = policies.iter().map(|policy| policy.severity).min();
    let worth = [Severity::Critical, Severity::High, Severity::Medium];
    let untold: Vec<_> =
        worth.iter().filter(|severity| lowest.is_none_or(|lowest| **severity < lowest)).map(|it| it.as_str()).collect();
    if let Some(lightest) = untold.last() {
        let message = format!("nobody is told of incidents of severity {}", untold.join(" and "));
        let fix =
            format!("add an [[escalation]] with severity = \"{lightest}\"; steps = [] there says that nobody is to be told");
        findings.warn(&first.place(), message, fix);
    }
}

fn escalation(findings: &mut Findings<'_>, section: &Section<'_>, channels: &[Named<'_>]) -> Option<Policy> {
    section.only(findings, &["ack_expires", "remind_every", "severity", "steps"], (&[], ""));
    let severity = match section.required(findings, "severity", "\"critical\"") {
        Some(_) => section.choice(findings, "severity", "a severity", &SEVERITIES),
        None => None,
    };
    if !section.has("steps") {
        let fix = "add steps = [{ after = \"0s\", channels = [\"...\"] }]";
        findings.problem(&section.at("steps"), "is missing", fix);
    }
    let mut steps: Vec<PolicyStep> = Vec::new();
    for section in section.tables(findings, "steps") {
        let problems = findings.problems.len();
        let step = step(findings, &section, channels);
        let known = !findings.problems[problems..].iter().any(|problem| problem.key.rsplit('.').next() == Some("after"));
        if known && steps.last().is_some_and(|before| before.after >= step.after) {
            let fix = "put the steps in the order of their delays, and channels of the same moment in one step";
            findings.problem(&section.at("after"), "is not after the step before it", fix);
        }
        steps.push(step);
    }
    let second = Duration::from_secs(1);
    let remind_every = section.duration(findings, "remind_every", second..=WEEK);
    let ack_expires = section.duration(findings, "ack_expires", second..=WEEK);
    Some(Policy { severity: severity?, steps, remind_every, ack_expires })
}

fn step(findings: &mut Findings<'_>, section: &Section<'_>, channels: &[Named<'_>]) -> PolicyStep {
    section.only(findings, &["after", "channels"], (&[], ""));
    let after = section.duration(findings, "after", Duration::ZERO..=WEEK).unwrap_or_default();
    let problems = findings.problems.len();
    let mut named: Vec<String> = Vec::new();
    for text in section.texts(findings, "channels") {
        let known = || channels.iter().map(|channel| channel.name.as_str());
        if !known().any(|channel| channel == text.value) {
            let fix = match nearest(&text.value, known()) {
                Some(channel) => format!("did you mean \"{channel}\"?"),
                None => "add a [[channel]] with this name, or name another one".to_owned(),
            };
            findings.problem(&text.at, "there is no such channel", fix);
        } else if named.contains(&text.value) {
            findings.warn(&text.at, "names a channel that the step names already", "remove it");
        } else {
            named.push(text.value);
        }
    }
    if named.is_empty() && findings.problems.len() == problems {
        findings.problem(&section.at("channels"), "the step tells nobody", "add channels = [\"...\"], or remove the step");
    }
    PolicyStep { after, channels: named }
}
