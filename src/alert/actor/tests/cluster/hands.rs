//! Calls and leadership that change hands: nothing is told twice without need, and what may be told twice says so.

use super::*;

fn two(one: &Arc<Fake>, other: &Arc<Fake>) -> Cell {
    let mut cell = Cell::default();
    cell.join("a", None, one);
    cell.join("b", None, other);
    cell.elect("a");
    cell
}

fn delivered(cell: &Cell, node: &str) -> bool {
    cell.alert(node).is_some_and(|alert| alert.deliveries.iter().any(|it| it.sent_at.is_some()))
}

#[actix_web::test]
async fn what_finds_no_way_out_of_the_leader_is_delivered_by_another_node() {
    let (one, other) = (Fake::new(false, &[Does::NoWay]), Fake::new(false, &[]));
    let cell = two(&one, &other);
    cell.until(&DOWN, None, "delivered", || delivered(&cell, "a")).await;
    assert_eq!((one.heard(), other.heard()), (vec!["firing database_down".to_owned()], vec!["firing database_down".to_owned()]));
    assert_eq!(keys(&one), keys(&other));
    let alert = cell.alert("a").expect("an alert");
    assert!(!alert.deliveries[0].possible_repeat, "nobody got it before");
}

#[actix_web::test]
async fn a_call_under_way_when_the_lease_moves_is_not_made_again() {
    let (one, other) = (Fake::new(false, &[Does::Slow(Duration::from_millis(1_200))]), Fake::new(false, &[]));
    let cell = two(&one, &other);
    cell.until(&DOWN, None, "a calls", || one.calls().len() == 1).await;
    cell.elect("b");
    cell.until(&DOWN, None, "b leads and knows", || delivered(&cell, "b")).await;
    cell.show(&DOWN, None).await;
    assert_eq!((one.calls().len(), other.calls().len()), (1, 0));
}

#[actix_web::test]
async fn a_call_under_way_goes_on_when_the_same_node_leads_again() {
    let hook = Fake::new(false, &[Does::Slow(Duration::from_millis(1_200))]);
    let cell = Cell::of(&["a"], &hook);
    cell.elect("a");
    cell.until(&DOWN, None, "a calls", || hook.calls().len() == 1).await;
    for _ in 0..3 {
        cell.show(&DOWN, Some(Duration::from_secs(5))).await;
    }
    cell.elect("a");
    cell.until(&DOWN, None, "delivered", || delivered(&cell, "a")).await;
    cell.show(&DOWN, None).await;
    assert_eq!(hook.heard(), ["firing database_down"]);
}

#[actix_web::test]
async fn what_a_node_may_have_told_that_is_gone_is_told_again_and_marked() {
    let (one, other) = (Fake::new(false, &[]), Fake::new(false, &[]));
    let mut cell = two(&one, &other);
    cell.until(&[], None, "leads", || cell.nodes["a"].book.load().channels.len() == 1).await;
    locked(&cell.shelves.held).away = true;
    cell.until(&DOWN, Some(Duration::from_secs(12)), "a tells", || one.calls().len() == 1).await;
    assert_eq!(one.heard(), ["firing database_down!"], "it may be cut off alone");
    cell.nodes.remove("a");
    locked(&cell.wire.asked).remove("a");
    locked(&cell.shelves.held).away = false;
    cell.elect("b");
    cell.until(&DOWN, None, "b tells", || other.calls().len() == 1).await;
    assert_eq!(other.heard(), ["firing database_down!"]);
    assert_eq!(keys(&one), keys(&other));
}

#[actix_web::test]
async fn who_was_alone_before_redis_went_tells_without_a_mark() {
    let hook = Fake::new(false, &[]);
    let cell = Cell::of(&["a"], &hook);
    cell.elect("a");
    cell.until(&[], None, "leads", || cell.nodes["a"].book.load().channels.len() == 1).await;
    locked(&cell.shelves.held).away = true;
    cell.until(&DOWN, Some(Duration::from_secs(12)), "told", || hook.calls().len() == 1).await;
    assert_eq!(hook.heard(), ["firing database_down"]);
}

#[actix_web::test]
async fn what_another_did_is_taken_when_it_is_on_the_shelves_and_not_before() {
    let hook = Fake::new(true, &[]);
    let cell = Cell::of(&["a"], &hook);
    cell.elect("a");
    cell.until(&DOWN, None, "told", || delivered(&cell, "a")).await;
    let mut items: Vec<Item> = {
        let held = locked(&cell.shelves.held);
        let rows = held.items.iter().filter(|((shelf, _), _)| *shelf == Shelf::Rows);
        rows.map(|((shelf, _), json)| Item { shelf: *shelf, id: "other".into(), json: Some(json.replace("firing/", "other/")) })
            .collect()
    };
    for item in &mut items {
        let mut row: serde_json::Value = serde_json::from_str(item.json.as_deref().expect("json")).expect("a row");
        row["key"] = "other".into();
        row["seq"] = 77.into();
        item.json = Some(row.to_string());
    }
    locked(&cell.shelves.held).away = true;
    let ask = Ask { to: Asked::Leader(region()), command: crate::model::cluster::Command::Merge(Arc::new(items)) };
    let mut answer = Box::pin(cell.nodes["a"].addr.send(ask));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
    assert!(early.is_err(), "Redis is away: {early:?}");
    locked(&cell.shelves.held).away = false;
    let taken = tokio::time::timeout(Duration::from_secs(10), &mut answer).await.expect("in time").expect("alive");
    assert!(taken.is_ok(), "{taken:?}");
    assert_eq!(cell.count(Shelf::Rows), 2);
}

#[actix_web::test]
async fn other_settings_hold_for_whoever_leads_next() {
    let hook = Fake::new(true, &[]);
    let cell = Cell::of(&["a", "b"], &hook);
    cell.elect("a");
    cell.until(&DOWN, None, "b shows it", || delivered(&cell, "b")).await;
    for node in cell.nodes.values() {
        let settings = Settings { path: None, dashboard_url: Some("https://isobar.example".into()), ..settings(None) };
        node.addr.send(Reconfigure(Arc::new(settings))).await.expect("alive");
    }
    cell.until(&DOWN, None, "a has no channels", || cell.nodes["a"].book.load().channels.is_empty()).await;
    cell.elect("b");
    cell.until(&DOWN, None, "b leads with the new ones", || {
        cell.nodes["b"].book.load().channels.is_empty()
            && cell
                .alert("b")
                .is_some_and(|alert| alert.dashboard.as_deref().is_some_and(|it| it.starts_with("https://isobar.example")))
    })
    .await;
    assert_eq!(hook.heard(), ["firing database_down"]);
}

#[actix_web::test]
async fn who_takes_over_in_a_call_makes_it_again_with_its_key() {
    let (one, two) = (Fake::new(true, &[Does::Hang]), Fake::new(true, &[]));
    let mut cell = Cell::default();
    cell.join("a", None, &one);
    cell.join("b", None, &two);
    cell.elect("a");
    cell.until(&DOWN, None, "a calls", || one.calls().len() == 1).await;
    assert_eq!(cell.count(Shelf::Rows), 1, "its intent is on the shelves before the call");
    cell.elect("b");
    cell.until(&DOWN, None, "b calls", || two.calls().len() == 1).await;
    assert_eq!(keys(&one), keys(&two));
}

#[actix_web::test]
async fn a_leader_whose_fence_is_passed_tells_nobody_any_more() {
    let hook = Fake::new(true, &[]);
    let cell = Cell::of(&["a"], &hook);
    cell.elect("a");
    cell.until(&[], None, "leads", || locked(&cell.shelves.held).version == 0 && cell.nodes["a"].book.load().channels.len() == 1)
        .await;
    cell.until(&DOWN, None, "told", || hook.calls().len() == 1).await;
    let before = locked(&cell.shelves.held).commits;
    locked(&cell.shelves.held).fence += 1;
    for _ in 0..20 {
        cell.nodes["a"].addr.send(change(&["database_down", "replication_lag"])).await.expect("alive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((hook.calls().len(), locked(&cell.shelves.held).commits), (1, before));
}
