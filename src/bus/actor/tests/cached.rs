use super::*;

#[actix_web::test]
async fn health_is_in_the_cache_and_the_worst_of_the_world_too() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    let status = |key: &str| {
        let json: serde_json::Value = serde_json::from_str(&one.link.cached(key)?).expect("JSON");
        Some(json["status"].as_str().expect("a status").to_owned())
    };
    let key = format!("database:health:latest:{REGION}:orders");
    one.say(report("orders", Healthy, 1));
    until("it is there", 2, || status(&key).as_deref() == Some("healthy")).await;
    one.say(report("orders", Unhealthy, 2));
    until("a change too", 3, || status(&key).as_deref() == Some("unhealthy")).await;
    let target = |report: Report| (report.sample.target.clone(), Arc::new(Target::of(report, "n".into(), clock::now())));
    let targets = [target(report("a", Healthy, 1)), target(report("b", Unhealthy, 1)), target(report("c", Healthy, 1))];
    let region = Region { targets: targets.into(), ..Region::unseen() };
    let mut world = World::unseen([], clock::wall(), clock::now());
    world.regions.insert(TargetId::new(REGION, "b").region, Arc::new(region));
    one.links.world.store(Arc::new(world));
    until("the worst", 5, || status("database:health:latest").as_deref() == Some("unhealthy")).await;
    assert_eq!(one.state().cache, None);
}
