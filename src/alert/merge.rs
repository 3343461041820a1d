//! Copies of a region's alert state that went apart, as while its Redis was gone, become one again. Pure; the order does not matter, and
//! taking the same copy in twice changes nothing: each part of the state only ever goes one way.
//!
//! | Part | What stays |
//! |---|---|
//! | row | the furthest state: sent, failed, cancelled, under way on any node (in doubt), queued |
//! | incident | what is over, else what changed later; all who were told; the escalation that is further on |
//! | acknowledgement | the one of the later round or the higher severity, else the one that lasts longer |
//! | steps | all of them, by time |
//! | silence | all of them |
//!
//! Of a silence that was ended there is no trace, so one that was ended on one side only comes back, and lasts until the end that each of
//! them has. While a region's Redis is gone its nodes take no commands, so that is the rare end of a split, not the rule.
//!
//! When all copies are merged, [`unify`] ends what is one problem with two names, and [`undecide`] takes back what nobody heard of yet.

mod incidents;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Now,
    incident::{Incident, Subject},
    order::Lane,
    outbox::Row,
};
use crate::model::alert::{AlertEvent, AlertState, DeliveryState, Silence};

/// One node's, or Redis's, copy; times of the steady clock already brought to this node's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copy {
    /// Incidents by id.
    pub incidents: BTreeMap<String, Incident>,
    /// Rows by key.
    pub rows: BTreeMap<String, Row>,
    /// Silences made by API, by id.
    pub silences: BTreeMap<String, Silence>,
}

/// Takes another copy in: of each incident and row what is further along, of those who were told all.
pub fn merge(into: &mut Copy, from: Copy) {
    join(&mut into.incidents, from.incidents, incidents::merge);
    join(&mut into.rows, from.rows, rows::merge);
    join(&mut into.silences, from.silences, |one, other| if text(&one) < text(&other) { other } else { one });
}

fn join<T: PartialEq>(into: &mut BTreeMap<String, T>, from: BTreeMap<String, T>, merge: impl Fn(T, T) -> T) {
    for (id, other) in from {
        let merged = match into.remove(&id) {
            Some(one) if one != other => merge(one, other),
            _ => other,
        };
        into.insert(id, merged);
    }
}

/// To tell apart what nothing else tells apart: the same on every node.
fn text(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap_or_default()
}

/// To be done once, when all copies are merged: of several open incidents about the same, as nodes name them that remember different
/// episodes, the oldest goes on and the others are over. Gives back those that ended so. Where the one that goes on was told, the end of
/// another would read as its own and is not told.
pub fn unify(copy: &mut Copy, now: Now) -> Vec<String> {
    let mut open: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
    for incident in copy.incidents.values().filter(|incident| incident.is_open()) {
        open.entry(incident.subject.clone()).or_default().push(incident.id.clone());
    }
    let mut ended = Vec::new();
    for ids in open.values().filter(|ids| ids.len() > 1) {
        let Some(stays) = ids.iter().filter_map(|id| copy.incidents.get(id)).min_by_key(|it| (it.opened, &it.id)) else {
            continue;
        };
        let mut stays = stays.clone();
        for id in ids.iter().filter(|id| **id != stays.id) {
            let Some(other) = copy.incidents.get_mut(id) else { continue };
            other.told.retain(|channel, _| !stays.told.contains_key(channel));
            other.digested.retain(|channel| !stays.told.contains_key(channel) && !stays.digested.contains(channel));
            other.end(
                now,
                "merged",
                format!("it is {}, which two nodes opened without hearing each other: that one goes on", stays.id),
            );
            if let (None, Some(taken)) = (&stays.acknowledgement, &other.acknowledgement) {
                stays.acknowledgement = Some(taken.clone());
                stays.state = if stays.in_breach() { AlertState::Acknowledged } else { stays.state };
            }
            stays.worst = stays.worst.max(other.worst);
            ended.push(id.clone());
        }
        copy.incidents.insert(stays.id.clone(), stays);
    }
    ended
}

/// Takes back what was decided about open incidents and reached nobody, so that it is decided anew by one who knows all: two nodes that did
/// not hear each other may each have chosen another one of those that fail together to tell of. The keys are the same when it is told then.
pub fn undecide(copy: &mut Copy) {
    let tried = |row: &&Row| row.attempts > 0 || row.in_doubt || row.state != DeliveryState::Queued;
    let known: BTreeSet<&str> = copy.rows.values().filter(tried).flat_map(|row| &row.members).map(String::as_str).collect();
    let is_new =
        |it: &&mut Incident| matches!(it.state, AlertState::Firing | AlertState::Recovering) && !known.contains(it.id.as_str());
    let mut again = BTreeSet::new();
    for incident in copy.incidents.values_mut().filter(is_new) {
        incident.told.clear();
        incident.digested.clear();
        let escalation = &mut incident.escalation;
        (escalation.started, escalation.reminded, escalation.taken) = (None, None, 0);
        again.insert(incident.id.clone());
    }
    copy.rows.retain(|_, row| tried(&&*row) || !again.contains(&row.order.lane.about));
}

/// Incidents that are over, and whose end was not decided for everybody who was told of them: another node told them.
pub fn unended(copy: &Copy) -> Vec<String> {
    let mut begun: BTreeSet<&Lane> = BTreeSet::new();
    let mut ended: BTreeSet<&Lane> = BTreeSet::new();
    for row in copy.rows.values() {
        match row.order.event {
            AlertEvent::Resolved => ended.insert(&row.order.lane),
            AlertEvent::Firing if row.state != DeliveryState::Cancelled => begun.insert(&row.order.lane),
            _ => continue,
        };
    }
    let is_over = |lane: &&&Lane| {
        let incident = copy.incidents.get(&lane.about).filter(|incident| incident.state == AlertState::Resolved);
        incident.is_some_and(|incident| incident.told.contains_key(&lane.channel))
    };
    let about: BTreeSet<&String> = begun.difference(&ended).filter(is_over).map(|lane| &lane.about).collect();
    about.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests;
