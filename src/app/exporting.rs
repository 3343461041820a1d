//! Who pushes Isobar's figures to a collector.

use std::sync::Arc;

use actix::{Actor, Arbiter};
use tokio::runtime::Handle;

use super::{Error, Node, running::Running};
use crate::{
    clock,
    config::Config,
    export::actor::{Exporter, Links, PushTo},
    model::NodeName,
    web,
};

/// Starts it, on a thread of its own; without a collector it has nothing to do.
pub(super) fn start(config: &Config, shared: &web::Shared, io: &Handle) -> Running<Exporter> {
    let links = Links {
        node: NodeName::from(shared.node.as_str()),
        version: shared.version,
        world: Arc::clone(&shared.world),
        pushes: Arc::clone(&shared.pushes),
        io: io.clone(),
    };
    let (settings, arbiters) = (config.otlp.clone(), vec![Arbiter::new().handle()]);
    let addr = Exporter::start_in_arbiter(&arbiters[0], move |_| Exporter::new(links, settings));
    Running { addr, arbiters }
}

impl Node {
    /// Starts it anew when it died.
    pub(super) fn revive_exporter(&mut self) -> Result<(), Error> {
        if !self.exporter.addr.connected() {
            self.restarts.another("exporter", clock::now())?;
            self.exporter.end();
            self.exporter = start(&self.config, &self.shared, self.io.handle());
        }
        Ok(())
    }

    /// Tells it where to push from now on.
    pub(super) fn push_anew(&self) {
        self.exporter.addr.do_send(PushTo(self.config.otlp.clone()));
    }
}
