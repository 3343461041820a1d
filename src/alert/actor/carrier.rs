//! What carries the desk's orders out: outbox, journal and channels, in the order that makes them safe. Decisions and the intent of
//! every call go to disk in one transaction; only then are the calls handed out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rand::{SeedableRng, rngs::SmallRng};

use super::{
    calls::{Call, Called, Of},
    share::Share,
};
use crate::{
    alert::{
        Now,
        channels::{Failure, Parcel, Shared},
        desk::Changes,
        incident::Incident,
        journal::{Batch, Journal},
        order::{Lane, Order},
        outbox::{Ended, News, Outbox, Row, RowChanges},
    },
    model::{
        Timestamp,
        alert::{Alert, AlertEvent, AlertState, Silence},
    },
};

/// Incidents whose figures alone changed are written this often.
const LAZY: Duration = Duration::from_secs(1);
/// After a failed write, all of it is tried again this often.
const TRY_AGAIN: Duration = Duration::from_secs(3);

/// All that must outlive the process, but for the rows.
#[derive(Debug, Default)]
pub(super) struct Everything {
    pub(super) incidents: Vec<Incident>,
    pub(super) silences: Vec<Silence>,
}

/// See the module.
pub(super) struct Carrier {
    pub(super) outbox: Outbox,
    pub(super) journal: Journal,
    channels: BTreeMap<String, Shared>,
    rng: SmallRng,
    pub(super) calls: Vec<Call>,
    /// What is to be written: incidents by id, forgotten ones as none.
    pub(super) incidents: BTreeMap<String, Option<Incident>>,
    pub(super) on_disk: BTreeSet<String>,
    pub(super) silences_changed: bool,
    urgent: bool,
    written: Timestamp,
    pub(super) not_kept: Option<String>,
    pub(super) share: Option<Share>,
}

impl Carrier {
    pub(super) fn new(outbox: Outbox, journal: Journal, channels: BTreeMap<String, Shared>, now: Now) -> Self {
        Self {
            outbox,
            journal,
            channels,
            rng: SmallRng::from_os_rng(),
            calls: Vec::new(),
            incidents: BTreeMap::new(),
            on_disk: BTreeSet::new(),
            silences_changed: false,
            urgent: false,
            written: now.steady,
            not_kept: None,
            share: None,
        }
    }

    /// What the journal had when it was opened, and why that is not on disk as it is now, when it is not.
    pub(super) fn loaded(&mut self, incidents: impl IntoIterator<Item = String>, behind: Option<String>) {
        self.on_disk = incidents.into_iter().collect();
        if let Some(why) = behind {
            self.lost(&why);
        }
    }

    pub(super) fn channels(&self) -> &BTreeMap<String, Shared> {
        &self.channels
    }

    pub(super) fn rewire(&mut self, channels: BTreeMap<String, Shared>) {
        self.channels = channels;
    }

    pub(super) fn not_kept(&self) -> Option<&String> {
        self.not_kept.as_ref()
    }

    /// Takes what the desk decided; unless the process is about to end, what is due becomes calls. The desk must hear the news.
    pub(super) fn take(&mut self, changes: &Changes, now: Now, is_ending: bool) -> News {
        self.urgent |= !changes.orders.is_empty() || !changes.settled.is_empty() || !changes.events.is_empty();
        self.silences_changed |= changes.silences;
        for incident in changes.incidents.iter().filter(|incident| incident.state != AlertState::Pending) {
            if let Some(share) = &mut self.share {
                share.turn.incidents.insert(incident.id.clone(), Some(incident.clone()));
            }
            self.incidents.insert(incident.id.clone(), Some(incident.clone()));
        }
        self.outbox.take(changes, now);
        if !is_ending {
            for one in self.outbox.offer(now) {
                let of = Of::Row { attempt: one.attempt };
                self.lend(of, one.parcel, now);
            }
        }
        self.outbox.news()
    }

    /// Calls for providers that forget, with the incidents as they are now.
    pub(super) fn refresh(&mut self, alert: impl Fn(&str) -> Option<Arc<Alert>>, now: Now) {
        for lane in self.outbox.refreshes(now) {
            let of = Of::Refresh(lane.clone());
            match alert(&lane.about) {
                Some(alert) => self.lend(of, refresh(lane, alert, now), now),
                None => self.outbox.refreshed(&lane, &Ended::Unknown("the incident is not known".to_owned()), now),
            }
        }
    }

    fn lend(&mut self, of: Of, parcel: Parcel, now: Now) {
        if let Some(channel) = self.channels.get(&parcel.order.lane.channel) {
            self.calls.push(Call { of, channel: Arc::clone(channel), parcel });
        } else {
            let ended = Ended::Answered(Err(Failure::Permanent("there is no such channel".to_owned())));
            self.settle(Called { of, key: parcel.key, ended, by_deputy: false }, now);
        }
    }

    /// Takes the end of a call.
    pub(super) fn settle(&mut self, called: Called, now: Now) {
        match called.of {
            Of::Row { attempt } => {
                // Its number may be another row's by now, and the row itself may be gone.
                if let Some(seq) = self.outbox.number(&called.key) {
                    self.outbox.settle(seq, attempt, called.ended, now, &mut self.rng);
                }
            }
            Of::Refresh(lane) => self.outbox.refreshed(&lane, &called.ended, now),
        }
    }

    /// Lets go of incidents that the desk has forgotten, with their rows.
    pub(super) fn forget(&mut self, known: &BTreeSet<String>) {
        let gone: Vec<String> = self.on_disk.difference(known).cloned().collect();
        if let Some(share) = &mut self.share {
            share.turn.incidents.extend(gone.iter().map(|id| (id.clone(), None)));
        }
        self.incidents.extend(gone.into_iter().map(|id| (id, None)));
        self.outbox.forget(|id| known.contains(id));
    }

    /// Writes what changed, and gives out the calls whose intent is written. When the disk takes nothing the calls are made all the
    /// same: people come before records.
    pub(super) fn keep(&mut self, everything: impl Fn() -> Everything, now: Now) -> Vec<Call> {
        let rows = self.outbox.changes();
        if let Some(share) = &mut self.share {
            share.is_urgent |= self.urgent || !rows.is_empty() || self.silences_changed;
            share.take_rows(&rows);
            if self.silences_changed {
                share.take_silences(everything().silences);
            }
        }
        let since = self.written.after(if self.not_kept.is_some() { TRY_AGAIN } else { LAZY });
        let is_lazy = !self.urgent && rows.is_empty() && !self.silences_changed;
        let nothing = is_lazy && self.incidents.is_empty() && !self.journal.has_drifted(now);
        let written = match (&self.not_kept, since <= now.steady) {
            (Some(_), false) => None,
            (Some(_), true) => Some(self.write_all(&everything(), now)),
            (None, _) if nothing => None,
            (None, false) if is_lazy => None,
            (None, _) => Some(self.write(&rows, everything, now)),
        };
        if let Some(written) = written {
            self.written = now.steady;
            self.urgent = false;
            match written {
                Ok(()) if self.not_kept.take().is_some() => tracing::info!("alerts are kept on disk again"),
                Ok(()) => {}
                Err(error) => self.lost(&error.to_string()),
            }
        }
        std::mem::take(&mut self.calls)
    }

    pub(super) fn lost(&mut self, why: &str) {
        if self.not_kept.is_none() {
            tracing::error!(why, "alerts are delivered, but not kept on disk; a crash now would forget or repeat some");
        }
        self.not_kept = Some(why.to_owned());
    }

    fn write(
        &mut self,
        rows: &RowChanges,
        everything: impl Fn() -> Everything,
        now: Now,
    ) -> Result<(), crate::alert::journal::Error> {
        let silences = self.silences_changed.then(|| everything().silences);
        let gone = self.incidents.iter().filter(|(_, incident)| incident.is_none());
        let batch = Batch {
            incidents: self.incidents.values().flatten().collect(),
            forgotten: gone.map(|(id, _)| id.as_str()).collect(),
            silences,
            rows: rows.rows.iter().collect(),
            dropped: rows.dropped.clone(),
            version: self.share.as_ref().and_then(|share| share.version),
        };
        let written = self.journal.commit(&batch, now);
        self.silences_changed = false;
        for (id, incident) in std::mem::take(&mut self.incidents) {
            if incident.is_some() {
                self.on_disk.insert(id)
            } else {
                self.on_disk.remove(&id)
            };
        }
        written
    }

    fn write_all(&mut self, all: &Everything, now: Now) -> Result<(), crate::alert::journal::Error> {
        let rows: Vec<&Row> = self.outbox.rows().collect();
        let version = self.share.as_ref().and_then(|share| share.version);
        let (incidents, silences) = (all.incidents.iter().collect(), Some(all.silences.clone()));
        let batch = Batch { incidents, silences, rows, version, ..Batch::default() };
        self.journal.replace(&batch, now)?;
        self.on_disk = all.incidents.iter().map(|incident| incident.id.clone()).collect();
        self.incidents.clear();
        self.silences_changed = false;
        Ok(())
    }
}

fn refresh(lane: Lane, alert: Arc<Alert>, now: Now) -> Parcel {
    let (severity, level) = (alert.severity, format!("refresh {}", now.steady.unix_ms()));
    let (event, due, decided) = (AlertEvent::Update, now.steady, now.steady);
    let order = Order { lane, event, level, severity, due, decided, alerts: vec![alert], notes: Vec::new() };
    let key = order.key();
    Parcel { order, key, reference: None, possible_repeat: false, fired_and_recovered: false, now: now.wall }
}

#[cfg(test)]
mod tests;
