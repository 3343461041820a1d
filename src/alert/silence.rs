//! Holding back: silences that people make, and those that are planned. What matches an active one is not told to anybody new; what was
//! told already is still told to be over. A silence follows the clock on the wall, as the people who set it do: a window of the
//! night is one whatever happened to the clock before.

use std::{str::FromStr, time::Duration};

use chrono_tz::Tz;
use croner::Cron;
use wildmatch::WildMatch;

use super::{
    incident::Incident,
    settings::{PlannedSilence, When},
};
use crate::model::{
    RegionName, Timestamp,
    alert::{Matchers, Silence, SilenceKind},
};

/// A silence that has ended is kept for as long as a clock may be wrong, so that one which jumps ahead and back ends none for good.
const KEPT: Duration = Duration::from_hours(1);

/// What holds an incident back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// `silence/ID` or `maintenance/NAME`.
    pub(super) by: String,
    /// Name and reason, for a person.
    pub(super) text: String,
}

/// Whether a silence with these matchers may hold back something of that region.
pub(super) fn concerns(matchers: &Matchers, region: &RegionName) -> bool {
    matchers.region.as_deref().is_none_or(|pattern| WildMatch::new(pattern).matches(region.as_str()))
}

/// Matchers, ready to match.
#[derive(Debug)]
struct Pattern {
    region: Option<WildMatch>,
    target: Option<WildMatch>,
    rule: Option<WildMatch>,
    severity: Option<WildMatch>,
}

impl Pattern {
    fn new(matchers: &Matchers) -> Self {
        let wild = |text: &Option<String>| text.as_deref().map(WildMatch::new);
        Self {
            region: wild(&matchers.region),
            target: wild(&matchers.target),
            rule: wild(&matchers.rule),
            severity: wild(&matchers.severity),
        }
    }

    fn matches(&self, incident: &Incident) -> bool {
        let fits = |pattern: &Option<WildMatch>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(text));
        fits(&self.region, incident.subject.region.as_str())
            && fits(&self.target, incident.subject.target.as_ref().map_or("", |target| target.as_str()))
            && fits(&self.rule, incident.subject.rule.as_str())
            && fits(&self.severity, incident.reason.severity.as_str())
    }
}

/// When a silence is active.
#[derive(Debug)]
enum Window {
    Once { starts: Option<Timestamp>, ends: Option<Timestamp> },
    Recurring { cron: Option<Box<Cron>>, lasts: Duration, zone: Tz },
}

impl Window {
    fn new(when: &When) -> Self {
        match when {
            When::Once { starts, ends } => Self::Once { starts: *starts, ends: *ends },
            When::Recurring { cron, lasts, zone } => {
                Self::Recurring { cron: Cron::from_str(cron).ok().map(Box::new), lasts: *lasts, zone: *zone }
            }
        }
    }

    fn is_active(&self, wall: Timestamp) -> bool {
        match self {
            Self::Once { starts, ends } => starts.is_none_or(|starts| starts <= wall) && ends.is_none_or(|ends| wall < ends),
            Self::Recurring { cron, lasts, zone } => {
                let here = wall.0.with_timezone(zone);
                let begun = cron.as_ref().and_then(|cron| cron.find_previous_occurrence(&here, true).ok());
                begun.is_some_and(|begun| wall.since(Timestamp(begun.to_utc())) < *lasts)
            }
        }
    }
}

#[derive(Debug)]
struct Entry {
    shown: Silence,
    pattern: Pattern,
    window: Window,
}

impl Entry {
    fn planned(planned: &PlannedSilence) -> Self {
        let (starts_at, ends_at, schedule) = match &planned.when {
            When::Once { starts, ends } => (*starts, *ends, None),
            When::Recurring { cron, lasts, zone } => {
                (None, None, Some(format!("{cron} for {} {zone}", humantime::format_duration(*lasts))))
            }
        };
        let shown = Silence {
            id: planned.name.clone(),
            kind: if planned.maintenance { SilenceKind::Maintenance } else { SilenceKind::Silence },
            matchers: planned.matchers.clone(),
            starts_at,
            ends_at,
            schedule,
            by: "configuration".to_owned(),
            reason: planned.reason.clone(),
            active: false,
        };
        Self { shown, pattern: Pattern::new(&planned.matchers), window: Window::new(&planned.when) }
    }

    fn made(silence: Silence) -> Self {
        let window = Window::Once { starts: silence.starts_at, ends: silence.ends_at };
        Self { pattern: Pattern::new(&silence.matchers), window, shown: silence }
    }

    fn held(&self) -> Held {
        let Silence { id, kind, by, reason, .. } = &self.shown;
        match kind {
            SilenceKind::Maintenance => Held { by: format!("maintenance/{id}"), text: format!("maintenance {id}: {reason}") },
            SilenceKind::Silence => Held { by: format!("silence/{id}"), text: format!("silence {id}: {reason}") },
            SilenceKind::Api => Held { by: format!("silence/{id}"), text: format!("silence {id} by {by}: {reason}") },
        }
    }
}

/// All silences: the configuration's first, then those that people made.
#[derive(Debug, Default)]
pub(super) struct Silences {
    planned: Vec<Entry>,
    made: Vec<Entry>,
    looked: Option<i64>,
}

impl Silences {
    /// With those that were kept.
    pub(super) fn new(planned: &[PlannedSilence], kept: Vec<Silence>) -> Self {
        let made = kept.into_iter().map(Entry::made).collect();
        Self { planned: planned.iter().map(Entry::planned).collect(), made, looked: None }
    }

    /// Other planned ones from now on.
    pub(super) fn replan(&mut self, planned: &[PlannedSilence]) {
        self.planned = planned.iter().map(Entry::planned).collect();
        self.looked = None;
    }

    /// Looks at the clock, once a second; tells whether any began or ended.
    pub(super) fn look(&mut self, wall: Timestamp) -> bool {
        let second = wall.unix_ms().div_euclid(1_000);
        if self.looked == Some(second) {
            return false;
        }
        self.looked = Some(second);
        let mut changed = false;
        for entry in self.planned.iter_mut().chain(&mut self.made) {
            let active = entry.window.is_active(wall);
            changed |= std::mem::replace(&mut entry.shown.active, active) != active;
        }
        changed
    }

    /// What holds it back now, as of the last look.
    pub(super) fn holds(&self, incident: &Incident) -> Option<Held> {
        let mut active = self.planned.iter().chain(&self.made).filter(|entry| entry.shown.active);
        active.find(|entry| entry.pattern.matches(incident)).map(Entry::held)
    }

    /// One more.
    pub(super) fn add(&mut self, silence: Silence) {
        self.made.retain(|entry| entry.shown.id != silence.id);
        self.made.push(Entry::made(silence));
        self.looked = None;
    }

    /// Ends one that somebody made; tells whether there was one.
    pub(super) fn end(&mut self, id: &str) -> bool {
        let before = self.made.len();
        self.made.retain(|entry| entry.shown.id != id);
        self.looked = None;
        self.made.len() < before
    }

    /// Whether the configuration has one of this name.
    pub(super) fn is_planned(&self, id: &str) -> bool {
        self.planned.iter().any(|entry| entry.shown.id == id)
    }

    /// Forgets those that ended long ago; tells whether there were any.
    pub(super) fn prune(&mut self, wall: Timestamp) -> bool {
        let before = self.made.len();
        self.made.retain(|entry| entry.shown.ends_at.is_none_or(|ends| wall < ends.after(KEPT)));
        self.made.len() < before
    }

    /// All that have not ended, as they are at this moment.
    pub(super) fn list(&self, wall: Timestamp) -> Vec<Silence> {
        let all = self.planned.iter().chain(&self.made);
        let lives = all.filter(|entry| entry.shown.ends_at.is_none_or(|ends| wall < ends));
        lives.map(|entry| Silence { active: entry.window.is_active(wall), ..entry.shown.clone() }).collect()
    }
}

#[cfg(test)]
mod tests;
