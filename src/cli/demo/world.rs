//! Three regions, each a throw-away PostgreSQL with a PgBouncer in front, three databases, and clients that use them.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::task::JoinSet;

use super::load::{self, Temperament};
use crate::{
    model::{TargetId, sample::PoolerKind},
    probe::{
        PoolerSettings, TargetSettings,
        conninfo::{ConnInfo, Host, SessionAttrs, SslMode},
    },
    sandbox::{Error, PgBouncer, Postgres, password, runtime},
};

/// The role that applications use.
pub(super) const ROLE: &str = "app";

/// The databases of each region, the critical one first.
pub const DATABASES: [&str; 3] = ["storefront", "billing", "marketing"];

/// A statement whose mean is above this is slow, milliseconds: the contract's default.
const SLOW_QUERY_MS: f64 = 1000.0;

/// Server connections per pool: enough for the usual load, few enough to be squeezed.
const POOL_SIZE: u32 = 6;

/// The regions and how their applications behave.
const REGIONS: [(&str, Temperament); 3] =
    [("us-east-1", Temperament::Steady), ("eu-west-1", Temperament::Bursts), ("ap-southeast-1", Temperament::Reports)];

/// Some ten thousand rows per table, so that statements are real ones with indexes, and the whole world still starts in seconds.
const TABLES: &str = "
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL, balance int NOT NULL) WITH (fillfactor = 70);
    CREATE TABLE orders (id int PRIMARY KEY, account int NOT NULL, amount int NOT NULL, note text NOT NULL);
    INSERT INTO accounts SELECT i, 'owner ' || i, 100 FROM generate_series(1, 10000) i;
    INSERT INTO orders SELECT i, 1 + i % 10000, i % 500, md5(i::text) FROM generate_series(1, 30000) i;
    CREATE INDEX ON orders (account);
    GRANT SELECT, UPDATE ON accounts, orders TO app;
    VACUUM ANALYZE";

/// One region's servers.
#[derive(Debug)]
pub struct Region {
    /// Its name.
    pub name: &'static str,
    /// Its PostgreSQL.
    pub server: Postgres,
    /// The PgBouncer in front of it.
    pub pooler: PgBouncer,
}

impl Region {
    fn start(name: &'static str) -> Result<Self, Error> {
        let server = Postgres::builder().with_statements().setting("max_connections", "60").start()?;
        server.create_role(ROLE)?;
        let mut pooler = PgBouncer::builder().user(ROLE).pool_mode("transaction").default_pool_size(POOL_SIZE);
        for database in DATABASES {
            server.create_database(database)?;
            for statement in TABLES.split(';') {
                server.sql(database, statement)?;
            }
            pooler = pooler.database(database, &server);
        }
        // A server that is back must be used again at once; the default is 15 s of refusing.
        let pooler = pooler.setting("server_login_retry", "1").start()?;
        Ok(Self { name, server, pooler })
    }

    fn targets(&self) -> impl Iterator<Item = TargetSettings> {
        DATABASES.iter().map(|&database| TargetSettings {
            id: TargetId::new(self.name, database),
            url: conninfo(self.server.port(), database),
            critical: database == DATABASES[0],
            vantages: Vec::new(),
            supabase: None,
            machine: None,
            poolers: vec![PoolerSettings {
                kind: PoolerKind::Pgbouncer,
                console: Some(conninfo(self.pooler.port(), "pgbouncer")),
                client: Some(conninfo(self.pooler.port(), database)),
                metrics: None,
            }],
            slow_query_ms: SLOW_QUERY_MS,
            listed: false,
        })
    }

    fn remove(&self) {
        self.pooler.remove();
        self.server.remove();
    }
}

/// As Isobar connects: the role `isobar` on loopback, without TLS.
fn conninfo(port: u16, database: &str) -> ConnInfo {
    ConnInfo {
        hosts: vec![Host { name: Ipv4Addr::LOCALHOST.to_string(), addr: None, port }],
        user: "isobar".into(),
        password: Some(SecretString::from(password())),
        dbname: database.into(),
        sslmode: SslMode::Disable,
        sslrootcert: None,
        connect_timeout: None,
        session_attrs: SessionAttrs::Any,
        load_balance: false,
        pool_mode: None,
    }
}

/// The running world. Its drop ends the load, then the servers, and removes their folders.
#[derive(Debug)]
pub struct World {
    regions: Vec<Arc<Region>>,
    load: JoinSet<()>,
}

impl World {
    /// Starts it, telling each step; blocks for the some seconds that this takes.
    pub fn start(progress: impl Fn(&str)) -> Result<Self, Error> {
        progress("starting three regions, each a PostgreSQL and a PgBouncer");
        let starting = REGIONS.map(|(name, _)| std::thread::spawn(move || Region::start(name)));
        let joined = starting.map(|thread| thread.join().expect("starting a region does not panic"));
        let regions = joined.into_iter().map(|region| region.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let mut load = JoinSet::new();
        for (region, (name, temperament)) in regions.iter().zip(REGIONS) {
            let (server, version) = (region.server.port(), region.server.major());
            progress(&format!("{name}: PostgreSQL {version} on port {server}, PgBouncer on {}", region.pooler.port()));
            for database in DATABASES {
                load::start(&mut load, region, database, temperament);
            }
        }
        progress("load is running");
        Ok(Self { regions, load })
    }

    /// What Isobar is to watch.
    pub fn targets(&self) -> Vec<TargetSettings> {
        self.regions.iter().flat_map(|region| region.targets()).collect()
    }

    /// Its regions.
    pub fn regions(&self) -> &[Arc<Region>] {
        &self.regions
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.load.abort_all();
        // Others may hold a region still, such as a restart under way: the servers end now all the same, all at once.
        let ending: Vec<_> = self.regions.iter().cloned().map(|region| std::thread::spawn(move || region.remove())).collect();
        for thread in ending {
            let _ = thread.join();
        }
    }
}

/// Runs a client until it is aborted: whenever its connection is lost, it makes a new one, as applications do.
pub(super) fn client<F: Future<Output = Result<(), tokio_postgres::Error>> + Send>(
    tasks: &mut JoinSet<()>,
    url: &str,
    application: &'static str,
    work: impl Fn(tokio_postgres::Client) -> F + Send + Sync + 'static,
) {
    /// An application's usual pause before it tries again.
    const RETRY: Duration = Duration::from_millis(500);
    let url = format!("{url}?application_name={application}");
    let life = async move {
        loop {
            if let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
                tokio::select! {
                    _ = connection => {}
                    _ = work(client) => {}
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    tasks.spawn_on(life, runtime::handle());
}
