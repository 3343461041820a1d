//! One pooler's console, shared by the probes of all targets behind it: whoever asks first reads, the others share the answer.

use std::{sync::Arc, time::Instant};

use super::pgbouncer::{Console, ConsoleView, READ_WITHIN};
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
    /// What to connect with from the next reading on, when the configuration changed it.
    changed: std::sync::Mutex<Option<ConnInfo>>,
    url: std::sync::Mutex<ConnInfo>,
    inner: tokio::sync::Mutex<(Console, Option<ConsoleReading>)>,
}

impl SharedConsole {
    /// A console that nobody has connected to yet.
    pub fn new(url: ConnInfo) -> Self {
        let inner = tokio::sync::Mutex::new((Console::new(url.clone()), None));
        Self { changed: std::sync::Mutex::default(), url: std::sync::Mutex::new(url), inner }
    }

    /// Takes another password or other TLS settings.
    pub fn connect_with(&self, url: &ConnInfo) {
        let mut known = self.url.lock().expect("no panic while held");
        if *known != *url {
            known.clone_from(url);
            *self.changed.lock().expect("no panic while held") = Some(url.clone());
        }
    }

    /// The pools, no older than `newer_than`.
    pub async fn read(&self, newer_than: Instant) -> ConsoleReading {
        let mut inner = self.inner.lock().await;
        let (console, latest) = &mut *inner;
        if let Some(latest) = latest.as_ref().filter(|latest| latest.at >= newer_than) {
            return latest.clone();
        }
        if let Some(url) = self.changed.lock().expect("no panic while held").take() {
            *console = Console::new(url);
        }
        let view = console.read(clock::now(), READ_WITHIN).await.map(Arc::new);
        latest.insert(ConsoleReading { at: clock::now(), view }).clone()
    }
}
