//! A client of a database, as an application is one: a named session that a test opens, uses and closes.

use std::sync::{Arc, mpsc};

use isobar::sandbox::runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// An open session; it ends with its drop.
pub(crate) struct Session {
    client: Arc<Client>,
}

impl Session {
    /// Opens one under an application's name.
    #[track_caller]
    pub(crate) fn open(url: &str, application: &str) -> Self {
        let mut config: Config = url.parse().expect("a URL");
        config.application_name(application);
        let client = runtime::block_on(async move {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        });
        Self { client: Arc::new(client.expect("a session")) }
    }

    /// As many as wanted.
    pub(crate) fn open_many(count: usize, url: &str, application: &str) -> Vec<Self> {
        (0..count).map(|_| Self::open(url, application)).collect()
    }

    /// Runs statements to their end; the first column of the last row.
    pub(crate) fn run(&self, sql: &str) -> Result<String, String> {
        self.start(sql).recv().expect("an answer")
    }

    /// Sends statements and does not wait for their end.
    pub(crate) fn start(&self, sql: &str) -> mpsc::Receiver<Result<String, String>> {
        let (client, sql) = (Arc::clone(&self.client), sql.to_owned());
        let (done, wait) = mpsc::channel();
        runtime::handle().spawn(async move {
            let answer = client.simple_query(&sql).await.map_err(|error| error.to_string());
            let rows = answer.map(|messages| {
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
                    _ => None,
                });
                rows.last().unwrap_or_default()
            });
            let _ = done.send(rows);
        });
        wait
    }

    /// Its backend's process id.
    pub(crate) fn pid(&self) -> i64 {
        self.run("SELECT pg_backend_pid()").expect("a pid").parse().expect("a number")
    }
}
