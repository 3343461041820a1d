//! What was advised and predicted beside what was measured.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    loads::{Load, Right},
    rig::Measured,
};

pub(super) const HEAD: &str = "| load | pool | advice | predicted mean wait, ms | measured: clients / PgBouncer | utilization predicted / measured | came of it, as Isobar saw | verdict |\n\
    | --- | --- | --- | --- | --- | --- | --- | --- |\n";

/// So near is near enough: milliseconds, or a part.
const NEAR: (f64, f64) = (2.0, 0.25);
/// The same of utilization.
const POINTS: f64 = 0.05;
/// A doubled pool that answers this much sooner would have been right.
const GAIN: f64 = 0.85;

/// One load's line.
pub(super) struct Row {
    load: Load,
    advice: String,
    predicted: String,
    measured: String,
    utilization: String,
    outcome: String,
    verdict: String,
    /// Whether the kind of advice is right; whether the wait, and the utilization, are near what was predicted, where they were.
    is_right: bool,
    wait_is_near: Option<bool>,
    utilization_is_near: Option<bool>,
    /// All that was said, for who develops.
    pub(super) detail: String,
}

impl Row {
    fn new(load: &Load) -> Self {
        let none = || "-".to_owned();
        Self {
            load: *load,
            advice: none(),
            predicted: none(),
            measured: none(),
            utilization: none(),
            outcome: none(),
            verdict: none(),
            is_right: false,
            wait_is_near: None,
            utilization_is_near: None,
            detail: String::new(),
        }
    }

    /// Nothing was advised.
    pub(super) fn silent(load: &Load, said: String) -> Self {
        Self { advice: "none".into(), verdict: "**no advice**".into(), detail: said, ..Self::new(load) }
    }

    /// A size was advised and taken.
    pub(super) fn taken(load: &Load, advice: &Value, after: Measured) -> Self {
        let predicted = &advice["predicted"];
        let number = |name: &str| predicted[name].as_f64();
        let wait_is_near = number("meanWaitMs").map(|wait| (wait - after.wait).abs() <= NEAR.0.max(NEAR.1 * after.wait));
        let utilization_is_near = number("utilization").map(|share| (share - after.utilization).abs() <= POINTS);
        let is_right = load.right != Right::Stay && (wait_is_near.is_some() || !load.is_predictable());
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let mut verdict = Vec::new();
        verdict.push(match (is_right, wait_is_near) {
            (false, _) => "**wrong advice**",
            (true, None) => "a bound, and says so",
            (true, Some(true)) => "near",
            (true, Some(false)) => "**wait off**",
        });
        if utilization_is_near == Some(false) {
            verdict.push("**utilization off**");
        }
        Self {
            advice: format!(
                "{} → {}{}",
                load.pool,
                if wait_is_near.is_none() { "at least " } else { "" },
                advice["change"]["to"].as_str().unwrap_or("?")
            ),
            predicted: number("meanWaitMs").map_or("-".into(), |wait| {
                format!("{wait:.1} [{:.1}, {:.1}]", number("low").unwrap_or(f64::NAN), number("high").unwrap_or(f64::NAN))
            }),
            measured: format!("{:.1} / {:.1}", after.wait, after.pooler_wait),
            utilization: format!("{} / {}", number("utilization").map_or("-".into(), percent), percent(after.utilization)),
            verdict: verdict.join(", "),
            is_right,
            wait_is_near,
            utilization_is_near,
            detail: format!("{advice:#}\n{after:?}\n"),
            ..Self::new(load)
        }
    }

    /// What the node itself says came of it.
    pub(super) fn with_outcome(mut self, all: &Value, advice: &Value) -> Self {
        let lists = ["recommendations", "past"].iter().filter_map(|list| all[*list].as_array());
        let outcome = lists.flatten().find(|one| one["id"] == advice["id"] && one["outcome"].is_object());
        if let Some(outcome) = outcome.map(|one| &one["outcome"]) {
            let wait = outcome["meanWaitMs"].as_f64().map_or(String::new(), |wait| format!(", {wait:.1} ms"));
            self.outcome = format!("{}{wait}", outcome["verdict"].as_str().unwrap_or("?"));
        }
        self
    }

    /// The pool was left as it is, and then doubled anyway.
    pub(super) fn left(load: &Load, advice: &Value, before: Measured, after: Measured) -> Self {
        let helps = after.response < GAIN * before.response;
        let is_right = load.right == Right::Stay && !helps;
        let verdict = match (load.right, helps) {
            (Right::Stay, false) => "right",
            (Right::Stay, true) => "**a larger pool does help**",
            _ => "**wrong advice**",
        };
        Self {
            advice: format!("{}: leave it", load.pool),
            measured: format!("{:.1} / {:.1}", before.wait, before.pooler_wait),
            utilization: format!("- / {:.0}%", before.utilization * 100.0),
            outcome: format!(
                "doubled anyway: an answer takes {:.0} ms instead of {:.0}, {:.0}/s instead of {:.0}/s",
                after.response, before.response, after.rate, before.rate
            ),
            verdict: verdict.into(),
            is_right,
            detail: format!("{advice:#}\n{before:?}\n{after:?}\n"),
            ..Self::new(load)
        }
    }

    /// As it stands on the page.
    pub(super) fn told(&self) -> String {
        let Self { load, advice, predicted, measured, utilization, outcome, verdict, .. } = self;
        format!(
            "| {}: {} | {} | {advice} | {predicted} | {measured} | {utilization} | {outcome} | {verdict} |\n",
            load.name, load.says, load.pool
        )
    }
}

/// What of it is met.
pub(super) fn summary(rows: &[Row]) -> String {
    let of = |one: fn(&Row) -> Option<bool>| {
        let told: Vec<bool> = rows.iter().filter_map(one).collect();
        (told.iter().filter(|met| **met).count(), told.len())
    };
    let mut text = String::new();
    let (near, all) = of(|row| row.wait_is_near);
    let _ = writeln!(text, "- Predicted mean wait within 25% or 2 ms of what clients measured: {near} of {all}.");
    let (near, all) = of(|row| row.utilization_is_near);
    let _ = writeln!(text, "- Utilization within 5 points: {near} of {all}.");
    let (right, all) = of(|row| (row.load.right == Right::Stay).then_some(row.is_right));
    let _ = writeln!(text, "- \"Do not enlarge\" where a larger pool does not help: {right} of {all}.");
    let (right, all) = of(|row| Some(row.is_right));
    let _ = write!(text, "- The right kind of advice: {right} of {all}.");
    text
}
