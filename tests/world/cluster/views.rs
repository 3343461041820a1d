//! Every node answers for the whole world, and a word said at one is heard at all.

use serde_json::json;

use super::world::{REGIONS, SOON, TARGETS, World};
use crate::support::{secs, until};

#[test]
fn every_node_answers_for_the_world_and_a_word_said_at_one_is_heard_at_all() {
    let mut world = World::with_a_redis_each();
    answers_for_all(&mut world);
    who_takes_an_incident_at_a_far_node_takes_it_everywhere(&mut world);
    whoever_has_only_redis_finds_health_there(&mut world);
    every_region_tells_of_its_own_database_and_of_no_other(&mut world);
}

pub(super) fn answers_for_all(world: &mut World) {
    for node in World::names() {
        assert_eq!(world.health(&node)["status"], "healthy");
        for region in REGIONS {
            for target in TARGETS {
                let sample = world.node(&node).sample(&format!("{region}/{target}"));
                assert_eq!(sample["status"], "healthy", "{node} of {region}/{target}: {sample}");
            }
        }
    }
    world.kill_database("eu-west-1");
    world.expect_everywhere("eu-west-1", "unhealthy", SOON);
    world.expect_page("eu-west-1", SOON);
    world.expect_everywhere("us-east-1", "healthy", secs(1));
    for node in World::names() {
        assert_eq!(world.health(&node)["status"], "degraded", "one region of three, says {node}");
    }
    world.restore_database("eu-west-1");
    world.receiver.stays(2, secs(2));
    world.expect_told_once();
}

fn who_takes_an_incident_at_a_far_node_takes_it_everywhere(world: &mut World) {
    world.kill_database("us-east-1");
    world.expect_page("us-east-1", SOON);
    let far = "ap-south-1-b";
    let id = world.told().any("database_down", "us-east-1").expect("one");
    until("the far node knows of it", SOON, || {
        let alert = world.alert(far, &id);
        if alert["state"] == "firing" { Ok(()) } else { Err(alert.to_string()) }
    });
    let path = format!("/api/alerts/{id}/ack");
    let (status, answer) = world.post(far, &path, &json!({ "by": "ada" }));
    assert_eq!((status, &answer["acknowledgedBy"]), (200, &json!("ada")), "{answer}");
    for node in World::names() {
        until(&format!("{node} knows who took it"), secs(10), || {
            let seen = world.alert(&node, &id);
            if seen["acknowledgedBy"] == "ada" { Ok(()) } else { Err(seen.to_string()) }
        });
    }
    world.restore_database("us-east-1");
    world.expect_told_once();
}

/// The cache is for readers who have only Redis.
fn whoever_has_only_redis_finds_health_there(world: &mut World) {
    let cached = |world: &World, key: &str| -> serde_json::Value {
        let text: Option<String> = world.redis("eu-west-1").ask(&["GET", key]).unwrap_or_default();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    };
    let expect = |world: &World, key: &str, status: &str| {
        until(&format!("{key} is {status}"), SOON, || {
            let sample = cached(world, key);
            if sample["status"] == status { Ok(()) } else { Err(sample.to_string()) }
        });
        let left: i64 = world.redis("eu-west-1").ask(&["TTL", key]).expect("an answer");
        assert!((1..=60).contains(&left), "{key} expires in {left} s");
    };
    for key in ["database:health:latest", "database:health:latest:eu-west-1:shop"] {
        expect(world, key, "healthy");
    }
    world.kill_database("eu-west-1");
    for key in ["database:health:latest", "database:health:latest:eu-west-1:shop"] {
        expect(world, key, "unhealthy");
    }
    world.expect_page("eu-west-1", SOON);
    world.restore_database("eu-west-1");
    world.expect_told_once();
}

fn every_region_tells_of_its_own_database_and_of_no_other(world: &mut World) {
    let before = world.receiver.messages().len();
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
    world.receiver.stays(before + REGIONS.len(), secs(2));
    for region in REGIONS {
        world.restore_database(region);
    }
    world.expect_told_once();
}
