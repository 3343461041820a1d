//! Replication over the slow lane: read once for all targets of the server, judged over time, told to each with its own database's
//! conflicts.

use std::{collections::HashMap, sync::Arc, time::Instant};

use futures_util::{
    TryFutureExt,
    future::{try_join, try_join3},
};

use super::{Server, Slow, Stopped, missing, within};
use crate::{
    clock,
    model::{
        sample::Missing,
        vitals::{Conflicts, Replication, Role},
    },
    probe::{
        Failure,
        database::replication::{Read, Reads, Seat, Watch},
        governor::Lane,
    },
};

const FIELD: &str = "vitals.replication";

/// What the slow lane keeps of it between two readings.
#[derive(Debug)]
pub(super) struct State {
    watch: Watch,
    seat: Seat,
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    at: Instant,
    replication: Arc<Replication>,
    conflicts: HashMap<String, Conflicts>,
}

impl State {
    pub(super) fn new(seat: Seat) -> Self {
        Self { watch: Watch::default(), seat, reading: None }
    }
}

impl Reading {
    fn of(&self, database: &str) -> Arc<Replication> {
        match self.conflicts.get(database) {
            None => Arc::clone(&self.replication),
            Some(causes) => Arc::new(Replication {
                conflicts: Some(causes.total()),
                conflict_causes: Some(*causes),
                ..Replication::clone(&self.replication)
            }),
        }
    }
}

impl Slow {
    /// Who copies from whom, no older than `newer_than`, as it concerns that database.
    pub async fn replication(
        &mut self,
        server: &Server,
        newer_than: Instant,
        database: &str,
    ) -> Result<Arc<Replication>, Missing> {
        if let Some(reading) = self.replication.reading.as_ref().filter(|reading| reading.at >= newer_than) {
            return Ok(reading.of(database));
        }
        let mut read = self.read_replication(server).await.map_err(|failure| missing(FIELD, &failure))?;
        let conflicts = std::mem::take(&mut read.conflicts);
        let at = clock::now();
        let State { watch, seat, reading } = &mut self.replication;
        let replication = Arc::new(watch.step(at, clock::wall(), read, seat));
        Ok(reading.insert(Reading { at, replication, conflicts }).of(database))
    }

    async fn read_replication(&mut self, server: &Server) -> Result<Read, Failure> {
        let reads = self.replication_reads(server).await?;
        let connection = &self.connected(server).await?.connection;
        let client = &connection.client;
        let standing = within(Lane::Replication, server, connection, 1, reads.standing(client)).await;
        let read = match standing {
            Err(stopped) => Err(stopped),
            Ok(standing) => {
                let read = if standing.role == Role::Replica {
                    let all = try_join3(reads.followers(client), reads.slots(client), reads.conflicts(client));
                    within(Lane::Replication, server, connection, 3, all).await
                } else {
                    let both = try_join(reads.followers(client), reads.slots(client));
                    let both = both.map_ok(|(followers, slots)| (followers, slots, HashMap::new()));
                    within(Lane::Replication, server, connection, 2, both).await
                };
                read.map(|(followers, slots, conflicts)| {
                    let missing = reads.hidden(&standing, &followers);
                    Read { standing, followers, slots, conflicts, missing }
                })
            }
        };
        if matches!(read, Err(Stopped::Server(_)))
            && let Some(resident) = &mut self.resident
        {
            // Another version or other grants, perhaps: look again before the next reading.
            resident.replication = None;
        }
        self.kept(read)
    }

    /// The reads, prepared with the connection's first one.
    async fn replication_reads(&mut self, server: &Server) -> Result<Reads, Failure> {
        let resident = self.connected(server).await?;
        if let Some(reads) = &resident.replication {
            return Ok(reads.clone());
        }
        let connection = &resident.connection;
        let prepare = Reads::prepare(connection);
        let reads = within(Lane::Replication, server, connection, Reads::PREPARE, prepare).await;
        let reads = self.kept(reads)?;
        if let Some(resident) = &mut self.resident {
            resident.replication = Some(reads.clone());
        }
        Ok(reads)
    }
}
