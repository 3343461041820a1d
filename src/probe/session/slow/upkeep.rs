//! What keeps the server fit, over the slow lane, some short statements one after the other; what is inside a database over a connection of
//! its own.

use std::{sync::Arc, time::Instant};

use super::{CANCEL_WITHIN, Lane, Missing, READ_WITHIN, Server, Slow, Stopped, missing, within};
use crate::{
    clock,
    model::{Phase, Phases, vitals::Tables},
    probe::{
        Failure,
        connect::Connection,
        conninfo::ConnInfo,
        database::{
            own::Transactions,
            upkeep::{
                self, Raw, Reads, Shared,
                tables::{self, Found, Look, look},
            },
        },
    },
};

/// Where whole readings are missing.
const FIELD: &str = "upkeep";

impl Slow {
    /// The server's part, no older than `newer_than`, and when it was read.
    pub async fn upkeep(&mut self, server: &Server, newer_than: Instant) -> Result<(Instant, Arc<Shared>), Missing> {
        if let Some(latest) = self.upkeep.latest(newer_than) {
            return Ok(latest);
        }
        let reads = self.upkeep_reads(server).await.map_err(|failure| missing(FIELD, &failure))?;
        let mut raw = Raw { missing: reads.missing, ..Raw::default() };
        for (part, statement) in reads.statements {
            let resident = self.connected(server).await.map_err(|failure| missing(FIELD, &failure))?;
            let connection = &resident.connection;
            match within(Lane::Upkeep, server, connection, 1, statement.query(&connection.client, &[])).await {
                Ok(rows) => raw.take(part, &rows),
                Err(Stopped::Server(error)) => {
                    let failure = Failure::of(Phase::Query, Phases::default(), &error);
                    raw.missing.push(upkeep::unread(part, &failure.to_string()));
                }
                Err(stopped) => {
                    self.kept(Err(stopped)).map_err(|failure| missing(FIELD, &failure))?;
                }
            }
        }
        let now = clock::now();
        Ok((now, self.upkeep.step(now, raw)))
    }

    /// The statements, prepared on the connection there is.
    async fn upkeep_reads(&mut self, server: &Server) -> Result<Reads, Failure> {
        let resident = self.connected(server).await?;
        if let Some(reads) = &resident.upkeep {
            return Ok(reads.clone());
        }
        let connection = &resident.connection;
        let prepared = within(Lane::Upkeep, server, connection, upkeep::PREPARE, Reads::prepare(connection)).await;
        let reads = self.kept(prepared)?;
        if let Some(resident) = &mut self.resident {
            resident.upkeep = Some(reads.clone());
        }
        Ok(reads)
    }
}

impl Server {
    /// Looks into one database. None while a client check or another survey is under way: they take turns, so that the server never
    /// sees more than one short connection of ours beside the lanes.
    pub async fn survey(&self, url: &ConnInfo) -> Option<Result<(Tables, Vec<Missing>), Missing>> {
        let _turn = self.check.try_lock().ok()?;
        let connected = self.resident(url).await;
        let now = clock::now();
        let connection = match connected {
            Ok(connection) => connection,
            Err(failure) => {
                self.connected(now, &failure.phases);
                return Some(Err(missing("upkeep.tables", &failure)));
            }
        };
        self.connected(now, &connection.phases);
        self.transacted(&connection.database, Transactions::committed(1));
        let surveyed = self.look_around(&connection).await;
        connection.close(CANCEL_WITHIN).await;
        Some(Ok(surveyed))
    }

    async fn look_around(&self, connection: &Connection) -> (Tables, Vec<Missing>) {
        let until = clock::now() + tables::WITHIN;
        let mut tables = Tables { looked_at: Some(clock::wall()), ..Tables::default() };
        let mut all_missing = Vec::new();
        for this in Look::ALL {
            let left = until.saturating_duration_since(clock::now()).min(READ_WITHIN);
            let started = clock::now();
            let looked = tokio::time::timeout(left, connection.limited(look(&connection.client, this))).await;
            let now = clock::now();
            self.spent(Lane::Upkeep, now, now - started);
            let ok = matches!(looked, Ok(Ok(_)));
            self.transacted(&connection.database, if ok { Transactions::committed(1) } else { Transactions::REFUSED });
            let failure = match looked {
                Ok(Ok(Found::Dead(dead))) => {
                    tables.dead = dead;
                    continue;
                }
                Ok(Ok(Found::Sequences(near, unread))) => {
                    tables.sequences = near;
                    all_missing.extend(unread);
                    continue;
                }
                Ok(Ok(Found::Indexes(invalid))) => {
                    tables.invalid_indexes = invalid;
                    continue;
                }
                Ok(Err(error)) => connection.failure(Phase::Query, &error),
                Err(_) => {
                    connection.cancel(CANCEL_WITHIN).await;
                    Failure::timeout(Phase::Query, Phases::default())
                }
            };
            all_missing.push(missing(this.field(), &failure));
        }
        (tables, all_missing)
    }
}
