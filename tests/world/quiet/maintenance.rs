//! Work that was announced: a batch at night that blocks, takes long and fills the pool.

use std::time::Duration;

use super::{World, pool, shop};
use crate::support::{Session, node::reason, secs, until};

/// A schedule whose time began a few minutes ago and lasts for hours.
fn batch(rules: &[&str]) -> String {
    let began = isobar::clock::wall().0.with_timezone(&chrono_tz::Europe::Berlin) - chrono::TimeDelta::minutes(3);
    let schedule = began.format("%-M %-H * * *");
    let one = |rule: &&str| {
        format!(
            "[[maintenance]]\nname = \"batch {rule}\"\nmatchers = {{ target = \"shop\", rule = \"{rule}\" }}\n\
             schedule = \"{schedule}\"\nlasts = \"2h\"\ntimezone = \"Europe/Berlin\"\n\n"
        )
    };
    rules.iter().map(one).collect()
}

#[test]
fn a_batch_under_maintenance_pages_nobody() {
    let server = shop();
    let pooler = pool(&server);
    server
        .sql("shop", "CREATE TABLE orders (id int); GRANT ALL ON orders TO app; INSERT INTO orders VALUES (1)")
        .expect("a table");
    let planned = batch(&["pool_*", "*query*", "blocking_chain", "connection_leak"]);
    let world = World::watching(server, Some(&pooler), &planned);
    let holder = Session::open(&world.server.superuser_url("shop"), "batch");
    let clients = Session::open_many(4, &pooler.url_as("app", "shop"), "web");
    holder.run("BEGIN; LOCK TABLE orders").expect("a lock");
    let stuck: Vec<_> = clients.iter().map(|client| client.start("UPDATE orders SET id = id + 1")).collect();
    let rules = ["blocking_chain", "query_slow", "pool_saturated", "pool_waiting"];
    world.node.expect("local/shop", "all of it is seen", secs(20), |sample| {
        world.quiet_for(Duration::ZERO);
        rules.iter().all(|rule| reason(sample, rule).is_some())
    });
    until("each is hidden by the maintenance", secs(5), || {
        let alerts = world.node.json("/api/alerts");
        let hidden = |rule: &&str| {
            let all = alerts["alerts"].as_array().into_iter().flatten();
            all.filter(|alert| alert["rule"] == **rule)
                .any(|alert| alert["suppressedBy"].as_str().is_some_and(|by| by.starts_with("maintenance/batch")))
        };
        if rules.iter().all(hidden) { Ok(()) } else { Err(alerts.to_string()) }
    });
    holder.run("COMMIT").expect("an end");
    for answer in stuck {
        answer.recv().expect("an answer").expect("a success");
    }
    world.node.expect_status("local/shop", "healthy", "", secs(25));
    world.quiet_for(secs(3));
    world.tells_of_a_kill();
}
