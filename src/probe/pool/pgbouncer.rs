//! The admin console of PgBouncer and of those that speak as it does: one connection per console address, shared by all targets
//! behind it.
//!
//! ```text
//!  each reading:  SHOW POOLS, DATABASES, STATE, STATS_TOTALS ──► ConsoleView ──► for_target: the pools that lead to one target
//!  on connect, and each 10 s:  SHOW LISTS, CONFIG, VERSION
//! ```
//! The console knows only simple queries, and its tables differ from version to version and from pooler to pooler: `tables` reads
//! them by name, and [`Dialect`] says what they mean. Means come from `waits`, and where waits are not told, `queues` sees them stand.
//! A console that was lost (a restart) is connected to again at once, one time; any other failure is the reading.
//!
//! Isobar's own client checks are clients like any other here: one in flight counts among the active or waiting ones. `SHOW
//! POOLS` does not tell them apart, so a caller that must not count itself knows only from its own schedule.

mod dialect;
mod lacks;
mod leading;
mod queues;
mod tables;
mod waits;

use std::{
    collections::BTreeMap,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use tokio::time::timeout_at;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::{
    clock,
    model::{Outcome, Phase, Phases, counters::PoolerDatabase},
    probe::{
        Failure,
        connect::{Connection, Purpose, connect},
        conninfo::ConnInfo,
    },
};
pub use dialect::Dialect;
use lacks::{COUNTERS, Lacks, MAX_WAIT};
pub use leading::Leading;
use queues::Queues;
use tables::{PoolRow, Settings, Table, Totals};
use waits::{Waited, Waits};

/// A console answers in 0.03 ms; one that takes a second is stuck.
pub const READ_WITHIN: Duration = Duration::from_secs(1);

/// Settings change by hand; nobody minds them 10 s late.
const SETTINGS_EVERY: Duration = Duration::from_secs(10);

/// Ten thousand pools are more than any pooler serves; whatever sends more is none.
const MOST_ROWS: usize = 10_000;

const STATS_TOTALS: &str = "SHOW STATS_TOTALS";
const STATS: &str = "SHOW STATS";

/// The reader of one console.
#[derive(Debug)]
pub struct Console {
    to: ConnInfo,
    dialect: Dialect,
    connection: Option<Connection>,
    known: Known,
    waits: Waits,
    queues: Queues,
}

/// What the process at the other end turned out to be.
#[derive(Debug, Default)]
struct Known {
    settings: Settings,
    settings_at: Option<Instant>,
    no_totals: bool,
    no_state: bool,
    tells_waits: bool,
}

/// What one reading of a console showed.
#[derive(Debug, Clone)]
pub struct ConsoleView {
    name: String,
    dialect: Dialect,
    settings: Settings,
    pools: Vec<PoolRow>,
    databases: Vec<PoolerDatabase>,
    totals: Vec<Totals>,
    waited: BTreeMap<String, Waited>,
    /// Paused or suspended as a whole.
    paused: bool,
    tells_waits: bool,
    /// Whether it tells how long the head of a queue has waited, or it could be seen.
    tells_age: bool,
    lacks: Lacks,
}

impl Console {
    /// A console that is not connected yet.
    pub fn new(dialect: Dialect, to: ConnInfo) -> Self {
        Self { to, dialect, connection: None, known: Known::default(), waits: Waits::default(), queues: Queues::default() }
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
            (self.known, self.waits, self.queues) = (Known::default(), Waits::default(), Queues::default());
            connect(&self.to, Purpose::Console, deadline.saturating_duration_since(clock::now())).await?
        };
        let read = timeout_at(deadline.into(), self.ask(&connection.client, now)).await;
        let view = read.unwrap_or_else(|_| Err(failed(Outcome::Unresponsive, "the console did not answer in time".into())))?;
        self.connection = Some(connection);
        Ok(view)
    }

    async fn ask(&mut self, client: &Client, now: Instant) -> Result<ConsoleView, Failure> {
        if self.known.settings_at.is_none_or(|at| now.duration_since(at) >= SETTINGS_EVERY) {
            self.known.settings = self.ask_settings(client).await?;
            self.known.settings_at = Some(now);
        }
        let dialect = self.dialect;
        let totals = if dialect.knows_totals() && !self.known.no_totals { STATS_TOTALS } else { STATS };
        let wants_state = dialect.knows_state() && !self.known.no_state;
        let (pools, databases, state, totals) = if dialect.takes_several() {
            tokio::try_join!(
                show(client, "SHOW POOLS"),
                wanted(client, "SHOW DATABASES", dialect.knows_databases()),
                wanted(client, "SHOW STATE", wants_state),
                known(client, totals)
            )?
        } else {
            let pools = show(client, "SHOW POOLS").await?;
            let databases = wanted(client, "SHOW DATABASES", dialect.knows_databases()).await?;
            (pools, databases, wanted(client, "SHOW STATE", wants_state).await?, known(client, totals).await?)
        };
        self.known.no_state |= state.is_none();
        let totals = if let Some(totals) = totals {
            totals
        } else {
            self.known.no_totals = true;
            known(client, STATS).await?.unwrap_or_default()
        };
        self.view(now, &pools, &databases.unwrap_or_default(), &state.unwrap_or_default(), &totals)
            .map_err(|problem| failed(Outcome::Protocol, problem))
    }

    /// None of it is needed, and no pooler but PgBouncer knows all of it.
    async fn ask_settings(&self, client: &Client) -> Result<Settings, Failure> {
        let config = self.dialect.knows_config();
        let (lists, config, version) = if self.dialect.takes_several() {
            tokio::try_join!(known(client, "SHOW LISTS"), wanted(client, "SHOW CONFIG", config), known(client, "SHOW VERSION"))?
        } else {
            let lists = known(client, "SHOW LISTS").await?;
            (lists, wanted(client, "SHOW CONFIG", config).await?, known(client, "SHOW VERSION").await?)
        };
        let of = |table: Option<Table>| table.unwrap_or_default();
        Ok(tables::settings(&of(lists), &of(config), &of(version)))
    }

    fn view(
        &mut self,
        now: Instant,
        pools: &Table,
        databases: &Table,
        state: &Table,
        totals: &Table,
    ) -> Result<ConsoleView, String> {
        let mut lacks = Lacks::default();
        let mut pools = tables::pools(pools, self.dialect, &mut lacks)?;
        let databases = tables::databases(databases, self.dialect, &mut lacks);
        let mut totals = tables::totals(totals, self.dialect, &mut lacks);
        let waits = pools.iter().any(|pool| pool.max_wait_ms > 0.0)
            || totals.iter().any(|row| row.counters.wait_seconds.is_some_and(|wait| wait > 0.0));
        self.known.tells_waits |= self.dialect.tells_waits() || waits;
        let mut tells_age = self.known.tells_waits && !lacks.has(MAX_WAIT);
        if !self.known.tells_waits {
            for row in &mut totals {
                row.counters.wait_seconds = None;
            }
        }
        // A queue is seen to stand still where transactions are counted.
        if !tells_age && !totals.is_empty() && !lacks.has(COUNTERS) {
            self.queues.step(now, &mut pools, &totals);
            tells_age = true;
        }
        let waited = self.waits.step(now, &totals, &pools);
        Ok(ConsoleView {
            name: self.to.address(),
            dialect: self.dialect,
            settings: self.known.settings.clone(),
            pools,
            databases,
            totals,
            waited,
            paused: tables::is_paused(state),
            tells_waits: self.known.tells_waits,
            tells_age,
            lacks,
        })
    }
}

fn failed(outcome: Outcome, message: String) -> Failure {
    Failure { outcome, phase: Phase::Query, phases: Phases::default(), message }
}

async fn show(client: &Client, command: &str) -> Result<Table, Failure> {
    let failure = |error| Failure::of(Phase::Query, Phases::default(), &error);
    let mut messages = pin!(client.simple_query_raw(command).await.map_err(failure)?);
    let mut table = Table::default();
    while let Some(message) = messages.next().await {
        match message.map_err(failure)? {
            SimpleQueryMessage::RowDescription(columns) => {
                table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(_) if table.rows.len() == MOST_ROWS => {
                return Err(failed(Outcome::Protocol, format!("{command} has more than {MOST_ROWS} rows")));
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
        Err(failure) if matches!(failure.outcome, Outcome::Protocol | Outcome::Other) && !client.is_closed() => Ok(None),
        table => table.map(Some),
    }
}

/// The same, and none without asking when nobody wants it.
async fn wanted(client: &Client, command: &str, wanted: bool) -> Result<Option<Table>, Failure> {
    if wanted { known(client, command).await } else { Ok(None) }
}

#[cfg(test)]
mod tests;
