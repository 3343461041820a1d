use super::*;
use crate::alert::outbox::{
    Outbox,
    tests::{at, nature, order, route},
};
use crate::{
    alert::{Settings, desk::Changes},
    model::{Severity, alert::AlertEvent},
};

/// What is no JSON.
struct Unspeakable;

impl serde::Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("unspeakable"))
    }
}

#[test]
fn what_cannot_be_written_takes_nothing_away() {
    assert!(item(Shelf::Rows, "a", Some(&Unspeakable)).is_err());
    let gone = item(Shelf::Rows, "a", None::<&Unspeakable>).expect("gone");
    assert_eq!((gone.id.as_str(), gone.json), ("a", None), "only what is gone is taken away");
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
