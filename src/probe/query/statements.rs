//! What runs, how long and how often: `pg_stat_statements`, read once per server for all targets on it.
//!
//! ```text
//!  locate ─► Catalog ─► read ─► Snapshot ─► Deltas::step ─► Interval ─┬─► Interval::queries (one target)
//!  (per connection)     (every 10 s, no text)                         ├─► Interval::own     (the governor)
//!                       texts, roles ◄── Known::wants ◄───────────────┘
//! ```
//! The view is a function over one shared hash table, so a reading costs the server by the entry, not by the change: measured
//! on PostgreSQL 15 with 5,000 entries, 4 to 6 ms for walking the table alone, 8 to 11 ms with the columns below, 6 ms for
//! fetching one text, since that loads the whole file of texts. Arrays, records or fewer rows than all saved nothing worth
//! having. Hence no text on a schedule, names of roles from a cache of ours, and ids whose text is wanted are asked for together.
//!
//! The functions here are thin; what the figures mean is decided in [`deltas`] and [`known`], which are pure.

pub mod deltas;
pub mod known;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::{TryFutureExt, future::try_join};
use tokio_postgres::{
    Client, Error,
    error::SqlState,
    types::{ToSql, Type},
};

pub use deltas::{Deltas, Interval, Own};
pub use known::{Known, Wants};

use crate::{
    model::sample::Missing,
    probe::{
        governor::marked,
        statement::{Asks, Statement},
        text::Lossy,
    },
};

/// Characters of a text that cross the wire; more than what is shown, since comments and white space go.
const MOST_TEXT: i32 = 8_000;

/// Where the extension lives on one connection, and the statements prepared there.
#[derive(Debug, Clone)]
pub struct Catalog {
    view: String,
    read: Statement,
    info: Option<Statement>,
    /// Columns of `read` that this version has.
    toplevel: bool,
    stats_since: bool,
    /// The role we are, as `userid` shows it.
    pub role: u32,
    /// Its name, quoted for SQL.
    pub role_name: String,
}

/// One entry as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which entry.
    pub key: Key,
    /// Its counters.
    pub counters: Counters,
    /// When the entry began, by the server's clock (17 and later).
    pub since: Option<DateTime<Utc>>,
}

/// Which entry: what makes a row of the view unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Role.
    pub user: u32,
    /// Database.
    pub database: u32,
    /// Query id.
    pub query: i64,
    /// Whether a client sent it; false inside functions (14 and later; true before).
    pub toplevel: bool,
}

/// The counters of an entry since it began.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters {
    /// Executions.
    pub calls: u64,
    /// Execution time, milliseconds.
    pub total_ms: f64,
    /// Rows.
    pub rows: u64,
    /// Buffers found.
    pub hit: u64,
    /// Buffers read.
    pub read: u64,
    /// The squares of the single execution times, ms²: their sum, so that of an interval too the spread can be told; 0 where it is not.
    pub squares: f64,
}

impl Counters {
    /// The sum of the squares of times with this mean and standard deviation.
    fn squares(calls: u64, total_ms: f64, stddev_ms: f64) -> f64 {
        let mean = if calls > 0 { total_ms / calls as f64 } else { 0.0 };
        calls as f64 * (stddev_ms * stddev_ms + mean * mean)
    }
}

/// One reading of the whole view.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Every entry that we may see.
    pub rows: Vec<Row>,
    /// State of the whole table (14 and later).
    pub info: Option<Info>,
}

/// `pg_stat_statements_info`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// How often entries were evicted because the table was full.
    pub dealloc: u64,
    /// When all entries were last dropped, by the server's clock.
    pub reset: DateTime<Utc>,
    /// When this was read, by the server's clock.
    pub taken: DateTime<Utc>,
}

impl Catalog {
    /// How many statements a [`read`] takes.
    pub fn statements(&self) -> u64 {
        1 + u64::from(self.info.is_some())
    }
}

/// Finds the extension and prepares its reads; the outer error is the connection's, the inner result says what to run when
/// the statements cannot be read.
pub async fn locate(on: &impl Asks) -> Result<Result<Catalog, Missing>, Error> {
    let found = on.client().query_typed_one(&marked(LOCATE), &[]).await?;
    let role: u32 = found.get("role_oid");
    let role_name: String = found.get("role");
    let loaded: bool = found.get("loaded");
    let Some(schema) = found.get::<_, Option<String>>("schema") else {
        return Ok(Err(not_installed(loaded)));
    };
    if found.get::<_, Option<bool>>("may_use") == Some(false) {
        let cause = "the role may not use the schema that pg_stat_statements is in";
        return Ok(Err(missing(cause, format!("GRANT USAGE ON SCHEMA {schema} TO {role_name};"))));
    }
    if found.get::<_, Option<String>>("track").as_deref() == Some("none") {
        return Ok(Err(missing(
            "pg_stat_statements.track is none, so no statement is counted",
            "ALTER SYSTEM SET pg_stat_statements.track = 'top'; SELECT pg_reload_conf();".into(),
        )));
    }
    if !found.get::<_, bool>("sees_all") {
        return Ok(Err(no_grant(&role_name)));
    }
    let columns: Vec<String> = found.get("columns");
    let has = |name: &str| columns.iter().any(|column| column == name);
    let view = format!("{schema}.pg_stat_statements");
    let (toplevel, stats_since) = (has("toplevel"), has("stats_since"));
    let sql = format!(
        "SELECT userid, dbid, queryid, calls, {time}, rows, shared_blks_hit, shared_blks_read, {spread}{toplevel}{since} \
         FROM {view}(false)",
        time = if has("total_exec_time") { "total_exec_time" } else { "total_time" },
        spread = if has("stddev_exec_time") { "stddev_exec_time" } else { "stddev_time" },
        toplevel = if toplevel { ", toplevel" } else { "" },
        since = if stats_since { ", stats_since" } else { "" },
    );
    let prepared = async {
        let read = Statement::prepare(on, &marked(&sql), &[]).await?;
        let info = if found.get("has_info") {
            let sql = format!("SELECT dealloc, stats_reset, clock_timestamp() FROM {view}_info");
            Some(Statement::prepare(on, &marked(&sql), &[]).await?)
        } else {
            None
        };
        Ok::<_, Error>(Catalog { view, read, info, toplevel, stats_since, role, role_name: role_name.clone() })
    };
    match prepared.await {
        Ok(catalog) => Ok(Ok(catalog)),
        Err(error) => explain(&error, &role_name).map_or(Err(error), |missing| Ok(Err(missing))),
    }
}

/// Reads every entry, without texts. An error of the connection's is the caller's to classify; for others see [`explain`].
pub async fn read(client: &Client, catalog: &Catalog) -> Result<Result<Snapshot, Missing>, Error> {
    let info = async {
        match &catalog.info {
            Some(info) => info.query_one(client, &[]).map_ok(Some).await,
            None => Ok(None),
        }
    };
    let (info, rows) = try_join(info, catalog.read.query(client, &[])).await?;
    let mut snapshot = Snapshot { rows: Vec::with_capacity(rows.len()), info: None };
    if let Some(row) = info {
        snapshot.info = Some(Info { dealloc: count(&row, 0)?, reset: row.try_get(1)?, taken: row.try_get(2)? });
    }
    for row in &rows {
        // Hidden: the grant was taken back, and what is left would look like a quiet server.
        let Some(query) = row.try_get(2)? else { return Ok(Err(no_grant(&catalog.role_name))) };
        let (calls, total_ms) = (count(row, 3)?, row.try_get(4)?);
        snapshot.rows.push(Row {
            key: Key {
                user: row.try_get(0)?,
                database: row.try_get(1)?,
                query,
                toplevel: if catalog.toplevel { row.try_get(9)? } else { true },
            },
            counters: Counters {
                calls,
                total_ms,
                rows: count(row, 5)?,
                hit: count(row, 6)?,
                read: count(row, 7)?,
                squares: Counters::squares(calls, total_ms, row.try_get(8)?),
            },
            since: if catalog.stats_since { row.try_get(if catalog.toplevel { 10 } else { 9 })? } else { None },
        });
    }
    Ok(Ok(snapshot))
}

/// The texts of these query ids, as the server keeps them (where several roles share an id, ours wins, for its mark); [`Known::learn`] redacts them. It makes the server load all
/// texts, so ask as [`Known::wants`] says.
pub async fn texts(client: &Client, catalog: &Catalog, ids: &[i64]) -> Result<HashMap<i64, String>, Error> {
    let sql = format!("SELECT queryid, left(query, $2) FROM {}(true) WHERE queryid = ANY($1) ORDER BY userid = $3", catalog.view);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&ids, Type::INT8_ARRAY), (&MOST_TEXT, Type::INT4), (&catalog.role, Type::OID)];
    let rows = client.query_typed(&marked(&sql), &parameters).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get::<_, Option<Lossy>>(1)?.map(|text| text.0).unwrap_or_default())))
        .collect()
}

/// Names of all roles by oid; a small catalog, read only when an unknown one appears.
pub async fn roles(client: &Client) -> Result<HashMap<u32, String>, Error> {
    let rows = client.query_typed(&marked("SELECT oid, rolname::text FROM pg_catalog.pg_roles"), &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<_, Lossy>(1)?.0))).collect()
}

/// Why statements could not be read, when the cause is the extension's state or a grant; none for other errors. `role` is
/// quoted for SQL. After one of these the catalog is stale: [`locate`] again before the next reading.
pub fn explain(error: &Error, role: &str) -> Option<Missing> {
    match error.code()? {
        code if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => Some(not_loaded()),
        code if *code == SqlState::UNDEFINED_TABLE
            || *code == SqlState::UNDEFINED_FUNCTION
            || *code == SqlState::UNDEFINED_COLUMN
            || *code == SqlState::UNDEFINED_FILE
            || *code == SqlState::INVALID_SCHEMA_NAME
            // The extension was dropped or updated under a prepared statement.
            || *code == SqlState::FEATURE_NOT_SUPPORTED =>
        {
            Some(not_installed(true))
        }
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => Some(no_grant(role)),
        _ => None,
    }
}

/// `pg_has_role` of a role that this version lacks would be an error, but `pg_read_all_stats` exists since 10.
/// `pg_stat_statements.max` exists once the library is loaded (or someone set it without loading it; then reading says so).
const LOCATE: &str = "SELECT \
    (SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
      WHERE e.extname = 'pg_stat_statements') AS schema, \
    (SELECT pg_catalog.has_schema_privilege(extnamespace, 'USAGE') FROM pg_catalog.pg_extension \
      WHERE extname = 'pg_stat_statements') AS may_use, \
    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_extension e \
      JOIN pg_catalog.pg_class c ON c.relnamespace = e.extnamespace AND c.relname = 'pg_stat_statements' \
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
      WHERE e.extname = 'pg_stat_statements') AS columns, \
    EXISTS (SELECT FROM pg_catalog.pg_extension e \
      JOIN pg_catalog.pg_class c ON c.relnamespace = e.extnamespace AND c.relname = 'pg_stat_statements_info' \
      WHERE e.extname = 'pg_stat_statements') AS has_info, \
    current_setting('pg_stat_statements.max', true) IS NOT NULL AS loaded, \
    current_setting('pg_stat_statements.track', true) AS track, \
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all, \
    quote_ident(current_user) AS role, \
    (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) AS role_oid";

/// A counter; the server's are signed, but never negative.
fn count(row: &tokio_postgres::Row, at: usize) -> Result<u64, Error> {
    Ok(u64::try_from(row.try_get::<_, i64>(at)?).unwrap_or(0))
}

fn missing(cause: &str, fix: String) -> Missing {
    Missing { field: "queryPerformance".into(), cause: cause.into(), fix: Some(fix) }
}

fn not_installed(loaded: bool) -> Missing {
    const CREATE: &str = "CREATE EXTENSION pg_stat_statements;";
    if loaded {
        missing("the extension pg_stat_statements is not installed in this database", CREATE.into())
    } else {
        missing(
            "the extension pg_stat_statements is neither loaded by the server nor installed in this database",
            format!(
                "set shared_preload_libraries = 'pg_stat_statements' (keep what is there), restart the server, then {CREATE}"
            ),
        )
    }
}

fn not_loaded() -> Missing {
    missing(
        "pg_stat_statements is installed but the server has not loaded its library",
        "set shared_preload_libraries = 'pg_stat_statements' (keep what is there) and restart the server".into(),
    )
}

fn no_grant(role: &str) -> Missing {
    missing("the role may not see the statements of others", format!("GRANT pg_monitor TO {role};"))
}

#[cfg(test)]
mod tests;
