//! What a message says, whatever the channel: what, where, since when, how bad, who or what causes it, what to do first, where to look.
//! Channels lay it out; they decide no words. Pure.

mod template;

use super::channels::Parcel;

pub use template::{Templates, Worded};

/// A line with a name: `Where: us-east-1 / marketing`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// Something to run, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Command {
    /// What it shows or does.
    pub purpose: String,
    /// The exact SQL or PgBouncer command.
    pub command: String,
}

/// A message before it is laid out for a channel. Templates see its fields.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Notice {
    /// `FIRING critical: database_down on us-east-1/marketing`.
    pub title: String,
    /// What, in one sentence.
    pub summary: String,
    /// What must be said first: a possible repeat, a channel that could not be reached, a late step, a test.
    pub notes: Vec<String>,
    /// Where, since when, value and threshold with units, state, how often it flapped, who has taken it.
    pub fields: Vec<Field>,
    /// Who or what causes it, worst first, one line each.
    pub causes: Vec<String>,
    /// What to do first.
    pub commands: Vec<Command>,
    /// A line of block characters of the figure's last minutes; empty without one.
    pub sparkline: String,
    /// The rule's page.
    pub runbook: String,
    /// The dashboard, when it is configured.
    pub dashboard: Option<String>,
    /// One line for each alert of a digest.
    pub digest: Vec<String>,
}

/// Words the parcel.
pub fn compose(parcel: &Parcel) -> Notice {
    let order = &parcel.order;
    let alert = order.alert();
    let about = alert.map_or_else(String::new, |alert| {
        let target = alert.target.as_ref().map_or("", |target| target.as_str());
        format!("{} {} on {}/{target}", alert.severity.as_str(), alert.rule.as_str(), alert.region)
    });
    let repeat = parcel.possible_repeat.then(|| "This may be a repeat.".to_owned());
    Notice {
        title: format!("{}: {about}", order.event.as_str().to_uppercase()),
        summary: alert.map_or_else(String::new, |alert| alert.message.clone()),
        notes: order.notes.iter().cloned().chain(repeat).collect(),
        fields: vec![Field { name: "Where".into(), value: about }],
        causes: Vec::new(),
        commands: Vec::new(),
        sparkline: String::new(),
        runbook: alert.map_or_else(String::new, |alert| alert.runbook.clone()),
        dashboard: alert.and_then(|alert| alert.dashboard.clone()),
        digest: order.alerts.iter().skip(1).map(|alert| alert.message.clone()).collect(),
    }
}
