//! Many alerts in one message: how many, where, and a line for each, worst first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Field, NAME, Notice, more, place, units::plain};
use crate::model::{Severity, alert::Alert};

/// Regions named in a title.
const MOST_REGIONS: usize = 3;

/// Rules named in the summary.
const MOST_RULES: usize = 4;

/// What of an alert's sentence fits a line.
const SENTENCE: usize = 140;

/// `37 alerts in us-east-1, eu-west-1`.
pub(super) fn subject(alerts: &[Arc<Alert>]) -> String {
    let regions: BTreeSet<_> = alerts.iter().map(|alert| plain(alert.region.as_str(), NAME)).collect();
    let named = regions.iter().take(MOST_REGIONS).cloned().collect::<Vec<_>>().join(", ");
    let noun = if alerts.len() == 1 { "alert" } else { "alerts" };
    format!("{} {noun} in {named}{}", alerts.len(), more(regions.len(), MOST_REGIONS))
}

pub(super) fn compose(title: String, notes: Vec<String>, alerts: &[Arc<Alert>], first: &Alert) -> Notice {
    let mut rules: BTreeMap<_, usize> = BTreeMap::new();
    for alert in alerts {
        *rules.entry(alert.rule).or_default() += 1;
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(rule, alerts)| (Reverse(*alerts), *rule));
    let named = rules.iter().take(MOST_RULES).map(|(rule, alerts)| format!("{alerts} {}", rule.as_str()));
    let rest = match rules.len().saturating_sub(MOST_RULES) {
        0 => String::new(),
        1 => " and 1 other rule".to_owned(),
        rest => format!(" and {rest} other rules"),
    };
    let over = alerts.iter().filter(|alert| alert.resolved).count();
    let mut sorted: Vec<_> = alerts.iter().collect();
    sorted.sort_by_key(|alert| (alert.resolved, Reverse(alert.severity), alert.started_at, alert.id.clone()));
    // The pages of all rules stand together, and their list stands beside them.
    let pages = first.runbook.strip_suffix(&format!("{}.md", first.rule.as_str()));
    Notice {
        title,
        summary: format!("Many alerts at once: {}{rest}.", named.collect::<Vec<_>>().join(", ")),
        notes,
        fields: vec![Field::new("Open", open(alerts)), Field::new("Over", over.to_string())],
        causes: Vec::new(),
        commands: Vec::new(),
        sparkline: String::new(),
        runbook: pages.map_or_else(|| first.runbook.clone(), |pages| format!("{pages}README.md")),
        dashboard: first.dashboard.clone(),
        digest: sorted.into_iter().map(|alert| line(alert)).collect(),
    }
}

/// How many are open, by severity.
fn open(alerts: &[Arc<Alert>]) -> String {
    let of = |severity| (severity, alerts.iter().filter(|alert| !alert.resolved && alert.severity == severity).count());
    let parts: Vec<_> = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
        .map(of)
        .iter()
        .filter(|(_, alerts)| *alerts > 0)
        .map(|(severity, alerts)| format!("{alerts} {}", severity.as_str()))
        .collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
}

fn line(alert: &Alert) -> String {
    let state = if alert.resolved { "over" } else { alert.severity.as_str() };
    let began = alert.started_at.0.format("%H:%M:%S");
    format!("{state}: {} on {} since {began}: {}", alert.rule.as_str(), place(alert, "/"), plain(&alert.message, SENTENCE))
}
