//! What a beat's answer, or its absence, says about who lives and who leads. Pure.
//!
//! The holder of the lease gives it up [`HOLD`] after it **sent** the last beat that renewed it, by its own monotonic clock, while Redis
//! gives it to another no sooner than its whole length after it **received** that beat: so two never lead at once, however long the way.

use std::time::{Duration, Instant};

use super::transport::Tended;
use crate::model::{
    NodeName,
    cluster::{Lease, Membership},
};

/// A lease is held for so long after it was last renewed.
pub const HOLD: Duration = Duration::from_millis(2_500);
/// What lies between that and the end of the lease in Redis, which is 4 s.
const MARGIN: Duration = Duration::from_millis(1_500);

/// After an answer to the beat that was sent at that moment.
pub fn heard(known: &Membership, boot: u64, tended: &Tended, sent: Instant, now: Instant) -> Membership {
    let lease = match &tended.leader {
        _ if tended.name_taken => Lease::Free,
        Some((node, holder, fence)) if *node == known.me && *holder == boot => {
            let until = sent + tended.lasts.saturating_sub(MARGIN).min(HOLD);
            Lease::Mine { fence: *fence, until, wiped: tended.wiped }
        }
        Some((node, ..)) => Lease::Other(node.clone()),
        None => Lease::Free,
    };
    let mut members: Vec<_> = tended.members.iter().map(|(member, _)| member.clone()).collect();
    members.sort_by(|one, other| one.node.cmp(&other.node));
    Membership { members, answered: Some(now), lease: still(lease, now), ..known.clone() }
}

/// While Redis does not answer.
pub fn silent(known: &Membership, now: Instant) -> Membership {
    let lease = match &known.lease {
        Lease::Other(_) if known.answered.is_none_or(|at| now.saturating_duration_since(at) > HOLD) => Lease::Free,
        lease => still(lease.clone(), now),
    };
    Membership { lease, ..known.clone() }
}

/// Whether this node leads at that moment.
pub fn leads(membership: &Membership, now: Instant) -> bool {
    matches!(membership.lease, Lease::Mine { until, .. } if now < until)
}

fn still(lease: Lease, now: Instant) -> Lease {
    match lease {
        Lease::Mine { until, .. } if until <= now => Lease::Free,
        lease => lease,
    }
}

/// Nobody was heard yet.
pub fn unheard(region: crate::model::RegionName, me: NodeName) -> Membership {
    Membership { region, me, members: Vec::new(), answered: None, lease: Lease::Free }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn tended(leader: Option<(&str, u64, u64)>) -> Tended {
        Tended {
            members: Vec::new(),
            leader: leader.map(|(node, boot, fence)| (node.into(), boot, fence)),
            lasts: Duration::from_secs(4),
            wiped: false,
            name_taken: false,
            time: Timestamp(chrono::DateTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn the_lease_is_held_from_when_the_beat_was_sent_and_given_up_in_silence() {
        let sent = crate::clock::now();
        let at = |ms| sent + Duration::from_millis(ms);
        let mine = heard(&unheard("eu".into(), "eu-1".into()), 7, &tended(Some(("eu-1", 7, 3))), sent, at(400));
        assert_eq!(mine.lease, Lease::Mine { fence: 3, until: at(2_500), wiped: false });
        assert!(leads(&silent(&mine, at(2_499)), at(2_499)));
        assert!(!leads(&mine, at(2_500)), "even if nobody told it");
        assert_eq!(silent(&mine, at(2_500)).lease, Lease::Free);
    }

    #[test]
    fn an_answer_that_took_too_long_gives_no_lease() {
        let sent = crate::clock::now();
        let late = sent + Duration::from_secs(3);
        let member = heard(&unheard("eu".into(), "eu-1".into()), 7, &tended(Some(("eu-1", 7, 3))), sent, late);
        assert_eq!(member.lease, Lease::Free);
    }

    #[test]
    fn an_earlier_life_of_the_same_name_leads_not_for_this_one() {
        let now = crate::clock::now();
        let member = heard(&unheard("eu".into(), "eu-1".into()), 8, &tended(Some(("eu-1", 7, 3))), now, now);
        assert_eq!(member.lease, Lease::Other("eu-1".into()));
        assert_eq!(silent(&member, now + Duration::from_secs(3)).lease, Lease::Free, "nobody knows");
    }
}
