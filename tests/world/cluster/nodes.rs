//! Nodes die, hand over, and come back: nobody stops probing for long, and nobody is told of it.

use std::time::{Duration, Instant};

use super::{
    probes::Watch,
    world::{REGIONS, SOON, World, partner_of, region_of},
};
use crate::{
    doubles::Refusal,
    support::{secs, until},
};

/// The most that a target may be without a probe after a node's death.
pub(super) const LONGEST_GAP: Duration = secs(3);
/// The most that a region's alerts may be without a leader.
pub(super) const LONGEST_LEADERLESS: Duration = secs(5);

#[test]
fn any_node_may_die_and_its_targets_are_probed_on() {
    let mut world = World::with_a_redis_each();
    for victim in World::names() {
        let watch = Watch::over(&world, region_of(&victim), &partner_of(&victim));
        world.kill(&victim);
        world.expect_leader(region_of(&victim), LONGEST_LEADERLESS, |leader| leader != victim);
        until("probes go on for a while", secs(10), {
            let since = Instant::now();
            move || if since.elapsed() > secs(4) { Ok(()) } else { Err("not yet".into()) }
        });
        let gap = watch.longest();
        assert!(gap <= LONGEST_GAP, "nobody probed for {gap:?} after {victim} died");
        world.expect_everywhere(region_of(&victim), "healthy", secs(1));
        world.start(&victim);
        world.expect_all_well();
    }
    assert_eq!(world.told().pages(), 0, "{}", world.told());
}

#[test]
fn a_node_that_is_told_to_end_hands_over_without_a_gap() {
    let mut world = World::with_a_redis_each();
    let watch = Watch::over(&world, "us-east-1", "us-east-1-b");
    let took = world.stop("us-east-1-a");
    assert!(took < secs(5), "{took:?}");
    world.expect_leader("us-east-1", SOON, |leader| leader == "us-east-1-b");
    let gap = watch.longest();
    assert!(gap < Duration::from_millis(1_500), "{gap:?} without a probe");
    world.kill_database("us-east-1");
    world.expect_page("us-east-1", SOON);
    world.expect_told_once();
}

#[test]
fn a_region_without_nodes_is_unknown_and_told_once_by_another() {
    let mut world = World::with_a_redis_each();
    world.kill("eu-west-1-a");
    world.kill("eu-west-1-b");
    world.expect_elsewhere("eu-west-1", "unknown", SOON);
    until("the dark region is told", SOON, || {
        let told = world.told();
        if told.firing("region_blind") == 1 { Ok(()) } else { Err(told.to_string()) }
    });
    world.receiver.stays(1, secs(10));
    world.start("eu-west-1-a");
    world.expect_everywhere("eu-west-1", "healthy", SOON);
    until("its end is told", SOON, || {
        let messages = world.receiver.messages();
        if messages.iter().any(|it| it.event == "resolved") { Ok(()) } else { Err(world.told().to_string()) }
    });
    world.receiver.stays(2, secs(2));
    world.expect_told_once();
}

#[test]
fn the_leader_dies_in_the_middle_of_a_delivery_and_the_other_tells() {
    let mut world = World::with_a_redis_each();
    let (leader, _) = world.expect_leader("us-east-1", SOON, |_| true);
    // The first call is taken and never answered in time, so it is in doubt when the leader dies.
    world.receiver.refuse_next(Refusal::Slow(secs(5)));
    world.kill_database("us-east-1");
    until("the call is under way", SOON, || if world.receiver.messages().is_empty() { Err("no call".into()) } else { Ok(()) });
    world.kill(&leader);
    world.expect_leader("us-east-1", LONGEST_LEADERLESS, |new| new != leader);
    world.expect_page("us-east-1", SOON);
    world.expect_told_once();
    let slack = |world: &World| world.slack.messages().iter().filter(|it| it.says().contains("database_down")).count();
    until("Slack is told too", SOON, || if slack(&world) >= 1 { Ok(()) } else { Err(slack(&world).to_string()) });
    assert!(slack(&world) <= 2, "at most once more, marked");
    world.start(&leader);
    world.restore_database("us-east-1");
    world.expect_told_once();
    for region in REGIONS {
        world.expect_everywhere(region, "healthy", SOON);
    }
}
