//! Whose an incident is: what belongs to another region is kept here and held back, so that it can be told at once when that region cannot
//! any more. What this desk has told stays its own.

use std::time::Duration;

use super::super::{
    Now,
    lifecycle::span,
    scope::{Scope, Whose},
};
use super::{Desk, File, Incident};
use crate::model::{Rule, Timestamp};

/// So long a region that sees less than half of the world leaves it to others to tell of it: they tell within seconds when they can.
const DOUBTS_FOR: Duration = Duration::from_mins(1);

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

    /// When doubt ends.
    pub(super) fn doubt_ends(file: &File, now: Timestamp) -> Option<Timestamp> {
        let doubted = file.doubted.filter(|_| file.whose == Some(Whose::Doubtful) && doubts(file, now))?;
        Some(doubted.after(DOUBTS_FOR))
    }
}

fn doubts(file: &File, now: Timestamp) -> bool {
    file.doubted.is_some_and(|then| now.since(then) < DOUBTS_FOR)
}
