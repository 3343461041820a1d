//! What must not page: spikes, upkeep, dumps, restarts of a pooler, work that was announced, a clock that jumps. The real binary with
//! default rules watches real servers and tells a webhook. A channel that is dead is quiet too, so each test ends by killing the server,
//! and that is told once.

mod clock;
mod maintenance;
mod poolers;
mod work;

use std::time::Duration;

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::Value;

use crate::{
    doubles::{Received, Receiver},
    support::{Node, secs},
};

/// A server, what stands in front of it, and who hears of it.
struct World {
    server: Postgres,
    receiver: Receiver,
    node: Node,
    _config: tempfile::TempDir,
}

impl World {
    /// A node that watches `local/shop` with default rules and is well.
    fn watching(server: Postgres, pooler: Option<&PgBouncer>, more: &str) -> Self {
        let receiver = Receiver::start(None);
        let files = files(&server, pooler, &receiver, more);
        let (node, config) = Node::configured(&[("global.toml", &files.0), ("local.toml", &files.1)]);
        well(&node, pooler.is_some());
        Self { server, receiver, node, _config: config }
    }

    /// Nothing was told, and nothing is for so long.
    #[track_caller]
    fn quiet_for(&self, time: Duration) {
        self.receiver.stays(0, time);
    }

    /// Nothing was told so far; now the server is killed, and that is told once and alone.
    #[track_caller]
    fn tells_of_a_kill(&self) {
        self.receiver.stays(0, Duration::ZERO);
        self.server.kill();
        let told = self.receiver.expect(1, secs(10));
        assert_eq!(about(&told), ["firing database_down"]);
        self.receiver.stays(1, secs(2));
    }
}

/// What is configured: a webhook, and ends that come soon.
fn files(server: &Postgres, pooler: Option<&PgBouncer>, receiver: &Receiver, more: &str) -> (String, String) {
    let global = format!(
        "[alerts]\npath = \"alerts.db\"\nresolve_after = \"1s\"\n\n[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n\n{more}",
        receiver.url()
    );
    let target = format!("region = \"local\"\n\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n", server.url("shop"));
    let front = pooler.map_or_else(String::new, |pooler| {
        let (console, client) = (pooler.console_url(), pooler.client_url("shop"));
        format!("\n[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{console}\"\nclient_url = \"{client}\"\n")
    });
    (global, target + &front)
}

fn well(node: &Node, behind_a_pooler: bool) {
    node.expect("local/shop", "a first full sight", secs(15), |sample| {
        let through = sample["reachability"]["viaPooler"]["outcome"] == "ok" && sample["poolers"][0]["up"] == true;
        sample["status"] == "healthy" && sample["connectionPool"]["utilization"].is_number() && (through || !behind_a_pooler)
    });
}

/// `firing database_down` and the like, in the order they came.
fn about(told: &[Received]) -> Vec<String> {
    let rule = |body: &Value| body["alert"]["rule"].as_str().unwrap_or_default().to_owned();
    told.iter().map(|message| format!("{} {}", message.event, rule(&message.body))).collect()
}

/// A server with the database `shop`, its statements, and the role `app`.
fn shop() -> Postgres {
    let server = Postgres::builder().with_statements().setting("autovacuum_naptime", "1s").start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    server.create_role("app").expect("a role");
    server
}

/// A small pool in front of it, which `app` uses.
fn pool(server: &Postgres) -> PgBouncer {
    let pooler = PgBouncer::builder().database("shop", server).user("app").pool_mode("transaction").default_pool_size(2);
    pooler.setting("so_reuseport", "1").start().expect("PgBouncer")
}
