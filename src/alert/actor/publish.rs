//! What the actor shows of its alerts: the book, the stream and its own log.

use std::{collections::BTreeSet, sync::Arc};

use super::{AlertActor, PUBLISH_EVERY, calls::Of};
use crate::{
    alert::{Now, desk::Changes, order::Order, outbox::Ended},
    model::alert::{AlertBook, AlertChange},
};

impl AlertActor {
    pub(super) fn look_up(&mut self, changes: &Changes) {
        self.changed |= changes.silences;
        self.pages.stale(changes.incidents.iter().map(|incident| incident.id.clone()));
        self.pages.stale(changes.events.iter().map(|(_, id)| id.clone()));
    }

    /// Brings the pages up to date and tells the stream what happened.
    pub(super) fn tell(&mut self, events: &[(&'static str, String)], now: Now) {
        self.pages.stale(self.carrier.outbox.touched());
        let stale = if self.seat.is_some() { self.pages.are_stale().clone() } else { BTreeSet::new() };
        let (gone, is_new) = self.pages.turn(&self.desk, &self.carrier.outbox);
        self.changed |= is_new;
        let alert = |id: &String| self.pages.alert(id).or_else(|| gone.get(id).cloned());
        let told: Vec<_> = events.iter().filter_map(|(event, id)| Some((*event, alert(id)?))).collect();
        self.say(&told, stale, now);
        if let (Some(stream), false) = (&self.links.stream, told.is_empty()) {
            // Readers of a stream that is too slow start anew from the book.
            let _ = stream.try_send(AlertChange(told));
        }
    }

    pub(super) fn publish(&mut self, now: Now) {
        if self.changed && self.published.after(PUBLISH_EVERY) <= now.steady {
            self.publish_at_once(now);
        }
    }

    /// Whoever asked for a change finds it when the answer is there.
    pub(super) fn publish_at_once(&mut self, now: Now) {
        let mut book = AlertBook {
            silences: self.desk.silences(now),
            channels: self.carrier.outbox.channels(),
            late_steps: self.desk.late_steps(),
            not_kept: self.carrier.not_kept().cloned(),
            ..AlertBook::default()
        };
        self.pages.copy_to(&mut book);
        match &self.seat {
            Some(seat) => seat.cluster.library.keep(&seat.cluster.home, book, seat.has_desk()),
            None => self.links.book.store(Arc::new(book)),
        }
        (self.changed, self.published) = (false, now.steady);
    }
}

pub(super) fn log(of: &Of, order: &Order, ended: &Ended) {
    let (channel, event, incident) = (order.lane.channel.as_str(), order.event.as_str(), order.lane.about.as_str());
    let attempt = if let Of::Row { attempt, .. } = of { *attempt } else { 0 };
    match ended {
        Ended::Answered(Ok(receipt)) if matches!(of, Of::Row { .. }) => {
            tracing::info!(channel, event, incident, attempt, answer = receipt.answer, "delivered");
        }
        Ended::Answered(Ok(_)) => {}
        Ended::Answered(Err(why)) => tracing::warn!(channel, event, incident, attempt, %why, "not delivered"),
        Ended::Unknown(why) => tracing::warn!(channel, event, incident, attempt, why, "nobody knows whether it was delivered"),
    }
}
