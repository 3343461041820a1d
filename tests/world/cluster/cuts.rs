//! Links between regions are cut and slow: each region sees and tells its own, and the others say that they cannot see.

use std::time::Duration;

use super::world::{REGIONS, SOON, World};
use crate::support::{secs, until};

#[test]
fn links_are_cut_and_slow_and_each_region_tells_its_own() {
    let mut world = World::with_a_redis_each();
    a_region_cut_off_pages_for_itself_and_the_others_say_blind(&mut world);
    a_way_that_is_cut_in_one_direction_darkens_no_third_region(&mut world);
    slow_and_lossy_links_page_nobody(&mut world);
}

fn a_region_cut_off_pages_for_itself_and_the_others_say_blind(world: &mut World) {
    world.cut("eu-west-1");
    world.expect_elsewhere("eu-west-1", "unknown", SOON);
    for node in ["eu-west-1-a", "eu-west-1-b"] {
        world.expect(node, "eu-west-1", "healthy", secs(5));
        world.expect(node, "us-east-1", "unknown", SOON);
        let health = world.health(node);
        let mut cut_off: Vec<_> = health["cutOff"].as_array().cloned().unwrap_or_default();
        cut_off.sort_by_key(ToString::to_string);
        assert_eq!(cut_off, ["ap-south-1", "us-east-1"], "{health}");
    }
    world.kill_database("eu-west-1");
    world.expect_page("eu-west-1", SOON);
    world.heal();
    world.expect_everywhere("eu-west-1", "unhealthy", SOON);
    world.restore_database("eu-west-1");
    world.expect_all_well();
    assert_eq!(world.told().firing("region_blind"), 1, "one region is dark, and one tells: {}", world.told());
    world.expect_told_once();
}

/// TCP needs both ways, so a region that is heard by nobody hears nobody either on connections of its own; what it says to Redis next door
/// is read by whoever gets there.
fn a_way_that_is_cut_in_one_direction_darkens_no_third_region(world: &mut World) {
    world.cut_one_way("us-east-1", "eu-west-1");
    for node in ["us-east-1-a", "us-east-1-b"] {
        world.expect(node, "eu-west-1", "unknown", SOON);
    }
    for node in ["ap-south-1-a", "ap-south-1-b"] {
        for region in REGIONS {
            world.expect(node, region, "healthy", secs(5));
        }
    }
    world.kill_database("us-east-1");
    world.expect_page("us-east-1", SOON);
    world.heal();
    world.restore_database("us-east-1");
    world.expect_all_well();
    world.expect_told_once();
}

fn slow_and_lossy_links_page_nobody(world: &mut World) {
    let before = world.told().pages();
    world.slow_everywhere(Duration::from_millis(125), 1);
    let since = std::time::Instant::now();
    until("10 s on slow links", secs(60), || {
        for node in World::names() {
            for region in REGIONS {
                let health = world.health(&node);
                assert_eq!(health["regions"][region], "healthy", "{node} after {:?}: {health}", since.elapsed());
            }
        }
        if since.elapsed() > secs(10) { Ok(()) } else { Err("not yet".into()) }
    });
    assert_eq!(world.told().pages(), before, "{}", world.told());
    world.kill_database("ap-south-1");
    world.expect_everywhere("ap-south-1", "unhealthy", SOON);
    world.expect_page("ap-south-1", SOON);
    world.heal();
    world.restore_database("ap-south-1");
    world.expect_told_once();
}
