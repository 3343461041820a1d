mod cluster;
mod properties;

use super::*;
use crate::{clock, model::cluster::Member};

/// Node `b` as Redis told it: `a b c-` are alive, `c` leaves; who leads, and since when nothing was heard.
fn told(members: &str, lease: Lease, answered: Option<Instant>) -> Membership {
    let member =
        |word: &str| Member { node: NodeName::from(word.trim_end_matches('-')), boot: 1, leaving: word.ends_with('-'), wire: 2 };
    let members = members.split_whitespace().map(member).collect();
    Membership { region: "eu".into(), me: "b".into(), members, answered, lease }
}

fn mine(until: Instant) -> Lease {
    Lease::Mine { fence: 7, until, wiped: false }
}

#[test]
fn without_a_bus_a_node_is_alone_whatever_happens() {
    let start = clock::now();
    assert_eq!(Lead::new(false, start).duty(start + Duration::from_hours(1)), Duty::Alone);
}

#[test]
fn a_lease_is_led_until_it_ends_and_not_a_moment_longer() {
    let start = clock::now();
    let (mut lead, until) = (Lead::new(true, start), start + SILENT);
    assert_eq!(lead.duty(start), Duty::Follow);
    lead.hear(told("a b", mine(until), Some(start)));
    assert_eq!(lead.duty(start + Duration::from_millis(2_499)), Duty::Lead { fence: 7, until, wiped: false });
    assert_eq!(lead.duty(start + Duration::from_millis(2_500)), Duty::Wait);
    lead.hear(told("a b", Lease::Other("a".into()), Some(start + Duration::from_secs(4))));
    assert_eq!(lead.duty(start + Duration::from_secs(5)), Duty::Follow);
}

#[test]
fn nodes_of_a_silent_redis_act_one_after_the_other() {
    let start = clock::now();
    for (members, leader, rank) in [
        ("b", Some("b"), 0),
        ("a b c", Some("b"), 0),
        ("a b c", Some("a"), 1),
        ("a b c", None, 1),
        ("a b c", Some("c"), 2),
        ("a- b c", Some("a"), 0),
        ("b c", Some("a"), 0),
        ("a b- c", Some("a"), 2),
    ] {
        let mut lead = Lead::new(true, start);
        if let Some(leader) = leader {
            lead.hear(told(members, Lease::Other(leader.into()), Some(start)));
        }
        lead.hear(told(members, Lease::Free, Some(start)));
        let begins = Duration::from_secs(10 + 15 * rank as u64);
        assert_eq!(lead.duty(start + Duration::from_secs(2)), Duty::Follow, "{members}");
        assert_eq!(lead.duty(start + SILENT), Duty::Wait, "{members}");
        assert_eq!(lead.duty(start + (begins.saturating_sub(Duration::from_millis(1)))), Duty::Wait, "{members}, {leader:?} led");
        assert_eq!(lead.duty(start + begins), Duty::Island { rank, alone: members == "b" }, "{members}, {leader:?} led");
    }
}

#[test]
fn who_never_heard_of_the_others_waits_as_the_second() {
    let start = clock::now();
    let mut lead = Lead::new(true, start);
    for _ in 0..2 {
        assert_eq!(lead.duty(start + Duration::from_secs(24)), Duty::Wait);
        assert_eq!(lead.duty(start + Duration::from_secs(25)), Duty::Island { rank: 1, alone: false });
        lead.hear(told("", Lease::Free, None));
    }
}

#[test]
fn a_redis_that_answers_again_ends_the_island() {
    let start = clock::now();
    let (mut lead, later) = (Lead::new(true, start), start + Duration::from_mins(1));
    lead.hear(told("a b", mine(start + SILENT), Some(start)));
    assert_eq!(lead.duty(later), Duty::Island { rank: 0, alone: false });
    lead.hear(told("a b", Lease::Free, Some(later)));
    assert_eq!(lead.duty(later), Duty::Follow, "until somebody has the lease nobody tells");
    let until = later + SILENT;
    lead.hear(told("a b", Lease::Mine { fence: 8, until, wiped: true }, Some(later)));
    assert_eq!(lead.duty(later), Duty::Lead { fence: 8, until, wiped: true });
}

#[test]
fn who_was_asleep_does_not_take_its_own_silence_for_that_of_redis() {
    let start = clock::now();
    let (mut lead, island) = (Lead::new(true, start), Duty::Island { rank: 0, alone: false });
    lead.hear(told("a b", mine(start + SILENT), Some(start)));
    lead.look(start);
    let woke = start + Duration::from_secs(30);
    lead.look(woke);
    assert_eq!(lead.duty(woke), Duty::Wait);
    for second in 1..=4 {
        let now = woke + Duration::from_secs(second);
        lead.look(now);
        assert_eq!(lead.duty(now), if second < 4 { Duty::Wait } else { island }, "{second} s after");
    }
}
