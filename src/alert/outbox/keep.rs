//! What the outbox gives to the journal and takes back from it, what it tells, and what it forgets. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{AlertEvent, ChannelState, DeliveryState, Family, Lane, News, Now, Outbox, Row, Timestamp, family};
use crate::model::alert::Delivery;

/// Rows kept in memory and on disk; beyond, the oldest finished ones go.
const MOST_ROWS: usize = 20_000;

/// What the journal must keep.
#[derive(Debug, Default)]
pub struct RowChanges {
    /// Rows that are new or changed.
    pub rows: Vec<Row>,
    /// Rows that are gone.
    pub dropped: Vec<u64>,
}

impl RowChanges {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.dropped.is_empty()
    }
}

/// Where a row stands among those of all nodes.
fn place(row: &Row) -> (Timestamp, &str, bool, u64, &str) {
    let order = &row.order;
    (order.decided, &order.lane.about, order.event == AlertEvent::Resolved, row.seq, &row.key)
}

impl Outbox {
    /// Goes on from what the journal kept. A call that was under way is in doubt; and what waited gets the whole time again, since it
    /// is not the channels' fault that nobody called them.
    ///
    /// The rows may come from several nodes, which numbered them each in its own way: then they are numbered anew.
    pub fn restore(&mut self, rows: Vec<Row>, now: Now) {
        self.resume(rows, &BTreeSet::new(), now);
    }

    /// The same within a process: calls of this node that are still under way, by key and attempt, go on, and their ends count.
    pub fn resume(&mut self, rows: Vec<Row>, calling: &BTreeSet<(String, u32)>, now: Now) {
        let mut lanes: BTreeSet<Lane> = BTreeSet::new();
        let mut lost = Vec::new();
        for mut row in self.in_order(rows) {
            lanes.insert(row.order.lane.clone());
            let keyed = self.posts.get(&row.order.lane.channel).is_some_and(|post| post.nature.keyed);
            let fresh = now.steady.after(self.give_up_after);
            if row.state == DeliveryState::Sending && self.goes_on(&row, calling) {
                row.deadline = row.deadline.max(fresh);
                self.go_on(&mut row);
            } else if row.state == DeliveryState::Sending {
                row.in_doubt = true;
                row.calls.values_mut().for_each(|(_, is_known)| *is_known = true);
                if keyed || row.is_critical() {
                    row.state = DeliveryState::Queued;
                    row.possible_repeat |= !keyed && !row.is_update();
                    (row.next_due, row.deadline) = (now.steady, fresh);
                } else {
                    lost.push(row.seq);
                }
                self.dirty.insert(row.seq);
            } else if row.state == DeliveryState::Queued {
                (row.next_due, row.deadline) = (row.next_due.min(fresh), row.deadline.max(fresh));
            }
            self.enter(row);
        }
        for seq in lost {
            self.count_as_sent(seq, "the process ended during the call", now);
        }
        self.fail_strays(now);
        self.cancel_late(now);
        for lane in lanes {
            self.resume_refresh(&lane, now);
            self.advance(&lane, now);
        }
    }

    fn goes_on(&self, row: &Row, calling: &BTreeSet<(String, u32)>) -> bool {
        let own = row.calls.get(&self.node);
        own.is_some_and(|(attempt, is_known)| !is_known && calling.contains(&(row.key.clone(), *attempt)))
    }

    /// A call of this node that is still under way; of those of others nobody knows how they ended.
    fn go_on(&mut self, row: &mut Row) {
        for (_, (_, is_known)) in row.calls.iter_mut().filter(|(node, _)| **node != self.node) {
            row.in_doubt |= !std::mem::replace(is_known, true);
        }
        if let Some(post) = self.posts.get_mut(&row.order.lane.channel) {
            post.in_flight += 1;
        }
        self.dirty.insert(row.seq);
    }

    /// The number of the row with this key.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.keys.get(key).copied()
    }

    /// Rows of one node stay as they are. Those of several are put into the order in which they were decided, an end after all else.
    fn in_order(&mut self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort_by_key(|row| row.seq);
        let mut decided: BTreeMap<&Lane, Timestamp> = BTreeMap::new();
        let goes_on = |row: &Row, before: Option<Timestamp>| before.is_none_or(|before| before <= row.order.decided);
        let are_in_order = rows.iter().all(|row| goes_on(row, decided.insert(&row.order.lane, row.order.decided)));
        if are_in_order && rows.windows(2).all(|two| two[0].seq < two[1].seq) {
            return rows;
        }
        let before: BTreeSet<u64> = rows.iter().map(|row| row.seq).collect();
        rows.sort_by(|one, other| place(one).cmp(&place(other)));
        for (row, seq) in rows.iter_mut().zip(self.next..) {
            row.seq = seq;
            self.dirty.insert(seq);
        }
        let after: BTreeSet<u64> = rows.iter().map(|row| row.seq).collect();
        self.dropped.extend(before.difference(&after));
        rows
    }

    /// Another node told the end already: what belongs before it is not told after it.
    fn cancel_late(&mut self, now: Now) {
        let of_ends = |row: &&Row| row.order.event == AlertEvent::Resolved && row.state == DeliveryState::Sent;
        let ended: BTreeSet<&Lane> = self.rows.values().filter(of_ends).map(|row| &row.order.lane).collect();
        let is_late = |row: &&Row| row.state == DeliveryState::Queued && ended.contains(&row.order.lane);
        let late: Vec<u64> = self.rows.values().filter(is_late).map(|row| row.seq).collect();
        for seq in late {
            self.cancel(seq, "another node told the end already", now);
        }
    }

    /// Fails what waits for channels that are not there.
    pub(super) fn fail_strays(&mut self, now: Now) {
        let is_stray = |row: &&Row| row.state == DeliveryState::Queued && !self.posts.contains_key(&row.order.lane.channel);
        let strays: Vec<u64> = self.rows.values().filter(is_stray).map(|row| row.seq).collect();
        for seq in strays {
            self.fail(seq, "its channel is not in the configuration any more", now);
        }
        let posts = &self.posts;
        self.refreshes.retain(|(_, lane)| posts.get(&lane.channel).is_some_and(|post| post.nature.refresh.is_some()));
    }

    /// A provider tells later how a message that it took has ended.
    pub fn confirmed(&mut self, reference: &str, failed: Option<&str>, now: Now) {
        let is_it = |row: &&Row| row.reference.as_deref() == Some(reference) && row.state == DeliveryState::Sent;
        let Some(seq) = self.rows.values().rev().find(is_it).map(|row| row.seq) else { return };
        if let Some(why) = failed {
            self.fail(seq, why, now);
        } else {
            let lane = self.rows.get(&seq).map(|row| row.order.lane.clone());
            if let Some(lane) = lane {
                self.works(&lane);
            }
            self.note(seq, "delivered", "was delivered by the provider", now);
            self.touch(seq);
        }
    }

    /// The way of this lane works: a message went through.
    pub fn works(&mut self, lane: &Lane) {
        self.news.delivered.insert((lane.channel.clone(), lane.recipient.clone()));
    }

    /// Forgets what nobody asks for any more: rows of incidents that are not known, and the oldest beyond what may be kept.
    pub fn forget(&mut self, is_known: impl Fn(&str) -> bool) {
        let is_old = |row: &&Row| row.is_finished() && !row.members.iter().any(|id| is_known(id));
        let mut old: Vec<u64> = self.rows.values().filter(is_old).map(|row| row.seq).collect();
        let beyond = self.rows.len().saturating_sub(old.len() + MOST_ROWS);
        let finished = self.rows.values().filter(|row| row.is_finished() && !is_old(row));
        old.extend(finished.take(beyond).map(|row| row.seq));
        let mut lanes = BTreeSet::new();
        for seq in old {
            lanes.extend(self.rows.get(&seq).map(|row| row.order.lane.clone()));
            self.remove(seq);
        }
        for name in lanes {
            if !is_known(&name.about) && self.lanes.get(&name).is_some_and(|lane| lane.open.is_empty()) {
                self.lanes.remove(&name);
                let is_last = |family: &&Family| family.newest == name.about && family.open.is_empty() && family.refreshing == 0;
                if self.family(&name).as_ref().is_some_and(is_last) {
                    self.families.remove(&family::name(&name));
                }
            }
        }
    }

    pub(super) fn remove(&mut self, seq: u64) {
        let Some(row) = self.rows.remove(&seq) else { return };
        self.keys.remove(&row.key);
        for id in &row.members {
            if let Some(rows) = self.about.get_mut(id) {
                rows.remove(&seq);
                if rows.is_empty() {
                    self.about.remove(id);
                }
            }
        }
        self.deadlines.remove(&(row.deadline, seq));
        self.touched.extend(row.members);
        self.dirty.remove(&seq);
        self.held.remove(&seq);
        self.dropped.push(seq);
    }

    pub(super) fn touch(&mut self, seq: u64) {
        self.dirty.insert(seq);
        if let Some(row) = self.rows.get(&seq) {
            self.touched.extend(row.members.iter().cloned());
        }
    }

    /// What the journal must keep since the last time.
    pub fn changes(&mut self) -> RowChanges {
        let rows = std::mem::take(&mut self.dirty).into_iter().filter_map(|seq| self.rows.get(&seq).cloned()).collect();
        RowChanges { rows, dropped: std::mem::take(&mut self.dropped) }
    }

    /// What the desk must be told since the last time.
    pub fn news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// The incidents whose deliveries changed since the last time.
    pub fn touched(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.touched)
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Who was told of this incident.
    pub fn deliveries(&self, id: &str) -> Vec<Delivery> {
        let rows = self.about.get(id).into_iter().flatten().filter_map(|seq| self.rows.get(seq));
        rows.filter(|row| !row.is_update()).map(Row::delivery).collect()
    }

    /// How the channels are.
    pub fn channels(&self) -> Vec<ChannelState> {
        self.posts.iter().map(|(name, post)| post.state(name)).collect()
    }

    /// Whether anything should have been told longer ago than this, and is not.
    pub fn is_overdue(&self, by: std::time::Duration, now: Now) -> bool {
        let is_late = |row: &Row| row.order.due.after(by) < now.steady && row.order.event != AlertEvent::Update;
        let open = self.lanes.values().flat_map(|lane| &lane.open);
        open.filter_map(|seq| self.rows.get(seq)).any(is_late)
    }
}
