//! After copies of several nodes were merged: what is over on one of them may have been told by another, and its end must follow.

use super::super::Now;
use super::{AlertEvent, AlertState, Desk, Settled};

impl Desk {
    /// Tells the ends of these incidents to all who were told of them, and has what else waits for them taken back. Who heard the end
    /// already does not hear it again: it has the same key.
    pub fn tell_ends(&mut self, now: Now, ids: &[String]) {
        self.begin_turn(now);
        for id in ids {
            let Some(incident) = self.incidents.get(id).filter(|it| it.state == AlertState::Resolved) else { continue };
            let message = self.message(incident, AlertEvent::Resolved, "end", now.steady);
            let channels: Vec<String> = incident.told.keys().cloned().collect();
            for channel in &channels {
                self.send(now, channel, &message);
            }
            self.changes.settled.push((id.clone(), Settled::Resolved));
            self.changed.insert(id.clone());
        }
        self.settle(now);
    }
}
