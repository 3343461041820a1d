//! Who copies from whom: a few prepared reads over the slow lane, shared by all targets of a server.
//!
//! ```text
//!  standing ──► role, timeline, positions, receiver ──┐
//!  followers ─► pg_stat_replication ──────────────────┼─► Watch (what only time tells: lag, silence, changes) ──► Replication
//!  slots ─────► pg_replication_slots ─────────────────┤        ▲
//!  conflicts ─► on a replica, per database ───────────┘      Kin: where the same system's other servers are
//! ```
//! A promotion changes the role under a living connection, so every statement asks for it anew. What differs between versions
//! is asked of the catalog once per connection.

mod ends;
mod kin;
mod watch;

use std::collections::HashMap;

use tokio_postgres::{Client, Error, Row};

use crate::{
    model::{
        sample::Missing,
        vitals::{Conflicts, Replica, Role, Slot},
    },
    probe::{
        database::columns::{count, figure, maybe_count, maybe_text, text},
        governor::marked,
        statement::{Asks, Statement},
    },
};
pub use kin::{Kin, Seat};
pub use watch::Watch;

/// Followers and slots that are read, the worst first; a server has ten of each unless told otherwise.
const MOST: &str = "100";

/// Where WAL ends, as far as this server knows: what it wrote, or what it received.
const END: &str = "CASE WHEN pg_catalog.pg_is_in_recovery() \
    THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) \
    ELSE pg_catalog.pg_current_wal_lsn() END";

/// The reads, prepared on one connection.
#[derive(Debug, Clone)]
pub struct Reads {
    standing: Statement,
    followers: Statement,
    slots: Statement,
    conflicts: Statement,
    role_name: String,
    sees_all: bool,
}

/// The server itself at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// What it is.
    pub role: Role,
    /// Which system it is a copy of, where it says.
    pub system: Option<i64>,
    /// Its timeline.
    pub timeline: Option<u32>,
    /// Where its WAL ends: written on a primary, received on a replica.
    pub end: Option<u64>,
    /// Where replay is.
    pub replayed: Option<u64>,
    /// How old the newest replayed transaction is by the replica's clock, seconds.
    pub replayed_age: Option<f64>,
    /// Whether replay is paused.
    pub paused: bool,
    /// Whether it receives.
    pub streaming: bool,
    /// Whether it is set up to receive, where the role may see that.
    pub follows: Option<bool>,
    /// From whom.
    pub sender: Option<String>,
    /// The slot it holds there.
    pub slot: Option<String>,
    /// Where the sender's WAL ended when it sent something last.
    pub sender_end: Option<u64>,
    /// Its own address, where it is reached by one.
    pub address: Option<String>,
    /// What a slot may retain, bytes.
    pub slot_limit: Option<u64>,
}

/// All that one reading brings.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// The server itself.
    pub standing: Standing,
    /// Who follows it.
    pub followers: Vec<Replica>,
    /// Its slots.
    pub slots: Vec<Slot>,
    /// On a replica, what recovery cancelled, by database.
    pub conflicts: HashMap<String, Conflicts>,
    /// What the role may not see.
    pub missing: Option<Missing>,
}

impl Reads {
    /// Statements of [`Self::prepare`], each a transaction.
    pub const PREPARE: u64 = 5;

    /// Prepares the reads, with the columns and functions that this server has and the role may use.
    pub async fn prepare(on: &impl Asks) -> Result<Self, Error> {
        const CATALOG: &str = "SELECT quote_ident(current_user), \
            pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), \
            pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE'), \
            pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE'), \
            pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'), \
            EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = 'pg_catalog.pg_replication_slots'::regclass \
                AND attname = 'invalidation_reason'), \
            EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = 'pg_catalog.pg_stat_database_conflicts'::regclass \
                AND attname = 'confl_active_logicalslot')";
        let rows = on.client().query_typed(&marked(CATALOG), &[]).await?;
        let has = |at| rows.first().is_some_and(|row| row.get(at));
        Ok(Self {
            standing: Statement::prepare(on, &marked(&standing(has(2), has(3), has(4))), &[]).await?,
            followers: Statement::prepare(on, &marked(&followers()), &[]).await?,
            slots: Statement::prepare(on, &marked(&slots(has(5))), &[]).await?,
            conflicts: Statement::prepare(on, &marked(&conflicts(has(6))), &[]).await?,
            role_name: rows.first().map(|row| row.get(0)).unwrap_or_default(),
            sees_all: has(1),
        })
    }

    /// The server itself.
    pub async fn standing(&self, client: &Client) -> Result<Standing, Error> {
        let row = self.standing.query_one(client, &[]).await?;
        let address = maybe_text(&row, 9)?;
        let port: Option<i32> = row.try_get(10)?;
        let limit: i64 = row.try_get(12)?;
        let kept: i64 = row.try_get(13)?;
        Ok(Standing {
            role: if row.try_get(0)? { Role::Replica } else { Role::Primary },
            system: row.try_get(1)?,
            timeline: row.try_get::<_, Option<i32>>(2)?.map(i32::cast_unsigned).filter(|timeline| *timeline > 0),
            end: bytes(&row, 3)?,
            replayed: bytes(&row, 4)?,
            replayed_age: figure(&row, 5)?,
            paused: row.try_get::<_, Option<bool>>(6)?.unwrap_or_default(),
            streaming: row.try_get(7)?,
            follows: row.try_get(8)?,
            sender: address.map(|host| port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))),
            slot: maybe_text(&row, 11)?.filter(|slot| !slot.is_empty()),
            sender_end: bytes(&row, 14)?,
            address: maybe_text(&row, 15)?,
            slot_limit: u64::try_from(limit).ok().map(|limit| limit.max(kept.unsigned_abs())),
        })
    }

    /// Who follows it, the furthest behind first.
    pub async fn followers(&self, client: &Client) -> Result<Vec<Replica>, Error> {
        self.followers.query(client, &[]).await?.iter().map(follower).collect()
    }

    /// Its slots, the one that retains most first.
    pub async fn slots(&self, client: &Client) -> Result<Vec<Slot>, Error> {
        self.slots.query(client, &[]).await?.iter().map(slot).collect()
    }

    /// On a replica, what recovery cancelled, by database.
    pub async fn conflicts(&self, client: &Client) -> Result<HashMap<String, Conflicts>, Error> {
        self.conflicts.query(client, &[]).await?.iter().map(conflict).collect()
    }

    /// What the role may not see, when there is something to see.
    pub fn hidden(&self, standing: &Standing, followers: &[Replica]) -> Option<Missing> {
        let what = match standing.role {
            _ if self.sees_all => return None,
            Role::Replica => "pg_stat_wal_receiver",
            Role::Primary if followers.is_empty() => return None,
            Role::Primary => "pg_stat_replication",
        };
        Some(Missing {
            field: "vitals.replication".into(),
            cause: format!("the role may not see the rows of {what}"),
            fix: Some(format!("GRANT pg_monitor TO {};", self.role_name)),
        })
    }
}

fn standing(settings: bool, checkpoint: bool, system: bool) -> String {
    let checkpoint = if checkpoint { "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())" } else { "NULL::int4" };
    let system = if system { "(SELECT system_identifier FROM pg_catalog.pg_control_system())" } else { "NULL::int8" };
    // Only whether it is set: it holds a password.
    let follows = if settings { "current_setting('primary_conninfo') <> ''" } else { "NULL::bool" };
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), {system}, \
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN greatest(receiver.received_tli, {checkpoint}) \
            ELSE ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int4 END, \
         (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() \
            ELSE pg_catalog.pg_current_wal_lsn() END - '0/0')::int8, \
         (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END - '0/0')::int8, \
         extract(epoch FROM clock_timestamp() - CASE WHEN pg_catalog.pg_is_in_recovery() \
            THEN pg_catalog.pg_last_xact_replay_timestamp() END)::float8, \
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() END, \
         receiver.pid IS NOT NULL AND coalesce(receiver.status, 'streaming') = 'streaming', {follows}, \
         receiver.sender_host, receiver.sender_port, receiver.slot_name, \
         pg_catalog.pg_size_bytes(current_setting('max_slot_wal_keep_size')), \
         pg_catalog.pg_size_bytes(current_setting('wal_keep_size')), \
         (receiver.latest_end_lsn - '0/0')::int8, host(pg_catalog.inet_server_addr()) \
         FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_stat_wal_receiver receiver ON true"
    )
}

fn followers() -> String {
    format!(
        "SELECT application_name, host(client_addr), state, sync_state, ({END} - sent_lsn)::int8, ({END} - replay_lsn)::int8, \
         extract(epoch FROM write_lag)::float8, extract(epoch FROM flush_lag)::float8, extract(epoch FROM replay_lag)::float8, \
         slot.slot_name FROM pg_catalog.pg_stat_replication sender \
         LEFT JOIN pg_catalog.pg_replication_slots slot ON slot.active_pid = sender.pid \
         WHERE state IS DISTINCT FROM 'backup' ORDER BY replay_lsn NULLS LAST LIMIT {MOST}"
    )
}

fn slots(invalidation: bool) -> String {
    let invalidation = if invalidation { "invalidation_reason" } else { "NULL::text" };
    // On a replica the server reckons what is safe from a position that stands still there.
    format!(
        "SELECT slot_name, slot_type, database, active, ({END} - restart_lsn)::int8, \
         CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN safe_wal_size END, wal_status, {invalidation} \
         FROM pg_catalog.pg_replication_slots ORDER BY restart_lsn NULLS FIRST LIMIT {MOST}"
    )
}

fn conflicts(logical_slot: bool) -> String {
    let logical_slot = if logical_slot { "confl_active_logicalslot" } else { "NULL::int8" };
    format!(
        "SELECT datname, confl_tablespace, confl_lock, confl_snapshot, confl_bufferpin, confl_deadlock, {logical_slot} \
         FROM pg_catalog.pg_stat_database_conflicts"
    )
}

/// A distance in WAL: one that is ahead is no lag.
fn bytes(row: &Row, at: usize) -> Result<Option<u64>, Error> {
    Ok(row.try_get::<_, Option<i64>>(at)?.map(|bytes| u64::try_from(bytes).unwrap_or(0)))
}

fn follower(row: &Row) -> Result<Replica, Error> {
    Ok(Replica {
        application: text(row, 0)?,
        address: maybe_text(row, 1)?,
        state: text(row, 2)?,
        sync_state: text(row, 3)?,
        send_lag_bytes: bytes(row, 4)?,
        replay_lag_bytes: bytes(row, 5)?,
        write_lag_seconds: figure(row, 6)?,
        flush_lag_seconds: figure(row, 7)?,
        replay_lag_seconds: figure(row, 8)?,
        slot: maybe_text(row, 9)?,
        watched: false,
    })
}

fn slot(row: &Row) -> Result<Slot, Error> {
    Ok(Slot {
        name: text(row, 0)?,
        kind: text(row, 1)?,
        database: maybe_text(row, 2)?,
        active: row.try_get(3)?,
        retained_bytes: bytes(row, 4)?,
        safe_bytes: row.try_get(5)?,
        wal_status: maybe_text(row, 6)?,
        invalidation: maybe_text(row, 7)?,
    })
}

fn conflict(row: &Row) -> Result<(String, Conflicts), Error> {
    let conflicts = Conflicts {
        tablespace: count(row, 1)?,
        lock: count(row, 2)?,
        snapshot: count(row, 3)?,
        bufferpin: count(row, 4)?,
        deadlock: count(row, 5)?,
        logical_slot: maybe_count(row, 6)?,
    };
    Ok((text(row, 0)?, conflicts))
}

#[cfg(test)]
mod tests;
