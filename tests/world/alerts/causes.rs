//! Causes before symptoms: one broken server is one message, whatever hangs on it.

use isobar::sandbox::{PgBouncer, Postgres};
use serde_json::{Value, json};

use super::{House, bot, expect_told, hook, receiver, server, told};
use crate::{
    doubles::{Message, Slack},
    support::{Session, secs, until},
};

const TARGETS: [&str; 3] = ["blog", "shop", "wiki"];

/// An unoptimised build on a busy machine would look once in two seconds, and see a queue before it asks the server again.
const FULL_SPEED: &str = "[sampling]\nimpact_budget = 0.2\n";

/// Two connections for each database and user; it tries again after a second.
fn pooler(server: &Postgres) -> PgBouncer {
    server.create_role("app").expect("a role");
    let builder =
        PgBouncer::builder().user("app").pool_mode("transaction").default_pool_size(2).setting("server_login_retry", "1");
    TARGETS.iter().fold(builder, |builder, name| builder.database(name, server)).start().expect("PgBouncer")
}

fn behind(pooler: &PgBouncer, database: &str) -> String {
    let (console, client) = (pooler.console_url(), pooler.client_url(database));
    format!("[[target.pooler]]\nkind = \"pgbouncer\"\nurl = \"{console}\"\nclient_url = \"{client}\"")
}

/// Waits until all targets have this incident, and one of them leads: its id and target.
#[track_caller]
fn expect_led(house: &House, rule: &str) -> (String, String) {
    let look = || {
        let alerts = house.alerts();
        let open: Vec<&Value> = alerts.iter().filter(|it| it["rule"] == rule && it["state"] == "firing").collect();
        let leader = open.iter().find(|alert| alert["suppressedBy"].is_null()).ok_or_else(|| format!("{open:#?}"))?;
        let others = open.iter().filter(|alert| alert["suppressedBy"] == leader["id"]).count();
        let mut affects: Vec<&str> = leader["affects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        affects.sort_unstable();
        if others == 2 && affects == TARGETS {
            let text = |key: &str| leader[key].as_str().unwrap_or_default().to_owned();
            Ok((text("id"), text("target")))
        } else {
            Err(format!("{open:#?}"))
        }
    };
    until(&format!("{rule} of all, led by one"), secs(20), look).0
}

#[test]
fn a_broken_server_is_one_message_and_so_is_a_broken_pooler() {
    let (slack, receiver, server) = (Slack::start(), receiver(), server(&TARGETS));
    let pooler = pooler(&server);
    let global =
        [FULL_SPEED, "[alerts]\nresolve_after = \"3s\"\n", &bot("ops", &slack, Slack::TOKEN, "#ops"), &hook("hook", &receiver)]
            .concat();
    let more = TARGETS.map(|name| (name, server.url(name), behind(&pooler, name)));
    let targets: Vec<_> = more.iter().map(|(name, url, more)| (*name, url.as_str(), more.as_str())).collect();
    let house = House::open(&global, &targets);
    let mut expected = Vec::new();

    let clients = Session::open_many(4, &pooler.url_as("app", "shop"), "web");
    server.kill();
    let waiting: Vec<_> = clients.iter().map(|client| client.start("SELECT 1")).collect();
    let (_, down) = expect_led(&house, "database_down");
    until("the message names all three", secs(10), || {
        let messages = slack.messages();
        let says = messages.first().map(Message::says).unwrap_or_default();
        if TARGETS.iter().all(|name| says.contains(name)) { Ok(()) } else { Err(format!("{messages:#?}")) }
    });
    server.restart().expect("a restart");
    house.expect_quiet();
    drop((clients, waiting));
    expected.extend(["firing", "resolved"].map(|event| format!("{event} database_down {down}")));
    assert_eq!(told(&receiver), expected);

    pooler.kill();
    let (_, down) = expect_led(&house, "pooler_down");
    pooler.restart().expect("a restart");
    house.expect_quiet();
    expected.extend(["firing", "resolved"].map(|event| format!("{event} pooler_down {down}")));
    assert_eq!(told(&receiver), expected);

    let clients = Session::open_many(4, &pooler.url_as("app", "shop"), "web");
    server.freeze();
    let waiting: Vec<_> = clients.iter().map(|client| client.start("SELECT 1")).collect();
    let (id, frozen) = expect_led(&house, "database_unresponsive");
    let hidden = house.expect_alert("pool_waiting", "shop", "hidden", |alert| alert["suppressedBy"].is_string());
    if frozen == "shop" {
        assert_eq!(hidden["suppressedBy"], json!(id));
    }
    server.thaw();
    house.expect_quiet();
    drop((clients, waiting));
    expected.extend(["firing", "resolved"].map(|event| format!("{event} database_unresponsive {frozen}")));
    assert_eq!(told(&receiver), expected);
    let own = slack.messages().iter().filter(|message| message.thread.is_none()).count();
    assert_eq!(own, 3, "{:#?}", slack.messages());
    house.assert_no_secret();
}

#[test]
fn what_outlives_its_cause_is_told_by_itself() {
    let (receiver, server) = (receiver(), server(&TARGETS));
    let pooler = pooler(&server);
    let quiet = "[thresholds]\npool_wait_critical_ms = 600000\n[thresholds.rules.pool_saturated]\nenabled = false\n\
                 [thresholds.rules.connection_leak]\nenabled = false\n";
    let global = [super::QUICK, quiet, &hook("hook", &receiver)].concat();
    let house = House::open(&global, &[("shop", &server.url("shop"), &behind(&pooler, "shop"))]);

    let holders = Session::open_many(2, &pooler.url_as("app", "shop"), "batch");
    let waiters = Session::open_many(3, &pooler.url_as("app", "shop"), "web");
    for holder in &holders {
        holder.run("BEGIN; SELECT 1").expect("a transaction");
    }
    server.freeze();
    expect_told(&receiver, "firing database_unresponsive shop", 1);
    let waiting: Vec<_> = waiters.iter().map(|client| client.start("SELECT 1")).collect();
    let cause = house.expect_state("database_unresponsive", "shop", "firing");
    let hidden = house.expect_alert("pool_waiting", "shop", "hidden", |alert| alert["suppressedBy"].is_string());
    assert_eq!(hidden["suppressedBy"], cause["id"]);
    assert_eq!(hidden["deliveries"], json!([]));

    server.thaw();
    expect_told(&receiver, "firing pool_waiting shop", 1);
    house.expect_alert("pool_waiting", "shop", "let go", |alert| alert["suppressedBy"] == Value::Null);
    for holder in &holders {
        holder.run("COMMIT").expect("an end");
    }
    house.expect_quiet();
    drop((holders, waiters, waiting));
    for rule in ["database_unresponsive", "pool_waiting"] {
        let of_rule: Vec<String> = told(&receiver).into_iter().filter(|said| said.contains(rule)).collect();
        assert_eq!(of_rule, ["firing", "resolved"].map(|event| format!("{event} {rule} shop")));
    }
    assert_eq!(told(&receiver).len(), 4);
    house.assert_steps(&hidden["id"], &["firing", "suppressed", "released", "told", "sent", "recovering", "resolved"]);
}
