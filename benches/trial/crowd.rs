//! Clients with clocks of their own. What a statement took on the server it says itself, so what is left of a client's time is its wait for
//! a server connection and the way there and back, which a control client beside them shows.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use isobar::sandbox::{PgBouncer, Postgres, runtime};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::loads::{Application, Arrivals, Work};

/// Clients of an open load: more than ever wait at once, unless the pool is overrun.
const CLIENTS: usize = 100;
/// Rows of a series that a processor of these days counts in a millisecond.
const ROWS_PER_MS: f64 = 9_000.0;

/// One transaction, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) client: f64,
    pub(super) server: f64,
    pub(super) user: &'static str,
}

/// Who asks until this drops.
pub(super) struct Crowd {
    ends: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Crowd {
    pub(super) fn start(pooler: &PgBouncer, applications: &[Application]) -> Self {
        let crowd = Self { ends: Arc::default(), seen: Arc::default() };
        for (nth, application) in applications.iter().enumerate() {
            crowd.join(pooler, *application, nth as u64 * 1_000);
        }
        crowd
    }

    /// One client who asks the server itself now and then: what it sees beyond the server's own time, the machine adds to everybody's.
    pub(super) fn control(server: &Postgres) -> Self {
        let crowd = Self { ends: Arc::default(), seen: Arc::default() };
        let application =
            Application { name: "control", user: "control", arrivals: Arrivals::Closed(1, 40.0), work: Work::Fixed(5.0) };
        let member = crowd.member(&server.superuser_url("postgres"), application, 7);
        runtime::handle().spawn(async move { member.closed(40.0).await });
        crowd
    }

    /// What was seen between two moments.
    pub(super) fn seen(&self, from: Instant, to: Instant) -> Vec<Seen> {
        let seen = self.seen.lock().expect("no panic while held");
        seen.iter().filter(|one| one.at >= from && one.at < to).copied().collect()
    }

    fn join(&self, pooler: &PgBouncer, application: Application, seed: u64) {
        let url = format!("{}?application_name={}", pooler.url_as(application.user, "shop"), application.name);
        match application.arrivals {
            Arrivals::Closed(clients, pause) => {
                for nth in 0..clients as u64 {
                    let member = self.member(&url, application, seed + nth);
                    runtime::handle().spawn(async move { member.closed(pause).await });
                }
            }
            Arrivals::Sessions(clients, pause, statements) => {
                for nth in 0..clients as u64 {
                    let member = self.member(&url, application, seed + nth);
                    runtime::handle().spawn(async move { member.sessions(pause, statements).await });
                }
            }
            Arrivals::Open(rate) => self.open(&url, application, 1, move |_| rate, seed),
            Arrivals::Bunches(size, rate) => self.open(&url, application, size, move |_| rate, seed),
            Arrivals::Waves(first, second, half) => {
                let rate = move |passed: f64| if ((passed / half) as u64).is_multiple_of(2) { first } else { second };
                self.open(&url, application, 1, rate, seed);
            }
        }
    }

    fn open(&self, url: &str, application: Application, bunch: usize, rate: impl Fn(f64) -> f64 + Send + 'static, seed: u64) {
        let (sender, receiver) = mpsc::unbounded_channel::<()>();
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        for nth in 0..CLIENTS as u64 {
            let (member, receiver) = (self.member(url, application, seed + nth), Arc::clone(&receiver));
            runtime::handle().spawn(async move { member.called(&receiver).await });
        }
        let (ends, mut rng) = (Arc::clone(&self.ends), SmallRng::seed_from_u64(seed + 999));
        runtime::handle().spawn(async move {
            // Until all have connected.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let began = tokio::time::Instant::now();
            let mut next = began;
            while !ends.load(Ordering::Relaxed) {
                next += Duration::from_secs_f64(exponential(&mut rng, 1.0 / rate((next - began).as_secs_f64())));
                tokio::time::sleep_until(next).await;
                for _ in 0..bunch {
                    let _ = sender.send(());
                }
            }
        });
    }

    fn member(&self, url: &str, application: Application, seed: u64) -> Member {
        Member {
            url: url.to_owned(),
            user: application.user,
            work: application.work,
            rng: SmallRng::seed_from_u64(seed),
            ends: Arc::clone(&self.ends),
            seen: Arc::clone(&self.seen),
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

struct Member {
    url: String,
    user: &'static str,
    work: Work,
    rng: SmallRng,
    ends: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Member {
    async fn closed(mut self, pause: f64) {
        let client = connect(&self.url).await;
        while !self.ends.load(Ordering::Relaxed) {
            pause_for(exponential(&mut self.rng, pause / 1e3)).await;
            self.ask(&client).await;
        }
    }

    async fn sessions(mut self, pause: f64, statements: usize) {
        while !self.ends.load(Ordering::Relaxed) {
            pause_for(exponential(&mut self.rng, pause / 1e3)).await;
            let client = connect(&self.url).await;
            for _ in 0..statements {
                self.ask(&client).await;
            }
        }
    }

    async fn called(mut self, calls: &tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>) {
        let client = connect(&self.url).await;
        loop {
            let call = calls.lock().await.recv().await;
            if call.is_none() || self.ends.load(Ordering::Relaxed) {
                return;
            }
            self.ask(&client).await;
        }
    }

    async fn ask(&mut self, client: &Client) {
        let statement = statement(self.work, &mut self.rng);
        let began = Instant::now();
        let Ok(messages) = client.simple_query(&statement).await else { return };
        let (at, took) = (Instant::now(), began.elapsed().as_secs_f64());
        let server = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get("took").and_then(|took| took.parse().ok()),
            _ => None,
        });
        let Some(server) = server else { return };
        self.seen.lock().expect("no panic while held").push(Seen { at, client: took, server, user: self.user });
    }
}

/// What the way through the pooler adds to the way to the server when nobody else is there, seconds.
pub(super) fn detour(pooler: &PgBouncer, server: &Postgres) -> f64 {
    (overhead(&pooler.url_as("app", "shop")) - overhead(&server.url_as("app", "shop"))).max(0.0)
}

/// What a client's clock shows beyond the server's own time.
fn overhead(url: &str) -> f64 {
    const TRIES: usize = 40;
    let crowd = Crowd { ends: Arc::default(), seen: Arc::default() };
    let application = Application { name: "web", user: "app", arrivals: Arrivals::Closed(1, 0.0), work: Work::Fixed(5.0) };
    let mut member = crowd.member(url, application, 1);
    runtime::block_on(async move {
        let client = connect(&member.url).await;
        for _ in 0..TRIES {
            member.ask(&client).await;
        }
    });
    let seen = crowd.seen.lock().expect("no panic while held");
    // The first opens the server connection.
    let over = seen.iter().skip(5).map(|one| one.client - one.server);
    over.sum::<f64>() / seen.len().saturating_sub(5).max(1) as f64
}

fn statement(work: Work, rng: &mut SmallRng) -> String {
    const TOOK: &str = "extract(epoch FROM clock_timestamp() - statement_timestamp()) AS took";
    let sleep = |ms: f64| format!("SELECT pg_sleep({:.6}), {TOOK}", ms / 1e3);
    match work {
        Work::Fixed(ms) => sleep(ms),
        Work::Exponential(ms) => sleep(exponential(rng, ms)),
        Work::Two(short, long, share) => sleep(if rng.random::<f64>() < share { long } else { short }),
        Work::Computes(ms) => {
            format!("SELECT (SELECT count(*) FROM generate_series(1, {:.0})), {TOOK}", ms * ROWS_PER_MS)
        }
        Work::Shares(ms, part) => {
            let others = "(SELECT count(*) - 1 FROM pg_stat_activity WHERE usename = current_user AND state = 'active')";
            format!("SELECT pg_sleep({:.6} * (1 + {part} * {others})), {TOOK}", ms / 1e3)
        }
        Work::Locks(ms) => {
            format!("BEGIN; UPDATE counter SET n = n + 1; {}; COMMIT", sleep(ms))
        }
    }
}

fn exponential(rng: &mut SmallRng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

async fn pause_for(seconds: f64) {
    if seconds > 0.0 {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a client");
    tokio::spawn(connection);
    client
}
