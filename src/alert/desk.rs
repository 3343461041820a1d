//! The desk: decides what is an incident, what hides it, and whom to tell. Pure: what is seen goes in, incidents and orders come
//! out, and a test replays a day in a millisecond.
//!
//! ```text
//!  WorldChange ─► watching: what is in breach, what is clear, what is dark ─► incidents that are touched
//!  tick ────────► agenda: what is due for which incident ───────────────────►        │
//!                                                              telling: hidden? waiting? whom to tell? ─► orders, steps
//! ```
//! Incidents come from **state**, the reasons of a target's newest sample and of its region, so a change that was lost heals with the next
//! one; transitions only add what is pending. What **cannot be seen moves nothing**: a target whose status is unknown and a region that
//! is blind neither open nor end what is not in their reasons, and an incident is over only when a report says so.
//!
//! Whatever touches an incident has it reconsidered once at the end of the turn, causes first: what hides it now, whether its first notice
//! still waits, which steps are due. A quiet report costs a look-up and a point in a ring; a tick costs what is due in it.
//!
//! After a restart incidents go on where they were, and nobody is told again. One that is not in the reasons any more may be over, or
//! not judged yet, so it recovers only after its target was seen for a minute: ten seconds for what two failed attempts tell, a quarter of an
//! hour for rules that look back far.

mod commands;
mod digests;
mod episodes;
mod failing;
mod file;
mod hiding;
mod merged;
mod owning;
mod telling;
mod watching;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{
    Now,
    channels::Nature,
    escalate,
    group::{self, Budgets},
    incident::{Incident, Subject},
    inhibit::{self, Common, Together},
    lifecycle::FLAPPING,
    order::Order,
    scope::Scope,
    settings::Settings,
    silence::Silences,
};
use crate::model::{
    RegionName, TargetId, Timestamp,
    alert::{Acknowledge, Alert, AlertEvent, AlertRefusal, AlertState, AlertStep, NewSilence, Silence},
    world::{World, WorldChange},
};
use file::{File, View, Watch};

/// Incidents that are over are kept for so long, and so many of them.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);
const MOST_REMEMBERED: usize = 5_000;

/// What the desk must know of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// How it is to be used.
    pub nature: Nature,
    /// Its addresses; empty when there is just one way.
    pub recipients: Vec<String>,
}

/// Channels by name, in the order of the configuration being irrelevant here.
pub type Ways = BTreeMap<String, Way>;

/// What comes back from disk.
#[derive(Debug, Default)]
pub struct Kept {
    /// Incidents, open and resolved lately; times already brought to this process's steady clock.
    pub incidents: Vec<Incident>,
    /// Silences made by API that have not ended.
    pub silences: Vec<Silence>,
}

/// How an incident got past the point where some orders make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Acknowledged: steps, reminders that were not sent yet are void.
    Acknowledged,
    /// Over: everything but its end is void, see the outbox.
    Resolved,
}

/// What a turn came to; to be kept on disk before anything else is done with it.
#[derive(Debug, Default)]
pub struct Changes {
    /// Incidents that changed, whole; pending ones are not kept on disk.
    pub incidents: Vec<Incident>,
    /// What to tell, in order.
    pub orders: Vec<Order>,
    /// Incidents whose unsent orders are void.
    pub settled: Vec<(String, Settled)>,
    /// For the live stream: `pending`, `withdrawn`, `firing`, `severity`, `suppressed`, `released`, `acknowledged`, `recovering`,
    /// `resolved`, and the incident's id.
    pub events: Vec<(&'static str, String)>,
    /// Whether silences made by API changed.
    pub silences: bool,
    /// Incidents that were over long ago: to be deleted from disk.
    pub forgotten: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    settings: Arc<Settings>,
    ways: Ways,
    scope: Scope,
    /// As it was seen last.
    world: Option<Arc<World>>,
    /// All of them by id: pending, open, and resolved lately.
    incidents: BTreeMap<String, Incident>,
    /// What is known beside of those that are not over.
    files: HashMap<String, File>,
    /// Those that are not over, by what they are about.
    subjects: HashMap<Subject, String>,
    watches: HashMap<TargetId, Watch>,
    regions: BTreeMap<RegionName, View>,
    together: HashMap<Common, Together>,
    /// Groups whose leader is to be chosen anew.
    stale: BTreeSet<Common>,
    silences: Silences,
    budgets: Budgets,
    /// To be reconsidered at the end of the turn.
    touched: BTreeSet<String>,
    /// To be kept on disk.
    changed: BTreeSet<String>,
    /// When to reconsider which incident.
    agenda: BTreeSet<(Timestamp, String)>,
    /// When which incident was over, by the steady clock.
    resolved: BTreeSet<(Timestamp, String)>,
    /// When the last episodes of a problem were over.
    episodes: HashMap<Subject, VecDeque<Timestamp>>,
    /// The newest episode of problems whose episodes are forgotten.
    numbers: HashMap<Subject, i64>,
    /// Ended before they fired; shown until the next turn, so that whoever is told of it can look at them.
    withdrawn: Vec<String>,
    changes: Changes,
    late: u64,
    now: Now,
    started: Timestamp,
}

impl Desk {
    /// A desk that goes on from what was kept.
    pub fn new(settings: Arc<Settings>, ways: Ways, kept: Kept, now: Now) -> Self {
        let silences = Silences::new(&settings.planned, kept.silences);
        let mut desk = Self {
            settings,
            ways,
            scope: Scope::default(),
            world: None,
            incidents: BTreeMap::new(),
            files: HashMap::new(),
            subjects: HashMap::new(),
            watches: HashMap::new(),
            regions: BTreeMap::new(),
            together: HashMap::new(),
            stale: BTreeSet::new(),
            silences,
            budgets: Budgets::default(),
            touched: BTreeSet::new(),
            changed: BTreeSet::new(),
            agenda: BTreeSet::new(),
            resolved: BTreeSet::new(),
            episodes: HashMap::new(),
            numbers: HashMap::new(),
            withdrawn: Vec::new(),
            changes: Changes::default(),
            late: 0,
            now,
            started: now.steady,
        };
        desk.silences.look(now.wall);
        kept.incidents.into_iter().for_each(|incident| desk.restore(now, incident));
        desk.forget_channels(now);
        desk.resume_digests(now);
        desk
    }

    fn restore(&mut self, now: Now, mut incident: Incident) {
        let id = incident.id.clone();
        if incident.state == AlertState::Resolved {
            // Both clocks stood together when the process began.
            let at = incident.resolved_at.unwrap_or(incident.opened).min(now.steady);
            self.remember(at, &incident);
        } else if incident.is_open() {
            incident.recovering = None;
            let file = File { restored: true, silenced: self.silences.holds(&incident), ..File::default() };
            self.files.insert(id.clone(), file);
            self.enlist(&incident);
            self.touched.insert(id.clone());
        } else {
            return;
        }
        self.incidents.insert(id, incident);
    }

    /// Other settings from now on; open incidents keep their policies.
    pub fn reconfigure(&mut self, settings: Arc<Settings>, ways: Ways, now: Now) {
        self.silences.replan(&settings.planned);
        (self.settings, self.ways) = (settings, ways);
        self.begin_turn(now);
        self.requiet();
        self.forget_channels(now);
        self.settle(now);
    }

    /// Takes a change of the world. Works from state (`sample.reasons`, the region's reasons), so a lost change heals; transitions only add
    /// what is pending.
    pub fn see(&mut self, now: Now, change: &WorldChange) {
        self.begin_turn(now);
        self.look_at_regions(now, &change.world);
        self.world = Some(Arc::clone(&change.world));
        self.assign(now);
        for report in &change.reports {
            if self.scope.watches(&report.sample.region) {
                self.observe(now, report);
            }
        }
        change.removed.iter().for_each(|id| self.unwatch(now, id));
        self.settle(now);
    }

    /// The passing of time: holds, silences, steps, reminders, digests. At least every 250 ms.
    pub fn tick(&mut self, now: Now) {
        self.begin_turn(now);
        while let Some((_, id)) = self.agenda.first().filter(|(due, _)| *due <= now.steady).cloned() {
            self.agenda.pop_first();
            self.files.get_mut(&id).into_iter().for_each(|file| file.wake = None);
            self.ripple(&id);
            self.touched.insert(id);
        }
        let is_old = |(at, _): &(Timestamp, String)| now.steady.since(*at) >= REMEMBERED;
        while self.resolved.first().is_some_and(is_old) || self.resolved.len() > MOST_REMEMBERED {
            let Some((_, id)) = self.resolved.pop_first() else { break };
            self.forget_episode(&id);
            self.changed.remove(&id);
            self.changes.forgotten.push(id);
        }
        self.settle(now);
    }

    /// Somebody takes an incident.
    pub fn acknowledge(&mut self, now: Now, command: &Acknowledge) -> Result<Arc<Alert>, AlertRefusal> {
        self.begin_turn(now);
        self.take_on(now, command)?;
        self.settle(now);
        let taken = self.incidents.get(&command.id).map(|incident| Arc::new(self.alert(incident)));
        taken.ok_or_else(|| AlertRefusal::NotFound(format!("no alert `{}`", command.id)))
    }

    /// Somebody holds alerts back.
    pub fn silence(&mut self, now: Now, command: &NewSilence) -> Result<Silence, AlertRefusal> {
        self.begin_turn(now);
        let silence = commands::silence(now, command)?;
        if self.silences.list(now.wall).len() >= commands::MOST_SILENCES {
            return Err(AlertRefusal::Invalid(format!("there are {} silences already; end some", commands::MOST_SILENCES)));
        }
        self.silences.add(silence.clone());
        self.changes.silences = true;
        self.silences.look(now.wall);
        self.requiet();
        self.settle(now);
        Ok(silence)
    }

    /// Somebody ends a silence made by API.
    pub fn end_silence(&mut self, now: Now, id: &str) -> Result<(), AlertRefusal> {
        self.begin_turn(now);
        if !self.silences.end(id) {
            return Err(if self.silences.is_planned(id) {
                AlertRefusal::Invalid(format!("`{id}` stands in the configuration; take it out there"))
            } else {
                AlertRefusal::NotFound(format!("no silence `{id}`"))
            });
        }
        self.changes.silences = true;
        self.requiet();
        self.settle(now);
        Ok(())
    }

    /// The outbox gave an order up: gives it to the next channel with a note, and opens the incident `delivery_failing`.
    pub fn undeliverable(&mut self, now: Now, order: &Order, why: &str) {
        self.begin_turn(now);
        self.give_elsewhere(now, order, why);
        self.settle(now);
    }

    /// A channel took a message, at this address when it has several: ends its `delivery_failing`. None: all of the channel works.
    pub fn delivered(&mut self, now: Now, channel: &str, recipient: Option<&str>) {
        self.begin_turn(now);
        self.works_again(now, channel, recipient);
        self.settle(now);
    }

    /// Records what the outbox did for an incident, for `explain`.
    pub fn note(&mut self, about: &str, step: AlertStep) {
        if let Some(incident) = self.incidents.get_mut(about) {
            incident.keep(step);
            self.changed.insert(about.to_owned());
        }
    }

    /// What came of it since the last time.
    pub fn take(&mut self) -> Changes {
        for id in std::mem::take(&mut self.changed) {
            let Some(incident) = self.incidents.get(&id).filter(|incident| incident.state != AlertState::Pending) else {
                continue;
            };
            let chart = self.chart(incident);
            let Some(incident) = self.incidents.get_mut(&id) else { continue };
            incident.chart = chart;
            if !self.withdrawn.contains(&id) {
                self.changes.incidents.push(incident.clone());
            }
        }
        std::mem::take(&mut self.changes)
    }

    /// All incidents it knows: pending, open, and resolved lately.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// Steps that were decided more than five seconds after they were due, since the start.
    pub fn late_steps(&self) -> u64 {
        self.late
    }

    /// An incident as people see it, but for its deliveries.
    pub fn alert(&self, incident: &Incident) -> Alert {
        let Incident { subject, reason, acknowledgement, .. } = incident;
        let ahead = self.now.wall.0 - self.now.steady.0;
        let until = acknowledgement.as_ref().and_then(|it| it.expires).map(|expires| Timestamp(expires.0 + ahead));
        let rule = subject.rule;
        let dashboard =
            self.settings.dashboard_url.as_deref().map(|url| format!("{}/incidents/{}", url.trim_end_matches('/'), incident.id));
        Alert {
            id: incident.id.clone(),
            kind: rule.alert_type(),
            severity: reason.severity,
            message: reason.message.clone(),
            metrics: incident.metrics.clone(),
            timestamp: incident.changed,
            resolved: incident.state == AlertState::Resolved,
            rule,
            fingerprint: subject.fingerprint(),
            region: subject.region.clone(),
            target: subject.target.clone(),
            server: incident.server.clone(),
            state: incident.state,
            started_at: reason.since,
            resolved_at: incident.resolved_at,
            acknowledged_by: acknowledgement.as_ref().map(|it| it.by.clone()),
            acknowledgement_note: acknowledgement.as_ref().and_then(|it| it.note.clone()),
            acknowledged_until: until,
            value: reason.value,
            threshold: reason.threshold,
            evidence: reason.evidence.clone(),
            suppressed_by: incident.suppressed_by.clone(),
            affects: subject.target.iter().chain(&incident.affects).cloned().collect(),
            flaps: incident.flaps,
            flapping: incident.flaps >= FLAPPING,
            deliveries: Vec::new(),
            runbook: format!("{}{}.md", self.settings.runbook_url, rule.as_str()),
            dashboard,
            chart: self.chart(incident),
        }
    }

    /// All silences that have not ended, and whether each is active.
    pub fn silences(&self, now: Now) -> Vec<Silence> {
        self.silences.list(now.wall)
    }

    fn begin_turn(&mut self, now: Now) {
        self.now = now;
        for id in std::mem::take(&mut self.withdrawn) {
            self.incidents.remove(&id);
        }
        if self.silences.look(now.wall) {
            self.requiet();
        }
        self.changes.silences |= self.silences.prune(now.wall);
    }
}

#[cfg(test)]
pub(super) mod tests;
