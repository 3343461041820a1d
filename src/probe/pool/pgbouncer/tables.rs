//! The console's answers, by column name: the columns of every `SHOW` came and went between 1.16 and 1.25, and their order is
//! not the documented one. A column that is not known here is ignored; one that is needed and missing is an error that names it.

use crate::model::counters::{PoolerCounters, PoolerDatabase};

/// One answer: names of columns, and rows of texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

/// A row of `SHOW POOLS`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PoolRow {
    pub(super) database: String,
    pub(super) user: String,
    pub(super) mode: String,
    pub(super) clients_active: u32,
    pub(super) clients_waiting: u32,
    pub(super) servers_active: u32,
    pub(super) servers_idle: u32,
    /// Used, tested and logging in.
    pub(super) servers_other: u32,
    /// Age of the head of the queue, milliseconds.
    pub(super) max_wait_ms: f64,
}

/// What is read now and then only.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Settings {
    pub(super) version: Option<String>,
    pub(super) max_client_connections: Option<u32>,
    pub(super) default_pool_size: Option<u32>,
    pub(super) used_clients: Option<u32>,
}

/// A row that can be asked by name.
struct Row<'a> {
    of: &'a str,
    columns: &'a [String],
    values: &'a [Option<String>],
}

impl Table {
    fn rows<'a>(&'a self, of: &'a str) -> impl Iterator<Item = Row<'a>> {
        self.rows.iter().map(move |values| Row { of, columns: &self.columns, values })
    }
}

impl<'a> Row<'a> {
    /// The value under the first of these names that there is; none when it is NULL or no such column.
    fn maybe(&self, names: &[&str]) -> Option<&'a str> {
        let at = names.iter().find_map(|name| self.columns.iter().position(|column| column == name))?;
        self.values.get(at)?.as_deref()
    }

    fn text(&self, names: &[&str]) -> Result<&'a str, String> {
        self.maybe(names).ok_or_else(|| format!("{} has no {}", self.of, names.join(" or ")))
    }

    /// A count; what is negative (unlimited) counts as 0.
    fn count(&self, names: &[&str]) -> Result<u64, String> {
        let text = self.text(names)?;
        count(text).ok_or_else(|| format!("{}: {} is not a number", self.of, names.join(" or ")))
    }

    fn small(&self, names: &[&str]) -> Result<u32, String> {
        self.count(names).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn flag(&self, names: &[&str]) -> bool {
        self.maybe(names).is_some_and(|text| !matches!(text, "0" | "f" | "no" | "false"))
    }

    /// Microseconds as seconds.
    fn seconds(&self, names: &[&str]) -> Result<f64, String> {
        self.count(names).map(|micros| micros as f64 / 1e6)
    }
}

fn count(text: &str) -> Option<u64> {
    let whole: i128 = text.split('.').next()?.trim().parse().ok()?;
    Some(u64::try_from(whole.max(0)).unwrap_or(u64::MAX))
}

pub(super) fn pools(table: &Table) -> Result<Vec<PoolRow>, String> {
    let pool = |row: Row<'_>| {
        let seconds = row.count(&["maxwait"])?;
        let micros = row.maybe(&["maxwait_us"]).and_then(count).unwrap_or(0);
        Ok(PoolRow {
            database: row.text(&["database"])?.into(),
            user: row.text(&["user"])?.into(),
            mode: row.text(&["pool_mode"])?.into(),
            clients_active: row.small(&["cl_active"])?,
            clients_waiting: row.small(&["cl_waiting"])?,
            servers_active: row.small(&["sv_active"])?,
            servers_idle: row.small(&["sv_idle"])?,
            servers_other: row.small(&["sv_used"])? + row.small(&["sv_tested"])? + row.small(&["sv_login"])?,
            max_wait_ms: seconds as f64 * 1e3 + micros as f64 / 1e3,
        })
    };
    table.rows("SHOW POOLS").map(pool).collect()
}

pub(super) fn databases(table: &Table) -> Result<Vec<PoolerDatabase>, String> {
    let database = |row: Row<'_>| {
        Ok(PoolerDatabase {
            name: row.text(&["name"])?.into(),
            // NULL for a Unix socket.
            host: row.maybe(&["host"]).unwrap_or_default().into(),
            port: u16::try_from(row.count(&["port"])?).unwrap_or(0),
            database: row.text(&["database"])?.into(),
            force_user: row.maybe(&["force_user"]).map(Into::into),
            pool_size: row.small(&["pool_size"])?,
            reserve_pool: row.small(&["reserve_pool_size", "reserve_pool"])?,
            max_connections: row.small(&["max_connections"])?,
            current_connections: row.small(&["current_connections"])?,
            paused: row.flag(&["paused"]),
            disabled: row.flag(&["disabled"]),
        })
    };
    table.rows("SHOW DATABASES").map(database).collect()
}

/// `SHOW STATS_TOTALS`, or `SHOW STATS`, which has the same under prefixed names.
pub(super) fn counters(table: &Table) -> Result<Vec<PoolerCounters>, String> {
    let counters = |row: Row<'_>| {
        Ok(PoolerCounters {
            database: row.text(&["database"])?.into(),
            server_assignments: row.maybe(&["server_assignment_count", "total_server_assignment_count"]).and_then(count),
            transactions: row.count(&["xact_count", "total_xact_count"])?,
            queries: row.count(&["query_count", "total_query_count"])?,
            received_bytes: row.count(&["bytes_received", "total_received"])?,
            sent_bytes: row.count(&["bytes_sent", "total_sent"])?,
            transaction_seconds: row.seconds(&["xact_time", "total_xact_time"])?,
            query_seconds: row.seconds(&["query_time", "total_query_time"])?,
            wait_seconds: row.seconds(&["wait_time", "total_wait_time"])?,
        })
    };
    table.rows("SHOW STATS_TOTALS").map(counters).collect()
}

/// `SHOW LISTS`, `SHOW CONFIG` and `SHOW VERSION`; nothing of them is needed.
pub(super) fn settings(lists: &Table, config: &Table, version: &Table) -> Settings {
    let item = |table: &Table, key: [&str; 2], name: &str| {
        let found = table.rows("").find(|row| row.maybe(&key[..1]) == Some(name));
        found.and_then(|row| row.maybe(&key[1..])).and_then(count).and_then(|count| u32::try_from(count).ok())
    };
    let version = version.rows("").next().and_then(|row| row.maybe(&["version"]));
    Settings {
        version: version.map(|text| text.trim_start_matches("PgBouncer").trim().into()),
        max_client_connections: item(config, ["key", "value"], "max_client_conn"),
        default_pool_size: item(config, ["key", "value"], "default_pool_size"),
        used_clients: item(lists, ["list", "items"], "used_clients"),
    }
}
