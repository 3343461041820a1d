//! The end of a node, within the five seconds of the contract: others take over what it does, then it goes.

use std::time::Duration;

use super::{FAREWELL, GLANCE, Node, keeping::KeepingPast};
use crate::{
    clock,
    region::supervisor::{Retire, Share},
};

/// For all of it: what is left of the contract's five seconds is for the process itself.
const LONGEST: Duration = Duration::from_millis(4_700);
/// For telling the alert actors what comes; they have only to note it.
const ANNOUNCEMENT: Duration = Duration::from_millis(500);
/// For the last words on the bus; what comes before them leaves them so much.
const LAST_WORDS: Duration = Duration::from_millis(900);

impl Node {
    pub(super) async fn stop(mut self) {
        let end = clock::now() + LONGEST;
        self.discovering.stop();
        let left = || end.saturating_duration_since(clock::now());
        // First of all: targets that end with us must not look as if they were not watched any more, which would end their incidents.
        self.telling.announce_end(ANNOUNCEMENT).await;
        self.exporter.end();
        self.end_uploads().await;
        self.counsel.end();
        self.history.iter_mut().for_each(KeepingPast::stop);
        self.analyst.end();
        if let Some(carrying) = &self.carrying {
            carrying.hand_over().await;
        }
        for supervisor in self.supervisors.values() {
            if self.carrying.is_some() {
                // Others watch them: they end without a word.
                supervisor.addr.do_send(Share { targets: Vec::new() });
            }
            supervisor.addr.do_send(Retire);
        }
        let farewell = FAREWELL.min(left().saturating_sub(LAST_WORDS));
        let (served, told) = tokio::join!(tokio::time::timeout(farewell, self.web.stop()), self.telling.stop(farewell));
        if served.is_err() {
            tracing::warn!("some readers did not take their last bytes in time");
        }
        if !told {
            tracing::warn!("the alert actor did not end in time; what it was doing counts as in doubt");
        }
        if let Some(carrying) = &self.carrying {
            carrying.stop(LAST_WORDS.min(left())).await;
        }
        // Probes drop their sessions as they end, and those say goodbye to the server; whoever still holds one after that (a frozen
        // server) loses it with the runtime.
        let deadline = clock::now() + FAREWELL.min(left());
        while self.registry.is_in_use() && clock::now() < deadline {
            tokio::time::sleep(GLANCE).await;
        }
        self.carrying = None;
        self.io.shutdown_background();
    }
}
