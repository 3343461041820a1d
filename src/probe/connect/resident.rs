//! A long-lived session for the lanes, with limits on all that it does, whatever stands between us and the server.
//!
//! ```text
//!  start-up options ──taken and obeyed──► ours: limits for good, named statements
//!        │ refused, or taken without effect (a pooler), or the address says so
//!        ├─ pool_mode=session ──► ours while we stay: limits set once
//!        └─ else ──► shared: each read is BEGIN READ ONLY, limits for this transaction, the read, COMMIT; nothing has a name
//! ```
//! Treating a session as shared is right everywhere and merely dearer, so that is what an unknown pooler gets.

use std::time::Duration;

use futures_util::future::join;
use tokio_postgres::{Error, SimpleQueryMessage};

use super::{Connection, Purpose, connect};
use crate::{
    clock,
    model::Phase,
    probe::{
        Failure,
        conninfo::{ConnInfo, PoolMode},
    },
};

/// Whether the session's own limits are in force: a pooler may swallow start-up options.
const OBEYED: &str = "SELECT /* isobar */ pg_catalog.current_setting('lock_timeout') = '100ms'";

/// The same limits as [`super::RESIDENT_OPTIONS`], for this transaction only; `{local}` is false for a session.
const LIMITS: &str = "SELECT /* isobar */ pg_catalog.set_config('statement_timeout', '5000', {local}), \
    pg_catalog.set_config('lock_timeout', '100', {local}), \
    pg_catalog.set_config('idle_in_transaction_session_timeout', '5000', {local}), pg_catalog.set_config('jit', 'off', {local}), \
    pg_catalog.set_config('max_parallel_workers_per_gather', '0', {local}), \
    pg_catalog.set_config('search_path', 'pg_catalog', {local})";

/// Connects for the lanes, within one deadline over all that it takes.
pub async fn resident(to: &ConnInfo, within: Duration) -> Result<Connection, Failure> {
    let deadline = clock::now() + within;
    let left = || deadline.saturating_duration_since(clock::now());
    let mode = match to.pool_mode {
        Some(mode) => mode,
        None => match connect(to, Purpose::Resident, within).await {
            Err(failure) if failure.is_refusal_of_options() => PoolMode::Transaction,
            Err(failure) => return Err(failure),
            Ok(mut connection) => {
                let obeyed = first(&connection, OBEYED, left()).await?;
                connection.shared = obeyed.as_deref() != Some("t");
                return Ok(connection);
            }
        },
    };
    let mut connection = connect(&ConnInfo { pool_mode: Some(mode), ..to.clone() }, Purpose::Resident, left()).await?;
    match mode {
        PoolMode::None => {}
        PoolMode::Transaction => connection.shared = true,
        PoolMode::Session => {
            let limits =
                format!("{}, set_config('default_transaction_read_only', 'on', false)", LIMITS.replace("{local}", "false"));
            first(&connection, &limits, left()).await?;
        }
    }
    Ok(connection)
}

/// The first value that a simple query answers.
async fn first(connection: &Connection, sql: &str, within: Duration) -> Result<Option<String>, Failure> {
    let answer = tokio::time::timeout(within, connection.client.simple_query(sql)).await;
    let messages = match answer {
        Ok(Ok(messages)) => messages,
        Ok(Err(error)) => return Err(connection.failure(Phase::FirstQuery, &error)),
        Err(_) => return Err(Failure::timeout(Phase::FirstQuery, connection.phases)),
    };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(row)
}

impl Connection {
    /// A read within the session's limits. Where the session is shared they hold for one transaction, which begins in the same breath
    /// as the read is sent.
    pub async fn limited<T>(&self, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if !self.shared {
            return read.await;
        }
        let opening = format!("BEGIN /* isobar */ READ ONLY; {}", LIMITS.replace("{local}", "true"));
        let (begun, read) = join(self.client.batch_execute(&opening), read).await;
        // Also after a read that failed: then it rolls back, and the session is good for the next one.
        let ended = if self.is_closed() { Ok(()) } else { self.client.batch_execute("COMMIT /* isobar */").await };
        begun?;
        let read = read?;
        ended.map(|()| read)
    }

    /// How many transactions so many statements in [`limited`](Self::limited) take.
    pub const fn transactions(&self, statements: u64) -> u64 {
        if self.shared { 1 } else { statements }
    }
}

/// Whether the error says that statements of ours are not where we prepared them: sessions are shared there.
pub fn is_shared_by(error: &Error) -> bool {
    use tokio_postgres::error::SqlState;
    let code = error.code();
    code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME) || code == Some(&SqlState::DUPLICATE_PSTATEMENT)
}

impl Failure {
    fn is_refusal_of_options(&self) -> bool {
        self.message.contains(crate::probe::classify::POOLER_INSTEAD_OF_SERVER)
    }
}

#[cfg(test)]
mod tests;
