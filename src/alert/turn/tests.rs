use super::*;
use crate::alert::outbox::{
    Outbox,
    tests::{at, nature, order, route},
};
use crate::{
    alert::{Settings, desk::Changes},
    model::{Severity, alert::AlertEvent},
};

fn item(id: &str, long: usize) -> Item {
    Item { shelf: Shelf::Rows, id: id.into(), json: Some("x".repeat(long)) }
}

#[test]
fn a_long_copy_goes_in_parts_and_loses_nothing() {
    let ids = |parts: Vec<Vec<Item>>| {
        parts.into_iter().map(|part| part.into_iter().map(|item| item.id).collect::<String>()).collect::<Vec<_>>()
    };
    assert_eq!(ids(parts(Vec::new(), 10)), [""], "who has nothing to say says that");
    assert_eq!(ids(parts(vec![item("a", 4), item("b", 4), item("c", 4)], 10)), ["ab", "c"]);
    assert_eq!(ids(parts(vec![item("a", 90), item("b", 90), item("c", 1)], 10)), ["a", "b", "c"]);
}

#[test]
fn of_what_was_decided_only_that_was_done_for_which_calls_were_made() {
    let mut outbox = Outbox::new(vec![route("slack", nature(false))], Settings::default().give_up_after);
    let told = |id: &str| order(id, "slack", AlertEvent::Firing, "0", Severity::Critical, 0);
    outbox.take(&Changes { orders: vec![told("i1-1"), told("i2-1")], ..Changes::default() }, at(0));
    assert_eq!(outbox.offer(at(0)).len(), 1, "one at a time");
    let rows = outbox.rows().map(|row| (row.key.clone(), Some(row.clone()))).collect();
    let done = Turn { rows, ..Turn::default() }.done();
    let about: Vec<&str> = done.rows.values().flatten().map(|row| row.order.lane.about.as_str()).collect();
    assert_eq!(about, ["i1-1"]);
}
