//! The journal: what must outlive the process, in one SQLite file. Incidents, rows of the outbox and silences, each as JSON under its id;
//! one transaction per turn of the actor, on disk (`synchronous = FULL`) before anything is done with it.
//!
//! ```text
//!  open ──► ours? ──no──► moved aside, a fresh one ──► newer than us? ──yes──► refused
//!            └─yes──► locked by another process? ──yes──► refused: two would tell everything twice
//! ```
//! Times in it are those of the steady clock, which starts anew with each process. So each transaction also says how far that clock
//! was from the wall's, and loading shifts all of them: what lasted goes on as if the process had run on.
//!
//! Without a path all of this is in memory, for `watch`, the demo and tests.

mod adopt;
pub(super) mod shift;

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};

use super::{Now, desk::Kept, incident::Incident, outbox::Row};
use crate::model::alert::Silence;

pub use adopt::{ADOPTED, adopt};

/// The shape of the tables; a file with a higher number is a newer Isobar's.
const VERSION: i64 = 1;
/// `ISOB`: tells our files from others.
const OURS: i64 = 0x4953_4f42;
/// A process that ends lets go of its file in this time.
const PATIENCE: Duration = Duration::from_secs(3);
/// The wall clock moved against the steady one by more than this: it is worth writing down.
const DRIFT_MS: i64 = 1_000;

const UNREADABLE: &str = "entries cannot be read";

const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE incidents (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE silences (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE rows (seq INTEGER PRIMARY KEY, json TEXT NOT NULL);
";

/// Why the journal cannot be used; the operator's to fix, but for a full disk nothing helps that goes by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("[alerts] path {}: another process uses this file; give each node a file of its own", .0.display())]
    Locked(PathBuf),
    /// A newer Isobar wrote it.
    #[error("[alerts] path {}: written by a newer isobar (shape {found}, this one knows {VERSION}); use that, or another file", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its number.
        found: i64,
    },
    /// It cannot be opened or made.
    #[error("[alerts] path {}: cannot be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A write failed.
    #[error("alerts are not kept on disk: {0}")]
    Write(#[from] rusqlite::Error),
}

/// What one turn changed, or all there is.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    /// Incidents, whole.
    pub incidents: Vec<&'a Incident>,
    /// Incidents that are forgotten.
    pub forgotten: Vec<&'a str>,
    /// All silences made by API, when they changed.
    pub silences: Option<Vec<Silence>>,
    /// Rows, whole.
    pub rows: Vec<&'a Row>,
    /// Rows that are gone.
    pub dropped: Vec<u64>,
    /// The version of the region's shelves after it; none without a bus, and when it stays.
    pub version: Option<u64>,
}

impl Batch<'_> {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.incidents.is_empty()
            && self.forgotten.is_empty()
            && self.silences.is_none()
            && self.rows.is_empty()
            && self.dropped.is_empty()
            && self.version.is_none()
    }
}

/// What was in it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// For the desk.
    pub kept: Kept,
    /// For the outbox, in order.
    pub rows: Vec<Row>,
    /// The version of the region's shelves that it holds; 0 when it never followed any.
    pub version: u64,
    /// What had to be said on the way: a file moved aside, entries that could not be read.
    pub remarks: Vec<String>,
    /// Why its times could not be written anew, when they could not: all of it is to be written again.
    pub behind: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    /// Steady less wall, milliseconds, as it was last written.
    offset: i64,
}

/// What a file turned out to be.
enum Found {
    Usable(Connection),
    Damaged(String),
}

impl Journal {
    /// Opens the file, or begins it; in memory without one.
    pub fn open(path: Option<&Path>, now: Now) -> Result<(Self, Loaded), Error> {
        let Some(path) = path else {
            let connection = Connection::open_in_memory()?;
            connection.execute_batch(TABLES)?;
            return Ok((Self { connection, offset: offset(now) }, Loaded::default()));
        };
        let mut loaded = Loaded::default();
        let connection = match inspect(path)? {
            Found::Usable(connection) => connection,
            Found::Damaged(why) => {
                let aside = put_aside(path, now)?;
                loaded.remarks.push(format!(
                    "[alerts] path {}: {why}; moved to {}, and a fresh one begun: earlier incidents and silences are forgotten",
                    path.display(),
                    aside.display()
                ));
                match inspect(path)? {
                    Found::Usable(connection) => connection,
                    Found::Damaged(why) => return Err(Error::Unusable { path: path.to_owned(), why }),
                }
            }
        };
        let mut journal = Self { connection, offset: offset(now) };
        journal.load(path, now, &mut loaded)?;
        Ok((journal, loaded))
    }

    fn load(&mut self, path: &Path, now: Now, into: &mut Loaded) -> Result<(), Error> {
        let written: Option<i64> =
            self.connection.query_row("SELECT value FROM meta WHERE name = 'offset'", [], |row| row.get(0)).optional()?;
        let by = offset(now) - written.unwrap_or_else(|| offset(now));
        let version: Option<i64> =
            self.connection.query_row("SELECT value FROM meta WHERE name = 'version'", [], |row| row.get(0)).optional()?;
        into.version = version.map_or(0, i64::cast_unsigned);
        into.kept.incidents = self.read("SELECT json FROM incidents ORDER BY id", &mut into.remarks)?;
        into.kept.silences = self.read("SELECT json FROM silences ORDER BY id", &mut into.remarks)?;
        into.rows = self.read("SELECT json FROM rows ORDER BY seq", &mut into.remarks)?;
        if into.remarks.iter().any(|remark| remark.contains(UNREADABLE)) {
            into.remarks.push(self.copy_aside(path, now));
        }
        into.kept.incidents.iter_mut().for_each(|incident| shift::incident(incident, by, now.steady));
        into.rows.iter_mut().for_each(|row| shift::row(row, by, now.steady));
        // The times on disk are still the old clock's: all of them are written anew with the new one before any of them is mixed.
        let batch = Batch {
            incidents: into.kept.incidents.iter().collect(),
            silences: Some(into.kept.silences.clone()),
            rows: into.rows.iter().collect(),
            ..Batch::default()
        };
        let written = self.replace(&batch, now);
        into.behind = written.err().map(|error| error.to_string());
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, query: &str, remarks: &mut Vec<String>) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare(query)?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut unreadable = 0;
        let read = texts.iter().filter_map(|text| serde_json::from_str(text).inspect_err(|_| unreadable += 1).ok()).collect();
        if unreadable > 0 {
            remarks.push(format!("[alerts] path: {unreadable} {UNREADABLE} and are left out"));
        }
        Ok(read)
    }

    /// Keeps a copy of the file as it is, since what cannot be read is not written again; tells where.
    fn copy_aside(&self, path: &Path, now: Now) -> String {
        let aside = PathBuf::from(format!("{}.unreadable-{}", path.display(), now.wall.unix_ms() / 1000));
        let begun =
            fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&aside).map_err(|error| error.to_string());
        let into = aside.to_string_lossy();
        let copied = begun.and_then(|_| self.connection.execute("VACUUM INTO ?1", [&*into]).map_err(|error| error.to_string()));
        match copied {
            Ok(_) => format!("[alerts] path {}: a copy with them is kept as {}", path.display(), aside.display()),
            Err(why) => {
                format!("[alerts] path {}: no copy with them could be kept as {}: {why}", path.display(), aside.display())
            }
        }
    }

    /// Writes one turn: all of it, or nothing.
    pub fn commit(&mut self, batch: &Batch<'_>, now: Now) -> Result<(), Error> {
        self.write(batch, now, false)
    }

    /// Writes everything there is in place of what is on disk, after writes have failed.
    pub fn replace(&mut self, everything: &Batch<'_>, now: Now) -> Result<(), Error> {
        self.write(everything, now, true)
    }

    /// Whether the wall clock has moved so far against the steady one that it should be written down.
    pub fn has_drifted(&self, now: Now) -> bool {
        (offset(now) - self.offset).abs() > DRIFT_MS
    }

    fn write(&mut self, batch: &Batch<'_>, now: Now, anew: bool) -> Result<(), Error> {
        let offset = offset(now);
        let transaction = self.connection.transaction()?;
        if anew {
            transaction.execute_batch("DELETE FROM incidents; DELETE FROM rows;")?;
        }
        transaction.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('offset', ?1)")?.execute([offset])?;
        if let Some(version) = batch.version {
            transaction.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('version', ?1)")?.execute([version.cast_signed()])?;
        }
        for incident in &batch.incidents {
            put(&transaction, "INSERT OR REPLACE INTO incidents VALUES (?1, ?2)", &incident.id, incident)?;
        }
        for id in &batch.forgotten {
            transaction.prepare_cached("DELETE FROM incidents WHERE id = ?1")?.execute([id])?;
        }
        if let Some(silences) = &batch.silences {
            transaction.execute_batch("DELETE FROM silences")?;
            for silence in silences {
                put(&transaction, "INSERT OR REPLACE INTO silences VALUES (?1, ?2)", &silence.id, silence)?;
            }
        }
        for row in &batch.rows {
            put(&transaction, "INSERT OR REPLACE INTO rows VALUES (?1, ?2)", row.seq.cast_signed(), row)?;
        }
        for seq in &batch.dropped {
            transaction.prepare_cached("DELETE FROM rows WHERE seq = ?1")?.execute([seq.cast_signed()])?;
        }
        transaction.commit()?;
        self.offset = offset;
        Ok(())
    }
}

fn put(to: &Transaction<'_>, statement: &str, id: impl rusqlite::ToSql, what: &impl Serialize) -> Result<(), rusqlite::Error> {
    let json = serde_json::to_string(what).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    to.prepare_cached(statement)?.execute(params![id, json]).map(|_| ())
}

const fn offset(now: Now) -> i64 {
    now.steady.unix_ms() - now.wall.unix_ms()
}

/// Opens the file and takes the lock that lasts as long as the process.
fn inspect(path: &Path) -> Result<Found, Error> {
    let unusable = |why: String| Error::Unusable { path: path.to_owned(), why };
    // For its owner alone; SQLite's own files beside it follow it.
    let begun = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    begun.map_err(|error| unusable(error.to_string()))?;
    let connection = Connection::open(path).map_err(|error| unusable(error.to_string()))?;
    let found = prepare(&connection).and_then(|version| {
        if (1..=VERSION).contains(&version) {
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map(|said| (version, said))
        } else {
            Ok((version, "ok".to_owned()))
        }
    });
    match found {
        Ok((version, _)) if version > VERSION => Err(Error::Newer { path: path.to_owned(), found: version }),
        Ok((version, _)) if version < 1 => Ok(Found::Damaged("is no journal of isobar".to_owned())),
        Ok((_, said)) if said == "ok" => Ok(Found::Usable(connection)),
        Ok((_, said)) => Ok(Found::Damaged(format!("is damaged ({said})"))),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Err(Error::Locked(path.to_owned())),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(Found::Damaged(format!("is damaged ({error})"))),
            _ => Err(unusable(error.to_string())),
        },
    }
}

/// Locks the file, makes the tables of an empty one, and tells the number of its shape; 0 when it is somebody else's.
fn prepare(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let (owner, version) = (number("application_id")?, number("user_version")?);
    let is_empty = tables == 0 && owner == 0 && version == 0;
    if !is_empty && (owner != OURS || version > VERSION) {
        return Ok(if owner == OURS { version } else { 0 });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    if is_empty {
        let marks = format!("PRAGMA application_id = {OURS}; PRAGMA user_version = {VERSION};");
        connection.execute_batch(&format!("BEGIN EXCLUSIVE; {TABLES} {marks} COMMIT;"))?;
    }
    number("user_version")
}

/// Moves a file that cannot be used out of the way, with what belongs to it.
fn put_aside(path: &Path, now: Now) -> Result<PathBuf, Error> {
    let beside = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let aside = beside(&format!(".corrupt-{}", now.wall.unix_ms() / 1000));
    fs::rename(path, &aside).map_err(|error| Error::Unusable { path: path.to_owned(), why: error.to_string() })?;
    for end in ["-wal", "-shm", "-journal"] {
        let _ = fs::rename(beside(end), format!("{}{end}", aside.display()));
    }
    Ok(aside)
}

#[cfg(test)]
mod tests;
