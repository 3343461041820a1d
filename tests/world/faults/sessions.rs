//! Clients of the test's own, which hold, wait and work.

use std::sync::Arc;

use isobar::sandbox::{Postgres, runtime};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error, NoTls};

/// One client; it leaves when it is dropped.
pub(super) struct Session(Arc<Client>);

/// A statement under way; given up when it is dropped.
pub(super) struct Running(JoinHandle<()>);

impl Session {
    pub(super) fn open(url: &str) -> Result<Self, Error> {
        let url = format!("{url}?application_name=web");
        runtime::block_on(async move {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            tokio::spawn(connection);
            Ok(Self(Arc::new(client)))
        })
    }

    /// As many as the server gives.
    pub(super) fn open_all(url: &str) -> Vec<Self> {
        std::iter::from_fn(|| Self::open(url).ok()).collect()
    }

    /// Runs it to its end.
    pub(super) fn run(&self, sql: &'static str) {
        let client = Arc::clone(&self.0);
        runtime::block_on(async move { client.batch_execute(sql).await }).expect(sql);
    }

    /// Runs it again and again, and ends when it fails.
    pub(super) fn repeat(self, sql: &'static str) -> Running {
        Running(runtime::handle().spawn(async move { while self.0.batch_execute(sql).await.is_ok() {} }))
    }
}

impl Running {
    /// A client that connects and asks once; it may wait for long.
    pub(super) fn ask(url: &str, sql: &'static str) -> Self {
        let url = url.to_owned();
        Self(runtime::handle().spawn(async move {
            if let Ok((client, connection)) = tokio_postgres::connect(&url, NoTls).await {
                tokio::spawn(connection);
                let _ = client.batch_execute(sql).await;
            }
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One value, as text.
#[track_caller]
pub(super) fn one(server: &Postgres, database: &str, sql: &str) -> String {
    let rows = server.sql(database, sql).expect(sql);
    rows[0].get(0).unwrap_or_default().to_owned()
}
