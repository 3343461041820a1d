use super::*;
use crate::model::vitals::ApplicationPool;

impl Handler<Told> for Ear {
    type Result = ();

    fn handle(&mut self, told: Told, _: &mut Self::Context) {
        lock(&self.heard).told.push(told);
    }
}

fn told(target: &str) -> Told {
    let pool = r#"{"service":"shop","instance":null,"pool":"p","toldAt":"2026-11-23T08:46:00.123Z","used":7,"idle":null,"max":null,
        "pending":null,"timeouts":null,"meanWaitMs":null,"meanUseMs":null}"#;
    Told { target: TargetId::new(REGION, target), pools: vec![serde_json::from_str::<ApplicationPool>(pool).expect("a pool")] }
}

#[actix_web::test]
async fn what_applications_tell_reaches_the_node_that_watches_the_target_from_any_other() {
    let bus = Bus::new();
    let (one, two, far) = (bus.node(REGION, "eu-1", 1), bus.node(REGION, "eu-2", 2), bus.node(FAR, "us-1", 3));
    two.is_up(2).await;
    let target = Target::of(report("orders", Healthy, 1), "eu-2".into(), clock::now());
    let region = Region { targets: [("orders".into(), Arc::new(target))].into(), ..Region::unseen() };
    let mut world = World::unseen([], clock::wall(), clock::now());
    world.regions.insert(REGION.into(), Arc::new(region));
    let world = Arc::new(world);
    for node in [&one, &two, &far] {
        node.links.world.store(Arc::clone(&world));
    }
    one.bus.do_send(told("orders"));
    until("its owner heard it", 3, || lock(&two.heard).told == [told("orders")]).await;
    assert_eq!(lock(&one.heard).told, [told("orders")], "while a target moves both may have it");
    two.bus.do_send(told("orders"));
    until("its owner heard it at home", 3, || lock(&two.heard).told.len() == 2).await;
    far.bus.do_send(told("orders"));
    until("its owner heard it from afar", 3, || lock(&two.heard).told.len() == 3).await;
    assert_eq!((lock(&one.heard).told.len(), lock(&far.heard).told.len(), lock(&two.heard).asked), (1, 0, 0));
}
