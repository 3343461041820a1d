//! The end of a turn: what was touched is reconsidered, causes first, and what hides an incident now is found.

use std::{cmp::Reverse, collections::BTreeSet};

use super::super::{Now, inhibit::WAITS_FOR_CAUSE, lifecycle::span};
use super::{Common, Desk, File, Incident, Subject, inhibit, watching::REPORTED_WITHIN};
use crate::model::{Rule, Timestamp};

impl Desk {
    /// Reconsiders what was touched, causes first, and tells the digests that are due.
    pub(super) fn settle(&mut self, now: Now) {
        loop {
            while let Some(common) = self.stale.pop_first() {
                self.choose_leader(now, &common);
            }
            if self.touched.is_empty() {
                break;
            }
            let touched = std::mem::take(&mut self.touched).into_iter();
            let order = |id: String| {
                let incident = self.incidents.get(&id)?;
                Some((
                    inhibit::rank(incident.subject.rule),
                    Reverse(incident.reason.severity),
                    incident.opened,
                    incident.subject.clone(),
                    id,
                ))
            };
            let mut ids: Vec<_> = touched.filter_map(order).collect();
            ids.sort_unstable();
            for (.., id) in &ids {
                self.reconsider(now, id);
            }
        }
        self.tell_digests(now);
    }

    /// Others may be hidden by it, or no longer: they are reconsidered.
    pub(super) fn ripple(&mut self, id: &str) {
        let Some(subject) = self.incidents.get(id).map(|incident| &incident.subject) else { return };
        if let Some(common) = self.files.get(id).and_then(|file| file.common.clone()) {
            self.stale.insert(common);
        }
        if !inhibit::is_cause(subject.rule) {
            return;
        }
        if subject.target.is_none() {
            let in_region = self.subjects.iter().filter(|(other, _)| other.region == subject.region);
            self.touched.extend(in_region.map(|(_, id)| id.clone()));
        } else if let Some(view) = self.view(subject) {
            let open = view.open.clone();
            self.touched.extend(open);
        }
    }

    /// Silences began or ended: looks for each incident anew whether one holds it.
    pub(super) fn requiet(&mut self) {
        for (id, file) in &mut self.files {
            let Some(incident) = self.incidents.get(id).filter(|incident| incident.is_open()) else { continue };
            let held = self.silences.holds(incident);
            if held != file.silenced {
                file.silenced = held;
                self.stale.extend(file.common.clone());
                self.touched.insert(id.clone());
            }
        }
    }

    fn choose_leader(&mut self, now: Now, common: &Common) {
        let grace = self.settings.resolve_after;
        let Some(together) = self.together.get_mut(common) else { return };
        if together.members.is_empty() {
            self.together.remove(common);
            return;
        }
        let may = |id: &String| self.files.get(id).is_some_and(|file| file.silenced.is_none());
        let members = together.members.iter().filter(|id| may(id)).filter_map(|id| self.incidents.get(id));
        let leader = inhibit::leads(members, now.steady, grace).map(|incident| incident.id.clone());
        let others = together.members.iter().filter(|id| Some(*id) != leader.as_ref()).filter_map(|id| self.incidents.get(id));
        let others: BTreeSet<_> =
            others.filter(|it| it.in_breach()).filter_map(|incident| incident.subject.target.clone()).collect();
        if together.leader != leader {
            together.leader.clone_from(&leader);
            self.touched.extend(together.members.iter().cloned());
        }
        let Some((id, incident)) = leader.and_then(|id| Some((id.clone(), self.incidents.get_mut(&id)?))) else { return };
        let known = incident.affects.len();
        for target in others {
            if !incident.affects.contains(&target) {
                incident.affects.push(target);
            }
        }
        if incident.affects.len() > known {
            self.changed.insert(id.clone());
            self.touched.insert(id);
        }
    }

    /// From before the start, and its target is not reported any more although its region is.
    pub(super) fn is_gone(&self, now: Now, incident: &Incident) -> bool {
        let is_old = |at: Timestamp| now.steady.since(at) >= REPORTED_WITHIN;
        let Some(view) = self.view(&incident.subject).filter(|_| incident.subject.target.is_some()) else { return false };
        let region = self.regions.get(&incident.subject.region).and_then(|region| region.seen_since);
        let restored = self.files.get(&incident.id).is_some_and(|file| file.restored);
        restored && !view.reported && is_old(self.started) && region.is_some_and(is_old)
    }

    pub(super) fn suppress(&mut self, now: Now, incident: &mut Incident, file: &mut File) {
        let hidden = self.hidden(now, incident, file);
        if incident.suppressed_by.as_ref() == hidden.as_ref().map(|(by, _)| by) {
            return;
        }
        let (what, text) = match &hidden {
            Some((_, text)) => ("suppressed", format!("held back by {text}")),
            None => ("released", "nothing holds it back any more".to_owned()),
        };
        incident.record(now.wall, what, text);
        incident.suppressed_by = hidden.map(|(by, _)| by);
        file.released = Some(now.steady);
        file.waits = None;
        self.changes.events.push((what, incident.id.clone()));
        self.changed.insert(incident.id.clone());
    }

    /// What hides it, and that in words.
    fn hidden(&self, now: Now, incident: &Incident, file: &File) -> Option<(String, String)> {
        let Subject { region, target, rule, .. } = &incident.subject;
        let hides = |subject: &Subject| {
            let cause = self.incidents.get(self.subjects.get(subject)?)?;
            let place = subject.target.as_ref().map_or_else(|| region.to_string(), |target| format!("{region}/{target}"));
            let text = || format!("its cause, {} of {place} ({})", subject.rule.as_str(), cause.id);
            let hides = inhibit::may_hide(cause, incident) && inhibit::hides(cause, now.steady, self.settings.resolve_after);
            hides.then(|| (cause.id.clone(), text()))
        };
        let of = |target: Option<_>, rule| Subject { region: region.clone(), target, rule, scope: String::new() };
        let blind = target.is_some() && *rule != Rule::DeliveryFailing;
        let blind = blind.then(|| of(None, Rule::RegionBlind)).and_then(|subject| hides(&subject));
        let cause = || inhibit::causes(*rule).iter().find_map(|cause| hides(&of(target.clone(), *cause)));
        let silence = || file.silenced.as_ref().map(|held| (held.by.clone(), held.text.clone()));
        let leader = || {
            // What recovers is not hidden any more by those who still fail.
            if !incident.in_breach() && incident.suppressed_by.is_none() {
                return None;
            }
            let leader = self.together.get(file.common.as_ref()?)?.leader.as_ref().filter(|leader| **leader != incident.id)?;
            let target = self.incidents.get(leader)?.subject.target.as_ref()?;
            Some((leader.clone(), format!("{} of {region}/{target} ({leader}), which fails together with it", rule.as_str())))
        };
        self.elsewhere(now, incident, file).or(blind).or_else(cause).or_else(silence).or_else(leader)
    }

    /// Whether its first notice waits, since a cause of it may be about to fire.
    pub(super) fn waits_for_cause(&self, now: Now, incident: &mut Incident, file: &mut File) -> bool {
        let rule = incident.subject.rule;
        let Some(view) = self.view(&incident.subject).filter(|_| inhibit::waits(rule)) else { return false };
        let pending = inhibit::causes(rule).iter().find(|cause| view.expects(**cause, now.steady));
        if pending.is_none() && !view.dark {
            return false;
        }
        if file.waits.is_none() {
            let for_what = pending.map_or("the target can be seen again", |cause| cause.as_str());
            let text = format!("waits at most {} for a cause: {for_what}", span(WAITS_FOR_CAUSE));
            incident.record(now.wall, "waiting", text);
        }
        now.steady.since(*file.waits.get_or_insert(now.steady)) < WAITS_FOR_CAUSE
    }
}
