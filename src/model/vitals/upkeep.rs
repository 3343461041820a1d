//! What keeps a database fit, and what runs out.

mod tables;

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, sample::Missing};
pub use tables::{InvalidIndex, Sequence, Table, Tables};

/// The health of the database at one moment. What is its own is about [`Upkeep::database`], the rest about the whole server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upkeep {
    /// The database that its own parts are about.
    pub database: String,
    /// Age of the oldest transaction id of the server's databases.
    pub xid_age: Option<u64>,
    /// In which database that is.
    pub xid_database: Option<String>,
    /// Age of the oldest multixact id.
    pub multixact_age: Option<u64>,
    /// In which database that is.
    pub multixact_database: Option<String>,
    /// At this age the server takes no more writes.
    pub age_limit: Option<u64>,
    /// Until the first of the two reaches the limit at the present rate, seconds; null while nothing is used up.
    pub wraparound_in_seconds: Option<f64>,
    /// Transaction ids used per second, over the last minutes.
    pub xids_per_second: Option<f64>,
    /// Multixact ids used per second, over the last minutes.
    pub multixacts_per_second: Option<f64>,
    /// Age of this database's oldest transaction id.
    pub own_xid_age: Option<u64>,
    /// Age of this database's oldest multixact id.
    pub own_multixact_age: Option<u64>,
    /// Autovacuum's workers at work.
    pub autovacuum_workers: Option<u32>,
    /// As many may be (`autovacuum_max_workers`).
    pub autovacuum_max_workers: Option<u32>,
    /// What keeps `VACUUM` from removing rows: the oldest of each kind, the oldest first.
    pub holders: Vec<Holder>,
    /// Checkpoints since the statistics' reset.
    pub checkpoints: Option<Checkpoints>,
    /// WAL written (received, on a replica) per second over the last interval, bytes.
    pub wal_bytes_per_second: Option<f64>,
    /// Temporary files that queries of this database spilled per second over the last interval, bytes.
    pub temp_bytes_per_second: Option<f64>,
    /// Input and output by who does it, most first (`pg_stat_io`, 16 and later).
    pub io: Vec<Io>,
    /// Locks in this database by mode, Isobar's own left out; every mode that is held or waited for.
    pub locks: Vec<Locks>,
    /// Transactions that were prepared and wait for their second phase.
    pub prepared: Option<Prepared>,
    /// Its tables, sequences and indexes, read on a much slower schedule; null before the first time.
    pub tables: Option<Tables>,
    /// Parts that could not be read.
    pub missing: Vec<Missing>,
}

/// Who needs rows that are dead for everybody else.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Holder {
    /// `session`, `prepared`, `slot` or `replica`.
    pub kind: String,
    /// Process, role and application; or the name of the prepared transaction, slot or replica.
    pub name: String,
    /// Its database, where it has one.
    pub database: Option<String>,
    /// How many transactions ago its oldest one was.
    pub age: u64,
    /// For how long its transaction has been open, seconds; null for slots.
    pub seconds: Option<f64>,
}

/// What checkpoints did, and the background writer between them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Checkpoints {
    /// Whether the server counts them in `pg_stat_checkpointer` (17 and later) instead of `pg_stat_bgwriter`.
    pub own_view: bool,
    /// Because it was time.
    pub timed: u64,
    /// Because somebody asked, mostly since `max_wal_size` was reached.
    pub requested: u64,
    /// Writing, milliseconds.
    pub write_ms: f64,
    /// Syncing, milliseconds.
    pub sync_ms: f64,
    /// Buffers they wrote.
    pub buffers: u64,
    /// Restartpoints of a replica that were timed, requested, and done; 17 and later.
    pub restartpoints: Option<[u64; 3]>,
    /// Buffers that the background writer wrote.
    pub buffers_clean: u64,
    /// How often it stopped since it had written enough.
    pub maxwritten_clean: u64,
    /// Buffers allocated.
    pub buffers_alloc: u64,
    /// Buffers that backends wrote themselves; before 17.
    pub buffers_backend: Option<u64>,
    /// How often a backend had to sync itself; before 17.
    pub buffers_backend_fsync: Option<u64>,
    /// When the counts of checkpoints began.
    pub reset_at: Option<Timestamp>,
}

/// What one kind of process read and wrote since the statistics' reset.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Io {
    /// `client backend`, `checkpointer`, ...
    pub backend: String,
    /// `relation`, `temp relation`, `wal`.
    pub object: String,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Bytes that files grew by.
    pub extend_bytes: u64,
    /// Time reading, milliseconds; 0 without `track_io_timing`.
    pub read_ms: f64,
    /// Time writing, milliseconds; 0 without `track_io_timing`.
    pub write_ms: f64,
    /// Calls of `fsync`.
    pub fsyncs: u64,
}

/// Locks of one mode.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Locks {
    /// `accesssharelock`, ...
    pub mode: String,
    /// Held.
    pub granted: u64,
    /// Waited for.
    pub waiting: u64,
}

/// The server's prepared transactions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Prepared {
    /// How many.
    pub count: u64,
    /// The name of the oldest.
    pub oldest: Option<String>,
    /// Its database.
    pub database: Option<String>,
    /// Since it was prepared, seconds.
    pub oldest_seconds: Option<f64>,
}
