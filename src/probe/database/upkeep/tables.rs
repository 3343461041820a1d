//! What is found only inside a database: its tables, sequences and indexes. It takes a connection to that database, so it is short and rare,
//! and it looks at every table there is, so it is bounded by [`WITHIN`].
//!
//! Nothing here opens a table, so one that is locked is no obstacle. The value of a sequence cannot be asked for without opening it: those
//! that somebody holds are passed over, and the session's `lock_timeout` is for the one that is taken in between.

use std::time::Duration;

use tokio_postgres::{Client, Error, Row};

use crate::{
    model::{
        sample::Missing,
        vitals::{InvalidIndex, Sequence, Table},
    },
    probe::{
        database::columns::{count, figure, maybe_count, moment, text},
        governor::marked,
    },
};

/// All reads of one database together. A client check waits for them, and must not for long.
pub const WITHIN: Duration = Duration::from_secs(2);

/// What is asked of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Tables with dead rows.
    Dead,
    /// Sequences that near their end.
    Sequences,
    /// Indexes that are not valid.
    Indexes,
}

impl Look {
    /// One after the other.
    pub const ALL: [Self; 3] = [Self::Dead, Self::Sequences, Self::Indexes];

    /// The field that is missing without it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Dead => "upkeep.tables.dead",
            Self::Sequences => "upkeep.tables.sequences",
            Self::Indexes => "upkeep.tables.invalidIndexes",
        }
    }
}

/// The functions below `pg_stat_user_tables`, for the ten that matter.
const DEAD: &str = "SELECT n.nspname::text, c.relname::text, c.live, c.dead, \
        greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)), \
        CASE WHEN c.relfrozenxid <> '0'::xid THEN age(c.relfrozenxid)::int8 END \
    FROM (SELECT oid, relname, relnamespace, relfrozenxid, pg_stat_get_live_tuples(oid) AS live, \
            pg_stat_get_dead_tuples(oid) AS dead FROM pg_class \
        WHERE relkind IN ('r', 'm') AND relnamespace NOT IN (SELECT oid FROM pg_namespace \
            WHERE nspname IN ('pg_catalog', 'information_schema') OR nspname LIKE 'pg\\_toast%')) c \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.dead > 0 ORDER BY c.dead DESC LIMIT 10";

/// A column of a smaller type ends before its sequence does. Sequences that cycle never end.
const SEQUENCES: &str = "WITH held AS MATERIALIZED (SELECT relation FROM pg_locks WHERE granted AND relation IS NOT NULL \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
        AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')), \
    known AS MATERIALIZED (SELECT c.oid, c.relname, c.relnamespace, s.seqincrement > 0 AS up, \
            has_sequence_privilege(c.oid, 'SELECT,USAGE') AS readable, c.oid IN (SELECT relation FROM held) AS held, \
            greatest(s.seqmin::float8, CASE t.atttypid WHEN 21 THEN -32768 WHEN 23 THEN -2147483648 ELSE s.seqmin::float8 END) AS low, \
            least(s.seqmax::float8, CASE t.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE s.seqmax::float8 END) AS high \
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid \
        LEFT JOIN LATERAL (SELECT min(a.atttypid) AS atttypid FROM pg_depend d \
            JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass \
            AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') AND a.atttypid IN (21, 23)) t ON true \
        WHERE NOT s.seqcycle AND c.relpersistence = 'p'), \
    read AS MATERIALIZED (SELECT *, CASE WHEN readable AND NOT held THEN pg_sequence_last_value(oid) END AS last FROM known), \
    near AS (SELECT n.nspname::text, relname::text, last, \
            CASE WHEN up THEN (last - low) / nullif(high - low, 0) ELSE (high - last) / nullif(high - low, 0) END AS used \
        FROM read JOIN pg_namespace n ON n.oid = relnamespace WHERE last IS NOT NULL) \
    SELECT t.unreadable, t.held, quote_ident(current_user), near.* FROM (SELECT count(*) FILTER (WHERE NOT readable)::int8 AS unreadable, \
        count(*) FILTER (WHERE readable AND held)::int8 AS held FROM known) t \
    LEFT JOIN (SELECT * FROM near WHERE used > 0.5 ORDER BY used DESC LIMIT 10) near ON true";

/// One that is being built is not valid yet; the parent of a partitioned one is not until all parts are.
const INDEXES: &str = "SELECT n.nspname::text, c.relname::text, t.relname::text FROM pg_index i \
    JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p \
        WHERE p.datname = current_database() AND p.index_relid = i.indexrelid) \
    ORDER BY 1, 2 LIMIT 20";

/// What one look brought.
#[derive(Debug, Clone)]
pub enum Found {
    /// Most dead rows first.
    Dead(Vec<Table>),
    /// The fullest first, and why some could not be read.
    Sequences(Vec<Sequence>, Option<Missing>),
    /// By name.
    Indexes(Vec<InvalidIndex>),
}

/// Asks one thing of the database that the client is connected to.
pub async fn look(client: &Client, look: Look) -> Result<Found, Error> {
    let sql = match look {
        Look::Dead => DEAD,
        Look::Sequences => SEQUENCES,
        Look::Indexes => INDEXES,
    };
    let rows = client.query_typed(&marked(sql), &[]).await?;
    match look {
        Look::Dead => rows.iter().map(table).collect::<Result<_, _>>().map(Found::Dead),
        Look::Sequences => sequences(&rows),
        Look::Indexes => rows.iter().map(index).collect::<Result<_, _>>().map(Found::Indexes),
    }
}

fn table(row: &Row) -> Result<Table, Error> {
    Ok(Table {
        schema: text(row, 0)?,
        name: text(row, 1)?,
        live: count(row, 2)?,
        dead: count(row, 3)?,
        vacuumed_at: moment(row, 4)?,
        xid_age: maybe_count(row, 5)?,
    })
}

fn index(row: &Row) -> Result<InvalidIndex, Error> {
    Ok(InvalidIndex { schema: text(row, 0)?, name: text(row, 1)?, table: text(row, 2)? })
}

fn sequences(rows: &[Row]) -> Result<Found, Error> {
    let Some(totals) = rows.first() else { return Ok(Found::Sequences(Vec::new(), None)) };
    let missing = unread(count(totals, 0)?, count(totals, 1)?, &text(totals, 2)?);
    let mut near = Vec::new();
    for row in rows {
        let (Some(last), Some(used)) = (row.try_get::<_, Option<i64>>(5)?, figure(row, 6)?) else { continue };
        near.push(Sequence { schema: text(row, 3)?, name: text(row, 4)?, used, last });
    }
    Ok(Found::Sequences(near, missing))
}

fn unread(unreadable: u64, held: u64, role: &str) -> Option<Missing> {
    let missing = |cause, fix| Some(Missing { field: Look::Sequences.field().into(), cause, fix });
    match (unreadable, held) {
        (0, 0) => None,
        (0, held) => missing(format!("{held} of the sequences are locked"), None),
        (unreadable, _) => missing(
            format!("the role may not read {unreadable} of the sequences"),
            Some(format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};")),
        ),
    }
}
