use super::*;
use crate::alert::{
    actor::tests::Fake,
    channels::Channel,
    outbox::{
        Route,
        tests::{at, order},
    },
};

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
    assert_eq!(carrier.journal.rows()[0].state, crate::model::alert::DeliveryState::Sending);
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
    assert_eq!(carrier.journal.rows()[0].state, crate::model::alert::DeliveryState::Queued);
}
