//! What the applications of a region do all day, through its PgBouncer. Light on purpose: the whole world shares a laptop.

use std::time::Duration;

use rand::Rng;
use tokio::task::JoinSet;

use super::world::{ROLE, Region, client};

/// How a region's applications behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temperament {
    /// Short reads and writes at an even pace.
    Steady,
    /// The same in bursts with lulls between.
    Bursts,
    /// Few short ones, and a report over whole tables now and then.
    Reports,
}

impl Temperament {
    /// Clients per database, and the mean pause of one between two statements, milliseconds.
    fn pace(self) -> (u32, u64) {
        match self {
            Self::Steady => (4, 120),
            Self::Bursts => (4, 200),
            Self::Reports => (3, 300),
        }
    }
}

/// A burst's statements, and the mean lull after it.
const BURST: (u32, Duration) = (20, Duration::from_secs(3));

/// Starts the clients of one database.
pub(super) fn start(tasks: &mut JoinSet<()>, region: &Region, database: &'static str, temperament: Temperament) {
    let (clients, pause) = temperament.pace();
    for _ in 0..clients {
        client(tasks, &region.pooler.url_as(ROLE, database), "web", move |client| async move {
            for statement in 1_u32.. {
                client.simple_query(&short()).await?;
                let lull = temperament == Temperament::Bursts && statement.is_multiple_of(BURST.0);
                rest(if lull { BURST.1 } else { Duration::from_millis(pause) }).await;
            }
            Ok(())
        });
    }
    if temperament == Temperament::Reports {
        client(tasks, &region.pooler.url_as(ROLE, database), "daily-report", |client| async move {
            loop {
                client.simple_query("SELECT account % 10, sum(amount), count(DISTINCT note) FROM orders GROUP BY 1").await?;
                rest(Duration::from_secs(5)).await;
            }
        });
    }
}

/// Sleeps for a random time with that mean.
async fn rest(mean: Duration) {
    let factor = rand::rng().random_range(0.5..1.5);
    tokio::time::sleep(mean.mul_f64(factor)).await;
}

/// What a page of a shop asks: four reads to one write.
fn short() -> String {
    let mut rng = rand::rng();
    // Row 1 is left to the script, whose leak locks it: the pool's clients are not to queue behind that.
    let id = rng.random_range(2..=10_000);
    match rng.random_range(0..5) {
        0 => format!("UPDATE accounts SET balance = balance + 1 WHERE id = {id}"),
        1 | 2 => format!("SELECT id, amount, note FROM orders WHERE account = {id}"),
        _ => format!("SELECT owner, balance FROM accounts WHERE id = {id}"),
    }
}
