//! The slow lane: one short read at a time, each on its own schedule and shared by all targets of the server. Nothing here
//! counts as an attempt; when the lane is not connected its figures are missing, with the cause.

mod replication;
mod upkeep;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::try_join;

use super::{CANCEL_WITHIN, Lane, Retry, Server, is_about_login};
use crate::{
    clock,
    model::{Outcome, Phase, Phases, counters::DatabaseCounters, queries::Queries, sample::Missing},
    probe::{
        Failure,
        connect::{Connection, resident::is_shared_by},
        database::{
            counters::Counters,
            own::{Own, Transactions},
            replication::{Reads, Seat},
            size::Sizes,
            upkeep::{Keeper, Reads as UpkeepReads},
        },
        query::statements::{self, Catalog, Deltas, Interval, Known},
    },
};

/// A slow read that takes longer is cancelled and its connection given up. Longer than the session's own `statement_timeout`,
/// which ends a read that is merely slow and keeps the connection.
const READ_WITHIN: Duration = Duration::from_secs(7);
/// Transactions of a connect: the login, and what prepares the reads.
const CONNECT: u64 = 6;
/// Those of finding the extension and preparing its reads.
const LOCATE: u64 = 3;
/// Where no database of the server has the extension, it is looked for again this often.
const LOCATE_AGAIN: Duration = Duration::from_secs(5);

/// The slow lane of a server.
#[derive(Debug)]
pub struct Slow {
    resident: Option<Resident>,
    retry: Retry,
    /// Why the last connect failed, until one succeeds.
    failure: Option<Failure>,
    /// Which of the server's databases to connect to: the extension may be installed in only one of them.
    turn: usize,
    located: Located,
    deltas: Deltas,
    known: Known,
    statements: Option<(Instant, Arc<Interval>)>,
    counters: Option<CountersReading>,
    replication: replication::State,
    /// Connections so far: behind the same address the next one may be another server's.
    connections: u64,
    upkeep: Keeper,
}

#[derive(Debug)]
struct Resident {
    connection: Connection,
    counters: Counters,
    sizes: Sizes,
    replication: Option<Reads>,
    upkeep: Option<UpkeepReads>,
}

/// Where the statements are.
#[derive(Debug)]
enum Located {
    NotYet,
    Here(Box<Catalog>),
    Nowhere { missing: Missing, tried: usize, again: Instant },
}

/// The counters of all databases of the server.
#[derive(Debug, Clone)]
pub struct CountersReading {
    /// When they were read.
    pub at: Instant,
    /// Over which of the lane's connections: what two of them count must not be compared, since the second may lead to another server.
    pub connection: u64,
    /// One row per database.
    pub databases: Arc<Vec<Arc<DatabaseCounters>>>,
    /// Our own transactions until then.
    pub own: Arc<Own>,
}

/// How a read ended that did not bring what was asked for.
enum Stopped {
    /// The connection is of no more use.
    Connection(Failure),
    /// The server answered with an error; the connection is fine.
    Server(tokio_postgres::Error),
}

impl Slow {
    pub(super) fn new(seat: Seat) -> Self {
        Self {
            resident: None,
            retry: Retry::new(),
            failure: None,
            turn: 0,
            located: Located::NotYet,
            deltas: Deltas::default(),
            known: Known::default(),
            statements: None,
            counters: None,
            replication: replication::State::new(seat),
            connections: 0,
            upkeep: Keeper::default(),
        }
    }

    /// One database's statements over the newest interval, which is no older than `newer_than`.
    pub async fn queries(
        &mut self,
        server: &Server,
        newer_than: Instant,
        database: &str,
        slow_ms: f64,
    ) -> Result<Queries, Missing> {
        if self.counters.is_none() {
            self.counters(server, newer_than).await?;
        }
        let oid = self.oid(database).ok_or_else(|| gone(database))?;
        let interval = match &self.statements {
            Some((at, interval)) if *at >= newer_than => Arc::clone(interval),
            _ => self.read_statements(server).await?,
        };
        Ok(interval.queries(oid, slow_ms, &self.known))
    }

    /// The counters of all databases, no older than `newer_than`.
    pub async fn counters(&mut self, server: &Server, newer_than: Instant) -> Result<CountersReading, Missing> {
        if let Some(reading) = self.counters.as_ref().filter(|reading| reading.at >= newer_than) {
            return Ok(reading.clone());
        }
        let resident = self.connected(server).await.map_err(|failure| missing("database", &failure))?;
        let connection = &resident.connection;
        let read = within(Lane::Counters, server, connection, 1, resident.counters.read(&connection.client)).await;
        let read = self.kept(read).map_err(|failure| missing("database", &failure))?;
        let databases = Arc::new(read.into_iter().map(Arc::new).collect::<Vec<_>>());
        server.saw_databases(databases.iter().map(|counters| counters.datname.clone()).collect());
        let own = Arc::new(server.own());
        let (at, connection) = (clock::now(), self.connections);
        Ok(self.counters.insert(CountersReading { at, connection, databases, own }).clone())
    }

    /// One database's size in bytes.
    pub async fn size(&mut self, server: &Server, database: &str) -> Result<u64, Missing> {
        let resident = self.connected(server).await.map_err(|failure| missing("database.size", &failure))?;
        let connection = &resident.connection;
        let read = within(Lane::Size, server, connection, 0, resident.sizes.read(&connection.client, database)).await;
        if let Ok(size) = &read {
            let refused = size.is_err();
            server.transacted(&connection.database, if refused { Transactions::REFUSED } else { Transactions::committed(1) });
        }
        self.kept(read).map_err(|failure| missing("database.size", &failure))?
    }

    fn oid(&self, database: &str) -> Option<u32> {
        let reading = self.counters.as_ref()?;
        reading.databases.iter().find(|counters| counters.datname == database).map(|counters| counters.datid)
    }

    async fn read_statements(&mut self, server: &Server) -> Result<Arc<Interval>, Missing> {
        self.connected(server).await.map_err(|failure| missing("queryPerformance", &failure))?;
        let catalog = self.locate(server).await?;
        let resident = self.connected(server).await.map_err(|failure| missing("queryPerformance", &failure))?;
        let connection = &resident.connection;
        let read = statements::read(&connection.client, &catalog);
        let read = within(Lane::Statements, server, connection, catalog.statements(), read).await;
        let snapshot = match read {
            Err(Stopped::Server(error)) => {
                // Dropped, or updated, or the grant was taken back: look again before the next reading.
                self.located = Located::NotYet;
                self.deltas = Deltas::default();
                let failure = Failure::of(Phase::Query, Phases::default(), &error);
                return Err(
                    statements::explain(&error, &catalog.role_name).unwrap_or_else(|| missing("queryPerformance", &failure))
                );
            }
            read => self.kept(read).map_err(|failure| missing("queryPerformance", &failure))?,
        };
        let snapshot = snapshot.inspect_err(|_| {
            self.located = Located::NotYet;
            self.deltas = Deltas::default();
        })?;
        let now = clock::now();
        let elapsed = self.statements.as_ref().map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(*at));
        let interval = Arc::new(self.deltas.step(snapshot, elapsed, clock::wall()));
        self.learn(server, &catalog, &interval, now).await;
        if let Some(own) = interval.own(&self.known) {
            server.metered(own);
        }
        self.statements = Some((now, Arc::clone(&interval)));
        Ok(interval)
    }

    /// Asks for the texts and names that the interval brought up; without them the figures stand all the same.
    async fn learn(&mut self, server: &Server, catalog: &Catalog, interval: &Interval, now: Instant) {
        let databases: Vec<u32> = server.databases().iter().filter_map(|name| self.oid(name)).collect();
        let wants = self.known.wants(now, interval, &databases);
        if !wants.texts.is_empty() {
            let Some(resident) = &self.resident else { return };
            let connection = &resident.connection;
            let texts = statements::texts(&connection.client, catalog, &wants.texts);
            let texts = within(Lane::Statements, server, connection, 1, texts).await;
            if let Ok(texts) = self.kept(texts) {
                self.known.learn(texts);
            }
        }
        if wants.roles {
            let Some(resident) = &self.resident else { return };
            let connection = &resident.connection;
            let roles = within(Lane::Statements, server, connection, 1, statements::roles(&connection.client)).await;
            if let Ok(roles) = self.kept(roles) {
                self.known.learn_roles(roles);
            }
        }
    }

    /// Finds the extension: in this database, or in another one of the server's targets.
    async fn locate(&mut self, server: &Server) -> Result<Catalog, Missing> {
        let mut tried = match &self.located {
            Located::Here(catalog) => return Ok(Catalog::clone(catalog)),
            Located::Nowhere { missing, again, .. } if clock::now() < *again => return Err(missing.clone()),
            Located::Nowhere { tried, .. } => *tried,
            Located::NotYet => 0,
        };
        loop {
            let resident = self.connected(server).await.map_err(|failure| missing("queryPerformance", &failure))?;
            let connection = &resident.connection;
            let located = within(Lane::Statements, server, connection, LOCATE, statements::locate(connection)).await;
            match self.kept(located).map_err(|failure| missing("queryPerformance", &failure))? {
                Ok(catalog) => {
                    self.known = Known::new(catalog.role);
                    self.deltas = Deltas::default();
                    self.located = Located::Here(Box::new(catalog.clone()));
                    return Ok(catalog);
                }
                Err(missing) => {
                    tried += 1;
                    if tried % server.databases().len() == 0 {
                        self.located = Located::Nowhere { missing: missing.clone(), tried, again: clock::now() + LOCATE_AGAIN };
                        return Err(missing);
                    }
                    self.turn += 1;
                    self.resident = None;
                }
            }
        }
    }

    /// The connection, made anew when it is gone and the backoff allows.
    async fn connected(&mut self, server: &Server) -> Result<&Resident, Failure> {
        let is_of_use = |held: &Connection| !held.is_closed() && !server.has_moved_from(&held.server);
        if self.resident.as_ref().is_some_and(|resident| !is_of_use(&resident.connection)) {
            self.resident = None;
        }
        server.hold(1, self.resident.is_some());
        if self.resident.is_none() {
            if let Some(failure) = self.failure.as_ref().filter(|_| !self.retry.is_due(clock::now())) {
                return Err(failure.clone());
            }
            match self.connect_to_any(server).await {
                Ok(resident) => {
                    self.retry.succeeded();
                    self.failure = None;
                    self.connections += 1;
                    self.resident = Some(resident);
                    // Its statements were prepared on the connection before, and it may be another server now.
                    if matches!(self.located, Located::Here(_)) {
                        self.located = Located::NotYet;
                    }
                }
                Err(failure) => {
                    self.retry.failed(clock::now());
                    return Err(self.failure.insert(failure).clone());
                }
            }
        }
        server.hold(1, self.resident.is_some());
        Ok(self.resident.as_ref().expect("connected above"))
    }

    /// Connects to the next of the server's databases that exists: one that was dropped must not blind the others.
    async fn connect_to_any(&mut self, server: &Server) -> Result<Resident, Failure> {
        let mut left = server.databases().len();
        loop {
            match self.connect(server).await {
                Err(failure) if is_about_login(failure.outcome) => {
                    self.turn += 1;
                    if failure.outcome != Outcome::NoSuchDatabase {
                        return Err(failure);
                    }
                    left = left.saturating_sub(1);
                    if left == 0 {
                        return Err(failure);
                    }
                }
                result => return result,
            }
        }
    }

    async fn connect(&self, server: &Server) -> Result<Resident, Failure> {
        let unwatched = || Failure {
            outcome: Outcome::Other,
            phase: Phase::Dns,
            phases: Phases::default(),
            message: "no target of the server is left".to_owned(),
        };
        let url = server.beside_the_fast_lane(server.url(self.turn).ok_or_else(unwatched)?);
        let connection = server.resident(&url).await?;
        server.connected(clock::now(), &connection.phases);
        let prepare = try_join(Counters::prepare(&connection), Sizes::prepare(&connection));
        match within(Lane::Counters, server, &connection, CONNECT, prepare).await {
            Ok((counters, sizes)) => Ok(Resident { connection, counters, sizes, replication: None, upkeep: None }),
            Err(Stopped::Connection(failure)) => Err(failure),
            Err(Stopped::Server(error)) => Err(Failure::of(Phase::FirstQuery, connection.phases, &error)),
        }
    }

    /// Gives the connection up when a read ended it.
    fn kept<T>(&mut self, read: Result<T, Stopped>) -> Result<T, Failure> {
        read.map_err(|stopped| match stopped {
            Stopped::Server(error) => Failure::of(Phase::Query, Phases::default(), &error),
            Stopped::Connection(failure) => {
                if let Some(resident) = self.resident.take() {
                    tokio::spawn(async move { resident.connection.cancel(CANCEL_WITHIN).await });
                }
                failure
            }
        })
    }
}

/// One read under its deadline, its round trip metered and its transactions counted.
async fn within<T>(
    lane: Lane,
    server: &Server,
    connection: &Connection,
    transactions: u64,
    read: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Stopped> {
    let started = clock::now();
    let done = tokio::time::timeout(READ_WITHIN, connection.limited(read)).await;
    let now = clock::now();
    server.spent(lane, now, now - started);
    match done {
        Ok(Ok(value)) => {
            server.transacted(&connection.database, Transactions::committed(connection.transactions(transactions)));
            Ok(value)
        }
        Ok(Err(error)) if is_shared_by(&error) => {
            server.is_pooled_if(true);
            Err(Stopped::Connection(Failure::of(Phase::Query, Phases::default(), &error)))
        }
        Ok(Err(error)) if error.as_db_error().is_some() && !error.is_closed() => {
            server.transacted(&connection.database, Transactions::REFUSED);
            Err(Stopped::Server(error))
        }
        Ok(Err(error)) => Err(Stopped::Connection(Failure::of(Phase::Query, Phases::default(), &error))),
        Err(_) => Err(Stopped::Connection(Failure::timeout(Phase::Query, Phases::default()))),
    }
}

fn missing(field: &str, failure: &Failure) -> Missing {
    Missing { field: field.into(), cause: failure.to_string(), fix: None }
}

fn gone(database: &str) -> Missing {
    Missing { field: "queryPerformance".into(), cause: format!("there is no database {database} on the server"), fix: None }
}
