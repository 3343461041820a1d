//! Digests: who is in them, how the members are, and telling it.

use std::{collections::BTreeSet, sync::Arc};

use super::super::Now;
use super::{Alert, AlertState, Desk, Incident, group, telling::Message};
use crate::model::{
    Evidence, Severity,
    alert::{AlertEvent, AlertMetrics, Chart},
};

impl Desk {
    pub(super) fn tell_digests(&mut self, now: Now) {
        for (channel, members) in self.budgets.due(now.steady) {
            let (mark, is_over) = self.mark(&members);
            let edits = self.ways.get(&channel).is_some_and(|way| way.nature.edits);
            let Some((about, number)) = self.budgets.tell(&channel, now.steady, mark, edits, is_over) else { continue };
            let light = |incident: &Incident| {
                let (metrics, evidence, chart) = (AlertMetrics::default(), Evidence::default(), Chart::default());
                Arc::new(Alert { metrics, evidence, chart, ..self.alert(incident) })
            };
            let alerts: Vec<_> = members.iter().filter_map(|id| self.incidents.get(id)).map(light).collect();
            let severity = alerts.iter().map(|alert| alert.severity).max().unwrap_or(Severity::Low);
            let (event, level, notes) = (AlertEvent::Digest, number.to_string(), Vec::new());
            self.send(now, &channel, &Message { about, event, level, severity, due: now.steady, alerts, notes });
        }
    }

    /// How the members of a digest are, as one number, and whether all are over.
    fn mark(&self, members: &[String]) -> (u64, bool) {
        let known = || members.iter().filter_map(|id| self.incidents.get(id));
        // Recovering is still firing to a reader of many.
        let state = |incident: &Incident| match incident.state {
            AlertState::Recovering => AlertState::Firing.as_str(),
            state => state.as_str(),
        };
        let mark = group::mark(known().map(|it| (it.id.as_str(), state(it), it.reason.severity.as_str())));
        (mark, known().all(|incident| incident.state == AlertState::Resolved))
    }

    /// After a restart: incidents that channels know from a digest are in one again, which is told when it changes.
    pub(super) fn resume_digests(&mut self, now: Now) {
        let open = self.incidents.values().filter(|incident| incident.is_open());
        let joins = open.flat_map(|incident| incident.digested.iter().map(|channel| (channel.clone(), incident.id.clone())));
        let joins: BTreeSet<(String, String)> = joins.collect();
        for (channel, id) in &joins {
            self.budgets.join(channel, now.steady, id);
        }
        for channel in joins.iter().map(|(channel, _)| channel).collect::<BTreeSet<_>>() {
            let (mark, _) = self.mark(self.budgets.members(channel));
            self.budgets.resume(channel, now.steady, mark);
        }
    }
}
