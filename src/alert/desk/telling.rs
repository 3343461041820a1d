//! From incidents to orders: what hides an incident now, what its first notice waits for, which steps are due, what readers of a message
//! would see change.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::super::{
    Now,
    escalate::{Move, lateness},
    group::EDITED_EVERY,
    inhibit::WAITS_FOR_CAUSE,
    lifecycle::span,
    order::{Lane, Order, WORST},
};
use super::{Alert, AlertState, Desk, File, Incident, Settled, file::Shown, watching::REPORTED_WITHIN};
use crate::model::{Rule, Severity, Timestamp, alert::AlertEvent};

/// Channels are told of a severity that goes up and down at most this often; of a new worst one at once.
const SEVERITY_TOLD_EVERY: Duration = Duration::from_mins(1);

/// What to tell, but for the channel.
pub(super) struct Message {
    pub(super) about: String,
    pub(super) event: AlertEvent,
    pub(super) level: String,
    pub(super) severity: Severity,
    pub(super) due: Timestamp,
    pub(super) alerts: Vec<Arc<Alert>>,
    pub(super) notes: Vec<String>,
}

impl Desk {
    pub(super) fn reconsider(&mut self, now: Now, id: &str) {
        let Some(incident) = self.incidents.get(id).filter(|incident| incident.is_open()) else { return };
        if incident.subject.rule == Rule::DeliveryFailing
            && incident.recovering.is_some_and(|then| now.steady.since(then) >= self.hold(now, incident))
        {
            self.finish(now, id, "resolved", "over: the channel takes messages again");
            return;
        }
        if self.is_gone(now, incident) {
            self.give_up(now, id);
            return;
        }
        let (Some(mut incident), Some(mut file)) = (self.incidents.remove(id), self.files.remove(id)) else { return };
        file.spoken.clear();
        self.expire(now, &mut incident);
        self.suppress(now, &mut incident, &mut file);
        self.speak(now, &mut incident, &mut file);
        self.update(now, &incident, &mut file);
        let wake = self.wake(now, &incident, &file);
        if wake != file.wake {
            file.wake.map(|wake| self.agenda.remove(&(wake, id.to_owned())));
            wake.map(|wake| self.agenda.insert((wake, id.to_owned())));
            file.wake = wake;
        }
        self.files.insert(id.to_owned(), file);
        self.incidents.insert(id.to_owned(), incident);
    }

    fn expire(&mut self, now: Now, incident: &mut Incident) {
        let expired = incident.acknowledgement.as_ref().is_some_and(|it| it.has_expired(now.steady));
        if incident.state == AlertState::Acknowledged && expired {
            let by = incident.acknowledgement.take().map(|it| it.by).unwrap_or_default();
            incident.state = AlertState::Firing;
            incident.escalation.restart(now.steady);
            incident.record(now.wall, "expired", format!("the acknowledgement of {by} expired: the steps begin anew"));
            self.changes.events.push(("firing", incident.id.clone()));
            self.changed.insert(incident.id.clone());
        }
    }

    /// Another policy covers it now: whoever took it, took something less.
    fn outgrow(&mut self, now: Now, incident: &mut Incident) {
        if incident.state != AlertState::Acknowledged {
            return;
        }
        let by = incident.acknowledgement.take().map(|it| it.by).unwrap_or_default();
        incident.state = AlertState::Firing;
        let severity = incident.reason.severity.as_str();
        let text = format!("{by} took it when it was less than {severity}: the policy for {severity} begins");
        incident.record(now.wall, "outgrown", text);
        self.changes.events.push(("firing", incident.id.clone()));
        self.changed.insert(incident.id.clone());
    }

    fn speak(&mut self, now: Now, incident: &mut Incident, file: &mut File) {
        if !incident.in_breach() || incident.suppressed_by.is_some() {
            return;
        }
        let severity = incident.reason.severity;
        self.tell_severity(now, incident, file);
        if severity > incident.escalation.severity && incident.escalation.rise(now.steady, severity) {
            self.outgrow(now, incident);
        }
        if incident.state == AlertState::Acknowledged {
            return;
        }
        if incident.escalation.started.is_none() {
            if self.waits_for_cause(now, incident, file) {
                return;
            }
            incident.escalation.started = Some(now.steady);
            self.changed.insert(incident.id.clone());
        }
        if incident.escalation.policy().is_none() && !std::mem::replace(&mut file.uncovered, true) {
            let text = format!("nobody told because no policy covers severity {}", severity.as_str());
            incident.record(now.wall, "untold", text);
        }
        if severity == Severity::Critical && !incident.digested.is_empty() {
            for channel in std::mem::take(&mut incident.digested) {
                self.first_notice(now, incident, file, &channel, "own", now.steady, &[]);
            }
        }
        for due in incident.escalation.due(now.steady, file.released) {
            self.changed.insert(incident.id.clone());
            match due {
                Move::Step { index, due } => self.take_step(now, incident, file, index, due),
                Move::Remind { due } => self.remind(now, incident, file, due),
            }
        }
    }

    /// Channels that know of it learn of another severity: of a new worst one at once, of others now and then.
    fn tell_severity(&mut self, now: Now, incident: &mut Incident, file: &mut File) {
        let severity = incident.reason.severity;
        let worst = incident.worst_told.max(incident.told.values().max().copied());
        incident.worst_told = worst;
        let lately = file.severity_told.is_some_and(|at| now.steady.since(at) < SEVERITY_TOLD_EVERY);
        if incident.told.values().all(|known| *known == severity) || (lately && Some(severity) <= worst) {
            return;
        }
        (file.severity_told, incident.worst_told) = (Some(now.steady), worst.max(Some(severity)));
        let level = if Some(severity) > worst {
            format!("{WORST}-{}", severity.as_str())
        } else {
            format!("{}-{:x}", severity.as_str(), now.steady.unix_ms())
        };
        let message = self.message(incident, AlertEvent::Severity, &level, now.steady);
        for (channel, known) in incident.told.iter_mut().filter(|(_, known)| **known != severity) {
            *known = severity;
            self.send(now, channel, &message);
            file.spoken.insert(channel.clone());
        }
        incident.record(now.wall, "told", format!("severity {} told to {}", severity.as_str(), list(file.spoken.iter())));
        self.changed.insert(incident.id.clone());
    }

    fn take_step(&mut self, now: Now, incident: &mut Incident, file: &mut File, index: usize, due: Timestamp) {
        let Some(policy) = incident.escalation.policy() else { return };
        let (covers, channels) = (policy.severity, policy.steps[index].channels.clone());
        let (level, again) = (incident.escalation.level(index), incident.escalation.again());
        let mut notes = Vec::new();
        if let Some(late) = lateness(due, now.steady) {
            let note = format!("this step is {} late", span(late));
            incident.record(now.wall, "late", format!("step {} was due {} earlier", index + 1, span(late)));
            notes.push(note);
            self.late += 1;
        }
        let (mut told, mut digested, mut missing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for channel in &channels {
            if told.contains(channel) || digested.contains(channel) || is_about(incident, channel) {
                continue;
            }
            if !self.ways.contains_key(channel) {
                missing.insert(channel.clone());
            } else if incident.told.contains_key(channel) {
                if file.spoken.insert(channel.clone()) {
                    let message = Message { notes: notes.clone(), ..self.message(incident, again, &level, due) };
                    self.send(now, channel, &message);
                }
                told.insert(channel.clone());
            } else if self.first_notice(now, incident, file, channel, &level, due, &notes) {
                told.insert(channel.clone());
            } else {
                digested.insert(channel.clone());
            }
        }
        if told.is_empty()
            && digested.is_empty()
            && let Some(other) = self.another(incident, &missing)
        {
            notes.push(format!("{} is not configured any more", list(missing.iter())));
            let by_itself = self.first_notice(now, incident, file, &other, &level, due, &notes);
            if by_itself { &mut told } else { &mut digested }.insert(other);
        }
        let mut text = format!("step {} of the policy from severity {} on:", index + 1, covers.as_str());
        for (what, channels) in [("told", &told), ("in the digest of", &digested), ("not configured any more:", &missing)] {
            if !channels.is_empty() {
                text = format!("{text} {what} {};", list(channels.iter()));
            }
        }
        let nobody = told.is_empty() && digested.is_empty();
        let text = if nobody { format!("{text} nobody told") } else { text.trim_end_matches(';').to_owned() };
        incident.record(now.wall, if index == 0 && incident.escalation.round == 0 { "told" } else { "escalated" }, text);
        (incident.escalation.taken, incident.escalation.reminded) = (index + 1, Some(now.steady));
    }

    /// Tells a channel for the first time, by itself or in a digest; tells whether by itself.
    #[expect(clippy::too_many_arguments, reason = "a notice has that many sides, and only two callers")]
    fn first_notice(
        &mut self,
        now: Now,
        incident: &mut Incident,
        file: &mut File,
        channel: &str,
        level: &str,
        due: Timestamp,
        notes: &[String],
    ) -> bool {
        let severity = incident.reason.severity;
        let above = self.settings.digest_above;
        file.shown.get_or_insert_with(|| Shown::of(incident));
        if incident.digested.iter().any(|known| known == channel) {
            return false;
        }
        // A provider that must be reminded of each alert cannot be reminded of a digest.
        let forgets = self.ways.get(channel).is_some_and(|way| way.nature.refresh.is_some());
        if self.budgets.admits(channel, now.steady, above, forgets || severity == Severity::Critical) {
            incident.told.insert(channel.to_owned(), severity);
            let message = Message { notes: notes.to_vec(), ..self.message(incident, AlertEvent::Firing, level, due) };
            self.send(now, channel, &message);
            file.spoken.insert(channel.to_owned());
            return true;
        }
        self.budgets.join(channel, now.steady, &incident.id);
        incident.digested.push(channel.to_owned());
        let text = format!("{channel} got more than {above} first notices within a minute: this one is in its digest");
        incident.record(now.wall, "digest", text);
        false
    }

    fn remind(&mut self, now: Now, incident: &mut Incident, file: &mut File, due: Timestamp) {
        incident.escalation.reminders += 1;
        incident.escalation.reminded = Some(now.steady);
        let level = format!("n{}", incident.escalation.reminders);
        let mut message = self.message(incident, AlertEvent::Reminder, &level, due);
        if let Some(late) = lateness(due, now.steady) {
            incident.record(now.wall, "late", format!("a reminder was due {} earlier", span(late)));
            message.notes.push(format!("this reminder is {} late", span(late)));
            self.late += 1;
        }
        for channel in incident.told.keys() {
            if file.spoken.insert(channel.clone()) {
                self.send(now, channel, &message);
            }
        }
        let text = format!("still in breach and nobody has taken it: {} reminded", list(incident.told.keys()));
        incident.record(now.wall, "reminded", text);
    }

    /// Changes messages that can be changed, when a reader would see it.
    fn update(&mut self, now: Now, incident: &Incident, file: &mut File) {
        let shown = file.shown.get_or_insert_with(|| Shown::of(incident));
        if shown.still_holds(incident) || file.updated.is_some_and(|at| now.steady.since(at) < EDITED_EVERY) {
            return;
        }
        *shown = Shown::of(incident);
        file.updated = Some(now.steady);
        self.changed.insert(incident.id.clone());
        let edits = |channel: &&String| self.ways.get(*channel).is_some_and(|way| way.nature.edits);
        let channels: Vec<String> = incident.told.keys().filter(edits).filter(|it| !file.spoken.contains(*it)).cloned().collect();
        if !channels.is_empty() {
            let message = self.message(incident, AlertEvent::Update, &format!("{:x}", now.steady.unix_ms()), now.steady);
            for channel in &channels {
                self.send(now, channel, &message);
            }
        }
    }

    /// When to reconsider it, if nothing touches it before.
    fn wake(&self, now: Now, incident: &Incident, file: &File) -> Option<Timestamp> {
        let severity = incident.reason.severity;
        let speaks = incident.in_breach() && incident.suppressed_by.is_none();
        let steps = speaks && incident.state == AlertState::Firing;
        let waits = file.waits.filter(|_| steps && incident.escalation.started.is_none());
        let step = incident.escalation.next().filter(|_| steps);
        let unlike = speaks && incident.told.values().any(|known| *known != severity);
        let retold = file.severity_told.filter(|_| unlike);
        let expires = incident.acknowledgement.as_ref().and_then(|it| it.expires);
        let edit = file.updated.filter(|_| file.shown.as_ref().is_some_and(|shown| !shown.still_holds(incident)));
        let failing = incident.subject.rule == Rule::DeliveryFailing;
        let hold = if failing { self.hold(now, incident) } else { self.settings.resolve_after };
        let recovers = incident.recovering.map(|then| then.after(hold));
        let unreported = file.restored && self.view(&incident.subject).is_some_and(|view| !view.reported);
        let gone = unreported.then(|| now.steady.after(REPORTED_WITHIN / 10));
        let all = [
            waits.map(|at| at.after(WAITS_FOR_CAUSE)),
            step,
            retold.map(|at| at.after(SEVERITY_TOLD_EVERY)),
            expires.filter(|_| incident.state == AlertState::Acknowledged),
            edit.map(|at| at.after(EDITED_EVERY)),
            recovers.filter(|at| *at > now.steady),
            gone,
            Self::doubt_ends(file, now.steady),
            Self::is_left_until(file, now.steady),
        ];
        all.into_iter().flatten().min()
    }

    /// It is over: told to exactly those who were told of it.
    pub(super) fn finish(&mut self, now: Now, id: &str, what: &str, text: &str) {
        let Some(incident) = self.incidents.get(id) else { return };
        let chart = self.chart(incident);
        let hidden = incident.suppressed_by.clone();
        self.ripple(id);
        let Some(mut incident) = self.incidents.remove(id) else { return };
        incident.chart = chart;
        incident.end(now, what, text);
        let message = self.message(&incident, AlertEvent::Resolved, "end", now.steady);
        for channel in incident.told.keys() {
            self.send(now, channel, &message);
        }
        let text = match (incident.told.is_empty(), incident.digested.is_empty(), hidden) {
            (false, ..) => format!("its end told to {}", list(incident.told.keys())),
            (true, false, _) => format!("its end is in the digest of {}", list(incident.digested.iter())),
            (true, true, Some(by)) => format!("nobody was told of it: held back by {by}"),
            (true, true, None) => "nobody was told of it".to_owned(),
        };
        incident.record(now.wall, "told", text);
        self.remember(now.steady, &incident);
        self.incidents.insert(id.to_owned(), incident);
        self.delist(id);
        self.touched.remove(id);
        self.changed.insert(id.to_owned());
        self.changes.settled.push((id.to_owned(), Settled::Resolved));
        self.changes.events.push(("resolved", id.to_owned()));
    }

    pub(super) fn message(&self, incident: &Incident, event: AlertEvent, level: &str, due: Timestamp) -> Message {
        Message {
            about: incident.id.clone(),
            event,
            level: level.to_owned(),
            severity: incident.reason.severity,
            due,
            alerts: vec![Arc::new(self.alert(incident))],
            notes: Vec::new(),
        }
    }

    /// One order for each address of the channel.
    pub(super) fn send(&mut self, now: Now, channel: &str, message: &Message) {
        let Some(way) = self.ways.get(channel) else { return };
        let recipients: Vec<Option<String>> =
            if way.recipients.is_empty() { vec![None] } else { way.recipients.iter().cloned().map(Some).collect() };
        self.changes.orders.extend(recipients.into_iter().map(|recipient| Order {
            lane: Lane { about: message.about.clone(), channel: channel.to_owned(), recipient },
            event: message.event,
            level: message.level.clone(),
            severity: message.severity,
            due: message.due,
            decided: now.steady,
            alerts: message.alerts.clone(),
            notes: message.notes.clone(),
        }));
    }
}

/// Whether it is about this channel's own failure, of which the channel itself cannot tell.
pub(super) fn is_about(incident: &Incident, channel: &str) -> bool {
    incident.subject.rule == Rule::DeliveryFailing && incident.subject.target.as_ref().is_some_and(|it| it.as_str() == channel)
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}
