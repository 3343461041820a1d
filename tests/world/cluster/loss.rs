//! Databases die, one and all: each is told by its own region, once.

use super::world::{REGIONS, SOON, World};
use crate::support::secs;

#[test]
fn every_region_tells_of_its_own_database_and_of_no_other() {
    let mut world = World::with_a_redis_each();
    for region in REGIONS {
        world.kill_database(region);
    }
    for region in REGIONS {
        world.expect_everywhere(region, "unhealthy", SOON);
        world.expect_page(region, SOON);
    }
    for node in World::names() {
        assert_eq!(world.health(&node)["status"], "unhealthy");
    }
    world.receiver.stays(REGIONS.len(), secs(2));
    for region in REGIONS {
        world.restore_database(region);
    }
    world.expect_told_once();
}
