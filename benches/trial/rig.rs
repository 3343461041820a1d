//! A real PostgreSQL behind a real PgBouncer, watched by a real node, and how its advice is taken.

use std::{
    fs,
    time::{Duration, Instant},
};

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::Value;

use super::{
    crowd::{self, Crowd},
    loads::Load,
};
use crate::support::{Node, pass, secs};

/// The window of advice in the trial, and of each measurement, seconds.
pub(super) const WINDOW: u64 = 30;
/// Until new server connections are open and a queue is gone.
const SETTLES: Duration = Duration::from_secs(4);

pub(super) struct Rig {
    pub(super) crowd: Crowd,
    control: Crowd,
    /// What the way through the pooler adds without a load, seconds.
    detour: f64,
    pooler: PgBouncer,
    node: Option<(Node, tempfile::TempDir)>,
    server: Postgres,
}

/// What clients and the pooler saw in a while. Milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// By the clients' clocks.
    pub(super) wait: f64,
    /// The way to the server and back, of which the former is free.
    #[allow(dead_code)] // shown to who develops
    pub(super) way: f64,
    /// By PgBouncer's counters.
    pub(super) pooler_wait: f64,
    pub(super) utilization: f64,
    /// From a client's question to its answer.
    pub(super) response: f64,
    pub(super) rate: f64,
}

impl Rig {
    pub(super) fn start(load: &Load) -> Self {
        let server = Postgres::builder().with_statements().setting("autovacuum", "off").setting("max_connections", "200");
        let server = server.start().expect("PostgreSQL");
        server.create_database("shop").expect("a database");
        server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
        for role in ["app", "jobs"] {
            server.create_role(role).expect("a role");
        }
        let table = "CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0); GRANT ALL ON counter TO app";
        server.sql("shop", table).expect("a table");
        let entry = format!("pool_size={}", load.pool);
        let pooler =
            PgBouncer::builder().database_as("shop", &server, "shop", &entry).user("app").user("jobs").pool_mode(load.mode);
        // Sixty logins a second by SCRAM keep client and pooler from their work, which is another matter than a wait.
        let auth = if load.mode == "session" { "trust" } else { "scram-sha-256" };
        let pooler = pooler.auth_type(auth).setting("max_client_conn", "400").start().expect("PgBouncer");
        let (detour, control) = (crowd::detour(&pooler, &server), Crowd::control(&server));
        let crowd = Crowd::start(&pooler, load.applications);
        pass(SETTLES);
        let region = format!(
            "region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{}\"\n",
            server.url("shop"),
            pooler.console_url()
        );
        let global =
            format!("[sampling]\nfast = \"250ms\"\nstatements = \"5s\"\n[advice]\nwindow = \"{WINDOW}s\"\nevery = \"2s\"\n");
        let node = Some(Node::configured(&[("global.toml", &global), ("local.toml", &region)]));
        Self { crowd, control, detour, pooler, node, server }
    }

    /// What is said of this user's pool, once a whole window was seen; and all that was said when that is nothing.
    pub(super) fn advice(&self, user: &str) -> Result<Value, String> {
        let ends = Instant::now() + secs(WINDOW * 2 + 15);
        let mut last = Value::Null;
        let (subject, quiet) = (format!("({user})"), secs(WINDOW + 12));
        let begins = Instant::now();
        while Instant::now() < ends {
            last = self.asked();
            let about = |one: &&Value| {
                one["change"]["setting"] == "pool_size"
                    && one["subject"].as_str().is_some_and(|said| said.contains(&subject))
                    && one["evidence"][0]["value"].as_f64().is_some_and(|span| span >= WINDOW as f64 * 0.9)
            };
            if let Some(found) = last["recommendations"].as_array().and_then(|all| all.iter().find(about)) {
                return Ok(found.clone());
            }
            if begins.elapsed() > quiet && last["recommendations"] == Value::Array(Vec::new()) {
                break;
            }
            pass(Duration::from_millis(500));
        }
        Err(last.to_string())
    }

    /// All that is said now.
    pub(super) fn asked(&self) -> Value {
        self.node.as_ref().expect("a node").0.json("/api/recommendations")
    }

    /// Does what the command says: a line of `pgbouncer.ini`, then a word in the console.
    pub(super) fn take(&self, command: &str) {
        let size = command.split("pool_size=").nth(1).expect("a size on the database's line");
        let size: String = size.chars().take_while(char::is_ascii_digit).collect();
        let word = command.split("console: ").nth(1).expect("a word for the console");
        self.set(&size, word);
        pass(SETTLES);
    }

    fn set(&self, size: &str, word: &str) {
        let file = self.pooler.folder().join("pgbouncer.ini");
        let ini = fs::read_to_string(&file).expect("its configuration");
        let line = ini.lines().find(|line| line.starts_with("shop = ")).expect("the database's line");
        let kept: Vec<_> = line.split_whitespace().filter(|part| !part.starts_with("pool_size=")).collect();
        let ini = ini.replace(line, &format!("{} pool_size={size}", kept.join(" ")));
        fs::write(&file, ini).expect("a written configuration");
        self.pooler.console(word.trim_end_matches(';')).expect("the console takes it");
    }

    /// Against the advice.
    pub(super) fn enlarge_anyway(&self, size: u32) {
        self.set(&size.to_string(), "RELOAD;");
        pass(SETTLES);
    }

    /// Lets so many seconds pass and tells what this user's clients saw of a pool of that size.
    pub(super) fn measure(&self, seconds: u64, user: &str, size: u32) -> Measured {
        let (began, before) = (Instant::now(), self.totals());
        pass(secs(seconds));
        let (ended, after) = (Instant::now(), self.totals());
        let (span, delta) = ((ended - began).as_secs_f64(), |nth: usize| after[nth] - before[nth]);
        let all = self.crowd.seen(began, ended);
        let own: Vec<_> = all.iter().filter(|one| one.user == user).collect();
        let mean = |of: &dyn Fn(&crowd::Seen) -> f64| own.iter().map(|one| of(one)).sum::<f64>() / own.len().max(1) as f64;
        // The pooler counts for all users together: this one's part is by its clients.
        let part = own.iter().map(|one| one.server).sum::<f64>() / all.iter().map(|one| one.server).sum::<f64>().max(1e-9);
        let control = self.control.seen(began, ended);
        let way = control.iter().map(|one| one.client - one.server).sum::<f64>() / control.len().max(1) as f64 + self.detour;
        Measured {
            wait: (mean(&|one| one.client - one.server) - way).max(0.0) * 1e3,
            way: way * 1e3,
            pooler_wait: delta(2) / delta(0).max(1.0) * 1e3,
            utilization: (delta(1) - delta(2)) * part / span / f64::from(size),
            response: mean(&|one| one.client) * 1e3,
            rate: own.len() as f64 / span,
        }
    }

    /// The database's transactions, their seconds, and the seconds that clients waited.
    fn totals(&self) -> [f64; 3] {
        let rows = self.pooler.console("SHOW STATS_TOTALS").expect("totals");
        let row = rows.iter().find(|row| row.get("database") == Some("shop")).expect("its row");
        let number = |name: &str| row.get(name).and_then(|value| value.parse::<f64>().ok()).expect("a number");
        [number("xact_count"), number("xact_time") / 1e6, number("wait_time") / 1e6]
    }

    /// Server connections that the pool holds in the mean, looked at now and then for so long: in session mode those are taken.
    pub(super) fn held(&self, seconds: u64) -> f64 {
        let looks = seconds * 5;
        let one = |_| {
            pass(Duration::from_millis(200));
            let rows = self.pooler.console("SHOW POOLS").expect("pools");
            let row = rows.iter().find(|row| row.get("database") == Some("shop") && row.get("user") == Some("app"));
            row.and_then(|row| row.get("sv_active")?.parse::<f64>().ok()).unwrap_or_default()
        };
        (0..looks).map(one).sum::<f64>() / looks as f64
    }

    /// Ends all of it in order: who asks, who watches, what is asked.
    pub(super) fn end(self) {
        let Self { crowd, control, node, pooler, server, .. } = self;
        drop((crowd, control));
        drop(node);
        drop(pooler);
        drop(server);
    }
}
