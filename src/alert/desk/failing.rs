//! Channels that fail: what they could not tell goes to another one, and their failure is an incident of its own.
//!
//! It goes through the same life as any other, but nobody reports it: it begins with an order that was given up, and recovers with the
//! first message that the channel takes. Of an order about such an incident nothing further follows, or two broken channels would report
//! each other for ever.

use std::collections::BTreeSet;

use super::super::{
    Now,
    order::{ALONE, Order},
    scope::ITSELF,
};
use super::telling::{Message, is_about};
use super::watching::About;
use super::{AlertState, Desk, Incident, Subject};
use crate::model::{Evidence, Reason, RegionName, Rule, Severity, TargetName, alert::AlertEvent};

/// A channel with several addresses fails address by address: the others go on.
fn subject(channel: &str, recipient: Option<&str>) -> Subject {
    let (region, target) = (RegionName::from(ITSELF), Some(TargetName::from(channel)));
    Subject { region, target, rule: Rule::DeliveryFailing, scope: recipient.unwrap_or_default().to_owned() }
}

impl Desk {
    pub(super) fn give_elsewhere(&mut self, now: Now, order: &Order, why: &str) {
        let channel = &order.lane.channel;
        if order.event == AlertEvent::Test {
            return;
        }
        // By the incident: what was sent and is refused later has no alerts any more.
        let about = self.incidents.get(&order.lane.about);
        if about.is_some_and(|incident| incident.subject.rule == Rule::DeliveryFailing) {
            let text = format!("{channel} could not be told of it either: {why}");
            self.incidents.get_mut(&order.lane.about).into_iter().for_each(|incident| incident.record(now.wall, "failed", &text));
            self.changed.insert(order.lane.about.clone());
            return;
        }
        let note = format!("the channel {} could not be reached: {why}", name(order));
        match order.event {
            // Sent, and refused later: what was in it is not known any more.
            AlertEvent::Digest if order.alerts.is_empty() => {}
            AlertEvent::Digest => self.digest_elsewhere(now, order, note),
            AlertEvent::Firing | AlertEvent::Severity | AlertEvent::Escalation | AlertEvent::Reminder => {
                self.notice_elsewhere(now, order, note);
            }
            _ => {}
        }
        if self.ways.contains_key(channel) {
            let reason = Reason {
                rule: Rule::DeliveryFailing,
                severity: Severity::High,
                value: None,
                threshold: None,
                since: now.wall,
                message: order.lane.recipient.as_ref().map_or_else(
                    || format!("the channel {channel} takes no messages: {why}"),
                    |recipient| format!("the address {recipient} of the channel {channel} takes no messages: {why}"),
                ),
                evidence: Evidence { detail: Some(why.to_owned()), ..Evidence::default() },
            };
            self.raise(now, subject(channel, order.lane.recipient.as_deref()), &reason, &About::default());
        }
    }

    fn works(&self, channel: &str) -> bool {
        let fails = |recipient: Option<&str>| {
            let incident = self.subjects.get(&subject(channel, recipient)).and_then(|id| self.incidents.get(id));
            incident.is_some_and(Incident::in_breach)
        };
        let addresses = self.ways.get(channel).map_or(&[][..], |way| &way.recipients);
        let any_address = addresses.is_empty() || addresses.iter().any(|address| !fails(Some(address)));
        any_address && !fails(None)
    }

    /// Whom to tell when the configuration has none of these channels any more: one that works, else any.
    pub(super) fn another(&self, incident: &Incident, missing: &BTreeSet<String>) -> Option<String> {
        let gone = missing.first()?;
        let may = |name: &str| !is_about(incident, name) && !incident.digested.iter().any(|known| known == name);
        let instead = |works: bool| {
            let may = |name: &str| may(name) && (!works || self.works(name));
            incident.escalation.instead(gone, &incident.told, may, &self.ways)
        };
        instead(true).or_else(|| instead(false))
    }

    fn notice_elsewhere(&mut self, now: Now, order: &Order, note: String) {
        let (id, failing) = (order.lane.about.as_str(), order.lane.channel.as_str());
        let Some(incident) = self.incidents.get(id) else { return };
        let is_over = incident.state == AlertState::Resolved;
        let given = self.files.get(id).is_some_and(|file| file.instead.contains_key(failing));
        // What is over and not critical is not worth a message to those who never heard of it.
        if given || incident.suppressed_by.is_some() || (is_over && order.severity != Severity::Critical) {
            return;
        }
        let other = incident.escalation.instead(
            failing,
            &incident.told,
            |name| self.works(name) && !is_about(incident, name),
            &self.ways,
        );
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let text = other.as_ref().map_or_else(
            || format!("{note}; there is no other channel to tell"),
            |other| format!("{note}; {other} is told instead"),
        );
        incident.record(now.wall, "failed", text);
        self.changed.insert(id.to_owned());
        self.files.get_mut(id).into_iter().for_each(|file| drop(file.instead.insert(failing.to_owned(), other.clone())));
        let Some(other) = other else { return };
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.told.insert(other.clone(), incident.reason.severity);
        incident.digested.retain(|channel| *channel != other);
        let Some(incident) = self.incidents.get(id) else { return };
        let (event, level) = if is_over {
            (AlertEvent::Resolved, format!("{ALONE}-instead-of-{failing}"))
        } else {
            (AlertEvent::Firing, format!("{}-instead-of-{failing}", order.level))
        };
        let message = Message { notes: vec![note], ..self.message(incident, event, &level, order.due) };
        self.send(now, &other, &message);
    }

    fn digest_elsewhere(&mut self, now: Now, order: &Order, note: String) {
        let failing = &order.lane.channel;
        let may = |name: &String| name != failing && self.works(name);
        // Where alerts must be refreshed one by one, digests are not understood.
        let mut takes = self.ways.iter().filter(|(_, way)| way.nature.refresh.is_none()).map(|(name, _)| name);
        let Some(other) = takes.find(|name| may(name)).cloned() else { return };
        let message = Message {
            about: order.lane.about.clone(),
            event: AlertEvent::Digest,
            level: format!("{}-instead-of-{failing}", order.level),
            severity: order.severity,
            due: order.due,
            alerts: order.alerts.clone(),
            notes: vec![note],
        };
        self.send(now, &other, &message);
    }

    /// One address took a message, which says nothing of the others; without one, all of the channel is known to work.
    pub(super) fn works_again(&mut self, now: Now, channel: &str, recipient: Option<&str>) {
        let addresses = self.ways.get(channel).map_or(&[][..], |way| &way.recipients);
        let mut subjects = vec![subject(channel, None)];
        match recipient {
            Some(_) => subjects.push(subject(channel, recipient)),
            None => subjects.extend(addresses.iter().map(|address| subject(channel, Some(address)))),
        }
        for subject in &subjects {
            self.recover(now, subject);
        }
    }

    fn recover(&mut self, now: Now, subject: &Subject) {
        let Some(id) = self.subjects.get(subject).cloned() else { return };
        let Some(hold) = self.incidents.get(&id).map(|incident| self.hold(now, incident)) else { return };
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        if incident.recovering.is_none() {
            incident.clear(now, hold);
            self.changes.events.push(("recovering", id.clone()));
            self.changed.insert(id.clone());
            self.touched.insert(id);
        }
    }

    /// Channels and addresses that the configuration does not have any more fail no longer.
    pub(super) fn forget_channels(&mut self, now: Now) {
        let is_gone = |incident: &&Incident| {
            let Subject { rule, target, scope, .. } = &incident.subject;
            let way = target.as_ref().and_then(|channel| self.ways.get(channel.as_str()));
            let has = way.is_some_and(|way| scope.is_empty() || way.recipients.contains(scope));
            *rule == Rule::DeliveryFailing && !has
        };
        let open = self.subjects.values().filter_map(|id| self.incidents.get(id));
        let gone: Vec<String> = open.filter(is_gone).map(|incident| incident.id.clone()).collect();
        for id in &gone {
            self.give_up(now, id);
        }
    }
}

/// The channel, and the address when it has several.
fn name(order: &Order) -> String {
    let recipient = order.lane.recipient.as_ref().map(|recipient| format!(" ({recipient})"));
    format!("{}{}", order.lane.channel, recipient.unwrap_or_default())
}
