//! Rows as they come from the server.

use tokio_postgres::{Error, Row};

use super::Database;
use crate::{
    model::vitals::{Checkpoints, Holder, Io, Locks, Prepared},
    probe::database::columns::{count, figure, maybe_count, maybe_text, moment, text},
};

pub(super) fn database(row: &Row) -> Result<Database, Error> {
    Ok(Database {
        name: text(row, 0)?,
        xid_age: count(row, 1)?,
        multixact_age: count(row, 2)?,
        multixact: u32::try_from(count(row, 3)?).unwrap_or_default(),
        temp_bytes: count(row, 4)?,
    })
}

pub(super) fn holder(row: &Row) -> Result<Holder, Error> {
    Ok(Holder {
        kind: text(row, 0)?,
        name: text(row, 1)?,
        database: maybe_text(row, 2)?,
        age: count(row, 3)?,
        seconds: figure(row, 4)?,
    })
}

pub(super) fn checkpoints(row: &Row) -> Result<Checkpoints, Error> {
    let restartpoints = [maybe_count(row, 10)?, maybe_count(row, 11)?, maybe_count(row, 12)?];
    let [timed, requested, done] = restartpoints;
    Ok(Checkpoints {
        own_view: row.try_get(0)?,
        timed: count(row, 1)?,
        requested: count(row, 2)?,
        write_ms: figure(row, 3)?.unwrap_or_default(),
        sync_ms: figure(row, 4)?.unwrap_or_default(),
        buffers: count(row, 5)?,
        reset_at: moment(row, 6)?,
        buffers_clean: count(row, 7)?,
        maxwritten_clean: count(row, 8)?,
        buffers_alloc: count(row, 9)?,
        restartpoints: timed.zip(requested).zip(done).map(|((timed, requested), done)| [timed, requested, done]),
        buffers_backend: maybe_count(row, 13)?,
        buffers_backend_fsync: maybe_count(row, 14)?,
    })
}

pub(super) fn io(row: &Row) -> Result<Io, Error> {
    Ok(Io {
        backend: text(row, 0)?,
        object: text(row, 1)?,
        read_bytes: count(row, 2)?,
        write_bytes: count(row, 3)?,
        extend_bytes: count(row, 4)?,
        read_ms: figure(row, 5)?.unwrap_or_default(),
        write_ms: figure(row, 6)?.unwrap_or_default(),
        fsyncs: count(row, 7)?,
    })
}

pub(super) fn locks(row: &Row) -> Result<(String, Locks), Error> {
    Ok((text(row, 0)?, Locks { mode: text(row, 1)?, granted: count(row, 2)?, waiting: count(row, 3)? }))
}

pub(super) fn prepared(row: &Row) -> Result<Prepared, Error> {
    Ok(Prepared {
        oldest: maybe_text(row, 0)?,
        database: maybe_text(row, 1)?,
        oldest_seconds: figure(row, 2)?,
        count: count(row, 3)?,
    })
}
