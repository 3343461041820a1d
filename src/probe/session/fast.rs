//! The fast lane: connected, it reads; lost, it says so and tries again; frozen, it gives up after a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ANSWER_WITHIN, Asked, CANCEL_WITHIN, CheckReading, Lane, Retry, Server, attempt, is_about_login};
use crate::{
    clock,
    model::{
        Outcome, Phase, Phases,
        reading::{Attempt, Path},
    },
    probe::{
        Failure,
        connect::{Connection, resident::is_shared_by},
        conninfo::ConnInfo,
        database::{counters::Counters, own::Transactions},
        pool::activity::{Reader, Snapshot},
    },
};

/// Blockers are asked for at most this often: `pg_blocking_pids` takes every lock partition for a moment.
const BLOCKERS_EVERY: Duration = Duration::from_secs(1);

/// With `target_session_attrs`: how often the server is asked what it is.
const SUITS_EVERY: Duration = Duration::from_secs(2);

/// Transactions of a connect: the login, the first query, and what prepares the reads.
const CONNECT: u64 = 10;

/// The fast lane of a server.
#[derive(Debug)]
pub struct Fast {
    resident: Option<(Connection, Reader)>,
    retry: Retry,
    latest: Option<FastReading>,
    /// When blockers were last asked for, and the snapshot since, which carries the answer on.
    blockers_at: Option<Instant>,
    before: Option<Arc<Snapshot>>,
    /// Which of the server's databases to connect to; moves on when one does not exist.
    turn: usize,
    /// When the server was last asked whether it is still of the kind that is wanted.
    suited_at: Option<Instant>,
}

/// What one use of the fast lane brought.
#[derive(Debug, Clone)]
pub struct FastReading {
    /// When it ended.
    pub at: Instant,
    /// The sessions, when they could be seen.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The resident session was lost, or did not answer.
    pub lost: Option<Attempt>,
    /// A reconnect, which is a fresh client's attempt too; none while there was no need or its time has not come.
    pub reconnect: Option<CheckReading>,
}

impl Fast {
    pub(super) fn new() -> Self {
        Self { resident: None, retry: Retry::new(), latest: None, blockers_at: None, before: None, turn: 0, suited_at: None }
    }

    pub(super) async fn read(&mut self, server: &Server, newer_than: Instant) -> FastReading {
        if let Some(latest) = self.latest.as_ref().filter(|latest| latest.at >= newer_than) {
            return latest.clone();
        }
        let (mut snapshot, mut lost, mut reconnect) = (None, None, None);
        if self.resident.is_some() {
            match self.snapshot(server).await {
                Ok(seen) => snapshot = Some(seen),
                Err(failure) => lost = Some(attempt(Path::Resident, &Err(failure))),
            }
        }
        // A session that was merely lost (restart, failover, an administrator's terminate) is replaced in the same breath; one
        // that did not answer would not answer a new one either, and waiting for that would only delay the verdict.
        let answers = lost.as_ref().is_none_or(|attempt| attempt.outcome != Outcome::QueryTimeout);
        if self.resident.is_none()
            && answers
            && self.retry.is_due(clock::now())
            && let Some(url) = server.url(self.turn)
        {
            let url = server.nearest_first(url);
            let result = match self.connect(server, &url).await {
                Ok(phases) => self.snapshot(server).await.map(|seen| {
                    snapshot = Some(seen);
                    phases
                }),
                Err(failure) => Err(failure),
            };
            reconnect = Some(CheckReading { at: clock::now(), asked: Asked::by(&url), result });
        }
        if snapshot.is_some() {
            self.leave_unless_it_suits(server).await;
        }
        server.hold(0, self.resident.is_some());
        self.latest.insert(FastReading { at: clock::now(), snapshot, lost, reconnect }).clone()
    }

    async fn connect(&mut self, server: &Server, url: &ConnInfo) -> Result<Phases, Failure> {
        let connected = async {
            let connection = server.resident(url).await?;
            server.connected(clock::now(), &connection.phases);
            let mut phases = connection.phases;
            let started = clock::now();
            let prepared = tokio::time::timeout(
                ANSWER_WITHIN,
                connection.limited(async {
                    connection.client.simple_query("SELECT /* isobar */ 1").await?;
                    let first_query = clock::now() - started;
                    let facts = Counters::prepare(&connection).await?.facts(&connection.client).await?;
                    Ok((Reader::prepare(&connection).await?, facts, first_query))
                }),
            );
            let (reader, facts, first_query) = match prepared.await {
                Ok(Ok(prepared)) => prepared,
                Ok(Err(error)) => return Err(Failure::of(Phase::FirstQuery, phases, &error)),
                Err(_) => return Err(Failure::timeout(Phase::FirstQuery, phases)),
            };
            phases.first_query = Some(first_query.as_secs_f64() * 1e3);
            server.facts.store(Some(Arc::new(facts)));
            server.transacted(&connection.database, Transactions::committed(connection.transactions(CONNECT)));
            Ok((connection, reader, phases))
        };
        match connected.await {
            Ok((connection, reader, phases)) => {
                server.is_at(&connection.server);
                self.resident = Some((connection, reader));
                self.retry.succeeded();
                Ok(phases)
            }
            Err(failure) => {
                self.retry.failed(clock::now());
                if failure.outcome == Outcome::NoSuchDatabase {
                    server.missed_database(&url.dbname);
                }
                self.turn += usize::from(is_about_login(failure.outcome));
                Err(failure)
            }
        }
    }

    /// A promotion does not end a standby's sessions: one that wants a standby must find out by itself. A server that does not answer is for
    /// the next reading to notice.
    async fn leave_unless_it_suits(&mut self, server: &Server) {
        let Some((connection, _)) = self.resident.as_ref().filter(|(connection, _)| connection.is_choosy()) else { return };
        let started = clock::now();
        if self.suited_at.is_some_and(|at| started.saturating_duration_since(at) < SUITS_EVERY) {
            return;
        }
        self.suited_at = Some(started);
        let suits = tokio::time::timeout(ANSWER_WITHIN, connection.still_suits()).await;
        let now = clock::now();
        server.spent(Lane::Fast, now, now - started);
        server.transacted(&connection.database, Transactions::committed(1));
        if matches!(suits, Ok(false)) {
            tracing::info!(server = connection.server.name, port = connection.server.port, "changed roles; the session moves");
            self.resident = None;
        }
    }

    /// One reading; the resident session is given up unless it succeeds.
    async fn snapshot(&mut self, server: &Server) -> Result<Arc<Snapshot>, Failure> {
        let (connection, reader) = self.resident.take().expect("called when connected");
        let started = clock::now();
        let blockers = self.blockers_at.is_none_or(|at| started.saturating_duration_since(at) >= BLOCKERS_EVERY);
        match tokio::time::timeout(ANSWER_WITHIN, connection.limited(reader.read(&connection.client, blockers))).await {
            Ok(Ok(mut snapshot)) => {
                let now = clock::now();
                server.spent(Lane::Fast, now, now - started);
                server.transacted(&connection.database, Transactions::committed(connection.transactions(snapshot.statements)));
                if blockers {
                    self.blockers_at = Some(now);
                } else if let Some(before) = &self.before {
                    snapshot.keep_blockers(before);
                }
                let snapshot = Arc::new(snapshot);
                self.before = Some(Arc::clone(&snapshot));
                self.resident = Some((connection, reader));
                Ok(snapshot)
            }
            Ok(Err(error)) => {
                server.is_pooled_if(is_shared_by(&error));
                Err(Failure::of(Phase::Query, Phases::default(), &error))
            }
            Err(_) => {
                tokio::spawn(async move { connection.cancel(CANCEL_WITHIN).await });
                Err(Failure::timeout(Phase::Query, Phases::default()))
            }
        }
    }
}
