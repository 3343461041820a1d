//! Does a client get in? A fresh connection, phase by phase, then the smallest query, then a proper goodbye, as an application
//! would do it: through the pooler this is the only thing that shows what applications feel.

use std::time::Duration;

use tokio::time::timeout_at;

use crate::{
    clock,
    model::{Outcome, Phase, Phases},
    probe::{
        Failure,
        connect::{Purpose, connect},
        conninfo::ConnInfo,
    },
};

/// The trivial query; without a table, a lock or a plan worth the name.
const TRIVIAL: &str = "SELECT /* isobar */ 1";

/// For the goodbye to be sent; it is never worth waiting for.
const GOODBYE: Duration = Duration::from_millis(100);

/// Connects, asks once, leaves; all within a limit. Behind a pooler that accepted us, no answer to the query means that it had
/// no server connection to give.
pub async fn check(to: &ConnInfo, through_pooler: bool, within: Duration) -> Result<Phases, Failure> {
    let deadline = clock::now() + within;
    let connection = connect(to, Purpose::Check, within).await?;
    let mut phases = connection.phases;
    let asked = clock::now();
    match timeout_at(deadline.into(), connection.client.simple_query(TRIVIAL)).await {
        Ok(Ok(_)) => phases.first_query = Some(clock::now().duration_since(asked).as_secs_f64() * 1e3),
        Ok(Err(error)) => return Err(connection.failure(Phase::FirstQuery, &error)),
        Err(_) if through_pooler => {
            let message = "the pooler accepted the client, but gave it no server connection in time".into();
            return Err(Failure { outcome: Outcome::PoolExhausted, phase: Phase::FirstQuery, phases, message });
        }
        Err(_) => return Err(Failure::timeout(Phase::FirstQuery, phases)),
    }
    connection.close(GOODBYE).await;
    Ok(phases)
}
