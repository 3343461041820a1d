//! Who sends rows to Tinybird.

use std::{sync::Arc, time::Duration};

use actix::{Actor, Arbiter};
use tokio::runtime::Handle;

use super::{Error, Node, running::Running};
use crate::{
    clock,
    config::Config,
    export::tinybird::actor::{End, Links, SendTo, Uploader},
    model::NodeName,
    web,
};

/// For keeping what waits; it is on disk already, unless that was full.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Starts it, on a thread of its own; without a place to send to it has nothing to do.
pub(super) fn start(config: &Config, shared: &web::Shared, io: &Handle) -> Running<Uploader> {
    let links = Links {
        node: NodeName::from(shared.node.as_str()),
        world: Arc::clone(&shared.world),
        uploads: Arc::clone(&shared.uploads),
        io: io.clone(),
    };
    let (settings, arbiters) = (config.tinybird.clone(), vec![Arbiter::new().handle()]);
    let addr = Uploader::start_in_arbiter(&arbiters[0], move |_| Uploader::new(links, settings));
    Running { addr, arbiters }
}

impl Node {
    /// Starts it anew when it died.
    pub(super) fn revive_uploader(&mut self) -> Result<(), Error> {
        if !self.uploader.addr.connected() {
            self.restarts.another("uploader", clock::now())?;
            self.uploader.end();
            self.uploader = start(&self.config, &self.shared, self.io.handle());
        }
        Ok(())
    }

    /// Tells it where to send from now on.
    pub(super) fn upload_anew(&self) {
        self.uploader.addr.do_send(SendTo(self.config.tinybird.clone()));
    }

    /// Lets it keep what waits.
    pub(super) async fn end_uploads(&self) {
        if tokio::time::timeout(LAST_WORDS, self.uploader.addr.send(End)).await.is_err() {
            tracing::warn!("what waits for Tinybird was not kept in time");
        }
        self.uploader.end();
    }
}
