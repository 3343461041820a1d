//! What people ask of the desk: whether it makes sense, and what it does to an incident.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::super::{Now, incident::Acknowledgement};
use super::{AlertRefusal, AlertState, Desk, Settled, file::Shown};
use crate::model::{
    Rule, Severity, Timestamp,
    alert::{Acknowledge, AlertEvent, Matchers, NewSilence, Silence, SilenceKind},
};

/// Nobody's name is longer.
const MOST_BY: usize = 200;
/// Nor does anybody write more about it.
const MOST_TEXT: usize = 2_000;
/// A silence that lasts longer is a rule that should be off.
const LONGEST_SILENCE: Duration = Duration::from_hours(366 * 24);
/// More silences than anybody can mean.
pub(super) const MOST_SILENCES: usize = 1_000;

type Checked<T> = Result<T, AlertRefusal>;

fn refuse<T>(why: impl Into<String>) -> Checked<T> {
    Err(AlertRefusal::Invalid(why.into()))
}

fn name(by: &str) -> Checked<String> {
    match by.trim() {
        "" => refuse("`by` is empty: say who"),
        by if by.chars().count() > MOST_BY => refuse(format!("`by` is longer than {MOST_BY} characters")),
        by => Ok(by.to_owned()),
    }
}

fn words(what: &str, text: &str) -> Checked<String> {
    match text.trim() {
        text if text.chars().count() > MOST_TEXT => refuse(format!("`{what}` is longer than {MOST_TEXT} characters")),
        text => Ok(text.to_owned()),
    }
}

fn matchers(matchers: &Matchers) -> Checked<()> {
    let Matchers { region, target, rule, severity } = matchers;
    let all = [("region", region), ("target", target), ("rule", rule), ("severity", severity)];
    let given: Vec<(&str, &str)> = all.iter().filter_map(|(key, text)| Some((*key, text.as_deref()?))).collect();
    if given.is_empty() {
        return refuse("no matcher: give at least one of region, target, rule and severity");
    }
    for (key, text) in given {
        if text.is_empty() || text.chars().count() > MOST_BY {
            return refuse(format!("`{key}` must have 1 to {MOST_BY} characters"));
        }
        let is_exact = !text.contains(['*', '?']);
        let rules = || Rule::ALL.iter().chain(&[Rule::DeliveryFailing]).map(|rule| rule.as_str());
        let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical].map(Severity::as_str);
        if key == "rule" && is_exact && !rules().any(|rule| rule == text) {
            return refuse(format!("no rule is called `{text}`"));
        }
        if key == "severity" && is_exact && !severities.contains(&text) {
            return refuse(format!("no severity is called `{text}`; there are {}", severities.join(", ")));
        }
    }
    Ok(())
}

/// The silence that somebody asks for.
pub(super) fn silence(now: Now, command: &NewSilence) -> Checked<Silence> {
    matchers(&command.matchers)?;
    let (by, reason) = (name(&command.by)?, words("reason", &command.reason)?);
    let starts = command.starts_at.unwrap_or(now.wall);
    let ends = match (command.ends_at, command.lasts) {
        (Some(ends), None) => ends,
        (None, Some(lasts)) if lasts <= LONGEST_SILENCE => starts.after(lasts),
        (None, Some(_)) => return refuse("it may last a year at most"),
        (None, None) => return refuse("give either an end or how long it lasts"),
        (Some(_), Some(_)) => return refuse("give either an end or how long it lasts, not both"),
    };
    if ends <= starts {
        return refuse("it ends before it starts");
    }
    if ends <= now.wall {
        return refuse("its end has passed already");
    }
    if ends > now.wall.after(LONGEST_SILENCE) {
        return refuse("it may end a year from now at the latest");
    }
    Ok(Silence {
        id: identity(command, starts, ends),
        kind: SilenceKind::Api,
        matchers: command.matchers.clone(),
        starts_at: Some(starts),
        ends_at: Some(ends),
        schedule: None,
        by,
        reason,
        active: starts <= now.wall,
    })
}

/// The same for the same request from the same millisecond on, so that one which is sent twice, or to several regions, is one silence.
fn identity(command: &NewSilence, starts: Timestamp, ends: Timestamp) -> String {
    let NewSilence { matchers, by, reason, .. } = command;
    let mut hash = Sha256::new();
    hash.update(format!("{starts}\n{ends}\n{matchers:?}\n{by:?}\n{reason:?}"));
    format!("s{}", hex::encode(&hash.finalize()[..5]))
}

impl Desk {
    pub(super) fn take_on(&mut self, now: Now, command: &Acknowledge) -> Checked<()> {
        let id = command.id.as_str();
        let by = name(&command.by)?;
        let note = command.note.as_deref().map(|note| words("note", note)).transpose()?.filter(|note| !note.is_empty());
        let Some(incident) = self.incidents.get_mut(id) else {
            return Err(AlertRefusal::NotFound(format!("no alert `{id}`")));
        };
        match incident.state {
            AlertState::Resolved => return refuse("it is over already"),
            AlertState::Pending => return refuse("it is not firing yet: nobody was told"),
            AlertState::Firing => incident.state = AlertState::Acknowledged,
            AlertState::Acknowledged | AlertState::Recovering => {}
        }
        let expires = incident.escalation.policy().and_then(|policy| policy.ack_expires).map(|span| now.steady.after(span));
        let is_first = incident.acknowledgement.is_none();
        let until = expires.map(|expires| format!(" until {}", now.wall.after(expires.since(now.steady))));
        let said = note.as_ref().map(|note| format!(": {note}"));
        let text = format!("{by} has taken it{}{}", until.unwrap_or_default(), said.unwrap_or_default());
        incident.acknowledgement = Some(Acknowledgement { by, note, expires });
        incident.record(now.wall, "acknowledged", text);
        if is_first {
            let level = format!("r{}", incident.escalation.round);
            let (told, shown): (Vec<String>, _) = (incident.told.keys().cloned().collect(), Shown::of(incident));
            if let Some(file) = self.files.get_mut(id) {
                file.shown = Some(shown);
            }
            let message = self.incidents.get(id).map(|it| self.message(it, AlertEvent::Acknowledged, &level, now.steady));
            for (channel, message) in told.iter().zip(message.iter().cycle()) {
                self.send(now, channel, message);
            }
        }
        self.changes.settled.push((id.to_owned(), Settled::Acknowledged));
        self.changes.events.push(("acknowledged", id.to_owned()));
        self.changed.insert(id.to_owned());
        self.touched.insert(id.to_owned());
        Ok(())
    }
}
