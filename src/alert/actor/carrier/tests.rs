use super::*;
use crate::alert::{
    actor::tests::Fake,
    channels::Channel,
    outbox::{
        Route,
        tests::{at, order},
    },
};
use crate::model::alert::DeliveryState;

fn carrier(fake: &Arc<Fake>) -> Carrier {
    let route = Route { name: "hook".into(), kind: "webhook", nature: fake.nature(), confirms: false };
    let outbox = Outbox::new(vec![route], Duration::from_mins(5));
    let (journal, _) = Journal::open(None, at(0)).expect("in memory");
    let channels = BTreeMap::from([("hook".to_owned(), Arc::<Fake>::clone(fake) as Shared)]);
    Carrier::new(outbox, journal, channels, at(0))
}

fn tell(about: &str, ms: i64) -> Changes {
    let order = order(about, "hook", AlertEvent::Firing, "", crate::model::Severity::High, ms);
    Changes { orders: vec![order], ..Changes::default() }
}

#[test]
fn the_intent_is_on_disk_before_the_call_is_given_out() {
    let mut carrier = carrier(&Fake::new(true, &[]));
    carrier.take(&tell("i1", 0), at(0), false);
    assert!(carrier.journal.rows().is_empty(), "nothing is given out yet");
    let calls = carrier.keep(Everything::default, at(0));
    assert_eq!(calls.len(), 1);
    assert_eq!(carrier.journal.rows()[0].state, DeliveryState::Sending);
}

#[test]
fn when_the_disk_takes_nothing_people_are_told_all_the_same_and_all_is_written_later() {
    let mut carrier = carrier(&Fake::new(true, &[]));
    carrier.journal.refuse(true);
    for (number, ms) in [(1, 0), (2, 1_000), (3, 2_000)] {
        carrier.take(&tell(&format!("i{number}"), ms), at(ms), false);
        assert_eq!(carrier.keep(Everything::default, at(ms)).len(), 1, "delivered from memory");
        assert!(carrier.not_kept().is_some_and(|why| why.contains("not kept on disk")));
    }
    carrier.journal.refuse(false);
    carrier.take(&Changes::default(), at(2_500), false);
    carrier.keep(Everything::default, at(2_500));
    assert!(carrier.not_kept().is_some(), "not each turn");
    carrier.keep(Everything::default, at(6_000));
    assert_eq!((carrier.not_kept(), carrier.journal.rows().len()), (None, 3), "with all that was missed");
}

#[test]
fn at_the_end_nothing_new_is_given_out_but_all_is_kept() {
    let mut carrier = carrier(&Fake::new(true, &[]));
    carrier.take(&tell("i1", 0), at(0), true);
    assert!(carrier.keep(Everything::default, at(0)).is_empty());
    assert_eq!(carrier.journal.rows()[0].state, DeliveryState::Queued);
}

fn ended(call: &Call) -> Called {
    let receipt = crate::alert::channels::Receipt { answer: "ok".into(), reference: None };
    Called { of: call.of.clone(), key: call.parcel.key.clone(), ended: Ended::Answered(Ok(receipt)), by_deputy: false }
}

fn states(carrier: &Carrier) -> Vec<(&str, DeliveryState)> {
    carrier.outbox.rows().map(|row| (row.order.lane.about.as_str(), row.state)).collect()
}

/// Two rows with one number: an earlier one of another node, and a later one with a call under way from here.
fn renumbered() -> (Carrier, Call) {
    let (mut here, mut there) = (carrier(&Fake::new(true, &[])), carrier(&Fake::new(true, &[])));
    there.take(&tell("i0", 0), at(0), true);
    here.take(&tell("i1", 10), at(10), false);
    let call = here.keep(Everything::default, at(10)).pop().expect("due");
    there.keep(Everything::default, at(10));
    let mut copy = here.copy(Everything::default());
    copy.rows.extend(there.copy(Everything::default()).rows);
    let calling = BTreeSet::from([(call.parcel.key.clone(), 1)]);
    let empty = carrier(&Fake::new(true, &[])).outbox;
    here.assume(&copy, empty, 7, &calling, at(20));
    assert_eq!(states(&here), [("i0", DeliveryState::Queued), ("i1", DeliveryState::Sending)]);
    (here, call)
}

#[test]
fn a_call_under_way_whose_row_is_numbered_anew_counts_for_that_row_and_is_not_made_again() {
    let (mut here, call) = renumbered();
    here.settle(ended(&call), at(30));
    assert_eq!(states(&here), [("i0", DeliveryState::Queued), ("i1", DeliveryState::Sent)]);
    here.take(&Changes::default(), at(40), false);
    let made: Vec<String> = here.keep(Everything::default, at(40)).into_iter().map(|call| call.parcel.order.lane.about).collect();
    assert_eq!(made, ["i0"]);
}

#[test]
fn a_call_that_was_not_made_is_taken_back_to_its_row_whatever_its_number() {
    let (mut here, call) = renumbered();
    here.take_back(call, at(30));
    assert_eq!(states(&here), [("i0", DeliveryState::Queued), ("i1", DeliveryState::Queued)]);
}

#[test]
fn the_end_of_a_call_whose_row_is_gone_counts_for_no_other_with_its_number() {
    let (mut here, mut there) = (carrier(&Fake::new(true, &[])), carrier(&Fake::new(true, &[])));
    here.take(&tell("i1", 0), at(0), false);
    there.take(&tell("i2", 0), at(0), false);
    let call = here.keep(Everything::default, at(0)).pop().expect("due");
    assert_eq!(there.keep(Everything::default, at(0)).len(), 1, "with the same number and attempt");
    here.outbox = there.outbox;
    here.settle(ended(&call), at(10));
    here.take_back(call, at(10));
    assert_eq!(states(&here), [("i2", DeliveryState::Sending)]);
}
