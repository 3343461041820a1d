//! A node's own troubles: a wall clock that is wrong, a disk that is full.

use super::world::{REGIONS, SOON, Start, World, can_skew};
use crate::support::{secs, until};

#[test]
fn a_node_whose_clock_is_ten_minutes_wrong_tells_what_the_others_tell() {
    if !can_skew() {
        eprintln!("SKIP  | no libfaketime");
        return;
    }
    for minutes in [10, -10] {
        let mut world = World::with_a_redis_each();
        world.stop("us-east-1-a");
        world.start_as("us-east-1-a", Start { skew: minutes, ..Start::default() });
        world.expect_all_well();
        assert_eq!(world.told().pages(), 0, "{}", world.told());
        world.kill_database("us-east-1");
        for node in World::names() {
            world.expect(&node, "us-east-1", "unhealthy", SOON);
        }
        world.expect_page("us-east-1", SOON);
        // The one with the right clock may lead now: the other takes over, and nothing is told anew.
        let (leader, _) = world.expect_leader("us-east-1", SOON, |_| true);
        world.kill(&leader);
        world.expect_leader("us-east-1", SOON, |new| new != leader);
        world.restore_database("us-east-1");
        world.expect_told_once();
        for region in REGIONS {
            world.expect_everywhere(region, "healthy", SOON);
        }
    }
}

#[test]
fn people_are_told_although_the_leaders_disk_is_full() {
    let mut world = World::with_a_redis_each();
    let (leader, _) = world.expect_leader("us-east-1", SOON, |_| true);
    world.limit_files(&leader, "0");
    world.kill_database("us-east-1");
    world.expect_page("us-east-1", SOON);
    until("the leader says so", SOON, || {
        let ready = world.node(&leader).get("/readyz").text().unwrap_or_default();
        if ready.contains("not kept on disk") { Ok(()) } else { Err(ready) }
    });
    world.kill(&leader);
    world.expect_leader("us-east-1", secs(10), |new| new != leader);
    world.restore_database("us-east-1");
    world.expect_told_once();
}
