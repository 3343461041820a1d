use chrono::{DateTime, TimeDelta};

use super::*;

fn reading() -> DatabaseCounters {
    DatabaseCounters {
        datid: 5,
        xact_commit: 100,
        xact_rollback: 10,
        sessions_killed: Some(1),
        sessions_fatal: Some(2),
        stats_reset: Some(Timestamp(DateTime::UNIX_EPOCH)),
        ..DatabaseCounters::default()
    }
}

#[test]
fn rates_are_differences() {
    let now = DatabaseCounters { xact_commit: 150, xact_rollback: 11, sessions_killed: Some(3), ..reading() };
    let rates = rates(&reading(), &now, Duration::from_secs(1)).unwrap();
    assert_eq!((rates.commits, rates.rollbacks, rates.interval_ms), (50, 1, 1_000.0));
    assert_eq!((rates.sessions_killed, rates.sessions_fatal, rates.sessions_abandoned), (Some(2), Some(0), None));
}

#[test]
fn what_cannot_be_compared_has_no_rates() {
    let second = Duration::from_secs(1);
    let later = Timestamp(DateTime::UNIX_EPOCH + TimeDelta::seconds(1));
    for (what, now, elapsed) in [
        ("a reset", DatabaseCounters { stats_reset: Some(later), xact_commit: 1_000, ..reading() }, second),
        ("backwards", DatabaseCounters { xact_commit: 99, ..reading() }, second),
        ("backwards in a rare one", DatabaseCounters { sessions_fatal: Some(0), ..reading() }, second),
        ("another database of that name", DatabaseCounters { datid: 6, ..reading() }, second),
        ("no time between", reading(), Duration::ZERO),
    ] {
        assert_eq!(rates(&reading(), &now, elapsed), None, "{what}");
    }
}

mod world {
    use tokio_postgres::NoTls;

    use super::*;
    use crate::sandbox::Postgres;

    #[tokio::test]
    async fn commits_and_rollbacks_are_counted() {
        let server = Postgres::start().unwrap();
        let (client, connection) = tokio_postgres::connect(&server.superuser_url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        let counters = Counters::prepare(&client).await.unwrap();
        let facts = counters.facts(&client).await.unwrap();
        assert_eq!((facts.max_connections, facts.slots(), facts.in_recovery), (100, 97, false));
        assert!(facts.version.starts_with(&(facts.version_number / 10_000).to_string()), "{facts:?}");

        server.create_database("counted").unwrap();
        let counted = |all: Vec<DatabaseCounters>| all.into_iter().find(|one| one.datname == "counted").unwrap();
        let before = counted(counters.read(&client).await.unwrap());
        assert_eq!(before.sessions.is_some(), facts.version_number >= 140_000);
        let (other, connection) = tokio_postgres::connect(&server.superuser_url("counted"), NoTls).await.unwrap();
        let other_task = tokio::spawn(connection);
        for _ in 0..20 {
            other.batch_execute("SELECT 1").await.unwrap();
        }
        for _ in 0..5 {
            other.batch_execute("BEGIN; SELECT 1; ROLLBACK").await.unwrap();
        }
        drop(other);
        other_task.await.unwrap().unwrap();
        // A session's counters are flushed when it ends.
        let deadline = crate::clock::now() + Duration::from_secs(10);
        loop {
            let now = counted(counters.read(&client).await.unwrap());
            // The first use of a database makes its entry, with a reset of its own (14 and earlier).
            let before = DatabaseCounters { stats_reset: now.stats_reset, ..before.clone() };
            let rates = rates(&before, &now, Duration::from_secs(1)).unwrap();
            if rates.rollbacks == 5 && rates.commits >= 20 && now.numbackends == 0 {
                break;
            }
            assert!(crate::clock::now() < deadline, "{rates:?}");
            tokio::task::yield_now().await;
        }
    }
}
