//! The spool on a real disk through outages, crashes and damage, in virtual time; and what each answer means.

mod answers;
mod deployed;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::SmallRng};

use super::{
    courier::{Courier, Ended, Fate},
    spool::Spool,
};
use crate::{clock, model::uploads::Dropped};

/// Rows of about the real size, told apart by their number.
fn rows(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| format!(r#"{{"number":{number},"rest":"{}"}}"#, "x".repeat(650))).collect()
}

fn number(row: &str) -> u64 {
    row.split([':', ',']).nth(1).and_then(|text| text.parse().ok()).expect("a number")
}

/// Ten targets with a row each ten seconds, and what came of them.
struct Played {
    start: Instant,
    courier: Courier,
    spool: Spool,
    rng: SmallRng,
    made: u64,
    got: Vec<u64>,
    dropped: Dropped,
    calls: usize,
}

impl Played {
    fn new(folder: &Path, bound: u64) -> Self {
        let start = clock::now();
        let (spool, rng) = (Spool::open(Some(folder), bound), SmallRng::seed_from_u64(3));
        let dropped = Dropped::default();
        Self { start, courier: Courier::new(start), spool, rng, made: 0, got: Vec::new(), dropped, calls: 0 }
    }

    /// Plays these tenths of seconds; while it is `away` nothing answers.
    fn play(&mut self, tenths: std::ops::Range<u64>, away: bool) {
        for tenth in tenths {
            let now = self.start + Duration::from_millis(tenth * 100);
            if tenth.is_multiple_of(100) {
                self.spool.append(rows(self.made..self.made + 10));
                self.made += 10;
            }
            if !self.courier.is_due(now) {
                continue;
            }
            let Some(batch) = self.spool.take_out(self.courier.most()) else { continue };
            self.calls += 1;
            let bytes: usize = batch.iter().map(|row| row.len() + 1).sum();
            assert!(bytes <= 1 << 20, "far below the limit of a request");
            let ended = if away {
                Ended::Later { why: "away".to_owned(), after: None }
            } else {
                Ended::Taken { successful: None, quarantined: 0 }
            };
            match self.courier.ended(&ended, batch.len(), bytes, now, &mut self.rng) {
                Fate::Waits => self.spool.put_back(),
                Fate::Sent | Fate::Dropped => {
                    self.got.extend(batch.iter().map(|row| number(row)));
                    self.spool.settle();
                }
            }
        }
        let dropped = self.spool.dropped();
        self.dropped.overflow += dropped.overflow;
        self.dropped.damaged += dropped.damaged;
    }

    /// The process is killed and begins anew: nothing is closed, and nothing in memory stays.
    fn is_killed(&mut self, folder: &Path, bound: u64) {
        self.spool = Spool::open(None, bound);
        self.spool = Spool::open(Some(folder), bound);
        assert_eq!(self.spool.trouble(), None);
    }
}

#[test]
fn an_outage_of_ten_minutes_with_a_crash_in_it_loses_and_repeats_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut played = Played::new(dir.path(), 64 << 20);
    played.play(0..600, false);
    assert_eq!((played.calls, played.spool.waiting().0), (6, 0), "one request per interval");
    played.calls = 0;
    played.play(600..3_600, true);
    played.is_killed(dir.path(), 64 << 20);
    played.play(3_600..6_600, true);
    assert!((10..40).contains(&played.calls), "{} attempts in ten minutes", played.calls);
    assert_eq!(played.spool.waiting().0, 600);
    played.play(6_600..7_300, false);
    assert_eq!(played.got, (0..played.made).collect::<Vec<_>>(), "all, once, and in order");
    assert_eq!((played.dropped, played.spool.waiting()), (Dropped::default(), (0, 0)));
}

#[test]
fn what_is_beyond_the_bound_is_counted_and_the_newest_are_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let bound = 100 << 10;
    let mut played = Played::new(dir.path(), bound);
    played.play(0..6_000, true);
    let on_disk: u64 =
        fs::read_dir(dir.path()).expect("a folder").map(|entry| entry.expect("a file").metadata().expect("a length").len()).sum();
    assert!(on_disk <= bound + 100 && played.spool.waiting().1 <= bound, "{on_disk}");
    played.play(6_000..7_000, false);
    assert_eq!(played.got.len() as u64 + played.dropped.overflow, played.made, "every row is accounted for");
    let first = played.dropped.overflow;
    assert_eq!(played.got, (first..played.made).collect::<Vec<_>>());
    assert!(played.got.len() > 130, "{}: most of the bound is used", played.got.len());
}

#[test]
fn what_was_sent_is_not_sent_again_after_a_crash() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::open(Some(dir.path()), 1 << 20);
    spool.append(rows(0..50));
    let first = spool.take_out(20 * 680).expect("rows");
    assert!(first.len() > 10 && spool.take_out(1).is_none(), "one batch is under way at a time");
    spool.settle();
    let second = spool.take_out(1).expect("rows");
    assert_eq!(second.len(), 1, "at least one, however long");
    drop(spool);
    let mut spool = Spool::open(Some(dir.path()), 1 << 20);
    assert_eq!(spool.waiting().0, 50 - first.len() as u64, "what was under way is not known to be there");
    assert_eq!(number(&spool.take_out(1).expect("rows")[0]), number(&second[0]));
    fs::write(dir.path().join("sent"), "nonsense").expect("written");
    drop(spool);
    let mut spool = Spool::open(Some(dir.path()), 1 << 20);
    assert_eq!(spool.waiting().0, 50, "rather twice than never");
    spool.append(rows(50..51));
    assert_eq!(spool.take_out(1 << 20).expect("rows").len(), 51);
}

#[test]
fn a_torn_end_and_a_damaged_line_cost_themselves_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::open(Some(dir.path()), 1 << 20);
    spool.append(rows(0..10));
    drop(spool);
    let file = dir.path().join(format!("{:020}.rows", 1));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&dir.path().join("sent"))), (0o600, 0o600));
    let mut bytes = fs::read(&file).expect("rows");
    let length = bytes.len();
    bytes[length / 2 + 50] ^= 1;
    bytes.truncate(length - 100);
    fs::write(&file, bytes).expect("written");
    fs::write(dir.path().join("notes.rows"), "not ours").expect("written");
    let mut spool = Spool::open(Some(dir.path()), 1 << 20);
    assert_eq!((spool.waiting().0, spool.dropped().damaged), (8, 2));
    spool.append(rows(10..12));
    let all: Vec<_> = spool.take_out(1 << 20).expect("rows").iter().map(|row| number(row)).collect();
    assert_eq!(all, [0, 1, 2, 3, 4, 6, 7, 8, 10, 11]);
    spool.settle();
    assert_eq!(spool.waiting(), (0, 0));
    assert!(!file.exists(), "what is sent goes");
}

#[test]
fn files_that_vanish_or_cannot_be_read_hold_up_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut spool = Spool::open(Some(dir.path()), 160 << 10);
    spool.append(rows(0..60));
    fs::remove_file(dir.path().join(format!("{:020}.rows", 2))).expect("it was there");
    let mut got = Vec::new();
    while let Some(batch) = spool.take_out(1 << 20) {
        got.extend(batch.iter().map(|row| number(row)));
        spool.settle();
    }
    let lost = spool.dropped().damaged;
    assert!((5..20).contains(&lost), "{lost}");
    assert_eq!(got.len() as u64 + lost, 60);
}

#[test]
fn while_the_disk_takes_nothing_rows_wait_in_memory_and_go_to_disk_after_that() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("spool");
    fs::write(&folder, "in the way").expect("written");
    let mut spool = Spool::open(Some(&folder), 1 << 20);
    spool.append(rows(0..3));
    assert_eq!(spool.waiting().0, 3);
    assert!(spool.trouble().is_some());
    assert_eq!(spool.take_out(1 << 20).expect("rows").len(), 3);
    spool.append(rows(3..5));
    spool.put_back();
    assert_eq!(spool.waiting().0, 5);
    fs::remove_file(&folder).expect("it was there");
    spool.append(rows(5..6));
    assert_eq!(spool.trouble(), None);
    // The next file cannot be made.
    fs::create_dir(folder.join(format!("{:020}.rows", 2))).expect("made");
    spool.append(rows(6..200));
    assert!(spool.trouble().is_some());
    assert_eq!(spool.waiting().0, 200);
    spool.append(rows(200..201));
    assert_eq!(spool.trouble(), None, "with another name it can");
    drop(spool);
    fs::remove_dir(folder.join(format!("{:020}.rows", 2))).expect("it was there");
    let mut spool = Spool::open(Some(&folder), 1 << 20);
    let all: Vec<_> = spool.take_out(1 << 20).expect("rows").iter().map(|row| number(row)).collect();
    assert_eq!(all, (0..201).collect::<Vec<_>>());
}

#[test]
fn memory_has_a_bound_too_and_a_folder_one_user() {
    let mut alone = Spool::open(None, 16 << 10);
    alone.append(rows(0..100));
    let (waiting, bytes) = alone.waiting();
    assert!(bytes <= 16 << 10 && waiting > 20, "{waiting} rows of {bytes} bytes");
    assert_eq!(alone.dropped().overflow, 100 - waiting);
    assert_eq!(number(&alone.take_out(1).expect("rows")[0]), 100 - waiting, "the oldest go");
    let dir = tempfile::tempdir().expect("a folder");
    let (first, second) = (Spool::open(Some(dir.path()), 1 << 20), Spool::open(Some(dir.path()), 1 << 20));
    assert_eq!((first.trouble(), second.trouble()), (None, Some("another process uses the folder")));
}

/// A file system of 64 KiB, gone with this.
struct Small(tempfile::TempDir);

impl Small {
    fn mounted() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(dir.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_costs_nothing_that_fits_into_memory() {
    let Some(small) = Small::mounted() else {
        eprintln!("no file system can be mounted here: a full disk is not tried");
        return;
    };
    let mut spool = Spool::open(Some(&small.0.path().join("spool")), 1 << 20);
    let others = small.0.path().join("others");
    fs::write(&others, vec![0; 30 << 10]).expect("written");
    for first in (0..300).step_by(7) {
        spool.append(rows(first..first + 7));
    }
    assert!(spool.trouble().is_some_and(|why| why.contains("full") || why.contains("space")), "{:?}", spool.trouble());
    let mut got = Vec::new();
    let mut take = |spool: &mut Spool, batches: usize| {
        for _ in 0..batches {
            let Some(batch) = spool.take_out(20 << 10) else { return };
            got.extend(batch.iter().map(|row| number(row)));
            spool.settle();
        }
    };
    take(&mut spool, 2);
    fs::remove_file(&others).expect("it was there");
    spool.append(rows(301..310));
    take(&mut spool, 100);
    assert_eq!(spool.waiting(), (0, 0));
    assert_eq!(got, (0..310).collect::<Vec<_>>(), "all, once, and in order");
    assert_eq!(spool.dropped(), Dropped::default());
}
