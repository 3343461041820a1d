//! What happens in a pool all the time: all servers busy for a moment, and the pooler itself restarted.

use std::time::Duration;

use super::{World, pool, shop};
use crate::support::{Session, secs};

#[test]
fn a_pool_that_is_full_for_less_than_a_second_pages_nobody() {
    let server = shop();
    let pooler = pool(&server);
    let clients = Session::open_many(5, &pooler.url_as("app", "shop"), "web");
    let world = World::watching(server, Some(&pooler), "");
    for _ in 0..6 {
        let working: Vec<_> = clients[..2].iter().map(|client| client.start("SELECT pg_sleep(0.9)")).collect();
        let waiting: Vec<_> = clients[2..].iter().map(|client| client.start("SELECT 1")).collect();
        for answer in working.into_iter().chain(waiting) {
            answer.recv().expect("an answer").expect("a success");
        }
        world.quiet_for(Duration::from_millis(700));
    }
    world.quiet_for(secs(3));
    world.tells_of_a_kill();
}

#[test]
fn a_pooler_that_is_restarted_pages_nobody() {
    let server = shop();
    let pooler = pool(&server);
    let url = pooler.url_as("app", "shop");
    let world = World::watching(server, Some(&pooler), "");
    for _ in 0..3 {
        let client = Session::open(&url, "web");
        client.run("SELECT 1").expect("an answer");
        drop(client);
        pooler.replace().expect("a new process in its place");
        world.quiet_for(Duration::from_millis(1_500));
    }
    for _ in 0..3 {
        pooler.kill();
        world.quiet_for(Duration::from_millis(300));
        pooler.restart().expect("a restart");
        world.quiet_for(Duration::from_millis(1_500));
    }
    Session::open(&url, "web").run("SELECT 1").expect("clients get in");
    world.tells_of_a_kill();
}
