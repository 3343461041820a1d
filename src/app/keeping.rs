//! Who keeps the past.

use std::{sync::Arc, time::Duration};

use super::{Error, Node};
use crate::{
    clock,
    config::Config,
    history::{keeper::Keeper, store::Store, writer::Writer},
    model::history::{Notes, Past},
    web,
};

/// For the second that is being written at the end.
const LAST_SECOND: Duration = Duration::from_millis(500);

/// The thread that keeps it, and what others ask.
pub(super) struct KeepingPast {
    store: Arc<Store>,
    writer: Option<Writer>,
}

impl KeepingPast {
    /// Starts it; none when nothing is to be kept.
    pub(super) fn start(config: &Config, shared: &mut web::Shared) -> Result<Option<Self>, Error> {
        let Some(path) = &config.history.path else { return Ok(None) };
        let keeper = Keeper::open(&config.history, path, &shared.keeping)?;
        let store = keeper.store();
        shared.history = Some(Arc::clone(&store) as Arc<dyn Past>);
        Ok(Some(Self { store, writer: Some(Writer::start(keeper, Arc::clone(&shared.world))?) }))
    }

    /// Who keeps notes in the same file.
    pub(super) fn notes(&self) -> Arc<dyn Notes> {
        Arc::clone(&self.store) as Arc<dyn Notes>
    }

    /// Ends the thread; what it is writing is written.
    pub(super) fn stop(&mut self) {
        if self.writer.take().is_some_and(|writer| !writer.stop(LAST_SECOND)) {
            tracing::warn!("history did not end in time; its newest second may be missing");
        }
    }
}

impl Node {
    /// Starts it anew when it died.
    pub(super) fn revive_history(&mut self) -> Result<(), Error> {
        let Some(keeping) = &mut self.history else { return Ok(()) };
        if keeping.writer.as_ref().is_none_or(|writer| !writer.is_alive()) {
            self.restarts.another("history writer", clock::now())?;
            let keeper = Keeper::over(Arc::clone(&keeping.store))?;
            keeping.writer = Some(Writer::start(keeper, Arc::clone(&self.shared.world))?);
        }
        Ok(())
    }
}
