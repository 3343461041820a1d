//! Whether a pooler in transaction mode is in between: found out with a connection or from an error, and remembered for both lanes.

use std::sync::atomic::Ordering;

use super::{ANSWER_WITHIN, Server};
use crate::probe::{
    Failure,
    connect::{Connection, resident::resident},
    conninfo::{ConnInfo, PoolMode},
};

impl Server {
    /// A session for a lane; what was found out about the way there is remembered.
    pub(super) async fn resident(&self, url: &ConnInfo) -> Result<Connection, Failure> {
        let pooled = self.pooled.load(Ordering::Relaxed);
        let mode = if pooled { Some(PoolMode::Transaction) } else { url.pool_mode };
        let connection = resident(&ConnInfo { pool_mode: mode, ..url.clone() }, ANSWER_WITHIN).await?;
        self.is_pooled_if(connection.shared);
        Ok(connection)
    }

    /// Remembers what a connection or an error told.
    pub(super) fn is_pooled_if(&self, shared: bool) {
        self.pooled.fetch_or(shared, Ordering::Relaxed);
    }
}
