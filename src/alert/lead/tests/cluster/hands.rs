//! What a node acts with: a desk and an outbox, made of a copy.

use std::{collections::BTreeMap, sync::Arc};

use super::CHANNELS;
use crate::{
    alert::{
        Now, Settings,
        channels::Nature,
        desk::{Desk, Kept, Way, Ways},
        merge::{Copy, undecide, unended, unify},
        outbox::{
            Outbox,
            tests::{nature, route},
        },
    },
    model::alert::AlertState,
};

pub(super) struct Hands {
    pub(super) desk: Desk,
    pub(super) outbox: Outbox,
}

impl Hands {
    pub(super) fn new(node: &str, copy: &mut Copy, now: Now) -> Self {
        unify(copy, now);
        undecide(copy);
        let kept = Kept { incidents: copy.incidents.values().cloned().collect(), silences: Vec::new() };
        let routes = CHANNELS.iter().map(|(name, keyed)| route(name, of(*keyed))).collect();
        let way = |(name, keyed): &(&str, bool)| ((*name).to_owned(), Way { nature: of(*keyed), recipients: Vec::new() });
        let ways: Ways = CHANNELS.iter().map(way).collect();
        let mut hands = Self {
            desk: Desk::new(Arc::new(Settings::default()), ways, kept, now),
            outbox: Outbox::new(routes, std::time::Duration::from_mins(5)),
        };
        hands.outbox.set_node(node);
        hands.outbox.restore(copy.rows.values().cloned().collect(), now);
        hands.desk.tell_ends(now, &unended(copy));
        hands
    }

    /// What is on disk after a turn.
    pub(super) fn copy(&self) -> Copy {
        let kept = self.desk.incidents().filter(|it| it.state != AlertState::Pending);
        Copy {
            incidents: kept.map(|it| (it.id.clone(), it.clone())).collect(),
            rows: self.outbox.rows().map(|row| (row.key.clone(), row.clone())).collect(),
            silences: BTreeMap::new(),
        }
    }
}

fn of(keyed: bool) -> Nature {
    Nature { edits: false, ..nature(keyed) }
}
