//! `pg_stat_database` of all databases of a server in one prepared read, the settings that bound its connections, and what
//! happened between two readings. Before 15 the server's own collector publishes these counters up to 500 ms late.

use std::time::Duration;

use tokio_postgres::{Client, Error, Row};

use crate::{
    model::{
        Timestamp,
        counters::{DatabaseCounters, DatabaseRates},
    },
    probe::{
        governor::marked,
        statement::{Asks, Statement},
        text::Lossy,
    },
};

/// The reads, prepared on one connection.
#[derive(Debug, Clone)]
pub struct Counters {
    read: Statement,
    facts: Statement,
}

/// What bounds the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// E.g. `15.18`.
    pub version: String,
    /// E.g. 150018.
    pub version_number: u32,
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections`.
    pub superuser_reserved: u32,
    /// `reserved_connections` (16 and later): for roles with `pg_use_reserved_connections`.
    pub reserved: u32,
    /// Whether it is a standby, or recovering.
    pub in_recovery: bool,
}

impl ServerFacts {
    /// Connections that an ordinary role can get at most.
    pub fn slots(&self) -> u32 {
        self.max_connections.saturating_sub(self.superuser_reserved).saturating_sub(self.reserved)
    }
}

const FACTS: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int4, \
    current_setting('max_connections')::int4, current_setting('superuser_reserved_connections')::int4, \
    coalesce(current_setting('reserved_connections', true)::int4, 0), pg_catalog.pg_is_in_recovery()";

/// Columns of 13, in the order that [`row`] takes them.
const COLUMNS: &str = "datid, datname::text, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, \
    tup_fetched, tup_inserted, tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, blk_read_time, \
    blk_write_time, stats_reset";

/// Columns that 14 added.
const SESSION_COLUMNS: &str =
    ", active_time, idle_in_transaction_time, sessions, sessions_abandoned, sessions_fatal, sessions_killed";

/// Where the columns of 14 begin.
const FIRST_SESSION_COLUMN: usize = 19;

impl Counters {
    /// Prepares the reads, with the columns that this server's catalog has.
    pub async fn prepare(on: &impl Asks) -> Result<Self, Error> {
        const HAS_SESSIONS: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute \
            WHERE attrelid = 'pg_catalog.pg_stat_database'::regclass AND attname = 'sessions')";
        let sessions: bool = on.client().query_typed(&marked(HAS_SESSIONS), &[]).await?.first().is_some_and(|row| row.get(0));
        let more = if sessions { SESSION_COLUMNS } else { "" };
        let read = format!("SELECT {COLUMNS}{more} FROM pg_catalog.pg_stat_database WHERE datid <> 0");
        Ok(Self {
            read: Statement::prepare(on, &marked(&read), &[]).await?,
            facts: Statement::prepare(on, &marked(FACTS), &[]).await?,
        })
    }

    /// The counters of every database, templates included.
    pub async fn read(&self, client: &Client) -> Result<Vec<DatabaseCounters>, Error> {
        self.read.query(client, &[]).await?.iter().map(row).collect()
    }

    /// Settings and role; they change with a restart, a reload or a promotion.
    pub async fn facts(&self, client: &Client) -> Result<ServerFacts, Error> {
        let row = self.facts.query_one(client, &[]).await?;
        let number = |at| Ok::<_, Error>(row.try_get::<_, i32>(at)?.unsigned_abs());
        let version: String = row.try_get(0)?;
        Ok(ServerFacts {
            // Distributions add their own words after it.
            version: version.split(' ').next().unwrap_or_default().to_owned(),
            version_number: number(1)?,
            max_connections: number(2)?,
            superuser_reserved: number(3)?,
            reserved: number(4)?,
            in_recovery: row.try_get(5)?,
        })
    }
}

fn row(row: &Row) -> Result<DatabaseCounters, Error> {
    let count = |at| Ok::<_, Error>(u64::try_from(row.try_get::<_, i64>(at)?).unwrap_or(0));
    let sessions = row.len() > FIRST_SESSION_COLUMN;
    let time = |at| if sessions { row.try_get::<_, f64>(at).map(Some) } else { Ok(None) };
    let session_count = |at| if sessions { count(at).map(Some) } else { Ok(None) };
    Ok(DatabaseCounters {
        datid: row.try_get(0)?,
        datname: row.try_get::<_, Option<Lossy>>(1)?.map(|name| name.0).unwrap_or_default(),
        numbackends: row.try_get::<_, i32>(2)?.unsigned_abs(),
        xact_commit: count(3)?,
        xact_rollback: count(4)?,
        blks_read: count(5)?,
        blks_hit: count(6)?,
        tup_returned: count(7)?,
        tup_fetched: count(8)?,
        tup_inserted: count(9)?,
        tup_updated: count(10)?,
        tup_deleted: count(11)?,
        conflicts: count(12)?,
        temp_files: count(13)?,
        temp_bytes: count(14)?,
        deadlocks: count(15)?,
        blk_read_time: row.try_get(16)?,
        blk_write_time: row.try_get(17)?,
        stats_reset: row.try_get::<_, Option<_>>(18)?.map(Timestamp),
        active_time: time(19)?,
        idle_in_transaction_time: time(20)?,
        sessions: session_count(21)?,
        sessions_abandoned: session_count(22)?,
        sessions_fatal: session_count(23)?,
        sessions_killed: session_count(24)?,
    })
}

/// What happened between two readings of one database; none when they cannot be compared: the statistics were reset, a counter
/// went backwards (a crash, a failover), or the name is another database's now.
pub fn rates(previous: &DatabaseCounters, now: &DatabaseCounters, elapsed: Duration) -> Option<DatabaseRates> {
    if elapsed.is_zero() || previous.datid != now.datid || previous.stats_reset != now.stats_reset {
        return None;
    }
    // Unknown before 14; a count that goes backwards makes the whole unfit to compare.
    let sessions = |of: fn(&DatabaseCounters) -> Option<u64>| match (of(now), of(previous)) {
        (Some(now), Some(then)) => now.checked_sub(then).map(Some),
        _ => Some(None),
    };
    Some(DatabaseRates {
        interval_ms: elapsed.as_secs_f64() * 1e3,
        commits: now.xact_commit.checked_sub(previous.xact_commit)?,
        rollbacks: now.xact_rollback.checked_sub(previous.xact_rollback)?,
        sessions_killed: sessions(|counters| counters.sessions_killed)?,
        sessions_fatal: sessions(|counters| counters.sessions_fatal)?,
        sessions_abandoned: sessions(|counters| counters.sessions_abandoned)?,
        conflicts: now.conflicts.checked_sub(previous.conflicts)?,
        deadlocks: now.deadlocks.checked_sub(previous.deadlocks)?,
        blocks_hit: now.blks_hit.checked_sub(previous.blks_hit)?,
        blocks_read: now.blks_read.checked_sub(previous.blks_read)?,
        temp_bytes: now.temp_bytes.checked_sub(previous.temp_bytes)?,
    })
}

#[cfg(test)]
mod tests;
