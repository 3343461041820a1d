//! Whose an incident is: what belongs to another region is kept here and held back, so that it can be told at once when that region cannot
//! any more. What this desk has told stays its own.

use std::time::Duration;

use super::super::{
    Now,
    lifecycle::span,
    scope::{Scope, Whose},
};
use super::{Desk, File, Incident, Subject};
use crate::model::{Reason, RegionName, Rule, Timestamp};

/// So long a region that sees less than half of the world leaves it to others to tell of it: they tell within seconds when they can.
const DOUBTS_FOR: Duration = Duration::from_mins(1);
/// So long a region that another one should tell of, which does not say that it is blind, is left to it: that one may see it a moment later
/// to be blind too, and a link that was cut may be back.
const LEFT_FOR: Duration = Duration::from_mins(1);
/// A leader says all that is open every ten seconds; who has said nothing for longer sees that region.
const SAID_WITHIN: Duration = Duration::from_secs(15);

impl Desk {
    /// What this desk tells of from now on.
    pub fn set_scope(&mut self, scope: Scope, now: Now) {
        if scope == self.scope {
            return;
        }
        self.begin_turn(now);
        self.scope = scope;
        self.assign(now);
        self.settle(now);
    }

    /// Finds out anew whose the incidents about regions are.
    pub(super) fn assign(&mut self, now: Now) {
        let Some(world) = self.world.clone() else { return };
        for (subject, id) in self.subjects.iter().filter(|(subject, _)| subject.rule == Rule::RegionBlind) {
            let Some(file) = self.files.get_mut(id) else { continue };
            let whose = self.scope.whose(subject, &world);
            if file.whose.as_ref() == Some(&whose) {
                continue;
            }
            let is_partial = matches!(whose, Whose::Partial { .. });
            file.partial = file.partial.filter(|_| is_partial).or(is_partial.then_some(now.steady));
            file.doubted = file.doubted.or((whose == Whose::Doubtful).then_some(now.steady));
            file.whose = Some(whose);
            self.touched.insert(id.clone());
        }
    }

    /// Who tells it instead of this desk, and that in words.
    pub(super) fn elsewhere(&self, now: Now, incident: &Incident, file: &File) -> Option<(String, String)> {
        if self.scope.home.is_none() || incident.subject.rule != Rule::RegionBlind || !incident.told.is_empty() {
            return None;
        }
        match &file.whose {
            Some(Whose::Ours) => None,
            Some(Whose::Partial { .. }) if !is_left(file, now.steady) => None,
            Some(Whose::Partial { seen_from: region }) => {
                let text = format!("region {region}, which tells of it unless it still sees it in {}", span(LEFT_FOR));
                Some((format!("region/{region}"), text))
            }
            Some(Whose::Theirs(region)) => {
                Some((format!("region/{region}"), format!("region {region}, which tells of it while it lives")))
            }
            Some(Whose::Doubtful) if !doubts(file, now.steady) => None,
            Some(Whose::Doubtful) => Some((
                "doubt".to_owned(),
                format!(
                    "doubt: this region sees less than half of the world and may itself be cut off, so for {} it is left to others",
                    span(DOUBTS_FOR)
                ),
            )),
            None => Some(("doubt".to_owned(), "doubt: the world was not seen yet".to_owned())),
        }
    }

    /// A region's reason as it looks from here: when the region that would tell it still sees it, it is the way there that is cut.
    pub(super) fn seen_here(&self, region: &RegionName, reason: &Reason, now: Timestamp) -> Reason {
        let subject = Subject { region: region.clone(), target: None, rule: reason.rule, scope: String::new() };
        let file = self.subjects.get(&subject).and_then(|id| self.files.get(id));
        match (file.and_then(|file| file.whose.as_ref().zip(file.partial)), &self.scope.home) {
            (Some((Whose::Partial { seen_from }, then)), Some(home)) if now.since(then) >= SAID_WITHIN => Reason {
                message: format!("seen blind from {home}; {seen_from} still sees it: {}", reason.message),
                ..reason.clone()
            },
            _ => reason.clone(),
        }
    }

    /// Until when it is left to the region that sees it.
    pub(super) fn is_left_until(file: &File, now: Timestamp) -> Option<Timestamp> {
        Some(file.partial.filter(|_| is_left(file, now))?.after(LEFT_FOR))
    }

    /// When doubt ends.
    pub(super) fn doubt_ends(file: &File, now: Timestamp) -> Option<Timestamp> {
        let doubted = file.doubted.filter(|_| file.whose == Some(Whose::Doubtful) && doubts(file, now))?;
        Some(doubted.after(DOUBTS_FOR))
    }
}

fn is_left(file: &File, now: Timestamp) -> bool {
    file.partial.is_some_and(|then| now.since(then) < LEFT_FOR)
}

fn doubts(file: &File, now: Timestamp) -> bool {
    file.doubted.is_some_and(|then| now.since(then) < DOUBTS_FOR)
}
