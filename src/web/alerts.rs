//! What may be asked about alerts, what may be said to the desk, and the JSON that answers: functions of the book as it stands, and of a
//! body as it came. What a body may hold is bounded and named; the desk decides the rest.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{answer::Refusal, past, views::Filter};
use crate::model::{
    RegionName, Rule, Severity, TargetName, Timestamp,
    alert::{Acknowledge, Alert, AlertBook, AlertState, AlertStep, Delivery, Matchers, NewSilence},
};

/// In the order in which an alert goes through them.
pub(super) const STATES: [AlertState; 5] =
    [AlertState::Pending, AlertState::Firing, AlertState::Acknowledged, AlertState::Recovering, AlertState::Resolved];

/// From bad to worse.
pub(super) const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// Alerts shown unless a limit is named; an alert is some kilobytes.
const SHOWN: usize = 500;

/// The largest limit.
const MOST_SHOWN: usize = 10_000;

/// A name, or a pattern for one.
const LONGEST_NAME: usize = 200;

/// A note or a reason.
const LONGEST_TEXT: usize = 2_000;

/// The longest silence by API; what is to last for ever belongs into the configuration.
const LONGEST_SILENCE: Duration = Duration::from_hours(366 * 24);

/// The query of `/api/alerts`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    state: Option<String>,
    region: Option<RegionName>,
    severity: Option<String>,
    rule: Option<String>,
    target: Option<TargetName>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

/// The same, read.
#[derive(Debug)]
pub(super) struct Selection {
    states: BTreeSet<AlertState>,
    severities: BTreeSet<Severity>,
    rules: BTreeSet<Rule>,
    filter: Filter,
    /// Not those that were over before.
    from: Option<Timestamp>,
    /// Not those that began later.
    to: Option<Timestamp>,
    limit: usize,
}

/// `/api/alerts`.
#[derive(Debug, Serialize)]
pub(super) struct List<'a> {
    alerts: Vec<&'a Alert>,
    /// How many there are, shown or not.
    total: usize,
}

impl Asked {
    /// What it asks for; a word that is not known is refused with those that are.
    pub(super) fn selection(&self, now: Timestamp) -> Result<Selection, Refusal> {
        let limit = self.limit.unwrap_or(SHOWN);
        if !(1..=MOST_SHOWN).contains(&limit) {
            return Err(Refusal::BadRequest(format!("limit: give a number from 1 to {MOST_SHOWN}")));
        }
        Ok(Selection {
            states: words("state", self.state.as_deref(), &STATES, AlertState::as_str)?,
            severities: words("severity", self.severity.as_deref(), &SEVERITIES, Severity::as_str)?,
            rules: words("rule", self.rule.as_deref(), &rules(), Rule::as_str)?,
            filter: Filter { region: self.region.clone(), target: self.target.clone() },
            from: past::moment("from", self.from.as_ref(), now).map_err(Refusal::BadRequest)?,
            to: past::moment("to", self.to.as_ref(), now).map_err(Refusal::BadRequest)?,
            limit,
        })
    }
}

fn rules() -> Vec<Rule> {
    Rule::ALL.iter().copied().chain([Rule::DeliveryFailing]).collect()
}

/// The known values that a comma-separated list names; all of them when it names none.
fn words<T: Copy + Ord>(
    key: &str,
    asked: Option<&str>,
    known: &[T],
    name: fn(T) -> &'static str,
) -> Result<BTreeSet<T>, Refusal> {
    let asked = asked.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let found = asked.map(|word| {
        known.iter().copied().find(|one| name(*one) == word).ok_or_else(|| {
            let all: Vec<_> = known.iter().map(|one| name(*one)).collect();
            Refusal::BadRequest(format!("{key}: {word:?} is not one of {}", all.join(", ")))
        })
    });
    let found = found.collect::<Result<BTreeSet<_>, _>>()?;
    Ok(if found.is_empty() { known.iter().copied().collect() } else { found })
}

impl Selection {
    /// What it selects, newest first.
    pub(super) fn list<'a>(&self, book: &'a AlertBook) -> List<'a> {
        let mut alerts: Vec<&Alert> = book.alerts.iter().map(AsRef::as_ref).filter(|alert| self.takes(alert)).collect();
        let total = alerts.len();
        alerts.truncate(self.limit);
        List { alerts, total }
    }

    fn takes(&self, alert: &Alert) -> bool {
        self.states.contains(&alert.state)
            && self.severities.contains(&alert.severity)
            && self.rules.contains(&alert.rule)
            && self.to.is_none_or(|to| alert.started_at < to)
            && self.from.is_none_or(|from| alert.resolved_at.is_none_or(|over| over >= from))
            && concerns(alert, &self.filter)
    }
}

/// Whether an alert is about what a filter selects; one target's trouble on a shared server is the others' too.
pub(super) fn concerns(alert: &Alert, filter: &Filter) -> bool {
    let is_about = |target| alert.target.as_ref() == Some(target) || alert.affects.contains(target);
    filter.takes_region(&alert.region) && filter.target.as_ref().is_none_or(is_about)
}

/// The alerts that are not over, newest first.
pub(super) fn open<'a>(book: &'a AlertBook, filter: &Filter) -> Vec<&'a Alert> {
    let open = book.alerts.iter().filter(|alert| alert.state != AlertState::Resolved && concerns(alert, filter));
    open.map(AsRef::as_ref).collect()
}

/// `/api/alerts/{id}`.
pub(super) fn one<'a>(book: &'a AlertBook, id: &str) -> Result<&'a Arc<Alert>, Refusal> {
    book.alert(id).ok_or_else(|| Refusal::NoSuch { code: NO_SUCH_ALERT, said: format!("no alert has the id {id:?}") })
}

/// What an answer about an alert says that is not known.
pub(super) const NO_SUCH_ALERT: &str = "no_such_alert";

/// `/api/alerts/{id}/explain`.
#[derive(Debug, Serialize)]
pub(super) struct Explained<'a> {
    alert: &'a Alert,
    steps: &'a [AlertStep],
    deliveries: &'a [Delivery],
}

/// Why people were or were not told of an alert, in the order in which it happened.
pub(super) fn explain<'a>(book: &'a AlertBook, id: &str) -> Result<Explained<'a>, Refusal> {
    let alert = one(book, id)?;
    let steps = book.steps.get(id).map_or(&[] as &[_], |steps| steps);
    Ok(Explained { alert, steps, deliveries: &alert.deliveries })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckBody {
    by: String,
    #[serde(default)]
    note: Option<String>,
}

/// The body of `POST /api/alerts/{id}/ack`.
pub(super) fn acknowledge(id: String, body: &[u8]) -> Result<Acknowledge, Refusal> {
    let AckBody { by, note } = read(body)?;
    let note = note.map(|note| text("note", &note)).transpose()?.filter(|note| !note.is_empty());
    Ok(Acknowledge { id, by: name("by", &by)?, note })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SilenceBody {
    matchers: Matchers,
    #[serde(default)]
    starts_at: Option<Timestamp>,
    #[serde(default)]
    ends_at: Option<Timestamp>,
    #[serde(default)]
    duration: Option<String>,
    by: String,
    reason: String,
}

/// The body of `POST /api/silences`.
pub(super) fn silence(body: &[u8]) -> Result<NewSilence, Refusal> {
    let SilenceBody { matchers, starts_at, ends_at, duration, by, reason } = read(body)?;
    let lasts = duration.map(|text| lasting(&text)).transpose()?;
    match (ends_at, lasts) {
        (None, None) => return Err(bad("give the end as endsAt, or as duration, e.g. \"2h\"")),
        (Some(_), Some(_)) => return Err(bad("give either endsAt or duration, not both")),
        (Some(ends), None) if starts_at.is_some_and(|starts| starts >= ends) => return Err(bad("endsAt must be after startsAt")),
        _ => {}
    }
    let reason = text("reason", &reason)?;
    if reason.is_empty() {
        return Err(bad("reason: say why, for those who wonder later"));
    }
    Ok(NewSilence { matchers: checked(matchers)?, starts_at, ends_at, lasts, by: name("by", &by)?, reason })
}

fn lasting(text: &str) -> Result<Duration, Refusal> {
    let wrong = || bad("duration: give a length of time such as \"30m\" or \"2h\", a year at most");
    let lasts = humantime::parse_duration(text).map_err(|_| wrong())?;
    (lasts > Duration::ZERO && lasts <= LONGEST_SILENCE).then_some(lasts).ok_or_else(wrong)
}

/// Matchers that can match something: at least one, and a rule or severity without `*` and `?` must be a known one.
fn checked(matchers: Matchers) -> Result<Matchers, Refusal> {
    let Matchers { region, target, rule, severity } = &matchers;
    let given = [("region", region), ("target", target), ("rule", rule), ("severity", severity)];
    let given: Vec<_> = given.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))).collect();
    if given.is_empty() {
        return Err(bad("matchers: name at least one of region, target, rule and severity; * stands for any text"));
    }
    for (key, value) in given {
        name(&format!("matchers.{key}"), value)?;
        let is_exact = !value.contains(['*', '?']);
        match key {
            "rule" if is_exact => words("matchers.rule", Some(value), &rules(), Rule::as_str).map(drop)?,
            "severity" if is_exact => words("matchers.severity", Some(value), &SEVERITIES, Severity::as_str).map(drop)?,
            _ => {}
        }
    }
    Ok(matchers)
}

fn bad(why: &str) -> Refusal {
    Refusal::BadRequest(why.to_owned())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // serde would take a list for a structure too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(bad("body: expected a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::BadRequest(format!("body: {error}")))
}

/// One line that is not empty.
fn name(key: &str, given: &str) -> Result<String, Refusal> {
    let given = given.trim();
    let is_fine = !given.is_empty() && given.chars().count() <= LONGEST_NAME && !given.contains(char::is_control);
    is_fine
        .then(|| given.to_owned())
        .ok_or_else(|| Refusal::BadRequest(format!("{key}: give one line of 1 to {LONGEST_NAME} characters")))
}

/// Some lines.
fn text(key: &str, given: &str) -> Result<String, Refusal> {
    let given = given.trim();
    let is_fine = given.chars().count() <= LONGEST_TEXT && !given.contains(|c: char| c.is_control() && c != '\n');
    is_fine
        .then(|| given.to_owned())
        .ok_or_else(|| Refusal::BadRequest(format!("{key}: at most {LONGEST_TEXT} characters, without control characters")))
}
