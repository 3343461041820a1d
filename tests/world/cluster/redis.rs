//! A region's Redis is killed, comes back empty, or freezes, and a database dies meanwhile: people are told, once by each key.

use std::time::Duration;

use super::world::{SOON, World};
use crate::support::{secs, until};

/// The grace of a region without its Redis is 10 s; the rest is for finding out and telling.
const ISLAND: Duration = secs(20);

/// A database dies while the region has no Redis.
fn told_on_the_island(world: &mut World) {
    world.expect_elsewhere("eu-west-1", "unknown", SOON);
    world.kill_database("eu-west-1");
    world.expect_page("eu-west-1", ISLAND);
    for node in ["eu-west-1-a", "eu-west-1-b"] {
        world.expect(node, "eu-west-1", "unhealthy", secs(5));
        world.expect(node, "us-east-1", "healthy", secs(5));
    }
}

/// And Redis is back: the copies become one, and nobody is told anew.
fn told_no_more(world: &mut World) {
    world.expect_leader("eu-west-1", SOON, |_| true);
    world.expect_everywhere("eu-west-1", "unhealthy", SOON);
    let before = world.told().incidents("database_down", "eu-west-1");
    world.restore_database("eu-west-1");
    world.expect_all_well();
    assert_eq!(world.told().incidents("database_down", "eu-west-1"), before);
    world.expect_told_once();
}

#[test]
fn a_region_whose_redis_is_killed_goes_on_and_comes_back() {
    let mut world = World::with_a_redis_each();
    world.redis("eu-west-1").kill();
    told_on_the_island(&mut world);
    world.redis("eu-west-1").restart().expect("a restart");
    told_no_more(&mut world);
}

#[test]
fn a_redis_that_comes_back_empty_is_written_anew_and_nobody_is_told_again() {
    let mut world = World::with_a_redis_each();
    world.kill_database("eu-west-1");
    world.expect_page("eu-west-1", SOON);
    world.redis("eu-west-1").kill();
    world.redis("eu-west-1").restart_empty().expect("a restart");
    let kept = || world.redis("eu-west-1").ask::<usize>(&["HLEN", "isobar:{eu-west-1}:incidents"]).unwrap_or_default();
    until("the incidents are in Redis again", SOON, || if kept() > 0 { Ok(()) } else { Err("none".into()) });
    told_no_more(&mut world);
}

#[test]
fn a_frozen_redis_is_noticed_and_the_region_goes_on() {
    let mut world = World::with_a_redis_each();
    world.redis("eu-west-1").freeze();
    told_on_the_island(&mut world);
    world.redis("eu-west-1").thaw();
    told_no_more(&mut world);
}

#[test]
fn all_regions_lose_the_redis_that_they_share_and_each_goes_on() {
    let mut world = World::with_one_redis();
    world.redis("eu-west-1").kill();
    world.kill_database("eu-west-1");
    world.expect_page("eu-west-1", ISLAND);
    for node in World::names() {
        let own = super::world::region_of(&node);
        world.expect(&node, own, if own == "eu-west-1" { "unhealthy" } else { "healthy" }, SOON);
    }
    world.redis("eu-west-1").restart().expect("a restart");
    told_no_more(&mut world);
}
