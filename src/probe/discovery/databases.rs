//! The databases of a server, over a connection that is closed at once. It takes the turn of a client check, so that a role that may hold
//! three connections needs no fourth, and its time counts as one in the server's budget.

use std::time::Duration;

use super::{Found, MOST, Patterns};
use crate::{
    clock,
    model::{Outcome, Phase, Phases},
    probe::{
        Failure,
        connect::{Connection, resident::resident},
        conninfo::ConnInfo,
        governor::marked,
        text::Lossy,
    },
};

/// For the goodbye to be sent.
const GOODBYE: Duration = Duration::from_millis(100);
/// Those that the role may connect to. A `datconnlimit` of -2 marks what an interrupted DROP DATABASE left behind.
const LIST: &str = "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate \
    AND datconnlimit <> -2 AND has_database_privilege(oid, 'CONNECT') ORDER BY datname COLLATE \"C\"";

/// What a look brought.
#[derive(Debug)]
pub struct Looked {
    /// The databases that match, at most [`MOST`].
    pub found: Vec<Found>,
    /// Matching ones that were left out.
    pub left_out: usize,
    /// How the connection went.
    pub phases: Phases,
    /// Where it led.
    pub database: String,
}

/// Asks the server, through the database of `url` or, when that is gone, one of `others`; all within a limit.
pub async fn look(url: &ConnInfo, others: &[String], patterns: &Patterns, within: Duration) -> Result<Looked, Failure> {
    let deadline = clock::now() + within;
    let left = || deadline.saturating_duration_since(clock::now());
    let mut tried = resident(url, within).await;
    for other in others {
        if !tried.as_ref().is_err_and(|failure| failure.outcome == Outcome::NoSuchDatabase) {
            break;
        }
        tried = resident(&ConnInfo { dbname: other.clone(), ..url.clone() }, left()).await;
    }
    let connection = tried?;
    let phases = connection.phases;
    let Ok(names) = tokio::time::timeout_at(deadline.into(), connection.limited(names(&connection))).await else {
        return Err(Failure::timeout(Phase::FirstQuery, phases));
    };
    let names = names.map_err(|error| connection.failure(Phase::FirstQuery, &error))?;
    let database = connection.database.clone();
    connection.close(GOODBYE).await;
    let mut found: Vec<Found> = names.into_iter().filter(|name| patterns.takes(name)).map(Found::Database).collect();
    let left_out = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    Ok(Looked { found, left_out, phases, database })
}

async fn names(connection: &Connection) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = connection.client.query_typed(&marked(LIST), &[]).await?;
    let names: Vec<String> = rows.iter().map(|row| row.try_get::<_, Lossy>(0).map(|name| name.0)).collect::<Result<_, _>>()?;
    // A name in another encoding than UTF-8 cannot be asked for.
    Ok(names.into_iter().filter(|name| !name.contains(char::REPLACEMENT_CHARACTER)).collect())
}
