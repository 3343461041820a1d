//! PgBouncer's admin console: one connection per console address, shared by all targets behind it.
//!
//! ```text
//!  each reading:  SHOW POOLS, DATABASES, STATS_TOTALS ──► ConsoleView ──► for_target: the pools that lead to one target
//!  on connect, and each 10 s:  SHOW LISTS, CONFIG, VERSION
//! ```
//! The console knows only simple queries, and its tables differ from version to version: `tables` reads them by name. Means come
//! from `waits`. A console that was lost (a restart) is connected to again at once, one time; any other failure is the reading.
//!
//! Isobar's own client checks are clients like any other here: one in flight counts among the active or waiting ones. `SHOW
//! POOLS` does not tell them apart, so a caller that must not count itself knows only from its own schedule.

mod tables;
mod waits;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use tokio::time::timeout_at;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::{
    clock,
    model::{
        Outcome, Phase, Phases,
        counters::{PoolerCounters, PoolerDatabase, PoolerDetail},
        sample::Pool,
    },
    probe::{
        Failure,
        connect::{Connection, Purpose, connect},
        conninfo::{ConnInfo, Host},
    },
};
use tables::{PoolRow, Settings, Table};
use waits::{Waited, Waits};

/// A console answers in 0.03 ms; one that takes a second is stuck.
pub const READ_WITHIN: Duration = Duration::from_secs(1);

/// Settings change by hand; nobody minds them 10 s late.
const SETTINGS_EVERY: Duration = Duration::from_secs(10);

/// The console's own database, which is nobody's pool.
const ADMIN_DATABASE: &str = "pgbouncer";

const STATS_TOTALS: &str = "SHOW STATS_TOTALS";
const STATS: &str = "SHOW STATS";

/// The reader of one console.
#[derive(Debug)]
pub struct Console {
    to: ConnInfo,
    connection: Option<Connection>,
    settings: Settings,
    settings_at: Option<Instant>,
    /// `STATS_TOTALS`, or `STATS` once the console was found not to know that.
    totals: &'static str,
    waits: Waits,
}

/// What one reading of a console showed.
#[derive(Debug, Clone, Default)]
pub struct ConsoleView {
    name: String,
    settings: Settings,
    pools: Vec<PoolRow>,
    databases: Vec<PoolerDatabase>,
    counters: Vec<PoolerCounters>,
    waited: BTreeMap<String, Waited>,
}

impl Console {
    /// A console that is not connected yet.
    pub fn new(to: ConnInfo) -> Self {
        Self {
            to,
            connection: None,
            settings: Settings::default(),
            settings_at: None,
            totals: STATS_TOTALS,
            waits: Waits::default(),
        }
    }

    /// Reads everything within a limit, connecting when there is no connection.
    pub async fn read(&mut self, now: Instant, within: Duration) -> Result<ConsoleView, Failure> {
        let deadline = clock::now() + within;
        let resumed = self.connection.is_some();
        let mut result = self.read_once(now, deadline).await;
        if resumed && matches!(&result, Err(failure) if matches!(failure.outcome, Outcome::Lost | Outcome::ShuttingDown)) {
            result = self.read_once(now, deadline).await;
        }
        result
    }

    async fn read_once(&mut self, now: Instant, deadline: Instant) -> Result<ConsoleView, Failure> {
        // Taken out: unless the reading succeeds, its connection is in an unknown state and closes here.
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            // Another process may answer: its counters and settings are others.
            (self.settings_at, self.totals, self.waits) = (None, STATS_TOTALS, Waits::default());
            connect(&self.to, Purpose::Console, deadline.saturating_duration_since(clock::now())).await?
        };
        let read = timeout_at(deadline.into(), self.ask(&connection.client, now)).await;
        let view = read.unwrap_or_else(|_| Err(failed(Outcome::Unresponsive, "the console did not answer in time".into())))?;
        self.connection = Some(connection);
        Ok(view)
    }

    async fn ask(&mut self, client: &Client, now: Instant) -> Result<ConsoleView, Failure> {
        if self.settings_at.is_none_or(|at| now.duration_since(at) >= SETTINGS_EVERY) {
            let (lists, config, version) =
                tokio::try_join!(known(client, "SHOW LISTS"), known(client, "SHOW CONFIG"), known(client, "SHOW VERSION"))?;
            let of = |table: Option<Table>| table.unwrap_or_default();
            self.settings = tables::settings(&of(lists), &of(config), &of(version));
            self.settings_at = Some(now);
        }
        let (pools, databases, totals) =
            tokio::try_join!(show(client, "SHOW POOLS"), show(client, "SHOW DATABASES"), known(client, self.totals))?;
        let totals = if let Some(totals) = totals {
            totals
        } else {
            self.totals = STATS;
            show(client, STATS).await?
        };
        let wrong = |problem| failed(Outcome::Protocol, problem);
        let pools = tables::pools(&pools).map_err(wrong)?;
        let databases = tables::databases(&databases).map_err(wrong)?;
        let counters = tables::counters(&totals).map_err(wrong)?;
        let waited = self.waits.step(now, &counters, &pools);
        Ok(ConsoleView { name: self.to.address(), settings: self.settings.clone(), pools, databases, counters, waited })
    }
}

fn failed(outcome: Outcome, message: String) -> Failure {
    Failure { outcome, phase: Phase::Query, phases: Phases::default(), message }
}

async fn show(client: &Client, command: &str) -> Result<Table, Failure> {
    let messages = client.simple_query(command).await;
    let messages = messages.map_err(|error| Failure::of(Phase::Query, Phases::default(), &error))?;
    let mut table = Table::default();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                table.rows.push((0..row.len()).map(|nth| row.get(nth).map(ToOwned::to_owned)).collect());
            }
            _ => {}
        }
    }
    Ok(table)
}

/// None when this console does not know the command.
async fn known(client: &Client, command: &str) -> Result<Option<Table>, Failure> {
    match show(client, command).await {
        Err(failure) if failure.outcome == Outcome::Protocol => Ok(None),
        table => table.map(Some),
    }
}

impl ConsoleView {
    /// What leads to one target: its pools, the detail for metrics, and the mean wait in milliseconds.
    ///
    /// Which databases of the pooler those are, by the first that finds any: the one that clients ask for, when it is known;
    /// those that point to the target's server and database; those that point to its port and database, whatever name the host
    /// has there; the one of the same name.
    ///
    /// The mean wait is per server assignment over the last second or interval; while nothing is assigned and somebody waits, the
    /// age of the queue; 0 when nobody did. None before the second reading, unless somebody waits.
    pub fn for_target(
        &self,
        client_dbname: Option<&str>,
        server: &[Host],
        server_dbname: &str,
    ) -> (Vec<Pool>, PoolerDetail, Option<f64>) {
        let names = self.leading_to(client_dbname, server, server_dbname);
        let of = |name: &str| names.contains(&name);
        let pools: Vec<_> = self.pools.iter().filter(|row| of(&row.database)).map(|row| self.pool(row)).collect();

        let waited: Vec<_> = self.waited.iter().filter(|(name, _)| of(name)).map(|(_, waited)| waited).collect();
        let assignments: u64 = waited.iter().map(|waited| waited.assignments).sum();
        let wait_ms: f64 = waited.iter().map(|waited| waited.wait_ms).sum();
        let mean = (assignments > 0).then(|| wait_ms / assignments as f64);
        let queue = pools.iter().filter(|pool| pool.clients_waiting > 0).map(|pool| pool.max_wait_time).reduce(f64::max);
        let mean_wait_ms = mean.or(queue).or((!waited.is_empty()).then_some(0.0));

        let detail = PoolerDetail {
            name: self.name.clone(),
            version: self.settings.version.clone(),
            max_client_connections: self.settings.max_client_connections,
            used_clients: self.settings.used_clients,
            mean_wait_ms: mean,
            assignments,
            counters: self.counters.iter().filter(|row| of(&row.database)).cloned().collect(),
            databases: self.databases.iter().filter(|row| of(&row.name)).cloned().collect(),
        };
        (pools, detail, mean_wait_ms)
    }

    fn leading_to<'a>(&'a self, client_dbname: Option<&'a str>, server: &[Host], server_dbname: &'a str) -> Vec<&'a str> {
        let names = |wanted: &dyn Fn(&PoolerDatabase) -> bool| -> Vec<&'a str> {
            let rows = self.databases.iter().filter(|row| row.name != ADMIN_DATABASE && wanted(row));
            rows.map(|row| row.name.as_str()).collect()
        };
        // By name also when there is no such row: a database made on demand appears with its first client.
        let itself = |name: &'a str| if name == ADMIN_DATABASE { vec![] } else { vec![name] };
        if let Some(name) = client_dbname {
            return itself(name);
        }
        let same_database = |row: &PoolerDatabase, host: &Host| row.database == server_dbname && row.port == host.port;
        let on_host = names(&|row| server.iter().any(|host| same_database(row, host) && same_host(&row.host, host)));
        if !on_host.is_empty() {
            return on_host;
        }
        let on_port = names(&|row| server.iter().any(|host| same_database(row, host)));
        if on_port.is_empty() { itself(server_dbname) } else { on_port }
    }

    fn pool(&self, row: &PoolRow) -> Pool {
        let database = self.databases.iter().find(|database| database.name == row.database);
        Pool {
            database: row.database.clone(),
            user: row.user.clone(),
            mode: row.mode.clone(),
            size: database.map(|database| database.pool_size).or(self.settings.default_pool_size),
            clients_active: row.clients_active,
            clients_waiting: row.clients_waiting,
            servers_active: row.servers_active,
            servers_idle: row.servers_idle,
            servers_other: row.servers_other,
            max_wait_time: row.max_wait_ms,
            paused: database.is_some_and(|database| database.paused || database.disabled),
        }
    }
}

/// Whether one of a pooler's hosts (a comma separates several) is this one.
fn same_host(poolers: &str, host: &Host) -> bool {
    poolers.split(',').map(str::trim).any(|name| {
        name.eq_ignore_ascii_case(&host.name)
            || host.addr.is_some_and(|addr| name.parse() == Ok(addr))
            || (is_loopback(name) && is_loopback(&host.name))
    })
}

/// A Unix socket counts: it leads to the same machine.
fn is_loopback(name: &str) -> bool {
    name.is_empty()
        || name.starts_with('/')
        || name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests;
