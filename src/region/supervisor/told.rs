//! Mail from applications, by way of the web and perhaps of another node.

use actix::Handler;

use super::RegionSupervisor;
use crate::{clock, model::vitals::Told};

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
