//! Mail about targets that comes from no probe: from applications, by way of the web and perhaps of another node, and from who reads the past.

use actix::Handler;

use super::RegionSupervisor;
use crate::{
    clock,
    model::{outlook::Outlooks, vitals::Told},
};

impl Handler<Told> for RegionSupervisor {
    type Result = ();

    /// With a bus a target may be another node's, which is told too.
    fn handle(&mut self, told: Told, _: &mut Self::Context) {
        if let Some(watched) = self.targets.get_mut(&told.target) {
            watched.joined.tell(clock::now(), told.pools);
            watched.dirty = true;
        }
    }
}

impl Handler<Outlooks> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, Outlooks(all): Outlooks, _: &mut Self::Context) {
        let now = clock::now();
        for (target, outlook) in all {
            if let Some(watched) = self.targets.get_mut(&target) {
                watched.joined.look_out(now, outlook);
                watched.dirty = true;
            }
        }
    }
}
