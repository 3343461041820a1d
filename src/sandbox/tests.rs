//! The sandbox's promises, kept on real servers.

use std::{
    io::{Read, Write},
    net::TcpStream,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::Duration,
};

use super::*;

/// More than a server on a loaded machine takes to react.
const SOON: Duration = Duration::from_secs(10);

fn one(pg: &Postgres, database: &str, text: &str) -> String {
    pg.sql(database, text).unwrap()[0].get(0).unwrap_or_default().to_owned()
}

/// What must be gone when a server is.
struct Traces {
    pids: Vec<i32>,
    folder: PathBuf,
    port: u16,
}

impl Traces {
    fn of(pg: &Postgres) -> Self {
        let pids = pg.pids();
        assert!(pids.len() > 3, "a postmaster and its children: {pids:?}");
        Self { pids, folder: pg.folder().to_owned(), port: pg.port() }
    }

    fn assert_gone(&self) {
        let alive: Vec<_> = self.pids.iter().filter(|&&pid| process::is_alive(pid)).collect();
        assert!(alive.is_empty(), "{alive:?} live");
        assert!(!self.folder.exists(), "{} is there", self.folder.display());
        assert!(TcpStream::connect(("127.0.0.1", self.port)).is_err(), "port {} answers", self.port);
    }
}

/// Whether PostgreSQL answers a request for TLS; the kernel alone completes a connection.
fn answers(port: u16) -> bool {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    stream.read_exact(&mut [0]).is_ok()
}

#[test]
fn a_server_answers_and_leaves_nothing_behind() {
    let pg = Postgres::start().unwrap();
    pg.create_database("shop").unwrap();
    assert_eq!(one(&pg, "shop", "SELECT current_database()"), "shop");
    let role = "SELECT rolcanlogin AND NOT rolsuper AND rolconnlimit = 8 AND pg_has_role(oid, 'pg_monitor', 'MEMBER')
                FROM pg_roles WHERE rolname = 'isobar'";
    assert_eq!(one(&pg, "shop", role), "t");
    let url = pg.url("shop");
    let rows = runtime::block_on(async move { postgres::simple_query(&url, "SELECT current_user").await }).unwrap();
    assert_eq!(rows[0].get(0), Some("isobar"));
    let traces = Traces::of(&pg);
    drop(pg);
    traces.assert_gone();
}

#[test]
fn a_panic_leaves_nothing_behind_whatever_state_the_server_is_in() {
    for state in [Postgres::freeze, Postgres::kill, Postgres::stop, |_: &Postgres| ()] {
        let mut traces = None;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let pg = Postgres::start().unwrap();
            traces = Some(Traces::of(&pg));
            state(&pg);
            panic!("as a failing test does");
        }));
        assert!(panicked.is_err());
        traces.unwrap().assert_gone();
    }
}

#[test]
fn a_killed_server_is_gone_at_once_and_returns_with_its_data_and_port() {
    let pg = Postgres::start().unwrap();
    pg.sql("postgres", "CREATE TABLE kept AS SELECT 42 AS answer").unwrap();
    let (before, port) = (pg.pids(), pg.port());
    pg.kill();
    assert!(before.iter().all(|&pid| !process::is_alive(pid)));
    assert!(pg.pids().is_empty());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    pg.restart().unwrap();
    assert_eq!((one(&pg, "postgres", "SELECT answer FROM kept").as_str(), pg.port()), ("42", port));
    pg.stop();
    assert!(pg.pids().is_empty());
    pg.restart().unwrap();
    pg.stop_immediately();
    pg.restart().unwrap();
    assert_eq!(one(&pg, "postgres", "SELECT answer FROM kept"), "42");
}

#[test]
fn a_frozen_server_accepts_but_does_not_answer_until_it_is_thawed() {
    let pg = Postgres::start().unwrap();
    assert!(answers(pg.port()));
    pg.freeze();
    assert!(!answers(pg.port()));
    pg.thaw();
    assert_eq!(one(&pg, "postgres", "SELECT 1"), "1");
}

#[test]
fn processor_time_counts_sessions_that_have_ended() {
    let pg = Postgres::start().unwrap();
    let before = pg.cpu_time();
    let spent = "WITH work AS MATERIALIZED (SELECT sum(length(md5(i::text))) FROM generate_series(1, 1000000) i)
                 SELECT extract(epoch FROM clock_timestamp() - statement_timestamp()) FROM work";
    let took: f64 = one(&pg, "postgres", spent).parse().unwrap();
    let counted = || pg.cpu_time().saturating_sub(before).as_secs_f64();
    // The machine may be shared, so processor time may be less than the time it took; half of it is far beyond a restarted count.
    assert!(wait_until(SOON, || counted() > took / 4.0), "{} of {took}", counted());
    assert!(counted() < took + 0.5, "{} of {took}", counted());
}

#[test]
fn settings_and_rules_of_access_are_the_callers() {
    let reject = "host all isobar 127.0.0.1/32 reject";
    let pg = Postgres::builder().with_statements().setting("max_connections", "23").hba(reject).start().unwrap();
    assert_eq!(one(&pg, "postgres", "SHOW max_connections"), "23");
    pg.sql("postgres", "CREATE EXTENSION pg_stat_statements; SELECT * FROM pg_stat_statements").unwrap();
    let url = pg.url("postgres");
    let refused = runtime::block_on(async move { postgres::simple_query(&url, "SELECT 1").await }).unwrap_err().to_string();
    assert!(refused.contains("pg_hba.conf rejects"), "{refused}");
}

#[test]
fn tls_is_on_when_a_certificate_is_given() {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let pg = Postgres::builder().tls(&made.cert.pem(), &made.signing_key.serialize_pem()).start().unwrap();
    assert_eq!(one(&pg, "postgres", "SHOW ssl"), "on");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let error = Postgres::builder().setting("shared_buffers", "many").start().unwrap_err().to_string();
    assert!(error.contains("did not start") && error.contains("shared_buffers"), "{error}");
}

#[test]
fn many_at_once_do_not_collide() {
    let start = || std::thread::spawn(|| Postgres::start().unwrap());
    let servers: Vec<Postgres> = [(); 4].map(|()| start()).into_iter().map(|thread| thread.join().unwrap()).collect();
    for (at, pg) in servers.iter().enumerate() {
        pg.create_database(&format!("only_{at}")).unwrap();
    }
    for (at, pg) in servers.iter().enumerate() {
        assert_eq!(
            one(pg, "postgres", "SELECT string_agg(datname, ',') FROM pg_database WHERE datname ~ 'only'"),
            format!("only_{at}")
        );
    }
}

#[tokio::test]
async fn it_serves_async_code_too() {
    let pg = Postgres::start().unwrap();
    assert_eq!(one(&pg, "postgres", "SELECT 1"), "1");
}

#[test]
fn pgbouncer_pools_and_its_faults_are_as_real() {
    let pg = Postgres::start().unwrap();
    pg.create_database("shop").unwrap();
    let pooler = PgBouncer::builder().database("shop", &pg).pool_mode("transaction").default_pool_size(2).start().unwrap();
    let url = pooler.client_url("shop");
    let ask = || {
        let url = url.clone();
        runtime::block_on(async move { postgres::simple_query(&url, "SELECT pg_backend_pid()").await })
    };
    let backend = ask().unwrap()[0].get(0).unwrap().to_owned();
    assert_eq!(ask().unwrap()[0].get(0), Some(backend.as_str()), "the second client gets the first one's server");
    let pool = |column: &str| -> u32 {
        let rows = pooler.console("SHOW POOLS").unwrap();
        rows.iter().find(|row| row.get("database") == Some("shop")).unwrap().get(column).unwrap().parse().unwrap()
    };
    assert_eq!((pool("sv_idle"), pool("cl_waiting")), (1, 0));

    pooler.pause().unwrap();
    let (waiting, text) = (url.clone(), "SELECT 1");
    let waiter = std::thread::spawn(move || runtime::block_on(async move { postgres::simple_query(&waiting, text).await }));
    assert!(wait_until(SOON, || pool("cl_waiting") == 1));
    pooler.resume().unwrap();
    waiter.join().unwrap().unwrap();

    pooler.freeze();
    let frozen = TcpStream::connect(("127.0.0.1", pooler.port()));
    assert!(frozen.is_ok(), "the kernel accepts");
    pooler.thaw();
    ask().unwrap();

    let (pids, port) = (pooler.pids(), pooler.port());
    pooler.kill();
    assert!(ask().is_err());
    pooler.restart().unwrap();
    assert_eq!(pooler.port(), port);
    ask().unwrap();
    let folder = pooler.folder().to_owned();
    drop(pooler);
    assert!(!folder.exists() && !process::is_alive(pids[0]));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn redis_answers_loses_or_keeps_its_data_and_leaves_nothing_behind() {
    let redis = Redis::builder().with_password().keeps_data().start().unwrap();
    redis.ask::<()>(&["SET", "a", "1"]).unwrap();
    redis.kill();
    assert!(redis.ask::<String>(&["PING"]).is_err());
    redis.restart().unwrap();
    assert_eq!(redis.ask::<String>(&["GET", "a"]).unwrap(), "1");
    redis.restart_empty().unwrap();
    assert_eq!(redis.ask::<Option<String>>(&["GET", "a"]).unwrap(), None);
    redis.freeze();
    assert!(redis.ask::<String>(&["PING"]).is_err());
    redis.thaw();
    redis.ask::<String>(&["PING"]).unwrap();
    let pids = redis.pids();
    drop(redis);
    assert!(!pids.is_empty() && pids.iter().all(|&pid| !process::is_alive(pid)));
}
