//! What keeps a server fit, in some short reads: ages of transaction ids, autovacuum, who holds dead rows back, checkpoints and WAL, input and
//! output, locks, prepared transactions. One reading serves all targets of the server; each gets its [`view`](Shared::view) of it.
//!
//! ```text
//!  slow lane ──Reads──► Raw (one moment) ──Keeper──► Shared (with rates) ──view──► Upkeep (one target)
//!  a short connection to the target's database, twenty times as rarely ──► Tables ───────┘
//! ```
//! A part that the server refuses (a fork without that view, a grant that is missing) is named and stops none of the others. Columns are
//! chosen by what the catalog has: 16 brought `pg_stat_io`, 17 moved checkpoints to a view of their own, 18 counts bytes itself.

mod rows;
mod step;
pub mod tables;

use tokio_postgres::{Error, Row};

pub use step::{Keeper, Shared};

use crate::{
    model::{
        sample::Missing,
        vitals::{Checkpoints, Holder, Io, Locks, Prepared},
    },
    probe::{
        governor::marked,
        statement::{Asks, Statement},
    },
};

/// One statement's worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The next transaction id, the end of the WAL, autovacuum's workers.
    Server,
    /// Ages and temporary files of each database.
    Databases,
    /// Who holds dead rows back.
    Holders,
    /// Checkpoints.
    Checkpoints,
    /// Input and output.
    Io,
    /// Locks by mode.
    Locks,
    /// Prepared transactions.
    Prepared,
}

/// The statements, prepared on one connection.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// In the order in which they are read.
    pub statements: Vec<(Part, Statement)>,
    /// Parts that the server does not know.
    pub missing: Vec<Missing>,
}

/// What was read at one moment.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    /// E.g. 150018.
    pub version: u32,
    /// The 64 bits of the transaction id that comes next.
    pub next_xid: Option<u64>,
    /// Where the WAL ends, bytes.
    pub wal: Option<u64>,
    /// Autovacuum's workers at work; none where the role may not see them.
    pub workers: Option<u32>,
    /// `autovacuum_max_workers`.
    pub max_workers: Option<u32>,
    /// The databases, the oldest first.
    pub databases: Vec<Database>,
    /// The oldest of each kind, the oldest first.
    pub holders: Vec<Holder>,
    /// Checkpoints.
    pub checkpoints: Option<Checkpoints>,
    /// Input and output, most first.
    pub io: Vec<Io>,
    /// Locks by database.
    pub locks: Vec<(String, Locks)>,
    /// Prepared transactions.
    pub prepared: Option<Prepared>,
    /// Parts that could not be read.
    pub missing: Vec<Missing>,
}

/// One database's ages.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// `age(datfrozenxid)`.
    pub xid_age: u64,
    /// `mxid_age(datminmxid)`.
    pub multixact_age: u64,
    /// `datminmxid`; with its age it tells which multixact id comes next.
    pub multixact: u32,
    /// Bytes spilled since the statistics' reset.
    pub temp_bytes: u64,
}

/// Transactions of finding out what the catalog has and preparing the reads.
pub const PREPARE: u64 = 8;

const CATALOG: &str = "SELECT to_regclass('pg_catalog.pg_stat_checkpointer') IS NOT NULL, \
    to_regclass('pg_catalog.pg_stat_io') IS NOT NULL, \
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('pg_catalog.pg_stat_io') AND attname = 'read_bytes')";

/// Without the grant PostgreSQL hides what other sessions are, and none would look like none.
const SERVER: &str = "SELECT current_setting('server_version_num')::int4, \
    pg_snapshot_xmax(pg_current_snapshot())::text::int8, \
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) \
        ELSE pg_current_wal_lsn() END, '0/0')::int8, \
    CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN \
        (SELECT count(*)::int4 FROM pg_stat_get_activity(NULL) WHERE backend_type = 'autovacuum worker') END, \
    current_setting('autovacuum_max_workers')::int4, quote_ident(current_user)";

/// A server with more databases shows its oldest thousand: more than any has in earnest, and a bound all the same.
const DATABASES: &str = "SELECT datname::text, age(datfrozenxid)::int8, mxid_age(datminmxid)::int8, datminmxid::text::int8, \
    pg_stat_get_db_temp_bytes(oid) FROM pg_database \
    ORDER BY greatest(age(datfrozenxid), mxid_age(datminmxid)) DESC LIMIT 1000";

/// `VACUUM` itself has a snapshot that holds nothing back.
const HOLDERS: &str = "SELECT DISTINCT ON (kind) kind, name, datname, age::int8, seconds FROM ( \
    SELECT CASE backend_type WHEN 'walsender' THEN 'replica' ELSE 'session' END AS kind, \
        concat_ws(' ', 'pid', pid, usename, nullif(application_name, '')) AS name, datname::text AS datname, \
        greatest(age(backend_xmin), age(backend_xid)) AS age, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds \
    FROM pg_stat_activity WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid() \
        AND backend_type <> 'autovacuum worker' AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum) \
    UNION ALL SELECT 'slot', slot_name::text, database::text, greatest(age(xmin), age(catalog_xmin)), NULL \
    FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL \
    UNION ALL SELECT 'prepared', gid, database::text, age(transaction), extract(epoch FROM clock_timestamp() - prepared)::float8 \
    FROM pg_prepared_xacts) held ORDER BY kind, age DESC";

/// `pg_stat_bgwriter` before 17.
const BGWRITER: &str = "SELECT false, checkpoints_timed, checkpoints_req, checkpoint_write_time::float8, \
    checkpoint_sync_time::float8, buffers_checkpoint, stats_reset, buffers_clean, maxwritten_clean, buffers_alloc, \
    NULL::int8, NULL::int8, NULL::int8, buffers_backend, buffers_backend_fsync FROM pg_stat_bgwriter";

/// The same of 17 and later.
const CHECKPOINTER: &str = "SELECT true, c.num_timed, c.num_requested, c.write_time::float8, c.sync_time::float8, \
    c.buffers_written, c.stats_reset, b.buffers_clean, b.maxwritten_clean, b.buffers_alloc, \
    c.restartpoints_timed, c.restartpoints_req, c.restartpoints_done, NULL::int8, NULL::int8 \
    FROM pg_stat_checkpointer c, pg_stat_bgwriter b";

/// Contexts are added up. A server has some twenty of these rows; the limit is for one that knows more kinds.
const IO: &str = "SELECT backend_type, object, read::int8, written::int8, extended::int8, read_ms, write_ms, fsyncs FROM ( \
    SELECT backend_type, object, coalesce(sum({read}), 0) AS read, coalesce(sum({write}), 0) AS written, \
        coalesce(sum({extend}), 0) AS extended, coalesce(sum(read_time), 0)::float8 AS read_ms, \
        (coalesce(sum(write_time), 0) + coalesce(sum(extend_time), 0))::float8 AS write_ms, coalesce(sum(fsyncs), 0)::int8 AS fsyncs \
    FROM pg_stat_io GROUP BY 1, 2) io WHERE read + written + extended > 0 OR fsyncs > 0 \
    ORDER BY read + written + extended DESC LIMIT 40";

/// Locks on what is in a database. Our own session's say nothing of it.
const LOCKS: &str = "SELECT d.datname::text, lower(l.mode), count(*) FILTER (WHERE granted)::int8, \
    count(*) FILTER (WHERE NOT granted)::int8 FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
    WHERE l.pid IS DISTINCT FROM pg_backend_pid() GROUP BY 1, 2 LIMIT 10000";

const PREPARED: &str = "SELECT gid, database::text, extract(epoch FROM clock_timestamp() - prepared)::float8, count(*) OVER ()::int8 \
    FROM pg_prepared_xacts ORDER BY prepared LIMIT 1";

impl Part {
    /// The field of [`crate::model::vitals::Upkeep`] that is missing without it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Server => "upkeep.walBytesPerSecond",
            Self::Databases => "upkeep.xidAge",
            Self::Holders => "upkeep.holders",
            Self::Checkpoints => "upkeep.checkpoints",
            Self::Io => "upkeep.io",
            Self::Locks => "upkeep.locks",
            Self::Prepared => "upkeep.prepared",
        }
    }
}

impl Reads {
    /// Prepares what this server knows.
    pub async fn prepare(on: &impl Asks) -> Result<Self, Error> {
        let catalog = on.client().query_typed(&marked(CATALOG), &[]).await?;
        let has = |column| catalog.first().is_some_and(|row| row.try_get(column).unwrap_or(false));
        let io = if has(2) {
            [("{read}", "read_bytes"), ("{write}", "write_bytes"), ("{extend}", "extend_bytes")]
        } else {
            [("{read}", "reads * op_bytes"), ("{write}", "writes * op_bytes"), ("{extend}", "extends * op_bytes")]
        };
        let io = io.iter().fold(IO.to_owned(), |sql, (place, column)| sql.replace(place, column));
        let checkpoints = if has(0) { CHECKPOINTER } else { BGWRITER };
        let mut parts = vec![
            (Part::Server, SERVER),
            (Part::Databases, DATABASES),
            (Part::Holders, HOLDERS),
            (Part::Checkpoints, checkpoints),
            (Part::Locks, LOCKS),
            (Part::Prepared, PREPARED),
        ];
        if has(1) {
            parts.push((Part::Io, &io));
        }
        let mut reads = Self::default();
        for (part, sql) in parts {
            match Statement::prepare(on, &marked(sql), &[]).await {
                Ok(statement) => reads.statements.push((part, statement)),
                Err(error) if error.as_db_error().is_some() && !error.is_closed() => {
                    reads.missing.push(unread(part, "the server does not know what this asks for"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(reads)
    }
}

/// Why a part is missing.
pub fn unread(part: Part, cause: &str) -> Missing {
    Missing { field: part.field().into(), cause: cause.into(), fix: None }
}

impl Raw {
    /// Takes what one statement brought; what cannot be understood is named.
    pub fn take(&mut self, part: Part, read: &[Row]) {
        let taken = match part {
            Part::Server => self.take_server(read),
            Part::Databases => read.iter().map(rows::database).collect::<Result<_, _>>().map(|all| self.databases = all),
            Part::Holders => self.take_holders(read),
            Part::Checkpoints => read.first().map(rows::checkpoints).transpose().map(|one| self.checkpoints = one),
            Part::Io => read.iter().map(rows::io).collect::<Result<_, _>>().map(|all| self.io = all),
            Part::Locks => read.iter().map(rows::locks).collect::<Result<_, _>>().map(|all| self.locks = all),
            Part::Prepared => read.first().map(rows::prepared).transpose().map(|one| {
                self.prepared = Some(one.unwrap_or_default());
            }),
        };
        if taken.is_err() {
            self.missing.push(unread(part, "the server's answer has another shape than is known"));
        }
    }

    fn take_server(&mut self, read: &[Row]) -> Result<(), Error> {
        let Some(row) = read.first() else { return Ok(()) };
        let number = |at| Ok::<_, Error>(row.try_get::<_, Option<i64>>(at)?.and_then(|it| u64::try_from(it).ok()));
        let small = |at| Ok::<_, Error>(row.try_get::<_, Option<i32>>(at)?.and_then(|it| u32::try_from(it).ok()));
        self.version = small(0)?.unwrap_or_default();
        (self.next_xid, self.wal) = (number(1)?, number(2)?);
        (self.workers, self.max_workers) = (small(3)?, small(4)?);
        if self.workers.is_none() {
            let role: String = row.try_get(5)?;
            self.missing.push(Missing {
                field: Part::Holders.field().into(),
                cause: "the role may not see what other sessions are, so not who holds dead rows back".into(),
                fix: Some(format!("GRANT pg_monitor TO {role};")),
            });
        }
        Ok(())
    }

    fn take_holders(&mut self, read: &[Row]) -> Result<(), Error> {
        self.holders = read.iter().map(rows::holder).collect::<Result<_, _>>()?;
        self.holders.sort_by_key(|holder| std::cmp::Reverse(holder.age));
        Ok(())
    }
}
