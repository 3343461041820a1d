//! Brings what applications told this node of their pools to the node that watches the target, which is often another: a load balancer knows
//! nothing of shares. It goes as letters, one each half second to a node, and is not said twice: the next telling is soon.

use std::collections::BTreeMap;

use super::{letters, room::Room};
use crate::model::{
    NodeName, RegionName,
    cluster::{Asked, Command},
    vitals::Told,
};

/// Pools in one letter; far below what a message may hold. What is beyond is told next time.
const MOST_POOLS: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Forwarder {
    waiting: BTreeMap<(RegionName, NodeName), Vec<Told>>,
}

impl Forwarder {
    /// Takes what was told here: to this node's own supervisor, and to whoever reports the target. While a target moves both may have it.
    pub(super) fn take(&mut self, room: &Room, told: Told) {
        let region = told.target.region.clone();
        let world = room.links.world.load();
        let owner = world.target(region.as_str(), told.target.target.as_str()).map(|target| target.node.clone());
        if let Some(owner) = owner.filter(|owner| *owner != room.links.node || !room.homes.contains_key(&region)) {
            let waiting = self.waiting.entry((region, owner)).or_default();
            if waiting.iter().map(|told| told.pools.len()).sum::<usize>() < MOST_POOLS {
                waiting.push(told.clone());
            }
        }
        hear(room, vec![told]);
    }

    /// Posts what waits.
    pub(super) fn send(&mut self, room: &Room) {
        let Some(home) = room.links.homes.first() else { return };
        for ((region, node), told) in std::mem::take(&mut self.waiting) {
            letters::say(room, home, Asked::Node(region, node), Command::Applications(told));
        }
    }
}

/// Gives to this node's supervisors what is theirs.
pub(super) fn hear(room: &Room, all: Vec<Told>) {
    let doors = room.doors.load();
    for told in all {
        if let Some(door) = doors.told.get(&told.target.region) {
            // What is lost is said again with the next telling.
            let _ = door.try_send(told);
        }
    }
}
