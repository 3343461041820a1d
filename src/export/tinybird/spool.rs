//! The rows that wait, on disk: files of whole lines in a folder of their own, and a file that says up to where they are sent. Every row
//! goes through it. While the disk does not take them they wait in memory, within a bound too, and go to disk when it does again.
//!
//! Written is not synced: the end of the process loses nothing, the end of the machine some seconds at most, since a file is synced when it is full.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    lines,
    queue::{Place, Queue, Segment},
};
use crate::model::uploads::Dropped;

/// What may wait in memory while the disk takes nothing.
const MOST_IN_MEMORY: u64 = 8 << 20;
/// What files of rows end with.
const ENDING: &str = "rows";
/// Up to where they are sent.
const MARK: &str = "sent";
/// Held by who uses the folder.
const LOCK: &str = "lock";

/// The rows of one request.
#[derive(Debug, Default)]
enum Out {
    #[default]
    None,
    Disk,
    Memory(Vec<String>),
}

/// The folder while it can be used.
struct Folder {
    queue: Queue,
    mark: File,
    writing: Option<(u64, File)>,
    /// Others keep out as long as it is open.
    _lock: File,
}

/// See the module.
pub(super) struct Spool {
    path: Option<PathBuf>,
    bound: u64,
    folder: Option<Folder>,
    /// Newer than all on disk.
    memory: VecDeque<String>,
    memory_bytes: u64,
    out: Out,
    dropped: Dropped,
    trouble: Option<String>,
}

impl Spool {
    /// The one in this folder with what it holds; in memory without a folder, and while it cannot be used.
    pub(super) fn open(path: Option<&Path>, bound: u64) -> Self {
        let mut spool = Self {
            path: path.map(Path::to_owned),
            bound,
            folder: None,
            memory: VecDeque::new(),
            memory_bytes: 0,
            out: Out::None,
            dropped: Dropped::default(),
            trouble: path.is_none().then(|| "there is no folder for it".to_owned()),
        };
        spool.try_open();
        spool
    }

    fn try_open(&mut self) {
        let Some(path) = self.path.as_deref().filter(|_| self.folder.is_none()) else { return };
        match Folder::open(path, self.bound) {
            Ok((folder, damaged)) => {
                (self.folder, self.trouble) = (Some(folder), None);
                self.dropped.damaged += damaged;
            }
            Err(error) => self.trouble = Some(reason(&error)),
        }
    }

    /// Takes new rows.
    pub(super) fn append(&mut self, rows: Vec<String>) {
        self.memory_bytes += rows.iter().map(|row| lines::length(row)).sum::<u64>();
        self.memory.extend(rows);
        self.write_out();
        self.trim();
    }

    /// Writes what is in memory as far as the disk takes it.
    fn write_out(&mut self) {
        // Rows of memory that are under way may come back, and are older.
        if self.memory.is_empty() || matches!(self.out, Out::Memory(_)) {
            return;
        }
        self.try_open();
        let (Some(path), Some(folder)) = (&self.path, &mut self.folder) else { return };
        while !self.memory.is_empty() {
            let (mut text, mut rows) = (String::new(), 0);
            for row in &self.memory {
                if rows > 0 && text.len() as u64 + lines::length(row) > folder.queue.longest() {
                    break;
                }
                text.push_str(&lines::line(row));
                rows += 1;
            }
            let (written, dropped) = folder.write(path, &text, rows);
            self.dropped.overflow += dropped;
            if let Err(error) = written {
                self.trouble = Some(reason(&error));
                return;
            }
            self.memory.drain(..rows as usize);
            self.memory_bytes -= text.len() as u64;
        }
        self.trouble = None;
    }

    fn trim(&mut self) {
        while self.memory_bytes > self.bound.min(MOST_IN_MEMORY) {
            let Some(oldest) = self.memory.pop_front() else { return };
            self.memory_bytes -= lines::length(&oldest);
            self.dropped.overflow += 1;
        }
    }

    /// The oldest rows, at most so many bytes of them but at least one; they are under way until it is said how that ended.
    pub(super) fn take_out(&mut self, most: usize) -> Option<Vec<String>> {
        if !matches!(self.out, Out::None) {
            return None;
        }
        if let (Some(path), Some(folder)) = (&self.path, &mut self.folder) {
            while let Some(first) = folder.queue.first() {
                let (rows, end) = folder.read(path, first, most);
                if !rows.is_empty() {
                    folder.queue.take_out(end);
                    self.out = Out::Disk;
                    return Some(rows);
                }
                let Some((gone, rows)) = folder.queue.drop_oldest() else { break };
                remove(path, &[gone]);
                self.dropped.damaged += rows;
            }
        }
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = self.memory.front()
            && (rows.is_empty() || bytes + row.len() < most)
        {
            bytes += row.len() + 1;
            self.memory_bytes -= lines::length(row);
            rows.extend(self.memory.pop_front());
        }
        if rows.is_empty() {
            return None;
        }
        self.out = Out::Memory(rows.clone());
        Some(rows)
    }

    /// What was under way is sent, or given up.
    pub(super) fn settle(&mut self) {
        if let (Out::Disk, Some(path), Some(folder)) = (std::mem::take(&mut self.out), &self.path, &mut self.folder) {
            let gone = folder.queue.settle();
            let sent = folder.queue.sent();
            // Without it some rows are sent a second time after a restart, which the data source can tell.
            let _ = folder.mark.write_all_at(lines::mark(sent.segment, sent.byte).as_bytes(), 0);
            remove(path, &gone);
        }
    }

    /// What was under way waits again, in its place.
    pub(super) fn put_back(&mut self) {
        match (std::mem::take(&mut self.out), &mut self.folder) {
            (Out::Disk, Some(folder)) => self.dropped.overflow += folder.queue.put_back(),
            (Out::Memory(rows), _) => {
                self.memory_bytes += rows.iter().map(|row| lines::length(row)).sum::<u64>();
                rows.into_iter().rev().for_each(|row| self.memory.push_front(row));
                self.trim();
            }
            _ => {}
        }
    }

    /// The last words: what can be kept is.
    pub(super) fn close(&mut self) {
        self.put_back();
        self.write_out();
        if let Some((_, file)) = self.folder.as_mut().and_then(|folder| folder.writing.take()) {
            let _ = file.sync_data();
        }
    }

    /// How many rows wait, those under way included, and what they take.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let (rows, bytes) = self.folder.as_ref().map_or((0, 0), |folder| (folder.queue.rows(), folder.queue.bytes()));
        let (out, out_bytes) = match &self.out {
            Out::Memory(out) => (out.len() as u64, out.iter().map(|row| lines::length(row)).sum()),
            _ => (0, 0),
        };
        (rows + self.memory.len() as u64 + out, bytes + self.memory_bytes + out_bytes)
    }

    /// What nobody got since the last time this was asked.
    pub(super) fn dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// Why rows are not kept on disk, when they are not.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

impl Folder {
    /// With how many rows of it cannot be read.
    fn open(path: &Path, bound: u64) -> io::Result<(Self, u64)> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another process uses the folder"),
            TryLockError::Error(error) => error,
        })?;
        let mut mark = options.open(path.join(MARK))?;
        let mut marked = Vec::new();
        mark.read_to_end(&mut marked)?;
        // Nothing that can be read: all of it again.
        let (segment, byte) = lines::marked(&marked).unwrap_or_default();
        let mut ids: Vec<u64> = Vec::new();
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            let id: Option<u64> = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.strip_suffix('.')?.parse().ok());
            ids.extend(id);
        }
        ids.sort_unstable();
        let (mut segments, mut damaged, mut sent) = (Vec::new(), 0, Place { segment, byte, row: 0 });
        for id in ids {
            if id < segment {
                remove(path, &[id]);
                continue;
            }
            let bytes = fs::read(file(path, id))?;
            let (mut at, mut rows) = (0, 0);
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let (is_whole, is_sent) = (lines::row(line).is_some(), id == segment && at < byte);
                rows += u64::from(is_whole);
                sent.row += u64::from(is_whole && is_sent);
                damaged += u64::from(!is_whole && !is_sent);
                at += line.len() as u64;
            }
            segments.push(Segment { id, bytes: bytes.len() as u64, rows });
        }
        Ok((Self { queue: Queue::new(bound, segments, sent), mark, writing: None, _lock: lock }, damaged))
    }

    /// Appends lines; and how many rows went to make room.
    fn write(&mut self, path: &Path, text: &str, rows: u64) -> (io::Result<()>, u64) {
        let admission = self.queue.admit(text.len() as u64);
        remove(path, &admission.gone);
        let written = self.write_to(path, admission.segment, text);
        if written.is_ok() {
            self.queue.appended(text.len() as u64, rows);
        } else {
            // Whatever came there of it is a line that is not whole.
            self.writing = None;
            self.queue.close();
        }
        (written, admission.dropped)
    }

    fn write_to(&mut self, path: &Path, segment: u64, text: &str) -> io::Result<()> {
        let mut file = match self.writing.take() {
            Some((id, file)) if id == segment => file,
            before => {
                if let Some((_, full)) = before {
                    full.sync_data()?;
                }
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file(path, segment))?
            }
        };
        let start = file.stream_position()?;
        if let Err(error) = file.write_all(text.as_bytes()) {
            if start == 0 {
                remove(path, &[segment]);
            } else {
                file.set_len(start)?;
            }
            return Err(error);
        }
        self.writing = Some((segment, file));
        Ok(())
    }

    /// The rows from this place on, and where the last of them ends.
    fn read(&self, path: &Path, first: Place, most: usize) -> (Vec<String>, Place) {
        let (mut rows, mut end, mut total) = (Vec::new(), first, 0);
        for id in self.queue.from(first.segment) {
            let mut at = if id == first.segment { first } else { Place { segment: id, ..Place::default() } };
            let Ok(bytes) = rest(&file(path, id), at.byte) else { return (rows, end) };
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                at.byte += line.len() as u64;
                let Some(row) = lines::row(line) else { continue };
                if !rows.is_empty() && total + row.len() >= most {
                    return (rows, end);
                }
                total += row.len() + 1;
                rows.push(row.to_owned());
                at.row += 1;
                end = at;
            }
        }
        (rows, end)
    }
}

fn rest(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let (mut file, mut bytes) = (File::open(path)?, Vec::new());
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn file(path: &Path, segment: u64) -> PathBuf {
    path.join(format!("{segment:020}.{ENDING}"))
}

/// What stays though it should go is read again after a restart, and sent a second time.
fn remove(path: &Path, segments: &[u64]) {
    for segment in segments {
        let _ = fs::remove_file(file(path, *segment));
    }
}

fn reason(error: &io::Error) -> String {
    match error.get_ref() {
        Some(own) => own.to_string(),
        None => error.kind().to_string(),
    }
}
