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
fn nodes_die_and_hand_over_and_nobody_is_told_of_it() {
    let mut world = World::with_a_redis_each();
    any_node_may_die_and_its_targets_are_probed_on(&mut world);
    a_node_that_is_told_to_end_hands_over_without_a_gap(&mut world);
    the_leader_dies_in_the_middle_of_a_delivery_and_the_other_tells(&mut world);
    a_region_without_nodes_is_unknown_and_told_once_by_another(&mut world);
}

fn any_node_may_die_and_its_targets_are_probed_on(world: &mut World) {
    for region in REGIONS {
        // The one that leads in one region, and the one that does not in the next.
        let (leader, _) = world.expect_leader(region, SOON, |_| true);
        let victim = if region == "eu-west-1" { partner_of(&leader) } else { leader };
        let watch = Watch::over(world, region_of(&victim), &partner_of(&victim));
        world.kill(&victim);
        world.expect_leader(region_of(&victim), LONGEST_LEADERLESS, |leader| leader != victim);
        until("probes go on for a while", secs(10), {
            let since = Instant::now();
            move || if since.elapsed() > secs(3) { Ok(()) } else { Err("not yet".into()) }
        });
        let gap = watch.longest();
        assert!(gap <= LONGEST_GAP, "nobody probed for {gap:?} after {victim} died");
        world.expect_everywhere(region_of(&victim), "healthy", secs(1));
        world.start(&victim);
        world.expect_all_well();
    }
    assert_eq!(world.told().pages(), 0, "{}", world.told());
}

fn a_node_that_is_told_to_end_hands_over_without_a_gap(world: &mut World) {
    let watch = Watch::over(world, "us-east-1", "us-east-1-b");
    let took = world.stop("us-east-1-a");
    assert!(took < secs(5), "{took:?}");
    world.expect_leader("us-east-1", SOON, |leader| leader == "us-east-1-b");
    let gap = watch.longest();
    assert!(gap < Duration::from_millis(1_500), "{gap:?} without a probe");
    world.kill_database("us-east-1");
    world.expect_page("us-east-1", SOON);
    world.start("us-east-1-a");
    world.restore_database("us-east-1");
    world.expect_all_well();
    world.expect_told_once();
}

fn a_region_without_nodes_is_unknown_and_told_once_by_another(world: &mut World) {
    let before = world.receiver.messages().len();
    world.kill("eu-west-1-a");
    world.kill("eu-west-1-b");
    world.expect_elsewhere("eu-west-1", "unknown", SOON);
    until("the dark region is told", SOON, || {
        let told = world.told();
        if told.firing("region_blind") == 1 { Ok(()) } else { Err(told.to_string()) }
    });
    world.receiver.stays(before + 1, secs(8));
    world.start("eu-west-1-a");
    world.expect_everywhere("eu-west-1", "healthy", SOON);
    until("its end is told", SOON, || {
        let messages = world.receiver.messages();
        if messages[before..].iter().any(|it| it.event == "resolved") { Ok(()) } else { Err(world.told().to_string()) }
    });
    world.receiver.stays(before + 2, secs(2));
    world.expect_told_once();
}

fn the_leader_dies_in_the_middle_of_a_delivery_and_the_other_tells(world: &mut World) {
    let (leader, _) = world.expect_leader("us-east-1", SOON, |_| true);
    // The first call is taken and never answered in time, so it is in doubt when the leader dies.
    let slack = |world: &World| world.slack.messages().iter().filter(|it| it.says().contains("database_down")).count();
    let (told, said) = (world.receiver.messages().len(), slack(world));
    world.receiver.refuse_next(Refusal::Slow(secs(5)));
    world.kill_database("us-east-1");
    until("the call is under way", SOON, || if world.receiver.messages().len() > told { Ok(()) } else { Err("no call".into()) });
    world.kill(&leader);
    world.expect_leader("us-east-1", LONGEST_LEADERLESS, |new| new != leader);
    world.expect_page("us-east-1", SOON);
    world.expect_told_once();
    until("Slack is told too", SOON, || if slack(world) > said { Ok(()) } else { Err(slack(world).to_string()) });
    assert!(slack(world) <= said + 2, "at most once more, marked");
    world.start(&leader);
    world.restore_database("us-east-1");
    world.expect_told_once();
    for region in REGIONS {
        world.expect_everywhere(region, "healthy", SOON);
    }
}
