//! The file: one SQLite database, written by one connection of one process.
//!
//! ```text
//!  open ──► its lock is another process's? ──yes──► refused: give each node a file of its own
//!            └─no──► a newer Isobar's? ──yes──► refused, and left as it is
//!                     └─no──► damaged, or not ours? ──yes──► moved aside, a fresh one begun
//! ```
//! Write-ahead log, `synchronous = NORMAL`: what a killed process wrote is there, and a machine that loses power may lose the last seconds
//! but nothing that is older. The lock is a file of its own, since SQLite's would keep out our own readers.

use std::{
    collections::BTreeMap,
    fs::{self, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::table::{Row, Table};
use crate::model::Timestamp;

/// The shape of the tables; a file with a higher number is a newer Isobar's.
const VERSION: i64 = 1;
/// `ISOH`: tells our files from others.
const OURS: i64 = 0x4953_4f48;
/// A large file is looked at for so long; the rest of it is trusted.
const LONGEST_CHECK: Duration = Duration::from_secs(1);
/// Our own readers are never in the way for long.
const PATIENCE: Duration = Duration::from_secs(2);
/// The log is cut back to this after it has grown.
const LOG_BYTES: i64 = 16 << 20;
/// Pages that are free before any are given back to the system, and as a share of all.
const FREE_PAGES: i64 = 2_000;
const FREE_SHARE: i64 = 5;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it: it may end.
    #[error("[history] path {}: another process uses this file; give each node a file of its own", .0.display())]
    Locked(PathBuf),
    /// A newer Isobar wrote it: the operator's to decide.
    #[error("[history] path {}: written by a newer isobar (shape {found}, this one knows {VERSION}); use that, or another file", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its number.
        found: i64,
    },
    /// It cannot be opened or made: tried again.
    #[error("[history] path {}: cannot be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Reading or writing failed: tried again.
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
}

impl Error {
    /// Whether the file itself is damaged, so that only another will do.
    pub(super) fn is_damage(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }
}

/// What one turn writes: all of it, or nothing.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    /// Targets that are new, or new to this file: number, region, name.
    pub(super) targets: &'a [(u32, String, String)],
    /// Seconds of all targets, for the journal.
    pub(super) seconds: &'a [(i64, Vec<u8>)],
    /// Blocks.
    pub(super) rows: &'a BTreeMap<(Table, i64), Row>,
    /// Seconds of the journal before this are in blocks.
    pub(super) journal_before: Option<i64>,
    /// Notes, by name.
    pub(super) notes: &'a BTreeMap<String, String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct File {
    connection: Connection,
    path: PathBuf,
    inode: u64,
    _lock: fs::File,
}

enum Found {
    Usable(Connection),
    Damaged(String),
}

impl File {
    /// Opens it, or begins it. Tells too what had to be said on the way.
    pub(super) fn open(path: &Path, now: Timestamp) -> Result<(Self, Option<String>), Error> {
        let lock = lock(path)?;
        let mut remark = None;
        let connection = match inspect(path)? {
            Found::Usable(connection) => connection,
            Found::Damaged(why) => {
                let aside = put_aside(path, now)?;
                remark = Some(format!(
                    "[history] path {}: {why}; moved to {}, and a fresh one begun",
                    path.display(),
                    aside.display()
                ));
                match inspect(path)? {
                    Found::Usable(connection) => connection,
                    Found::Damaged(why) => return Err(Error::Unusable { path: path.to_owned(), why }),
                }
            }
        };
        let found = fs::metadata(path).map_err(|error| Error::Unusable { path: path.to_owned(), why: error.to_string() })?;
        Ok((Self { connection, path: path.to_owned(), inode: found.ino(), _lock: lock }, remark))
    }

    /// Whether it still is what its path names; SQLite would go on writing to a file that was taken away.
    pub(super) fn is_there(&self) -> Result<(), Error> {
        let why = match fs::metadata(&self.path) {
            Ok(found) if found.ino() == self.inode => return Ok(()),
            Ok(_) => "another file is in its place".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Error::Unusable { path: self.path.clone(), why })
    }

    /// The highest number of a table's rows.
    pub(super) fn last(&self, table: Table) -> Result<Option<i64>, Error> {
        Ok(self.connection.query_row(&format!("SELECT max(key) FROM {}", table.name()), [], |row| row.get(0))?)
    }

    /// All targets that have a number: that, region, name.
    pub(super) fn targets(&self) -> Result<Vec<(u32, String, String)>, Error> {
        let mut statement = self.connection.prepare("SELECT id, region, name FROM targets")?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The seconds of the journal, in order.
    pub(super) fn journal(&self) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        let mut statement = self.connection.prepare("SELECT at, said FROM journal ORDER BY at")?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The rows of a table with numbers from one to before another.
    pub(super) fn rows(&self, table: Table, from: i64, to: i64) -> Result<Vec<(i64, Row)>, Error> {
        let query = format!("SELECT key, block, sketches FROM {} WHERE key >= ?1 AND key < ?2", table.name());
        let mut statement = self.connection.prepare_cached(&query)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Row { block: row.get(1)?, sketches: row.get(2)? }));
        Ok(statement.query_map([from, to], row)?.collect::<Result<_, _>>()?)
    }

    /// The row of that number.
    pub(super) fn row(&self, table: Table, key: i64) -> Result<Option<Row>, Error> {
        Ok(row(&self.connection, table, key)?)
    }

    /// The lowest number of a table's rows.
    pub(super) fn first(&self, table: Table) -> Result<Option<i64>, Error> {
        Ok(first(&self.connection, table)?)
    }

    /// Writes one turn.
    pub(super) fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        for (id, region, name) in batch.targets {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO targets VALUES (?1, ?2, ?3)")?
                .execute(params![id, region, name])?;
        }
        for (at, said) in batch.seconds {
            transaction.prepare_cached("INSERT OR REPLACE INTO journal VALUES (?1, ?2)")?.execute(params![at, said])?;
        }
        for ((table, key), row) in batch.rows {
            put(&transaction, *table, *key, row)?;
        }
        if let Some(before) = batch.journal_before {
            transaction.prepare_cached("DELETE FROM journal WHERE at < ?1")?.execute([before])?;
        }
        for (name, text) in batch.notes {
            transaction.prepare_cached("INSERT OR REPLACE INTO notes VALUES (?1, ?2)")?.execute([name, text])?;
        }
        Ok(transaction.commit()?)
    }

    /// Puts larger rows in place of small ones.
    pub(super) fn replace(&mut self, new: &[(Table, i64, Row)], old: &[(Table, i64)]) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        for (table, key, row) in new {
            put(&transaction, *table, *key, row)?;
        }
        for (table, key) in old {
            let query = format!("DELETE FROM {} WHERE key = ?1", table.name());
            transaction.prepare_cached(&query)?.execute([key])?;
        }
        Ok(transaction.commit()?)
    }

    /// Forgets rows with numbers before this, the oldest first and no more than so many.
    pub(super) fn forget(&self, table: Table, before: i64, most: usize) -> Result<usize, Error> {
        let name = table.name();
        let query = format!("DELETE FROM {name} WHERE key IN (SELECT key FROM {name} WHERE key < ?1 ORDER BY key LIMIT ?2)");
        Ok(self.connection.prepare_cached(&query)?.execute([before, most.cast_signed() as i64])?)
    }

    /// Gives some pages back to the system when many are free; those that are not are used again.
    pub(super) fn shrink(&self) -> Result<(), Error> {
        let number = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (free, all) = (number("freelist_count")?, number("page_count")?);
        if free > FREE_PAGES.max(all / FREE_SHARE) {
            self.connection.execute_batch("PRAGMA incremental_vacuum(256)")?;
        }
        Ok(())
    }

    /// Bytes of the file and what belongs to it.
    pub(super) fn bytes(&self) -> u64 {
        let size = |end: &str| fs::metadata(beside(&self.path, end)).map_or(0, |found| found.len());
        ["", "-wal", "-shm"].into_iter().map(size).sum()
    }

    /// Lets the file grow to so many pages and no further, as a full disk would.
    #[cfg(test)]
    pub(super) fn limit(&self, pages: i64) -> Result<(), Error> {
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        Ok(())
    }

    /// Pages it has.
    #[cfg(test)]
    pub(super) fn pages(&self) -> Result<i64, Error> {
        Ok(self.connection.pragma_query_value(None, "page_count", |row| row.get(0))?)
    }
}

/// Opens it for reading, beside the one that writes.
pub(super) fn reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// The row of that number.
pub(super) fn row(connection: &Connection, table: Table, key: i64) -> Result<Option<Row>, rusqlite::Error> {
    let query = format!("SELECT block, sketches FROM {} WHERE key = ?1", table.name());
    let mut statement = connection.prepare_cached(&query)?;
    statement.query_row([key], |row| Ok(Row { block: row.get(0)?, sketches: row.get(1)? })).optional()
}

/// The lowest number of a table's rows.
pub(super) fn first(connection: &Connection, table: Table) -> Result<Option<i64>, rusqlite::Error> {
    let query = format!("SELECT min(key) FROM {}", table.name());
    connection.prepare_cached(&query)?.query_row([], |row| row.get(0))
}

fn put(to: &Connection, table: Table, key: i64, row: &Row) -> Result<(), rusqlite::Error> {
    let query = format!("INSERT OR REPLACE INTO {} VALUES (?1, ?2, ?3)", table.name());
    to.prepare_cached(&query)?.execute(params![key, row.block, row.sketches]).map(|_| ())
}

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// Takes the lock, which lasts as long as the file that is returned.
fn lock(path: &Path) -> Result<fs::File, Error> {
    let unusable = |why: String| Error::Unusable { path: path.to_owned(), why };
    let options = || fs::OpenOptions::new().create(true).append(true).mode(0o600).clone();
    let lock = options().open(beside(path, ".lock")).map_err(|error| unusable(error.to_string()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(unusable(error.to_string())),
    }
}

fn inspect(path: &Path) -> Result<Found, Error> {
    let unusable = |why: String| Error::Unusable { path: path.to_owned(), why };
    // For its owner alone; SQLite's own files beside it follow it.
    let begun = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    begun.map_err(|error| unusable(error.to_string()))?;
    let connection = Connection::open(path).map_err(|error| unusable(error.to_string()))?;
    let found = prepare(&connection).and_then(|version| {
        let said = if (1..=VERSION).contains(&version) { check(&connection)? } else { "ok".to_owned() };
        Ok((version, said))
    });
    match found {
        Ok((version, _)) if version > VERSION => Err(Error::Newer { path: path.to_owned(), found: version }),
        Ok((version, _)) if version < 1 => Ok(Found::Damaged("is no history of isobar".to_owned())),
        Ok((_, said)) if said == "ok" => Ok(Found::Usable(connection)),
        Ok((_, said)) => Ok(Found::Damaged(format!("is damaged ({said})"))),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(Found::Damaged(format!("is damaged ({error})"))),
            _ => Err(unusable(error.to_string())),
        },
    }
}

/// Looks for damage, for as long as that may take.
fn check(connection: &Connection) -> Result<String, rusqlite::Error> {
    let (interrupt, (done, ended)) = (connection.get_interrupt_handle(), mpsc::channel::<()>());
    let said = thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(LONGEST_CHECK) == Err(mpsc::RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let said = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        drop(done);
        said
    });
    match said {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok("ok".to_owned()),
        said => said,
    }
}

/// Makes the tables of an empty file, and tells the number of its shape; 0 when it is somebody else's.
fn prepare(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let (owner, version) = (number("application_id")?, number("user_version")?);
    let is_empty = tables == 0 && owner == 0 && version == 0;
    if !is_empty && (owner != OURS || version > VERSION) {
        return Ok(if owner == OURS { version } else { 0 });
    }
    if is_empty {
        // Before anything is in it: later it would take a rewrite.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    if is_empty {
        let blocks = Table::ALL
            .map(|table| format!("CREATE TABLE {} (key INTEGER PRIMARY KEY, block BLOB NOT NULL, sketches BLOB);", table.name()));
        connection.execute_batch(&format!(
            "BEGIN EXCLUSIVE;
             CREATE TABLE targets (id INTEGER PRIMARY KEY, region TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (region, name));
             CREATE TABLE journal (at INTEGER PRIMARY KEY, said BLOB NOT NULL);
             CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
             {}
             PRAGMA application_id = {OURS}; PRAGMA user_version = {VERSION};
             COMMIT;",
            blocks.join("\n")
        ))?;
    }
    number("user_version")
}

/// Moves a file that cannot be used out of the way, with what belongs to it.
fn put_aside(path: &Path, now: Timestamp) -> Result<PathBuf, Error> {
    let aside = beside(path, &format!(".corrupt-{}", now.unix_ms() / 1_000));
    fs::rename(path, &aside).map_err(|error| Error::Unusable { path: path.to_owned(), why: error.to_string() })?;
    for end in ["-wal", "-shm", "-journal"] {
        let _ = fs::rename(beside(path, end), beside(&aside, end));
    }
    Ok(aside)
}
