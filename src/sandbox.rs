//! **Throw-away servers**: real PostgreSQL, PgBouncer and Redis on loopback, for the demo, the world tests and the benches; and a browser.
//! A mock would agree with whatever we believe; these disagree where the real ones do.
//!
//! ```text
//!              ┌ ports    a number nobody else has          kill · freeze · thaw · stop · restart
//!  Postgres  ──┤ folder   data, socket, log                              │
//!  PgBouncer ──┤ account  who it runs as         running ◄───────────────┴──────────► stopped, killed
//!  Redis     ──┤ process  it and its children        └────────── drop ──► no process, no folder
//!  Chromium  ──┘
//! ```
//! Use them as `let pg = Postgres::start()?; pg.freeze();`, from plain and async code alike: every call blocks until the thing is
//! true (a started server answers, a frozen one has stopped, a killed one is gone), and what needs a runtime runs on
//! one of the sandbox's own. In async code that blocks the calling thread for that long, which a test can bear.
//!
//! **Nothing stays behind.** A drop stops the server at once and removes its folder, also while a test panics. When the
//! whole program is killed, the kernel tells the servers (`setpriv --pdeathsig`), and the next sandbox on the machine sweeps
//! what is left: the folder, and a server that was frozen at the time. Servers live in process groups of their own, so that
//! a Ctrl-C at the terminal reaches only us, who then end them in good order.
//!
//! **Root.** No server runs as root, so there they run as `postgres`, or `nobody` where that user does not exist.

mod account;
pub mod chromium;
mod folder;
pub mod pgbouncer;
pub mod ports;
pub mod postgres;
mod process;
pub mod redis;
pub mod runtime;
pub mod site;
#[cfg(test)]
mod tests;

use std::{
    error::Error as _,
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

pub use chromium::Chromium;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use redis::Redis;
pub use site::Site;

/// How long a server may take to start or to end. A loaded machine needs a second; beyond this it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at again while waiting for it.
const GLANCE: Duration = Duration::from_millis(10);

/// Why a server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks a program: the user's to fix, as the text says.
    #[error("{program} is missing: {fix}")]
    Missing {
        /// What was looked for, and where.
        program: String,
        /// What to do.
        fix: String,
    },
    /// A server, or the making of its files, gave up or hung.
    #[error("{what} {how}{}", Tail(log))]
    Failed {
        /// Which program.
        what: String,
        /// What it did.
        how: String,
        /// The end of what it said.
        log: String,
    },
    /// A statement or a connection failed.
    #[error("{what}: {message}")]
    Sql {
        /// What was tried.
        what: String,
        /// What the server or the driver said.
        message: String,
    },
    /// The machine refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    fn sql(what: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        let message = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Self::Sql { what: what.into(), message }
    }

    /// Somebody who is not one of us took the port between our look and the server's.
    fn is_port_taken(&self) -> bool {
        matches!(self, Self::Failed { log, .. } if log.to_lowercase().contains("address already in use"))
    }
}

/// The end of a log, on lines of its own, when there is any.
struct Tail<'a>(&'a str);

impl std::fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; it said:\n{}", self.0) }
    }
}

/// The password of every role of every sandbox server of this process, made anew for each: a superuser without one would
/// let any user of the machine run programs as the server's user.
pub fn password() -> &'static str {
    static PASSWORD: OnceLock<String> = OnceLock::new();
    PASSWORD.get_or_init(|| format!("{:032x}", rand::random::<u128>()))
}

/// Where servers are unpacked by `.ci/setup`: `$ISOBAR_CACHE`, or `/var/cache/isobar` for root (whose home other users cannot
/// enter), or `isobar` in the user's cache directory.
pub fn cache() -> PathBuf {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("ISOBAR_CACHE").unwrap_or_else(|| {
        if account::is_root() {
            return "/var/cache/isobar".into();
        }
        let home = || given("HOME").unwrap_or_else(|| "/".into()).join(".cache");
        given("XDG_CACHE_HOME").unwrap_or_else(home).join("isobar")
    })
}

/// Looks until the condition holds; false when it does not within the time.
fn wait_until(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = crate::clock::now() + within;
    loop {
        if condition() {
            return true;
        }
        if crate::clock::now() >= deadline {
            return false;
        }
        std::thread::sleep(GLANCE);
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
