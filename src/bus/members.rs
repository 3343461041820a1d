//! Which of a region's targets are whose: they spread over its live nodes by rendezvous, so that a node that dies or comes moves only its
//! own share, and all nodes that see the same members agree without a word. Pure.

use crate::model::{
    NodeName, TargetId,
    cluster::{Member, rendezvous},
};

/// Those of the targets that this node probes. A member that leaves gets nothing, unless all of them leave.
pub fn share<'a>(targets: &'a [TargetId], members: &[Member], me: &NodeName) -> Vec<&'a TargetId> {
    targets.iter().filter(|target| owner(target, members) == Some(me)).collect()
}

/// Who probes a target; none when nobody lives.
pub fn owner<'a>(target: &TargetId, members: &'a [Member]) -> Option<&'a NodeName> {
    let all_leave = members.iter().all(|member| member.leaving);
    let staying = members.iter().filter(|member| all_leave || !member.leaving).map(|member| &member.node);
    let name = rendezvous::winner(&target.to_string(), staying.map(NodeName::as_str))?;
    members.iter().map(|member| &member.node).find(|node| node.as_str() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn targets() -> Vec<TargetId> {
        (0..1_000).map(|n| TargetId::new("eu-west-1", &format!("db-{n}"))).collect()
    }

    fn members(names: &[&str]) -> Vec<Member> {
        names.iter().map(|name| Member { node: (*name).into(), boot: 1, leaving: false, wire: 2 }).collect()
    }

    #[test]
    fn every_target_has_exactly_one_owner_and_the_shares_are_about_even() {
        let (targets, members) = (targets(), members(&["eu-1", "eu-2", "eu-3", "eu-4"]));
        let mut owners: BTreeMap<TargetId, usize> = BTreeMap::new();
        for member in &members {
            let share = share(&targets, &members, &member.node);
            assert!((190..=310).contains(&share.len()), "{} has {}", member.node, share.len());
            for target in share {
                *owners.entry(target.clone()).or_default() += 1;
            }
        }
        assert_eq!(owners.len(), targets.len());
        assert!(owners.values().all(|owners| *owners == 1));
    }

    #[test]
    fn a_death_moves_only_the_targets_of_the_dead() {
        let (before, after) = (members(&["eu-1", "eu-2", "eu-3"]), members(&["eu-1", "eu-3"]));
        for target in targets() {
            let (was, is) = (owner(&target, &before).unwrap(), owner(&target, &after).unwrap());
            assert!(was == is || was.as_str() == "eu-2", "{target} went from {was} to {is}");
        }
    }

    #[test]
    fn who_leaves_gets_nothing_unless_all_leave() {
        let targets = targets();
        let mut members = members(&["eu-1", "eu-2"]);
        members[0].leaving = true;
        assert!(share(&targets, &members, &"eu-1".into()).is_empty());
        assert_eq!(share(&targets, &members, &"eu-2".into()).len(), targets.len());
        members[1].leaving = true;
        assert!(!share(&targets, &members, &"eu-1".into()).is_empty());
        assert!(share(&targets, &[], &"eu-1".into()).is_empty());
    }
}
