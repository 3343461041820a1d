//! On a real server behind a real pooler, whose one session everybody gets in turn.

use tokio_postgres::{Client, NoTls, error::SqlState};

use super::*;
use crate::{
    probe::statement::Statement,
    sandbox::{PgBouncer, Postgres, pgbouncer::Builder},
};

const SOON: Duration = Duration::from_secs(5);

fn world(pooler: impl FnOnce(Builder) -> Builder) -> (Postgres, PgBouncer) {
    let server = Postgres::start().unwrap();
    let pooler = pooler(PgBouncer::builder().database("postgres", &server).default_pool_size(1)).start().unwrap();
    (server, pooler)
}

async fn connected(pooler: &PgBouncer, parameters: &str) -> Connection {
    let url = format!("{}?{parameters}", pooler.client_url("postgres"));
    resident(&ConnInfo::parse(&url).unwrap(), SOON).await.unwrap()
}

async fn stranger(pooler: &PgBouncer) -> Client {
    let (client, connection) = tokio_postgres::connect(&pooler.client_url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn lock_timeout(client: &Client) -> String {
    client.query_typed_one("SELECT current_setting('lock_timeout')", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_server_of_our_own_keeps_our_limits_and_our_statements() {
    let server = Postgres::start().unwrap();
    for (parameters, shared) in [("", false), ("?pool_mode=none", false), ("?pgbouncer=true", true)] {
        let url = format!("{}{parameters}", server.url("postgres"));
        let connection = resident(&ConnInfo::parse(&url).unwrap(), SOON).await.unwrap();
        assert_eq!(connection.shared, shared, "{url}");
        assert_eq!(lock_timeout(&connection.client).await, if shared { "0" } else { "100ms" });
        let statement = Statement::prepare(&connection, "SELECT 1", &[]).await.unwrap();
        assert_eq!(matches!(statement, Statement::Prepared(_)), !shared);
    }
}

#[tokio::test]
async fn a_pooler_that_refuses_options_or_swallows_them_is_found_out() {
    for ignored in ["", "extra_float_digits,options"] {
        let (_server, pooler) = world(|pooler| pooler.pool_mode("transaction").setting("ignore_startup_parameters", ignored));
        assert!(connected(&pooler, "").await.shared, "ignoring {ignored:?}");
    }
}

#[tokio::test]
async fn limits_hold_for_the_read_and_leave_no_trace_in_the_session() {
    let (_server, pooler) = world(|pooler| pooler.pool_mode("transaction"));
    let connection = connected(&pooler, "").await;
    let stranger = stranger(&pooler).await;
    assert_eq!(connection.limited(async { Ok(lock_timeout(&connection.client).await) }).await.unwrap(), "100ms");
    assert_eq!(lock_timeout(&stranger).await, "0");
    let write = connection.limited(connection.client.query_typed("CREATE TABLE never (id int)", &[])).await;
    assert_eq!(write.unwrap_err().code(), Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
    assert_eq!(lock_timeout(&stranger).await, "0", "and after a read that failed");
    assert_eq!(connection.limited(async { Ok(lock_timeout(&connection.client).await) }).await.unwrap(), "100ms");
}

#[tokio::test]
async fn statements_without_a_name_run_on_whatever_session_comes() {
    let (_server, pooler) = world(|pooler| pooler.pool_mode("transaction"));
    let connection = connected(&pooler, "").await;
    let types = [tokio_postgres::types::Type::INT4];
    let statement = Statement::prepare(&connection, "SELECT $1 + 1, pg_backend_pid()", &types).await.unwrap();
    let before = statement.query_one(&connection.client, &[&1]).await.unwrap();
    // The pooler's next session is another one.
    pooler.console("RECONNECT").unwrap();
    let after = statement.query(&connection.client, &[&3]).await.unwrap();
    assert_eq!(after[0].get::<_, i32>(0), 4);
    assert_ne!(after[0].get::<_, i32>(1), before.get::<_, i32>(1));
}

#[tokio::test]
async fn a_pooler_said_to_give_sessions_keeps_limits_and_statements_while_we_stay() {
    let (_server, pooler) = world(|pooler| pooler.pool_mode("session"));
    let connection = connected(&pooler, "pool_mode=session").await;
    assert!(!connection.shared);
    assert_eq!(lock_timeout(&connection.client).await, "100ms");
    let statement = Statement::prepare(&connection, "SELECT 1", &[]).await.unwrap();
    assert!(matches!(statement, Statement::Prepared(_)));
    let write = connection.client.batch_execute("CREATE TABLE never (id int)").await;
    assert_eq!(write.unwrap_err().code(), Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
}
