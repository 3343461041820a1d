//! From the consoles of PgCat, Odyssey and PgDog to `/api/health/database`: a real server, and a double that gives the answers which
//! their sources describe.

use isobar::sandbox::Postgres;
use serde_json::{Value, json};

use crate::{
    doubles::Console,
    support::Node,
    truth::{SOON, number, shop, watch},
};

const PGCAT: &str = include_str!("../golden/consoles/pgcat.txt");
const ODYSSEY: &str = include_str!("../golden/consoles/odyssey.txt");
const PGDOG: &str = include_str!("../golden/consoles/pgdog.txt");

/// A server, a node that watches it, and a console in front whose answers lead to it.
struct Front {
    _server: Postgres,
    console: Console,
    node: Node,
    _dir: tempfile::TempDir,
}

fn front(kind: &str, name: &'static str, answers: &str) -> Front {
    let server = shop(Postgres::builder(), true);
    let console = Console::start(name, &answers.replace("db1|5432", &format!("127.0.0.1|{}", server.port())));
    let pooler = format!("[[target.pooler]]\nkind = \"{kind}\"\nurl = \"{}\"", console.url(name));
    let (node, dir) = watch(&server, "statements = \"2s\"", &pooler);
    Front { _server: server, console, node, _dir: dir }
}

impl Front {
    #[track_caller]
    fn expect(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.node.expect("local/shop", what, SOON, holds).0
    }
}

fn lacks(sample: &Value) -> Vec<&str> {
    let missing = sample["probe"]["missing"].as_array().into_iter().flatten();
    missing
        .filter_map(|one| one["field"].as_str())
        .filter(|field| field.starts_with("connectionPool") || field.starts_with("poolers"))
        .collect()
}

#[test]
fn pgcat_is_watched_from_its_console_to_the_answer() {
    let front = front("pgcat", "pgcat", PGCAT);
    let sample =
        front.expect("its pools", |sample| sample["poolers"][0]["pools"].as_array().is_some_and(|pools| pools.len() == 2));
    let pooler = &sample["poolers"][0];
    assert_eq!((&pooler["kind"], &pooler["up"]), (&json!("pgcat"), &json!(true)));
    let expected = json!({ "database": "store", "user": "app", "mode": "transaction", "size": 10, "clientsActive": 9, "clientsWaiting": 3,
        "serversActive": 4, "serversIdle": 2, "serversOther": 1, "maxWaitTime": 2345.678, "paused": false });
    assert_eq!(pooler["pools"][0], expected);
    assert_eq!(number(&sample, "/connectionPool/waitingClients"), Some(3.0));
    assert_eq!(lacks(&sample), Vec::<&str>::new(), "{sample}");
    front.expect("that clients wait", |sample| {
        sample["reasons"].as_array().is_some_and(|all| all.iter().any(|reason| reason["rule"] == "pool_waiting"))
    });

    // The pooler's own errors count, whatever the server says.
    front.console.say(|answers| answers.replace("|1500000|7|", "|1500000|97|"));
    front.expect("its errors", |sample| number(sample, "/queryPerformance/errorRate").is_some_and(|rate| rate > 0.0));
    front.console.say(|answers| answers.replace("|4|0|0\n", "|4|1|0\n"));
    front.expect("the pause", |sample| sample["poolers"][0]["outcome"] == "pooler_paused");
}

#[test]
fn odyssey_is_watched_and_its_zero_waits_are_reported() {
    let front = front("odyssey", "console", ODYSSEY);
    let sample = front.expect("a queue that does not move", |sample| {
        number(sample, "/connectionPool/maxWaitTime").is_some_and(|wait| wait > 500.0)
    });
    assert_eq!(sample["poolers"][0]["kind"], "odyssey");
    assert_eq!(number(&sample, "/connectionPool/averageWaitTime"), None);
    assert_eq!(lacks(&sample), ["connectionPool.maxWaitTime", "connectionPool.averageWaitTime"], "{sample}");
    assert_eq!(number(&sample, "/connectionPool/poolSize"), Some(8.0));
    front.expect("that clients wait", |sample| {
        sample["reasons"].as_array().is_some_and(|all| all.iter().any(|reason| reason["rule"] == "pool_waiting"))
    });
}

#[test]
fn pgdog_is_watched_server_by_server() {
    let front = front("pgdog", "admin", PGDOG);
    let sample =
        front.expect("its pools", |sample| sample["poolers"][0]["pools"].as_array().is_some_and(|pools| pools.len() == 2));
    let pool = &sample["poolers"][0]["pools"][0];
    assert_eq!((&pool["serversActive"], &pool["serversOther"], &pool["size"]), (&json!(4), &json!(1), &json!(10)), "{pool}");
    assert_eq!(lacks(&sample), ["poolers.pools.clientsActive"], "{sample}");
    front.console.say(|answers| {
        answers
            .replace("transaction|f|f|t|7", "transaction|f|t|f|7")
            .replace("transaction|f|f|t|0", "transaction|f|t|f|0")
            .replace("session|f|f|t|0", "session|f|t|f|0")
    });
    front.expect("a ban of its server", |sample| sample["poolers"][0]["outcome"] == "pool_exhausted");
    front.expect("that it lets nobody through", |sample| {
        sample["reasons"].as_array().is_some_and(|all| all.iter().any(|reason| reason["rule"] == "pooler_down"))
    });
    front.console.say(|answers| answers.replace("|cl_waiting|", "|cl_queued|"));
    let sample = front.expect("the lack of a column", |sample| sample["poolers"][0]["outcome"] == "protocol");
    let missing = sample["probe"]["missing"].to_string();
    assert!(missing.contains("SHOW POOLS has no cl_waiting"), "{missing}");
}
