//! A leader whose Redis says that it leads and gives or takes nothing else.

use super::*;

fn sent(cell: &Cell, node: &str) -> bool {
    cell.alert(node).is_some_and(|alert| alert.deliveries.iter().any(|it| it.sent_at.is_some()))
}

#[actix_web::test]
async fn a_leader_whose_commits_do_not_get_through_tells_criticals_after_the_grace_and_nobody_twice() {
    let (one, two) = (Fake::new(true, &[]), Fake::new(true, &[]));
    let cell = Cell::whose_leader_loses_the_shelves(&one, &two).await;
    let began = clock::now();
    cell.until(&DOWN, None, "told", || !one.calls().is_empty()).await;
    assert!(clock::now().saturating_duration_since(began) > Duration::from_secs(9), "not while it may be a short silence");
    cell.until(&DOWN, None, "delivered", || sent(&cell, "a")).await;
    assert_eq!((one.heard(), two.calls().len()), (vec!["firing database_down".to_owned()], 0), "by the leader alone");
    locked(&cell.shelves.held).away = false;
    cell.until(&DOWN, None, "kept", || cell.count(Shelf::Rows) > 0 && sent(&cell, "b")).await;
    cell.elect("b");
    cell.until(&DOWN, None, "b leads", || cell.nodes["b"].book.load().channels.len() == 1).await;
    for _ in 0..20 {
        cell.show(&DOWN, None).await;
    }
    assert_eq!((one.heard(), two.calls().len()), (vec!["firing database_down".to_owned()], 0));
}

#[actix_web::test]
async fn a_new_leader_that_cannot_load_the_shelves_tells_criticals_after_the_grace_and_leads_when_it_can() {
    let hook = Fake::new(true, &[]);
    let cell = Cell::of(&["a", "b"], &hook);
    locked(&cell.shelves.held).away = true;
    cell.elect("a");
    let began = clock::now();
    cell.until(&DOWN, None, "told", || !hook.calls().is_empty()).await;
    assert!(clock::now().saturating_duration_since(began) > Duration::from_secs(9), "not while it may be a short silence");
    locked(&cell.shelves.held).away = false;
    cell.until(&DOWN, None, "kept", || cell.count(Shelf::Rows) == 1 && sent(&cell, "b")).await;
    assert_eq!(hook.heard(), ["firing database_down"]);
}
