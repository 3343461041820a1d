//! One pooler's console, shared by the probes of all targets behind it: whoever asks first reads, the others share the answer.

use std::{sync::Arc, time::Instant};

use super::pgbouncer::{Console, ConsoleView, Dialect, READ_WITHIN};
use crate::{
    clock,
    probe::{Failure, conninfo::ConnInfo},
};

/// What one reading of the console brought.
#[derive(Debug, Clone)]
pub struct ConsoleReading {
    /// When it ended.
    pub at: Instant,
    /// All pools and counters, or why they could not be read.
    pub view: Result<Arc<ConsoleView>, Failure>,
}

/// A console and its newest reading.
#[derive(Debug)]
pub struct SharedConsole {
    dialect: Dialect,
    /// What to connect with from the next reading on.
    wanted: std::sync::Mutex<ConnInfo>,
    inner: tokio::sync::Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: ConnInfo,
    console: Console,
    latest: Option<ConsoleReading>,
}

impl SharedConsole {
    /// A console that nobody has connected to yet.
    pub fn new(dialect: Dialect, url: ConnInfo) -> Self {
        let inner = Inner { url: url.clone(), console: Console::new(dialect, url.clone()), latest: None };
        Self { dialect, wanted: std::sync::Mutex::new(url), inner: tokio::sync::Mutex::new(inner) }
    }

    /// Takes another password or other TLS settings.
    pub fn connect_with(&self, url: &ConnInfo) {
        self.wanted.lock().expect("no panic while held").clone_from(url);
    }

    /// The pools, no older than `newer_than`.
    pub async fn read(&self, newer_than: Instant) -> ConsoleReading {
        let mut inner = self.inner.lock().await;
        if let Some(latest) = inner.latest.as_ref().filter(|latest| latest.at >= newer_than) {
            return latest.clone();
        }
        let wanted = self.wanted.lock().expect("no panic while held").clone();
        if wanted != inner.url {
            (inner.console, inner.url) = (Console::new(self.dialect, wanted.clone()), wanted);
        }
        let view = inner.console.read(clock::now(), READ_WITHIN).await.map(Arc::new);
        inner.latest.insert(ConsoleReading { at: clock::now(), view }).clone()
    }
}
