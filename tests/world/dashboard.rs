//! The page in a real browser, about real servers: what a visitor sees, does and may not do, and what the page takes for that.

mod access;
mod acting;
mod cable;
mod fit;
mod hostile;
mod live;
mod picture;
mod places;
mod weight;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use isobar::sandbox::{PgBouncer, Postgres, runtime};
use serde_json::Value;

use crate::support::{Browser, Node, secs, until};

/// Clients of the squeeze call themselves so.
const CROWD: &str = "flash-sale";

/// The whole world's status when nothing is wrong; "unhealthy" has the word in it too.
const CALM: &str = "● healthy";

/// Quick lanes on a small server; what is over is over soon; advice from short windows.
const GLOBAL: &str = "[sampling]\nstatements = \"1s\"\nsize = \"5s\"\nupkeep = \"5s\"\nclient_check = \"2s\"\nimpact_budget = 0.2\n\
                      [alerts]\nresolve_after = \"2s\"\n[advice]\nwindow = \"20s\"\nevery = \"2s\"\n";

/// A shop's database behind PgBouncer, a node that watches both, and a browser that has seen nothing yet.
struct House {
    browser: Browser,
    node: Node,
    _dir: tempfile::TempDir,
    pooler: PgBouncer,
    server: Postgres,
}

impl House {
    fn open() -> Self {
        Self::with("")
    }

    /// With more in `global.toml`, of sections that are not there yet; `[web]` with tokens too.
    fn with(more: &str) -> Self {
        let server = Postgres::builder().with_statements().setting("max_connections", "60").start().expect("PostgreSQL");
        server.create_role("app").expect("a role");
        server.create_database("shop").expect("a database");
        let schema = "CREATE EXTENSION pg_stat_statements; CREATE TABLE orders (id int PRIMARY KEY, amount int NOT NULL);
                      INSERT INTO orders SELECT i, i % 100 FROM generate_series(1, 1000) i; GRANT ALL ON orders TO app";
        server.sql("shop", schema).expect("a schema");
        let pooler = PgBouncer::builder().database("shop", &server).user("app").pool_mode("transaction").default_pool_size(2);
        let pooler = pooler.start().expect("PgBouncer");
        let (console, client) = (pooler.console_url(), pooler.client_url("shop"));
        let region = format!(
            "region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n\
             [[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{console}\"\nclient_url = \"{client}\"\n",
            server.url("shop")
        );
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("global.toml"), format!("{GLOBAL}{more}")).expect("a file");
        std::fs::write(dir.path().join("local.toml"), region).expect("a file");
        let mut command = std::process::Command::new(crate::support::node::BINARY);
        command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(dir.path());
        let node = Node::launch_for(command, more.contains(OPERATOR).then_some(OPERATOR));
        node.expect("local/shop", "healthy, and all of it seen", secs(60), |sample| {
            let _ = server.sql("shop", "SELECT count(*) FROM orders");
            sample["status"] == "healthy"
                && sample["poolers"][0]["up"] == true
                && sample["database"]["sizeBytes"].is_u64()
                && sample["queryPerformance"]["averageQueryTime"].is_f64()
                && sample["reachability"]["viaPooler"]["outcome"] == "ok"
        });
        Self { browser: Browser::open(), node, _dir: dir, pooler, server }
    }

    /// The page at that address within it.
    #[track_caller]
    fn visit(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.node.base()));
    }

    /// The newest alert of a rule, when it is in this state.
    #[track_caller]
    fn expect_alert(&self, rule: &str, state: &str) -> Value {
        let look = || {
            let all = self.node.json("/api/alerts");
            let mut alerts = all["alerts"].as_array().into_iter().flatten();
            alerts.find(|alert| alert["rule"] == rule && alert["state"] == state).cloned().ok_or_else(|| all.to_string())
        };
        until(&format!("{rule} is {state}"), secs(30), look).0
    }

    /// More clients than the pool has servers, until they are dropped; `pool_waiting` fires.
    fn squeeze(&self) -> Crowd {
        let crowd = Crowd::of(12, &self.pooler.url_as("app", "shop"), CROWD, "BEGIN; SELECT pg_sleep(0.5); COMMIT");
        self.expect_alert("pool_waiting", "firing");
        crowd
    }
}

/// Tokens of a node that has them.
const VIEWER: &str = "viewer-token-0123456789";
const OPERATOR: &str = "operator-token-0123456789";

/// Clients that say the same over and over, until this drops.
struct Crowd(Vec<tokio::task::JoinHandle<()>>);

impl Crowd {
    fn of(count: usize, url: &str, application: &str, sql: &str) -> Self {
        let mut config: tokio_postgres::Config = url.parse().expect("a URL");
        config.application_name(application);
        let join = |_| {
            let (config, sql) = (config.clone(), sql.to_owned());
            runtime::handle().spawn(async move {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("a client");
                let work = async { while client.batch_execute(&sql).await.is_ok() {} };
                tokio::select! { _ = connection => {} () = work => {} }
            })
        };
        Self((0..count).map(join).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Waits until a view shows what it is for: it has its title, is live, and nothing of it is on its way.
#[track_caller]
fn settle(browser: &Browser) {
    let script = "const main = document.querySelector('main');
                  if (document.readyState !== 'complete' || !main?.querySelector('h1')) return 'no title';
                  if (document.body.classList.contains('broken-stream')) return 'no stream';
                  return main.textContent.match(/loading [^…]{0,40}…/)?.[0] ?? ''";
    browser.until("the view is complete", secs(20), || match browser.run(script).as_str() {
        Some("") => Ok(()),
        said => Err(format!("{said:?} at {}", browser.path())),
    });
}

/// Every view, with an incident to look at.
fn views(incident: &Value) -> Vec<String> {
    let incident = format!("/incidents/{}", incident["id"].as_str().expect("an id"));
    ["/", "/targets", "/targets/local/shop", "/incidents", &incident, "/advice", "/silences", "/status"]
        .map(ToOwned::to_owned)
        .into()
}

#[test]
fn a_browser_leaves_nothing_behind_whatever_becomes_of_its_test() {
    let profile = Cell::new(String::new());
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let browser = Browser::open();
        browser.go("data:text/html,<h1>here</h1>");
        browser.expect("h1", "here");
        profile.set(browser.profile());
        panic!("as a failing test does");
    }));
    assert!(failed.is_err());
    let profile = profile.into_inner();
    assert!(!Path::new(&profile).exists(), "{profile}");
    let arguments = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
    let left = std::fs::read_dir("/proc").expect("processes").flatten().map(arguments).find(|line| line.contains(&profile));
    assert_eq!(left, None);
}
