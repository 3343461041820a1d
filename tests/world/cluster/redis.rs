//! A region's Redis is killed, comes back empty, or freezes, and a database dies meanwhile: people are told, once by each key.

use std::time::Duration;

use super::{
    views::answers_for_all,
    world::{SOON, World, region_of},
};
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
fn a_region_loses_its_redis_in_every_way_and_goes_on() {
    let mut world = World::with_a_redis_each();
    one_that_is_killed_comes_back(&mut world);
    one_that_comes_back_empty_is_written_anew(&mut world);
    one_that_freezes_is_noticed(&mut world);
}

fn one_that_is_killed_comes_back(world: &mut World) {
    world.redis("eu-west-1").kill();
    told_on_the_island(world);
    world.redis("eu-west-1").restart().expect("a restart");
    told_no_more(world);
}

fn one_that_comes_back_empty_is_written_anew(world: &mut World) {
    world.kill_database("eu-west-1");
    world.expect_page("eu-west-1", SOON);
    world.redis("eu-west-1").kill();
    world.redis("eu-west-1").restart_empty().expect("a restart");
    let kept = || world.redis("eu-west-1").ask::<usize>(&["HLEN", "isobar:{eu-west-1}:incidents"]).unwrap_or_default();
    until("the incidents are in Redis again", SOON, || if kept() > 0 { Ok(()) } else { Err("none".into()) });
    told_no_more(world);
}

fn one_that_freezes_is_noticed(world: &mut World) {
    world.redis("eu-west-1").freeze();
    told_on_the_island(world);
    world.redis("eu-west-1").thaw();
    told_no_more(world);
}

/// What holds with a Redis each holds with one for all.
#[test]
fn one_redis_serves_all_regions_and_each_goes_on_without_it() {
    let mut world = World::with_one_redis();
    answers_for_all(&mut world);
    world.redis("eu-west-1").kill();
    world.kill_database("eu-west-1");
    world.expect_page("eu-west-1", ISLAND);
    for node in World::names() {
        let own = region_of(&node);
        world.expect(&node, own, if own == "eu-west-1" { "unhealthy" } else { "healthy" }, SOON);
    }
    world.redis("eu-west-1").restart().expect("a restart");
    told_no_more(&mut world);
}
