//! Who says what to change.

use std::sync::Arc;

use actix::{Actor, Arbiter};

use super::{Error, Node, keeping::KeepingPast, running::Running};
use crate::{
    advise::actor::{Counsel, Follow},
    clock,
    config::Config,
    model::history::Notes,
    web,
};

/// Starts it, on a thread of its own.
pub(super) fn start(config: &Config, shared: &web::Shared, notes: Option<Arc<dyn Notes>>) -> Running<Counsel> {
    let (world, advice, settings) = (Arc::clone(&shared.world), Arc::clone(&shared.advice), config.advice);
    let arbiters = vec![Arbiter::new().handle()];
    let addr = Counsel::start_in_arbiter(&arbiters[0], move |_| Counsel::new(world, advice, settings, notes));
    Running { addr, arbiters }
}

impl Node {
    /// Starts it anew when it died.
    pub(super) fn revive_counsel(&mut self) -> Result<(), Error> {
        if !self.counsel.addr.connected() {
            self.restarts.another("adviser", clock::now())?;
            self.counsel.end();
            self.counsel = start(&self.config, &self.shared, self.history.as_ref().map(KeepingPast::notes));
        }
        Ok(())
    }

    /// Tells it how to look from now on.
    pub(super) fn advise_anew(&self) {
        self.counsel.addr.do_send(Follow(self.config.advice));
    }
}
