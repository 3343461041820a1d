//! The desk: decides what is an incident, what hides it, and whom to tell. Pure: what is seen goes in, incidents and orders come
//! out, and a test replays a day in a millisecond.

use std::{collections::BTreeMap, sync::Arc};

use super::{Now, channels::Nature, incident::Incident, order::Order, settings::Settings};
use crate::model::{
    alert::{Acknowledge, Alert, AlertRefusal, AlertStep, NewSilence, Silence},
    world::WorldChange,
};

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
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    settings: Arc<Settings>,
    ways: Ways,
    incidents: BTreeMap<String, Incident>,
    changes: Changes,
}

impl Desk {
    /// A desk that goes on from what was kept.
    pub fn new(settings: Arc<Settings>, ways: Ways, kept: Kept, now: Now) -> Self {
        let _ = (kept, now);
        Self { settings, ways, incidents: BTreeMap::new(), changes: Changes::default() }
    }

    /// Other settings from now on; open incidents keep their policies.
    pub fn reconfigure(&mut self, settings: Arc<Settings>, ways: Ways, now: Now) {
        let _ = now;
        (self.settings, self.ways) = (settings, ways);
    }

    /// Takes a change of the world. Works from state (`sample.reasons`, the region's reasons), so a lost change heals; transitions only add
    /// what is pending.
    pub fn see(&mut self, now: Now, change: &WorldChange) {
        let _ = (now, change);
        todo!()
    }

    /// The passing of time: holds, silences, steps, reminders, digests. At least every 250 ms.
    pub fn tick(&mut self, now: Now) {
        let _ = now;
        todo!()
    }

    /// Somebody takes an incident.
    pub fn acknowledge(&mut self, now: Now, command: &Acknowledge) -> Result<Arc<Alert>, AlertRefusal> {
        let _ = (now, command);
        todo!()
    }

    /// Somebody holds alerts back.
    pub fn silence(&mut self, now: Now, command: &NewSilence) -> Result<Silence, AlertRefusal> {
        let _ = (now, command);
        todo!()
    }

    /// Somebody ends a silence made by API.
    pub fn end_silence(&mut self, now: Now, id: &str) -> Result<(), AlertRefusal> {
        let _ = (now, id);
        todo!()
    }

    /// The outbox gave an order up: gives it to the next channel with a note, and opens the incident `delivery_failing`.
    pub fn undeliverable(&mut self, now: Now, order: &Order, why: &str) {
        let _ = (now, order, why);
        todo!()
    }

    /// A channel took a message: ends its `delivery_failing`.
    pub fn delivered(&mut self, now: Now, channel: &str) {
        let _ = (now, channel);
        todo!()
    }

    /// Records what the outbox did for an incident, for `explain`.
    pub fn note(&mut self, about: &str, step: AlertStep) {
        let _ = (about, step);
        todo!()
    }

    /// What came of it since the last time.
    pub fn take(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// All incidents it knows: pending, open, and resolved lately.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// Steps told later than five seconds after they were due, since the start.
    pub fn late_steps(&self) -> u64 {
        0
    }

    /// An incident as people see it, but for its deliveries.
    pub fn alert(&self, incident: &Incident) -> Alert {
        let _ = incident;
        todo!()
    }

    /// All silences that have not ended, and whether each is active.
    pub fn silences(&self, now: Now) -> Vec<Silence> {
        let _ = now;
        todo!()
    }
}
