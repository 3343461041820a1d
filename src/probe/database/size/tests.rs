use super::*;
use crate::clock;

const MIB: f64 = 1_048_576.0;

/// Growth per day after sizes (MiB, by the minute) read every `step` minutes for so many minutes.
fn growth(minutes: u64, step: u64, size: impl Fn(f64) -> f64) -> Option<f64> {
    let (start, mut growth) = (clock::now(), Growth::default());
    for minute in (0..=minutes).step_by(step as usize) {
        growth.add(start + Duration::from_mins(minute), (size(minute as f64) * MIB) as u64);
        assert!(growth.sizes.len() <= MOST_SIZES);
    }
    growth.per_day()
}

#[test]
fn a_day_is_not_told_from_a_few_minutes_or_sizes() {
    let line = |minute| 1_000.0 + minute;
    assert_eq!(growth(9, 1, line), None);
    assert_eq!(growth(90, 30, line), None, "four sizes");
    assert!(growth(10, 1, line).is_some());
    assert!(growth(120, 30, line).is_some());
    assert_eq!(growth(60, 1, |_| 0.0), None, "an empty database");
}

#[test]
fn a_straight_line_is_found_exactly_at_any_length() {
    for minutes in [10, 60, 600, 4_000, 20_000] {
        let end = 10_000.0 + minutes as f64;
        let expected = 1_440.0 / end;
        let found = growth(minutes, 1, |minute| 10_000.0 + minute).unwrap();
        assert!((found - expected).abs() < expected * 0.01, "{minutes}: {found} {expected}");
    }
    assert_eq!(growth(600, 1, |_| 500.0), Some(0.0));
    assert!(growth(600, 1, |minute| 5_000.0 - minute).unwrap() < 0.0);
}

#[test]
fn one_load_or_truncate_is_no_trend() {
    for (what, size) in [
        ("late load", (|minute| if minute > 500.0 { 3_000.0 } else { 1_000.0 }) as fn(f64) -> f64),
        ("early truncate", |minute| if minute > 60.0 { 200.0 } else { 1_000.0 }),
        ("spike", |minute| if (300.0..330.0).contains(&minute) { 9_000.0 } else { 1_000.0 }),
    ] {
        assert_eq!(growth(600, 1, size), Some(0.0), "{what}");
    }
}

#[test]
fn old_growth_is_forgotten() {
    // Two days of growth, then four of rest.
    let found = growth(6 * 1_440, 1, |minute| 1_000.0 + minute.min(2_880.0)).unwrap();
    assert!(found.abs() < 1e-9, "{found}");
}

#[test]
fn what_cannot_be_read_says_why() {
    let missing = |code: &SqlState| explain(Some(code), "my \"db\"", "isobar");
    let grant = missing(&SqlState::INSUFFICIENT_PRIVILEGE).unwrap().fix.unwrap();
    assert_eq!(grant, "GRANT CONNECT ON DATABASE \"my \"\"db\"\"\" TO isobar; or GRANT pg_monitor TO isobar;");
    assert!(missing(&SqlState::QUERY_CANCELED).unwrap().cause.contains("statement timeout"));
    assert!(missing(&SqlState::UNDEFINED_DATABASE).unwrap().fix.is_none());
    assert_eq!(missing(&SqlState::ADMIN_SHUTDOWN), None);
}

mod world {
    use tokio_postgres::NoTls;

    use super::*;
    use crate::sandbox::Postgres;

    #[tokio::test]
    async fn sizes_are_read_and_refusals_explained() {
        let server = Postgres::start().unwrap();
        let (client, connection) = tokio_postgres::connect(&server.superuser_url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        let set_up = ["CREATE DATABASE \"Sized\"", "REVOKE CONNECT ON DATABASE \"Sized\" FROM PUBLIC", "CREATE ROLE blind"];
        for sql in set_up {
            client.batch_execute(sql).await.unwrap();
        }
        let sizes = Sizes::prepare(&client).await.unwrap();
        let before = sizes.read(&client, "postgres").await.unwrap().unwrap();
        client.batch_execute("CREATE TABLE grown AS SELECT repeat('x', 900) FROM generate_series(1, 8000)").await.unwrap();
        let after = sizes.read(&client, "postgres").await.unwrap().unwrap();
        let table: i64 = client.query_one("SELECT pg_total_relation_size('grown')", &[]).await.unwrap().get(0);
        // The catalog may grow by some pages with it.
        assert!((after - before).abs_diff(table.unsigned_abs()) < 100_000, "{before} {after} {table}");

        assert!(sizes.read(&client, "no such").await.unwrap().unwrap_err().cause.contains("no database"));
        client.batch_execute("SET ROLE blind").await.unwrap();
        let sizes = Sizes::prepare(&client).await.unwrap();
        let missing = sizes.read(&client, "Sized").await.unwrap().unwrap_err();
        assert_eq!(missing.fix.as_deref(), Some("GRANT CONNECT ON DATABASE \"Sized\" TO blind; or GRANT pg_monitor TO blind;"));
    }
}
