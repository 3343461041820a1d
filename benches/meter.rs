//! The bill of a server for one role's sessions, by processor time.
//!
//! Sessions that stay are read to the nanosecond from the scheduler's books. What connects and leaves again is in what the
//! postmaster and its ended children took, to 10 ms; nobody else comes or goes while a bench runs.

use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

use isobar::sandbox::Postgres;

use crate::crowd::Session;

/// The unit of `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// An open bill.
pub(crate) struct Meter<'a> {
    server: &'a Postgres,
    session: &'a Session,
    role: &'static str,
    since: Instant,
    whole: Duration,
    forks: Duration,
    sessions: HashMap<i32, Duration>,
}

/// What one role's sessions took.
#[derive(Default, Clone, Copy)]
pub(crate) struct Bill {
    pub(crate) time: Duration,
    /// Sessions whose last statement read sessions: the fast lane.
    pub(crate) fast: Duration,
    /// Other sessions that stay.
    pub(crate) other: Duration,
    /// Connecting, and sessions that ended.
    pub(crate) forks: Duration,
    /// The whole server, everybody's work.
    pub(crate) whole: Duration,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(server: &'a Postgres, session: &'a Session, role: &'static str) -> Self {
        let sessions = of_role(session, role).into_iter().map(|(pid, _)| (pid, took(pid))).collect();
        let forks = postmaster(server);
        Self { server, session, role, since: Instant::now(), whole: server.cpu_time(), forks, sessions }
    }

    pub(crate) fn stop(self) -> Bill {
        let mut bill = Bill {
            time: self.since.elapsed(),
            forks: postmaster(self.server).saturating_sub(self.forks),
            whole: self.server.cpu_time().saturating_sub(self.whole),
            ..Bill::default()
        };
        for (pid, query) in of_role(self.session, self.role) {
            let before = self.sessions.get(&pid).copied().unwrap_or_default();
            let lane = if query.contains("pg_get_userbyid") { &mut bill.fast } else { &mut bill.other };
            *lane += took(pid).saturating_sub(before);
        }
        bill
    }
}

impl Bill {
    /// What the role took, as a share of one core.
    pub(crate) fn share(&self) -> f64 {
        self.of(self.fast + self.other + self.forks)
    }

    /// A part of it, as a share of one core.
    pub(crate) fn of(&self, part: Duration) -> f64 {
        part.as_secs_f64() / self.time.as_secs_f64()
    }

    /// Server time per event, of so many a second.
    pub(crate) fn per(&self, a_second: f64) -> Duration {
        Duration::from_secs_f64(self.share() / a_second)
    }
}

fn of_role(session: &Session, role: &str) -> Vec<(i32, String)> {
    let rows = session.sql(&format!("SELECT pid, query FROM pg_stat_activity WHERE usename = '{role}'"));
    let text = |row: &tokio_postgres::SimpleQueryRow, at| row.get(at).unwrap_or_default().to_owned();
    rows.iter().filter_map(|row| Some((text(row, 0).parse().ok()?, text(row, 1)))).collect()
}

/// Processor time of one process.
fn took(pid: i32) -> Duration {
    let books = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    Duration::from_nanos(books.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// Processor time of this thread.
pub(crate) fn thread() -> Duration {
    let books = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(books.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// Of the postmaster and its children that ended.
fn postmaster(server: &Postgres) -> Duration {
    server.pids().first().map_or(Duration::ZERO, |&pid| ticks(pid, 4))
}

/// Of a whole process, all threads.
pub(crate) fn process(pid: i32) -> Duration {
    ticks(pid, 2)
}

/// The first so many of user, system, children's user and children's system time.
fn ticks(pid: i32, fields: usize) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u32 = after_name.split(' ').skip(11).take(fields).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Memory of a process, MiB: `VmRSS` now or `VmHWM` at its highest.
pub(crate) fn memory(pid: i32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
