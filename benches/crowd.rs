//! What a server is busy with while it is watched: sessions that idle, hold transactions open or work a little, and thousands of
//! statements in `pg_stat_statements`.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use isobar::sandbox::{Postgres, runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

/// Statements in one round trip.
const BATCH: usize = 500;

/// A session of the superuser that stays, so that asking leaves no fork in the server's bill.
pub(crate) struct Session(Arc<Client>);

impl Session {
    pub(crate) fn open(url: &str) -> Self {
        let url = url.to_owned();
        runtime::block_on(async move { Self(Arc::new(connect(&url).await)) })
    }

    /// Runs statements; the rows of all of them.
    pub(crate) fn sql(&self, text: &str) -> Vec<SimpleQueryRow> {
        let (client, text) = (Arc::clone(&self.0), text.to_owned());
        let messages = runtime::block_on(async move { client.simple_query(&text).await }).expect("the statement runs");
        let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
        messages.into_iter().filter_map(row).collect()
    }
}

/// Sessions that end when this drops.
pub(crate) struct Crowd {
    members: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    pub(crate) const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// That many sessions: each runs `begin` once, and then `work` at this pace, if any.
    pub(crate) fn join(&mut self, count: usize, url: &str, begin: &'static str, work: Option<(&'static str, Duration)>) {
        for nth in 0..count {
            let (url, (told, ready)) = (url.to_owned(), std::sync::mpsc::sync_channel(1));
            self.members.push(runtime::handle().spawn(async move {
                let client = connect(&url).await;
                client.simple_query(begin).await.expect("the session begins");
                let _ = told.send(());
                let Some((work, pace)) = work else { return std::future::pending().await };
                tokio::time::sleep(pace * nth as u32 / count as u32).await;
                let mut beat = tokio::time::interval(pace);
                beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                loop {
                    beat.tick().await;
                    client.simple_query(work).await.expect("the work goes on");
                }
            }));
            ready.recv().expect("the session is open");
        }
    }
}

impl Crowd {
    /// That many clients who ask for a server connection and may not get one; nobody waits for them.
    pub(crate) fn want(&mut self, count: usize, url: &str) {
        for _ in 0..count {
            let url = url.to_owned();
            let want = async move { drop(connect(&url).await.simple_query("SELECT 1").await) };
            self.members.push(runtime::handle().spawn(want));
        }
    }
}

impl Crowd {
    /// Takes slots until the server has no more; whoever is refused tries again, as applications do.
    pub(crate) fn fill(&mut self, url: &str) {
        /// More than the servers of the benches let in.
        const ENOUGH: usize = 40;
        for _ in 0..ENOUGH {
            let url = url.to_owned();
            self.members.push(runtime::handle().spawn(async move {
                loop {
                    if let Ok((client, connection)) = tokio_postgres::connect(&url, NoTls).await {
                        let _ = connection.await;
                        drop(client);
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }));
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.members.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
    tokio::spawn(connection);
    client
}

/// A server with `pg_stat_statements` in that many databases `d0`, `d1`, ..., and room for many sessions.
pub(crate) fn server(databases: usize) -> Postgres {
    let server = Postgres::builder()
        .with_statements()
        .setting("max_connections", "200")
        .setting("pg_stat_statements.max", "10000")
        .setting("pg_stat_statements.track_utility", "off")
        // Its workers come and go when they like, and their time would look like that of client checks.
        .setting("autovacuum", "off")
        .start()
        .expect("PostgreSQL");
    server.sql("template1", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    let session = Session::open(&server.superuser_url("postgres"));
    for nth in 0..databases {
        session.sql(&format!("CREATE DATABASE d{nth}"));
    }
    server
}

/// Fills `pg_stat_statements` with that many different statements of some 300 characters, at most 8,192: which of 13 operators
/// is a plus and which a minus tells them apart.
pub(crate) fn fill_statements(server: &Postgres, count: usize) {
    let session = Session::open(&server.superuser_url("d0"));
    let padding = "as long as what applications really send ".repeat(6);
    for batch in (0..count).collect::<Vec<_>>().chunks(BATCH) {
        let text = batch.iter().fold(String::new(), |mut text, number| {
            let _ = write!(text, "SELECT /* {padding} */ 1");
            (0..13).for_each(|bit| text.push_str(if number >> bit & 1 == 0 { " + 1" } else { " - 1" }));
            text + ";"
        });
        session.sql(&text);
    }
}
