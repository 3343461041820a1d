//! What can be set for each rule alike: whether it is judged, how long it takes to fire and to clear, and how severe it is.

use std::{fmt::Display, time::Duration};

use serde::Deserialize;

use super::{DAY, Problem, Setting, Span};
use crate::model::{Rule, Severity};

/// What can be set for every rule alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSettings {
    /// Whether it is judged at all.
    pub enabled: bool,
    /// How long its condition must hold before it fires.
    pub for_: Duration,
    /// How long it must be clear before it clears.
    pub hold: Duration,
    /// Its severity at the first level.
    pub severity: Severity,
    /// Its severity at the level between the first and the critical one; none for a rule that has fewer than three.
    pub high_severity: Option<Severity>,
    /// Its severity at the second level; none for a rule that has only one.
    pub critical_severity: Option<Severity>,
}

/// One layer of a rule's settings.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulePatch {
    /// See [`RuleSettings::enabled`].
    pub enabled: Option<bool>,
    /// See [`RuleSettings::for_`]; at most a day.
    #[serde(rename = "for")]
    pub for_: Option<Span>,
    /// See [`RuleSettings::hold`]; at most a day.
    pub hold: Option<Span>,
    /// See [`RuleSettings::severity`].
    pub severity: Option<Severity>,
    /// See [`RuleSettings::high_severity`].
    pub high_severity: Option<Severity>,
    /// See [`RuleSettings::critical_severity`].
    pub critical_severity: Option<Severity>,
}

impl RuleSettings {
    /// The contract's settings of a rule.
    pub(super) fn of(rule: Rule) -> Self {
        use Severity::{Critical, High, Low, Medium};
        let (seconds, severity) = match rule {
            Rule::DatabaseDown | Rule::DatabaseUnresponsive | Rule::DatabaseRejecting | Rule::PoolerDown => (0, Critical),
            Rule::RegionBlind | Rule::DeliveryFailing => (0, High),
            Rule::PoolSaturated | Rule::ConnectionLeak | Rule::BlockingChain => (3, High),
            Rule::PoolWaiting => (1, High),
            Rule::QuerySlow => (5, Medium),
            Rule::SlowQueryRate => (10, Medium),
            Rule::ErrorRate | Rule::ReplicationLag => (10, High),
            Rule::CacheHitLow | Rule::Anomaly => (300, Low),
            Rule::SizeGrowth => (600, Medium),
            Rule::XidWraparound => (60, Medium),
        };
        // A second of calm for figures that jump from sample to sample; the others are means over an interval already.
        let jumpy = matches!(
            rule,
            Rule::PoolSaturated | Rule::PoolWaiting | Rule::ConnectionLeak | Rule::BlockingChain | Rule::QuerySlow
        );
        Self {
            // What is unusual is shown in any case; few want to be called for it.
            enabled: rule != Rule::Anomaly,
            for_: Duration::from_secs(seconds),
            hold: Duration::from_secs(u64::from(jumpy)),
            severity,
            high_severity: matches!(rule, Rule::SizeGrowth | Rule::XidWraparound).then_some(High),
            critical_severity: matches!(
                rule,
                Rule::PoolSaturated | Rule::PoolWaiting | Rule::ReplicationLag | Rule::SizeGrowth | Rule::XidWraparound
            )
            .then_some(Critical),
        }
    }
    /// Lays a layer over these, and names what is wrong with it.
    pub(super) fn apply(&mut self, rule: Rule, patch: &RulePatch, problems: &mut Vec<Problem>) {
        let mut problem = |key: &str, value: &dyn Display, fix: &str| {
            problems.push(Problem {
                key: format!("rules.{}.{key}", rule.as_str()),
                value: value.to_string(),
                fix: fix.to_owned(),
            });
        };
        self.enabled = patch.enabled.unwrap_or(self.enabled);
        for (key, written, place) in [("for", patch.for_, &mut self.for_), ("hold", patch.hold, &mut self.hold)] {
            match written {
                Some(Span(span)) if span > DAY => problem(key, &span.show(), "a value from 0s to 1day"),
                Some(Span(span)) => *place = span,
                None => {}
            }
        }
        self.severity = patch.severity.unwrap_or(self.severity);
        match (patch.high_severity, self.high_severity) {
            (Some(severity), None) => {
                problem("high_severity", &severity.as_str(), "leave it out: this rule has fewer than three levels");
            }
            (Some(severity), Some(_)) => self.high_severity = Some(severity),
            (None, _) => {}
        }
        match (patch.critical_severity, self.critical_severity) {
            (Some(severity), None) => {
                problem("critical_severity", &severity.as_str(), "leave it out: this rule has one level; set `severity`");
            }
            (Some(severity), Some(_)) => self.critical_severity = Some(severity),
            (None, _) => {}
        }
        let first = self.severity;
        if let Some(high) = self.high_severity.filter(|high| *high < first) {
            problem("high_severity", &high.as_str(), "a severity that is not below `severity`");
        }
        let before = self.high_severity.map_or(first, |high| high.max(first));
        if let Some(critical) = self.critical_severity.filter(|critical| *critical < before) {
            problem("critical_severity", &critical.as_str(), "a severity that is not below `severity`");
        }
    }
}
