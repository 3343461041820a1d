//! The console's answers, by column name: the columns of every `SHOW` came and went between PgBouncer 1.16 and 1.25, their order is
//! not the documented one, and other poolers have columns of their own. A column that is not known here is ignored; one without which
//! a row means nothing is an error that names it, and any other that is missing is among what it [`Lacks`].

use super::{
    dialect::Dialect,
    lacks::{COUNTERS, DATABASES, Lacks, MAX_WAIT, MEAN_WAIT, OTHERS, POOLS, SIZE},
};
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
    /// The server it leads to, where each has rows of its own.
    pub(super) at: Option<(String, u16)>,
    pub(super) mode: String,
    pub(super) clients_active: u32,
    pub(super) clients_waiting: u32,
    pub(super) servers_active: u32,
    pub(super) servers_idle: u32,
    /// Used, tested and logging in.
    pub(super) servers_other: u32,
    /// Age of the head of the queue, milliseconds.
    pub(super) max_wait_ms: f64,
    /// Whether an administrator paused it, where pools tell that themselves.
    pub(super) paused: bool,
    /// Whether the pooler itself gives out no connection of it, having found its server unfit.
    pub(super) banned: bool,
}

/// The counters of one database, over all its servers and users.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Totals {
    pub(super) counters: PoolerCounters,
    /// What the pooler counted as errors; none where it counts none.
    pub(super) errors: Option<u64>,
}

/// What is read now and then only.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Settings {
    pub(super) version: Option<String>,
    pub(super) max_client_connections: Option<u32>,
    pub(super) default_pool_size: Option<u32>,
    pub(super) used_clients: Option<u32>,
}

/// `SHOW STATE`: whether the pooler as a whole was paused or suspended. A `PAUSE` without a name shows nowhere else.
pub(super) fn is_paused(state: &Table) -> bool {
    let stands = |row: Row<'_>| matches!(row.maybe(&["key", "state"]), Some("paused" | "suspended")) && row.flag(&["value"]);
    state.rows("SHOW STATE").any(stands)
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

    /// The same when it may be missing, which is noted by the first of its names.
    fn told(&self, names: &[&str], field: &'static str, lacks: &mut Lacks) -> Option<u64> {
        let told = self.maybe(names).and_then(count);
        if told.is_none() {
            lacks.note(field, self.of, names.first().copied().unwrap_or_default());
        }
        told
    }

    fn told_small(&self, names: &[&str], field: &'static str, lacks: &mut Lacks) -> u32 {
        self.told(names, field, lacks).map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// So many units of time as seconds.
    fn told_seconds(&self, names: &[&str], per_second: f64, field: &'static str, lacks: &mut Lacks) -> Option<f64> {
        self.told(names, field, lacks).map(|units| units as f64 / per_second)
    }

    fn told_flag(&self, name: &str, field: &'static str, lacks: &mut Lacks) -> bool {
        if !self.has(name) {
            lacks.note(field, self.of, name);
        }
        self.flag(&[name])
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column == name)
    }
}

fn count(text: &str) -> Option<u64> {
    let whole: i128 = text.split('.').next()?.trim().parse().ok()?;
    Some(u64::try_from(whole.max(0)).unwrap_or(u64::MAX))
}

/// What stands in for a figure that is lacking is 0.
pub(super) fn pools(table: &Table, dialect: Dialect, lacks: &mut Lacks) -> Result<Vec<PoolRow>, String> {
    let pool = |row: Row<'_>| {
        let seconds = row.told(&["maxwait"], MAX_WAIT, lacks).unwrap_or(0);
        let micros = row.maybe(&["maxwait_us"]).and_then(count).unwrap_or(0);
        let (active, idle) = (row.small(&["sv_active"])?, row.small(&["sv_idle"])?);
        let (clients_active, servers_other) = if dialect == Dialect::Pgdog {
            // Each server connection that is taken has its client; there is no telling how many have none.
            (active, row.told_small(&["sv_total"], OTHERS, lacks).saturating_sub(active).saturating_sub(idle))
        } else {
            let linked = row.small(&["cl_active"])?;
            let idle = if row.has("cl_idle") { row.small(&["cl_idle"])? } else { 0 };
            let other = ["sv_used", "sv_tested", "sv_login"].map(|name| row.told_small(&[name], OTHERS, lacks));
            (linked.saturating_add(idle), other.into_iter().fold(0, u32::saturating_add))
        };
        let port = |lacks| row.told(&["port"], POOLS, lacks).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let mode = row.maybe(&["pool_mode"]);
        if mode.is_none() {
            lacks.note(POOLS, row.of, "pool_mode");
        }
        Ok(PoolRow {
            database: row.text(&["database"])?.into(),
            user: row.text(&["user"])?.into(),
            at: row.maybe(&["addr"]).map(|addr| (addr.to_owned(), port(lacks))),
            mode: mode.unwrap_or_default().to_lowercase(),
            clients_active,
            clients_waiting: row.small(&["cl_waiting"])?,
            servers_active: active,
            servers_idle: idle,
            servers_other,
            max_wait_ms: seconds as f64 * 1e3 + micros as f64 / 1e3,
            paused: row.flag(&["paused"]),
            banned: row.flag(&["banned"]) || (row.has("healthy") && !row.flag(&["healthy"])),
        })
    };
    table.rows("SHOW POOLS").map(pool).collect()
}

/// None of them when a row does not say what it is about.
pub(super) fn databases(table: &Table, dialect: Dialect, lacks: &mut Lacks) -> Vec<PoolerDatabase> {
    let database = |row: Row<'_>| {
        let needed = ["name", "port", "database"].map(|name| row.maybe(&[name]).ok_or(name));
        let [name, port, database] = needed;
        let (name, port, database) = (name?, port?, database?);
        Ok::<_, &str>(PoolerDatabase {
            name: if dialect == Dialect::Pgcat { pool_of(name) } else { name }.into(),
            // NULL for a Unix socket.
            host: row.maybe(&["host"]).unwrap_or_default().into(),
            port: port.parse().unwrap_or(0),
            database: database.into(),
            force_user: row.maybe(&["force_user"]).filter(|user| !user.is_empty()).map(Into::into),
            pool_size: row.told_small(&["pool_size"], SIZE, lacks),
            reserve_pool: row.told_small(&["reserve_pool_size", "reserve_pool"], DATABASES, lacks),
            max_connections: row.told_small(&["max_connections"], DATABASES, lacks),
            current_connections: row.told_small(&["current_connections"], DATABASES, lacks),
            paused: row.told_flag("paused", DATABASES, lacks),
            disabled: row.told_flag("disabled", DATABASES, lacks),
        })
    };
    let read: Result<_, _> = table.rows("SHOW DATABASES").map(database).collect();
    read.unwrap_or_else(|column| {
        lacks.note(SIZE, "SHOW DATABASES", column);
        Vec::new()
    })
}

/// The pool of one of PgCat's servers: `shop` of `shop_shard_0_primary` and `shop_shard_0_replica_1`.
fn pool_of(server: &str) -> &str {
    server.rfind("_shard_").map_or(server, |end| &server[..end])
}

/// `SHOW STATS_TOTALS`, or `SHOW STATS`, which has the same under prefixed names; one for each database.
pub(super) fn totals(table: &Table, dialect: Dialect, lacks: &mut Lacks) -> Vec<Totals> {
    let (times, waits) = (dialect.times_per_second(), dialect.waits_per_second());
    let mut all: Vec<Totals> = Vec::new();
    if table.columns.is_empty() {
        lacks.note(MEAN_WAIT, "SHOW STATS", "answer");
    }
    for row in table.rows("SHOW STATS") {
        let Some(database) = row.maybe(&["database"]) else {
            lacks.note(MEAN_WAIT, row.of, "database");
            return Vec::new();
        };
        let server_assignments = row.maybe(&["server_assignment_count", "total_server_assignment_count"]).and_then(count);
        let transactions = row.told(&["xact_count", "total_xact_count"], COUNTERS, lacks);
        let queries = row.told(&["query_count", "total_query_count"], COUNTERS, lacks);
        // A mean is over assignments, which are counted or follow from these.
        if server_assignments.is_none() && transactions.and(queries).is_none() {
            lacks.note(MEAN_WAIT, row.of, "server_assignment_count");
        }
        let mut seconds = |names: &[&str], per_second, field| row.told_seconds(names, per_second, field, lacks);
        let (transaction_seconds, query_seconds, wait_seconds) = (
            seconds(&["xact_time", "total_xact_time"], times, COUNTERS),
            seconds(&["query_time", "total_query_time"], times, COUNTERS),
            seconds(&["wait_time", "total_wait_time"], waits, MEAN_WAIT),
        );
        let counters = PoolerCounters {
            database: database.into(),
            server_assignments,
            transactions: transactions.unwrap_or(0),
            queries: queries.unwrap_or(0),
            received_bytes: row.told(&["bytes_received", "total_received"], COUNTERS, lacks).unwrap_or(0),
            sent_bytes: row.told(&["bytes_sent", "total_sent"], COUNTERS, lacks).unwrap_or(0),
            transaction_seconds: transaction_seconds.unwrap_or(0.0),
            query_seconds: query_seconds.unwrap_or(0.0),
            wait_seconds: wait_seconds.filter(|_| !lacks.has(MEAN_WAIT)),
        };
        let errors = row.maybe(&["total_errors"]).and_then(count);
        match all.iter_mut().find(|one| one.counters.database == counters.database) {
            Some(sum) => sum.add(&counters, errors),
            None => all.push(Totals { counters, errors }),
        }
    }
    all
}

impl Totals {
    fn add(&mut self, more: &PoolerCounters, errors: Option<u64>) {
        let both = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.saturating_add(b));
        let sum = &mut self.counters;
        sum.server_assignments = both(sum.server_assignments, more.server_assignments);
        sum.transactions = sum.transactions.saturating_add(more.transactions);
        sum.queries = sum.queries.saturating_add(more.queries);
        sum.received_bytes = sum.received_bytes.saturating_add(more.received_bytes);
        sum.sent_bytes = sum.sent_bytes.saturating_add(more.sent_bytes);
        sum.transaction_seconds += more.transaction_seconds;
        sum.query_seconds += more.query_seconds;
        sum.wait_seconds = sum.wait_seconds.zip(more.wait_seconds).map(|(a, b)| a + b);
        self.errors = both(self.errors, errors);
    }
}

/// `SHOW LISTS`, `SHOW CONFIG` and `SHOW VERSION`; nothing of them is needed.
pub(super) fn settings(lists: &Table, config: &Table, version: &Table) -> Settings {
    let number = |text: &str| count(text).and_then(|count| u32::try_from(count).ok());
    let item = |table: &Table, name: &str| {
        let found = table.rows("").find(|row| row.maybe(&["key", "name", "list"]) == Some(name));
        found.and_then(|row| row.maybe(&["value", "items"])).and_then(number)
    };
    // PgDog has them in one row, under their own names, one of them twice: the last is filled.
    let column = |table: &Table, name: &str| {
        let at = table.columns.iter().rposition(|column| column == name)?;
        table.rows.first()?.get(at)?.as_deref().and_then(number)
    };
    let version = version.rows("").next().and_then(|row| row.maybe(&["version"]));
    let own_name =
        |text: &str| text.find(|c: char| c.is_ascii_digit()).map_or_else(|| text.to_owned(), |at| text[at..].to_owned());
    Settings {
        version: version.map(own_name),
        max_client_connections: item(config, "max_client_conn"),
        default_pool_size: item(config, "default_pool_size"),
        used_clients: item(lists, "used_clients").or_else(|| column(lists, "used_clients")),
    }
}
