//! What a carrier in a cluster shares with the region's other nodes: each turn, beside what goes to this node's own disk. And the other way:
//! what another node shared goes to this disk, and the carrier goes on from a copy.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::{Call, Of},
    carrier::{Carrier, Everything},
};
use crate::{
    alert::{
        Now,
        journal::Batch,
        merge::Copy,
        outbox::{Ended, Outbox, Row, RowChanges},
        turn::Turn,
    },
    model::alert::Silence,
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// What changed since it was last asked.
    pub(super) turn: Turn,
    /// Whether any of it says something new to anybody.
    pub(super) is_urgent: bool,
    /// The version that this node's disk holds with the next write.
    pub(super) version: Option<u64>,
    keys: BTreeMap<u64, String>,
    silences: BTreeSet<String>,
}

impl Share {
    fn of(copy: &Copy, version: u64) -> Self {
        Self {
            version: Some(version),
            keys: copy.rows.iter().map(|(key, row)| (row.seq, key.clone())).collect(),
            silences: copy.silences.keys().cloned().collect(),
            ..Self::default()
        }
    }

    pub(super) fn take_rows(&mut self, rows: &RowChanges) {
        // Numbered anew, a row is dropped under its old number and is there under another.
        let gone: Vec<String> = rows.dropped.iter().filter_map(|seq| self.keys.remove(seq)).collect();
        self.turn.rows.extend(gone.into_iter().map(|key| (key, None)));
        for row in &rows.rows {
            self.keys.insert(row.seq, row.key.clone());
            self.turn.rows.insert(row.key.clone(), Some(row.clone()));
        }
    }

    pub(super) fn take_silences(&mut self, silences: Vec<Silence>) {
        let ids: BTreeSet<String> = silences.iter().map(|silence| silence.id.clone()).collect();
        self.turn.silences.extend(self.silences.difference(&ids).map(|id| (id.clone(), None)));
        self.turn.silences.extend(silences.into_iter().map(|silence| (silence.id.clone(), Some(silence))));
        self.silences = ids;
    }
}

impl Carrier {
    /// What changed since it was last asked, and whether it says something new.
    pub(super) fn shared(&mut self) -> (Turn, bool) {
        self.share
            .as_mut()
            .map(|share| (std::mem::take(&mut share.turn), std::mem::take(&mut share.is_urgent)))
            .unwrap_or_default()
    }

    /// Goes on from a copy, which becomes all that is on this disk.
    pub(super) fn assume(&mut self, copy: &Copy, outbox: Outbox, version: u64, calling: &BTreeSet<(String, u32)>, now: Now) {
        self.share = Some(Share::of(copy, version));
        self.outbox = outbox;
        self.outbox.resume(copy.rows.values().cloned().collect(), calling, now);
        self.calls.clear();
        self.write_copy(copy, version, now);
    }

    /// Writes what another node shared, in place of all there was when there is no telling it apart.
    pub(super) fn follow(&mut self, turn: Turn, copy: &mut Copy, version: u64, now: Now) {
        let seq = |key: &String| copy.rows.get(key).map(|row| row.seq);
        let is_moved = |(key, row): (&String, &Option<_>)| {
            row.as_ref().is_some_and(|row: &Row| seq(key).is_some_and(|before| before != row.seq))
        };
        let is_plain = self.not_kept.is_none() && turn.silences.is_empty() && !turn.rows.iter().any(is_moved);
        if !is_plain {
            turn.apply(copy);
            return self.write_copy(copy, version, now);
        }
        let batch = Batch {
            incidents: turn.incidents.values().flatten().collect(),
            forgotten: turn.incidents.iter().filter(|(_, it)| it.is_none()).map(|(id, _)| id.as_str()).collect(),
            rows: turn.rows.values().flatten().collect(),
            dropped: turn.rows.iter().filter(|(_, row)| row.is_none()).filter_map(|(key, _)| seq(key)).collect(),
            silences: None,
            version: Some(version),
        };
        let written = self.journal.commit(&batch, now);
        turn.apply(copy);
        self.heed(written);
    }

    /// Writes a copy in place of all there is.
    pub(super) fn write_copy(&mut self, copy: &Copy, version: u64, now: Now) {
        let batch = Batch {
            incidents: copy.incidents.values().collect(),
            silences: Some(copy.silences.values().cloned().collect()),
            rows: copy.rows.values().collect(),
            version: Some(version),
            ..Batch::default()
        };
        let written = self.journal.replace(&batch, now);
        self.on_disk = copy.incidents.keys().cloned().collect();
        self.incidents.clear();
        self.silences_changed = false;
        self.heed(written);
    }

    fn heed(&mut self, written: Result<(), crate::alert::journal::Error>) {
        match written {
            Ok(()) => self.not_kept = None,
            Err(error) => self.lost(&error.to_string()),
        }
    }

    /// Takes back a call that was never made.
    pub(super) fn take_back(&mut self, call: Call, now: Now) {
        match call.of {
            Of::Row { attempt } => {
                if let Some(seq) = self.outbox.number(&call.parcel.key) {
                    self.outbox.recall(seq, attempt, now);
                }
            }
            Of::Refresh(lane) => self.outbox.refreshed(&lane, &Ended::Unknown("it was not its turn".to_owned()), now),
        }
    }

    /// All that its outbox and the desk have, as a copy.
    pub(super) fn copy(&self, of: Everything) -> Copy {
        Copy {
            incidents: of.incidents.into_iter().map(|incident| (incident.id.clone(), incident)).collect(),
            rows: self.outbox.rows().map(|row| (row.key.clone(), row.clone())).collect(),
            silences: of.silences.into_iter().map(|silence| (silence.id.clone(), silence)).collect(),
        }
    }
}
