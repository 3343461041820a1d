//! What goes wrong in the demo's world, and when: calm, an incident, calm, the next one, each in another region and database than the one before.
//! Each is done for real, by clients of its own that are dropped at its end, and each ends.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};
use tokio_postgres::{Client, Error};

use super::world::{DATABASES, ROLE, Region, World, client};
use crate::model::TargetId;

/// The things that go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incident {
    /// More clients than the pool has servers, each with a transaction of a third of a second.
    PoolSqueeze,
    /// A worker that begins transactions and forgets to end them, and one that waits for a row of the first.
    Leak,
    /// A report that everybody wants at once.
    SlowQueries,
    /// The server is killed, and comes back.
    Killed,
}

impl Incident {
    /// In the order of the script.
    pub const ALL: [Self; 4] = [Self::PoolSqueeze, Self::Leak, Self::SlowQueries, Self::Killed];

    /// How long it lasts: as long as its rules need to fire by default, and somebody to look at it.
    fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::PoolSqueeze => 25,
            Self::Leak => 40,
            Self::SlowQueries => 45,
            Self::Killed => 12,
        })
    }

    fn what_to_expect(self) -> &'static str {
        match self {
            Self::PoolSqueeze => {
                "flash-sale brings 40 clients to a pool of 6: expect pool_waiting and pool_saturated, with waits of some seconds"
            }
            Self::Leak => {
                "invoice-worker forgets to commit: expect connection_leak naming it, and blocking_chain, as mail-sender waits for its row"
            }
            Self::SlowQueries => {
                "monthly-report runs statements of two seconds: expect slow_query_rate, and query_slow while nothing else runs"
            }
            Self::Killed => {
                "the server is killed (SIGKILL): expect database_down for all databases of the region, and pool_waiting: its clients wait in PgBouncer"
            }
        }
    }
}

/// Something to tell whoever watches the demo.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An incident begins at that target.
    Begins(Incident, TargetId),
    /// It is over; the target recovers within seconds.
    Ends(Incident, TargetId),
    /// A killed server would not start again; said in its own words.
    Broken(TargetId, String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins(incident, at) => write!(f, "{at}: {}", incident.what_to_expect()),
            Self::Ends(Incident::Killed, at) => write!(f, "{at}: the server is back; expect recovery within seconds"),
            Self::Ends(_, at) => write!(f, "{at}: it is over; expect recovery within seconds"),
            Self::Broken(at, why) => write!(f, "{at}: the server does not come back: {why}"),
        }
    }
}

/// Long enough to see the world healthy, and what recovers recover.
const CALM: Duration = Duration::from_secs(20);

/// Plays the script over and over until the shutdown resolves; needs a tokio runtime with time.
pub async fn run(world: &World, shutdown: impl Future<Output = ()>, on_event: impl Fn(&Event)) {
    let play = async {
        for turn in 0.. {
            sleep(CALM).await;
            // One further each round, so that every incident comes to every region and database.
            let at = turn + turn / Incident::ALL.len();
            let region = &world.regions()[at % world.regions().len()];
            let database = DATABASES[(at / 3 + turn) % DATABASES.len()];
            play(Incident::ALL[turn % Incident::ALL.len()], region, database, None, &on_event).await;
        }
    };
    tokio::select! {
        () = play => {}
        () = shutdown => {}
    }
}

/// Plays one incident; for the time given, or as long as the script lets it last.
pub async fn play(
    incident: Incident,
    region: &Arc<Region>,
    database: &'static str,
    lasts: Option<Duration>,
    on_event: &impl Fn(&Event),
) {
    let target = TargetId::new(region.name, database);
    on_event(&Event::Begins(incident, target.clone()));
    let lasts = lasts.unwrap_or_else(|| incident.lasts());
    let mut tasks = JoinSet::new();
    let (pooled, direct) = (region.pooler.url_as(ROLE, database), region.server.url_as(ROLE, database));
    match incident {
        Incident::PoolSqueeze => {
            for _ in 0..40 {
                client(&mut tasks, &pooled, "flash-sale", sell);
            }
        }
        Incident::Leak => {
            for _ in 0..8 {
                client(&mut tasks, &direct, "invoice-worker", forget_to_commit);
            }
            client(&mut tasks, &direct, "mail-sender", lock_a_row);
        }
        Incident::SlowQueries => {
            for _ in 0..5 {
                client(&mut tasks, &direct, "monthly-report", report);
            }
        }
        Incident::Killed => on_server(region, |region| region.server.kill()).await,
    }
    sleep(lasts).await;
    tasks.shutdown().await;
    if incident == Incident::Killed
        && let Err(error) = on_server(region, |region| region.server.restart()).await
    {
        on_event(&Event::Broken(target, error.to_string()));
        return;
    }
    on_event(&Event::Ends(incident, target));
}

/// Blocking work on a region's servers. When the script is ended meanwhile, the world's drop waits for it.
async fn on_server<T: Send + 'static>(region: &Arc<Region>, work: impl FnOnce(&Region) -> T + Send + 'static) -> T {
    let region = Arc::clone(region);
    tokio::task::spawn_blocking(move || work(&region)).await.expect("work on a server does not panic")
}

async fn sell(client: Client) -> Result<(), Error> {
    loop {
        client.batch_execute("BEGIN; SELECT count(*) FROM orders WHERE account = 7; SELECT pg_sleep(0.3); COMMIT").await?;
    }
}

async fn forget_to_commit(client: Client) -> Result<(), Error> {
    // The first one locks the row; the others find it locked and only read.
    let text =
        "BEGIN; SELECT id FROM accounts WHERE id = 1 FOR UPDATE SKIP LOCKED; SELECT count(*) FROM orders WHERE account = 1";
    client.batch_execute(text).await?;
    std::future::pending().await
}

async fn lock_a_row(client: Client) -> Result<(), Error> {
    // It may come before the worker does: it gives the row back at once, and asks again.
    loop {
        client.batch_execute("UPDATE accounts SET balance = balance + 1 WHERE id = 1").await?;
        sleep(Duration::from_millis(200)).await;
    }
}

async fn report(client: Client) -> Result<(), Error> {
    let text = "SELECT sum(length(md5(o.note || o.id))) FROM orders o, (SELECT pg_sleep(2)) AS queue_for_disk";
    loop {
        client.batch_execute(text).await?;
    }
}
