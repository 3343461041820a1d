//! What people wish while the lease moves.

use super::*;

#[actix_web::test]
async fn a_wish_that_comes_while_a_new_leader_gathers_is_answered_when_it_leads() {
    let (one, two) = (Fake::new(true, &[Does::Hang]), Fake::new(true, &[]));
    let mut cell = Cell::default();
    cell.join("a", None, &one);
    cell.join("b", None, &two);
    cell.elect("a");
    cell.until(&DOWN, None, "a calls", || one.calls().len() == 1 && cell.alert("b").is_some()).await;
    let id = cell.alert("b").expect("an alert").id.clone();
    cell.elect("b");
    cell.show(&DOWN, None).await;
    assert!(two.calls().is_empty(), "it waits to hear how the call of the other one ends");
    let (here, there) = (&cell.nodes["b"].clerk, &cell.nodes["a"].clerk);
    let ask = |by: &str| Acknowledge { id: id.clone(), by: by.into(), note: None };
    let leads = cell.until(&DOWN, None, "b leads", || {
        cell.alert("b").is_some_and(|alert| alert.acknowledged_by.is_some()) && cell.count(Shelf::Incidents) == 1
    });
    let (here, there, ()) = tokio::join!(here.send(ask("eva")), there.send(ask("max")), leads);
    for answer in [here, there] {
        assert!(answer.as_ref().is_ok_and(Result::is_ok), "{answer:?}");
    }
}
