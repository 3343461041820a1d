//! Who looks at the past of each target.

use std::sync::Arc;

use actix::{Actor, Arbiter};

use super::{Error, Node, running::Running};
use crate::{
    advise::analyst::{
        Settings,
        actor::{AnalystActor, TellTo},
    },
    clock,
    model::RegionName,
    region::supervisor::RegionSupervisor,
    web,
};

/// Starts it, on a thread of its own; without a past it has nothing to do.
pub(super) fn start(shared: &web::Shared) -> Running<AnalystActor> {
    let (world, past, insights) = (Arc::clone(&shared.world), shared.history.clone(), Arc::clone(&shared.insights));
    let arbiters = vec![Arbiter::new().handle()];
    let addr =
        AnalystActor::start_in_arbiter(&arbiters[0], move |_| AnalystActor::new(world, past, insights, Settings::default()));
    Running { addr, arbiters }
}

impl Node {
    /// Starts it anew when it died.
    pub(super) fn revive_analyst(&mut self) -> Result<(), Error> {
        if !self.analyst.addr.connected() {
            self.restarts.another("analyst", clock::now())?;
            self.analyst.end();
            self.analyst = start(&self.shared);
            self.tell_judges();
        }
        Ok(())
    }

    /// Tells it who judges by what it finds.
    pub(super) fn tell_judges(&self) {
        let judge =
            |(region, running): (&RegionName, &Running<RegionSupervisor>)| (region.clone(), running.addr.clone().recipient());
        self.analyst.addr.do_send(TellTo(self.supervisors.iter().map(judge).collect()));
    }
}
