//! A lane: one conversation about one incident with one address. Its orders go out one after the other; here is what becomes of the
//! first one. Pure.

use std::collections::VecDeque;

use super::{AlertEvent, AlertStep, DeliveryState, Lane, Now, Outbox, Row, Severity, Timestamp, family, post::Place};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// Its orders that are not finished, in order.
    pub(super) open: VecDeque<u64>,
    /// What later messages refer to.
    pub(super) reference: Option<String>,
    /// Whether there was anything to tell before an end.
    pub(super) begun: bool,
    /// Whether any of that was taken by the provider, or may have been.
    pub(super) told: bool,
    /// Whether any of it was critical.
    pub(super) critical: bool,
    /// Its place among those that wait for the channel.
    waiting: Option<Place>,
    /// Until when it is refreshed; none: until its end is sent.
    pub(super) refreshed_until: Option<Timestamp>,
}

impl Outbox {
    /// Puts a row into its lane and the indexes.
    pub(super) fn enter(&mut self, row: Row) {
        self.next = self.next.max(row.seq + 1);
        self.keys.insert(row.key.clone(), row.seq);
        for id in &row.members {
            self.about.entry(id.clone()).or_default().insert(row.seq);
        }
        let lane = self.lanes.entry(row.order.lane.clone()).or_default();
        let is_end = row.order.event == AlertEvent::Resolved;
        let is_news = !is_end && !row.is_update();
        lane.begun |= is_news;
        lane.told |= is_news && (row.state == DeliveryState::Sent || row.in_doubt);
        lane.critical |= row.order.severity == Severity::Critical;
        lane.reference = row.reference.clone().or_else(|| lane.reference.take());
        self.family_mut(&row.order.lane);
        if !row.is_finished() {
            self.family_mut(&row.order.lane).open.insert(row.seq);
            self.lanes.entry(row.order.lane.clone()).or_default().open.push_back(row.seq);
            if let Some(post) = self.posts.get_mut(&row.order.lane.channel) {
                post.queued += 1;
            }
        }
        if row.state == DeliveryState::Queued {
            self.deadlines.insert((row.deadline, row.seq));
        }
        self.rows.insert(row.seq, row);
    }

    /// Takes an unfinished row out of its lane.
    pub(super) fn leave_lane(&mut self, seq: u64) {
        let Some(row) = self.rows.get(&seq) else { return };
        self.deadlines.remove(&(row.deadline, seq));
        if let Some(family) = self.families.get_mut(&family::name(&row.order.lane)) {
            family.open.remove(&seq);
        }
        if let Some(lane) = self.lanes.get_mut(&row.order.lane) {
            let before = lane.open.len();
            lane.open.retain(|open| *open != seq);
            if let Some(post) = self.posts.get_mut(&row.order.lane.channel) {
                post.queued = post.queued.saturating_sub(before - lane.open.len());
                if let Some(place) = lane.waiting.take() {
                    post.waiting.remove(&place);
                }
            }
        }
    }

    /// Brings the lane's first order into its place, and that of the episode whose turn it is now.
    pub(super) fn advance(&mut self, name: &Lane, now: Now) {
        self.place(name, now);
        if let Some(other) = self.in_turn(name).filter(|other| other != name) {
            self.place(&other, now);
        }
    }

    /// Brings the lane's first order into its place among those that wait, or to its end when it makes no sense any more.
    fn place(&mut self, name: &Lane, now: Now) {
        loop {
            let Some(lane) = self.lanes.get_mut(name) else { return };
            let post = self.posts.get_mut(&name.channel);
            if let (Some(place), Some(post)) = (lane.waiting.take(), post) {
                post.waiting.remove(&place);
            }
            let Some(seq) = lane.open.front().copied() else { return };
            let Some(row) = self.rows.get_mut(&seq) else { return };
            let family = self.families.get(&family::name(name));
            let is_its_turn = family.is_none_or(|family| family.refreshing == 0 && family.open.first() == Some(&seq));
            if row.state != DeliveryState::Queued || !is_its_turn {
                return;
            }
            if row.order.event == AlertEvent::Resolved && lane.begun && !lane.told && !row.fired_and_recovered && !row.in_doubt {
                if !lane.critical {
                    self.cancel(seq, "it was over before anybody had been told here", now);
                    continue;
                }
                row.fired_and_recovered = true;
                self.touch(seq);
                continue;
            }
            let urgent =
                family.is_some_and(|family| family.open.iter().any(|seq| self.rows.get(seq).is_some_and(Row::is_critical)));
            let only_edits = lane.open.iter().all(|seq| self.rows.get(seq).is_some_and(Row::is_update));
            let place = (only_edits, !urgent, seq);
            if let Some(post) = self.posts.get_mut(&name.channel) {
                lane.waiting = Some(place);
                post.waiting.insert(place);
            }
            return;
        }
    }

    pub(super) fn cancel(&mut self, seq: u64, why: &str, now: Now) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        let (lane, is_update) = (row.order.lane.clone(), row.is_update());
        row.answer = Some(why.to_owned());
        self.note(seq, "cancelled", &format!("was not sent: {why}"), now);
        self.finish(seq, DeliveryState::Cancelled, now);
        if is_update {
            self.remove(seq);
        }
        self.advance(&lane, now);
    }

    /// Gives an order up. An edit is no loss: whatever comes next says it too.
    pub(super) fn fail(&mut self, seq: u64, why: &str, now: Now) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        let (lane, is_update) = (row.order.lane.clone(), row.is_update());
        row.answer = Some(why.to_owned());
        let order = row.order.clone();
        self.note(seq, "failed", &format!("could not be delivered: {why}"), now);
        self.finish(seq, DeliveryState::Failed, now);
        if let Some(post) = self.posts.get_mut(&lane.channel) {
            post.dead += 1;
        }
        if is_update {
            self.remove(seq);
        } else {
            self.news.undeliverable.push((order, why.to_owned()));
        }
        self.advance(&lane, now);
    }

    /// Nobody knows, and it is not worth the same message twice.
    pub(super) fn count_as_sent(&mut self, seq: u64, why: &str, now: Now) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.in_doubt = true;
        row.answer = Some(format!("counted as sent: {why}"));
        let is_news = !row.is_update() && row.order.event != AlertEvent::Resolved;
        let lane = row.order.lane.clone();
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.told |= is_news;
        }
        self.note(seq, "sent", &format!("is counted on, nobody knows how the call ended: {why}"), now);
        self.finish(seq, DeliveryState::Sent, now);
    }

    /// The end of a row; its alerts are not needed any more, only whom they were about.
    pub(super) fn finish(&mut self, seq: u64, state: DeliveryState, now: Now) {
        self.leave_lane(seq);
        let Some(row) = self.rows.get_mut(&seq) else { return };
        (row.state, row.finished) = (state, Some(now.steady));
        row.order.alerts.clear();
        self.touch(seq);
    }

    /// Records for people what happened to a message.
    pub(super) fn note(&mut self, seq: u64, what: &str, text: &str, now: Now) {
        let Some(row) = self.rows.get(&seq).filter(|row| !row.is_update()) else { return };
        let lane = &row.order.lane;
        let to = lane.recipient.as_ref().map_or_else(String::new, |recipient| format!(" ({recipient})"));
        let attempt = if row.attempts > 1 { format!(", attempt {}", row.attempts) } else { String::new() };
        let text = format!("{} to {}{to}{attempt} {text}", row.order.event.as_str(), lane.channel);
        let step = AlertStep { at: now.wall, what: what.to_owned(), text };
        self.news.notes.extend(row.members.iter().map(|id| (id.clone(), step.clone())));
    }
}
