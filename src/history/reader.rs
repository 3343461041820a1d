//! Who reads the file: a few connections beside the one that writes, each kept for the next question.

use std::{
    path::PathBuf,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::Connection;

use super::{
    file,
    table::{Row, Table, key, parts},
};

/// As many read at a time; more would only wait for the same disk and cores.
const MOST: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<(u64, Connection)>>,
    taken: Mutex<usize>,
    freed: Condvar,
    /// Goes up when another file takes the place of the one that was there.
    file: AtomicU64,
}

/// Gives the seat back, whatever happened on it.
struct Seat<'a>(&'a Readers);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default(), taken: Mutex::default(), freed: Condvar::new(), file: AtomicU64::new(0) }
    }

    /// Another file is there now.
    pub(super) fn begin_anew(&self) {
        self.file.fetch_add(1, Ordering::Relaxed);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads something, all of it as of one moment.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, rusqlite::Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= MOST {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        drop(taken);
        let _seat = Seat(self);
        let file = self.file.load(Ordering::Relaxed);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some((of, connection)) if of == file => connection,
            _ => file::reading(&self.path)?,
        };
        let said = {
            let transaction = connection.unchecked_transaction()?;
            read(&transaction)?
        };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((file, connection));
        Ok(said)
    }
}

/// Calls for each row that a target has in a table, from a time to before another, seconds.
pub(super) fn rows(
    connection: &Connection,
    table: Table,
    target: u32,
    (from, to): (i64, i64),
    mut each: impl FnMut(i64, Row),
) -> Result<(), rusqlite::Error> {
    // What was never written, or is forgotten, need not be looked for.
    let Some(first) = file::first(connection, table)? else { return Ok(()) };
    for period in table.of(from).max(parts(first).0)..=table.of(to - 1) {
        if let Some(row) = file::row(connection, table, key(period, target))? {
            each(period, row);
        }
    }
    Ok(())
}
