//! What a message says, whatever the channel: what, where, since when, how bad, who or what causes it, what to do first, where to look.
//! Channels lay it out; they decide no words. Pure.

mod advice;
mod causes;
pub mod chart;
mod digest;
mod sparkline;
mod template;
mod units;

use super::channels::Parcel;
use crate::model::alert::{Alert, AlertEvent, AlertState};
use units::{lasting, moment, plain};

pub use template::{Templates, Worded};
pub use units::{plain as line, tick};

/// Names of more characters than this tell nothing more, and would fill a title.
const NAME: usize = 80;

/// Sentences of others longer than this are cut.
const LONGEST: usize = 500;

/// Other targets that are named; the page knows all.
const MOST_AFFECTED: usize = 10;

/// A line with a name: `Where: us-east-1 / marketing`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: String,
}

impl Field {
    fn new(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), value }
    }
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
    let mut notes = Vec::new();
    if order.event == AlertEvent::Test {
        notes.push("This is a test: nothing is wrong, and nobody has to do anything.".to_owned());
    }
    if parcel.possible_repeat {
        notes.push("This may be a repeat: Isobar was interrupted while it sent this.".to_owned());
    }
    notes.extend(order.notes.iter().map(|note| sentence(note)));
    let title = headline(parcel).title();
    match (order.event, order.alert()) {
        (AlertEvent::Digest, Some(first)) => digest::compose(title, notes, &order.alerts, first),
        (_, Some(alert)) => Notice {
            title,
            summary: summary(alert, tells_the_end(parcel)),
            notes,
            fields: fields(alert, parcel),
            causes: causes::of(&alert.evidence),
            commands: if tells_the_end(parcel) { Vec::new() } else { advice::first(alert) },
            sparkline: sparkline::sparkline(&alert.chart),
            runbook: alert.runbook.clone(),
            dashboard: alert.dashboard.clone(),
            digest: Vec::new(),
        },
        (_, None) => Notice {
            title,
            summary: match order.event {
                AlertEvent::Test => "Messages from Isobar arrive here.".to_owned(),
                _ => "What this was about is not known any more; look at the alerts that are open.".to_owned(),
            },
            notes,
            fields: Vec::new(),
            causes: Vec::new(),
            commands: Vec::new(),
            sparkline: String::new(),
            runbook: String::new(),
            dashboard: None,
            digest: Vec::new(),
        },
    }
}

/// What is wrong, or what was when it is over.
fn summary(alert: &Alert, over: bool) -> String {
    let sentence = sentence(&alert.message);
    if over { format!("It is over. Last seen: {sentence}") } else { sentence }
}

/// Words from elsewhere with a capital and an end.
fn sentence(text: &str) -> String {
    let text = plain(text, LONGEST);
    let mut letters = text.chars();
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if !sentence.ends_with(['.', '…', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// A title in its parts: what happened, to what, and what else. The second is the same for all messages of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// `FIRING critical`.
    pub what: String,
    /// `database_down on us-east-1/marketing`.
    pub subject: String,
    /// ` after 3 min 12 s`; mostly empty.
    pub tail: String,
}

impl Headline {
    fn title(&self) -> String {
        match self.what.as_str() {
            "" => format!("{}{}", self.subject, self.tail),
            what => format!("{what}: {}{}", self.subject, self.tail),
        }
    }
}

/// The title of this parcel's message.
pub fn headline(parcel: &Parcel) -> Headline {
    let order = &parcel.order;
    let headline = |what: String, subject: String, tail: String| Headline { what, subject, tail };
    if order.event == AlertEvent::Test {
        return headline("TEST from Isobar".into(), format!("channel {}", plain(&order.lane.channel, NAME)), String::new());
    }
    let Some(alert) = order.alert() else {
        return headline(order.event.as_str().to_uppercase(), plain(&order.lane.about, NAME), String::new());
    };
    let subject = format!("{} on {}", alert.rule.as_str(), place(alert, "/"));
    let severity = alert.severity.as_str();
    let what = match order.event {
        AlertEvent::Digest => return headline(String::new(), digest::subject(&order.alerts), String::new()),
        _ if parcel.fired_and_recovered => "FIRED AND RECOVERED".to_owned(),
        AlertEvent::Firing | AlertEvent::Test => format!("FIRING {severity}"),
        AlertEvent::Severity => format!("NOW {severity}"),
        AlertEvent::Escalation => format!("ESCALATED {severity}"),
        AlertEvent::Reminder => match number(&order.level) {
            Some(number) => format!("STILL FIRING (reminder {number})"),
            None => "STILL FIRING".to_owned(),
        },
        AlertEvent::Acknowledged => acknowledged(alert),
        AlertEvent::Resolved => "RESOLVED".to_owned(),
        AlertEvent::Update => match alert.state {
            AlertState::Pending | AlertState::Firing => format!("FIRING {severity}"),
            AlertState::Acknowledged => acknowledged(alert),
            AlertState::Recovering => "RECOVERING".to_owned(),
            AlertState::Resolved => "RESOLVED".to_owned(),
        },
    };
    let tail = match alert.resolved_at {
        Some(end) if tells_the_end(parcel) => format!(" after {}", lasting(end.since(alert.started_at))),
        _ => String::new(),
    };
    headline(what, subject, tail)
}

fn tells_the_end(parcel: &Parcel) -> bool {
    let over = parcel.order.alert().is_some_and(|alert| alert.state == AlertState::Resolved);
    parcel.fired_and_recovered || parcel.order.event == AlertEvent::Resolved || (over && parcel.order.event == AlertEvent::Update)
}

fn acknowledged(alert: &Alert) -> String {
    let by = alert.acknowledged_by.as_deref().map(|by| format!(" by {}", plain(by, NAME)));
    format!("ACKNOWLEDGED{}", by.unwrap_or_default())
}

/// The number of a reminder: its level is `n2`, perhaps with more behind it when another channel takes it over.
fn number(level: &str) -> Option<u32> {
    let digits = level.strip_prefix('n')?;
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// `us-east-1/marketing`, or the region alone.
fn place(alert: &Alert, between: &str) -> String {
    let region = plain(alert.region.as_str(), NAME);
    match &alert.target {
        Some(target) => format!("{region}{between}{}", plain(target.as_str(), NAME)),
        None => region,
    }
}

fn fields(alert: &Alert, parcel: &Parcel) -> Vec<Field> {
    let mut fields = vec![Field::new("Where", place(alert, " / ")), Field::new("Since", since(alert, parcel))];
    if let Some((name, unit, falls)) = units::figure(alert.rule) {
        if let Some(value) = alert.value {
            fields.push(Field::new("Value", format!("{} ({name})", unit.show(value))));
        }
        if let Some(threshold) = alert.threshold {
            fields.push(Field::new("Threshold", format!("{} {}", if falls { "below" } else { "above" }, unit.show(threshold))));
        }
    }
    if let Some(attempts) = alert.evidence.attempts {
        fields.push(Field::new("Attempts", format!("{attempts} failed")));
    }
    fields.push(Field::new("Severity", alert.severity.as_str().to_owned()));
    let others: Vec<_> = alert.affects.iter().filter(|name| Some(*name) != alert.target.as_ref()).collect();
    if !others.is_empty() {
        let named = others.iter().take(MOST_AFFECTED).map(|name| plain(name.as_str(), NAME)).collect::<Vec<_>>().join(", ");
        fields.push(Field::new("Also affected", named + &more(others.len(), MOST_AFFECTED)));
    }
    if alert.flaps > 0 {
        let open = if alert.flapping { "; it comes and goes, so it is kept open for longer" } else { "" };
        fields.push(Field::new("Came back", format!("{}{open}", units::count(alert.flaps, "time"))));
    }
    if let Some(by) = &alert.acknowledged_by {
        let until = alert.acknowledged_until.map(|until| format!(", until {}", moment(until))).unwrap_or_default();
        let note = alert.acknowledgement_note.as_deref().map(|note| format!(": {}", plain(note, LONGEST))).unwrap_or_default();
        fields.push(Field::new("Taken by", format!("{}{until}{note}", plain(by, NAME))));
    }
    fields
}

/// Since when, and for how long, or until when it was.
fn since(alert: &Alert, parcel: &Parcel) -> String {
    let began = moment(alert.started_at);
    match alert.resolved_at {
        Some(end) => format!("{began}, until {} ({})", moment(end), lasting(end.since(alert.started_at))),
        None => format!("{began}, for {}", lasting(parcel.now.since(alert.started_at))),
    }
}

/// What was left out of a list.
fn more(all: usize, shown: usize) -> String {
    if all > shown { format!(" and {} more", all - shown) } else { String::new() }
}

#[cfg(test)]
pub(crate) mod tests;
