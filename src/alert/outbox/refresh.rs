//! Providers that forget: Alertmanager takes an alert for over unless it is sent again, and wants its end again for a while too. Such
//! calls are no rows of the book; what is lost is sent anyway the next time. Pure.

use std::time::Duration;

use super::{AlertEvent, DeliveryState, Ended, Failure, Lane, Now, Outbox, Row, family};

/// So long an end is sent again, as Alertmanager's own clients do.
const END_REPEATED_FOR: Duration = Duration::from_mins(5);
/// When it was not its turn.
const SOON: Duration = Duration::from_secs(1);

impl Outbox {
    /// The channel took a message of this lane: from now on it must not be left alone.
    pub(super) fn schedule_refresh(&mut self, name: &Lane, is_end: bool, now: Now) {
        let Some(every) = self.posts.get(&name.channel).and_then(|post| post.nature.refresh) else { return };
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.refreshed_until = is_end.then(|| now.steady.after(END_REPEATED_FOR));
        }
        self.refreshes.retain(|(_, other)| other != name);
        self.refreshes.insert((now.steady.after(every), name.clone()));
    }

    /// The same after a restart, as far as the rows tell.
    pub(super) fn resume_refresh(&mut self, name: &Lane, now: Now) {
        if self.posts.get(&name.channel).is_none_or(|post| post.nature.refresh.is_none()) {
            return;
        }
        let rows = self.about.get(&name.about).into_iter().flatten().filter_map(|seq| self.rows.get(seq));
        let sent = |row: &&Row| row.order.lane == *name && row.state == DeliveryState::Sent;
        let Some(last) = rows.rev().find(sent) else { return };
        let is_end = last.order.event == AlertEvent::Resolved;
        let ended = last.finished.unwrap_or(now.steady);
        let until = ended.after(END_REPEATED_FOR);
        if is_end && until <= now.steady {
            return;
        }
        self.schedule_refresh(name, is_end, Now { steady: ended, ..now });
    }

    /// The lanes whose turn it is to be refreshed; each needs one call with the incident as it is now.
    pub fn refreshes(&mut self, now: Now) -> Vec<Lane> {
        let mut due = Vec::new();
        while let Some((at, name)) = self.refreshes.first().cloned().filter(|(at, _)| *at <= now.steady) {
            self.refreshes.remove(&(at, name.clone()));
            if !self.may_refresh(&name) {
                self.refreshes.insert((now.steady.after(SOON), name));
                continue;
            }
            let (Some(lane), Some(post)) = (self.lanes.get(&name), self.posts.get_mut(&name.channel)) else { continue };
            let Some(every) = post.nature.refresh else { continue };
            let family = self.families.get(&family::name(&name));
            // The end of an episode, told again, would end the one that came after it.
            let is_past = family.is_some_and(|family| family.newest != name.about);
            if lane.refreshed_until.is_some_and(|until| is_past || until < now.steady) {
                continue;
            }
            let is_idle = family.is_none_or(|family| family.open.is_empty());
            let its_turn = is_idle && post.is_free() && post.bucket.take(now.steady);
            self.refreshes.insert((now.steady.after(if its_turn { every } else { SOON }), name.clone()));
            if its_turn {
                post.in_flight += 1;
                self.family_mut(&name).refreshing += 1;
                due.push(name);
            }
        }
        due
    }

    /// How that went.
    pub fn refreshed(&mut self, name: &Lane, ended: &Ended, now: Now) {
        let family = self.family_mut(name);
        family.refreshing = family.refreshing.saturating_sub(1);
        self.advance(name, now);
        let Some(post) = self.posts.get_mut(&name.channel) else { return };
        post.in_flight = post.in_flight.saturating_sub(1);
        match ended {
            Ended::Answered(Ok(_)) => {
                self.works(name);
            }
            Ended::Answered(Err(Failure::Permanent(why) | Failure::Doubt { why } | Failure::Retry { why, .. }))
            | Ended::Unknown(why) => {
                post.refused(why);
                if let Ended::Answered(Err(Failure::Retry { after: Some(after), .. })) = ended {
                    // A message gives its wait up after that long, and so does this.
                    post.bucket.pause(now.steady.after((*after).min(self.give_up_after)));
                }
                self.refreshes.retain(|(_, other)| other != name);
                self.refreshes.insert((now.steady.after(SOON * 5), name.clone()));
            }
        }
    }
}
