//! Nodes that speak the first version of the wire are replaced one by one by those that speak the newest.

use super::world::{Buses, REGIONS, SOON, Start, World};

#[test]
fn nodes_of_an_older_version_are_replaced_one_by_one() {
    let mut world = World::three_regions(Buses::Each, Start { is_old: true, ..Start::default() });
    for (done, node) in World::names().into_iter().enumerate() {
        world.stop(&node);
        world.start(&node);
        for region in REGIONS {
            world.expect_everywhere(region, "healthy", SOON);
        }
        assert_eq!(world.told().pages(), 0, "after {done} nodes: {}", world.told());
        // In the middle of it, old and new nodes tell as one.
        if done == 2 {
            world.kill_database("eu-west-1");
            world.expect_everywhere("eu-west-1", "unhealthy", SOON);
            world.expect_page("eu-west-1", SOON);
            world.restore_database("eu-west-1");
            assert_eq!(world.told().pages(), 1);
            break;
        }
    }
    for node in World::names().into_iter().skip(3) {
        world.stop(&node);
        world.start(&node);
    }
    world.expect_all_well();
    world.expect_told_once();
}
