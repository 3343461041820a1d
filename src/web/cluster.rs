//! What is shown of the other nodes: how well this one hears each region, and what its own regions lack. Pure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::model::{
    NodeName, RegionName, Timestamp,
    cluster::{BusState, Lease, Link, Membership},
    report::RosterState,
    world::{Region, World},
};

/// A Redis that is silent for so long is worth a word; three of its beats.
const SILENT: Duration = Duration::from_secs(3);

/// Something that keeps a node from being ready.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct NotReady {
    region: RegionName,
    cause: String,
}

/// Whether a node is ready, as [`readiness`] finds it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readiness {
    /// Why not; nothing when it is.
    pub lacks: Vec<NotReady>,
    /// What is worth knowing, and no cause to send traffic elsewhere.
    pub warnings: Vec<String>,
}

/// What is not ready. With a bus only this node's own regions count: it serves as well when another one is dark. `tells`: whether whoever
/// asks may know why.
pub(super) fn readiness(world: &World, node: &str, bus: Option<&BusState>, now: Instant, tells: bool) -> Readiness {
    let mut found = Readiness::default();
    let Some(bus) = bus else {
        for (name, region) in &world.regions {
            probes(&mut found.lacks, name, region.heard.map(|_| &region.roster));
        }
        return found;
    };
    if bus.homes.is_empty() {
        let region = world.regions.keys().next().cloned().unwrap_or_else(|| RegionName::from(""));
        found.lacks.push(NotReady { region, cause: "its bus has not been asked yet".to_owned() });
    }
    let trouble = |region: &RegionName| {
        let why = bus.links.get(region).and_then(|link| link.trouble.as_deref()).filter(|_| tells);
        why.map(|why| format!(": {why}")).unwrap_or_default()
    };
    for (name, home) in &bus.homes {
        let own = world.regions.get(name).and_then(|region| region.nodes.get(&NodeName::from(node)));
        probes(&mut found.lacks, name, own.map(|own| &own.roster));
        match home.answered {
            None => found.lacks.push(lack(name, format!("its Redis has never answered{}", trouble(name)))),
            Some(_) if !home.members.iter().any(|member| member.node == home.me) => {
                found.lacks.push(lack(name, "this node is not among its members yet".to_owned()));
            }
            Some(at) => {
                let silent = now.saturating_duration_since(at);
                if silent >= SILENT {
                    let why = trouble(name);
                    found.warnings.push(format!("{name}: its Redis has been silent for {} s{why}", silent.as_secs()));
                }
            }
        }
    }
    let cut_off = world.cut_off.iter().map(|region| format!("{}{}", cut_off(region), trouble(region)));
    found.warnings.extend(cut_off);
    if let Some(why) = bus.cache.as_ref() {
        let why = if tells { format!(": {why}") } else { String::new() };
        found.warnings.push(format!("cache: health is not written to it{why}"));
    }
    found
}

/// That a region is cut off, in words.
pub(super) fn cut_off(region: &RegionName) -> String {
    format!("{region}: this node cannot reach its bus, so its own view is cut off")
}

fn lack(region: &RegionName, cause: String) -> NotReady {
    NotReady { region: region.clone(), cause }
}

fn probes(found: &mut Vec<NotReady>, region: &RegionName, roster: Option<&RosterState>) {
    let mut say = |cause: String| found.push(lack(region, cause));
    let Some(RosterState { targets, seen, probes, silent, given_up, .. }) = roster else {
        say("its supervisor has not reported yet".to_owned());
        return;
    };
    if seen < targets {
        say(format!("{} of {targets} targets not seen yet", targets - seen));
    }
    if *silent > 0 {
        say(format!("{silent} of {probes} probes silent"));
    }
    if *given_up > 0 {
        say(format!("{given_up} of {probes} probes given up after too many restarts"));
    }
}

/// One node of a region.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeView<'a> {
    node: &'a NodeName,
    heard_at: Timestamp,
    /// How many it probes.
    targets: u32,
}

/// How a region is heard.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hearing<'a> {
    nodes: Vec<NodeView<'a>>,
    /// The way to its bus and back, milliseconds; null without one.
    latency: Option<f64>,
    /// Why its bus does not answer.
    trouble: Option<&'a str>,
    cut_off: bool,
    /// Who leads its alert stage; null without a bus, and of regions that this node does not run.
    leader: Option<&'a NodeName>,
}

/// How well this node hears a region.
pub(super) fn hearing<'a>(
    world: &World,
    name: &RegionName,
    region: &'a Region,
    bus: Option<&'a Arc<BusState>>,
    now: Instant,
) -> Hearing<'a> {
    let node = |(node, state): (&'a NodeName, &'a crate::model::world::NodeState)| NodeView {
        node,
        heard_at: state.heard_at,
        targets: state.roster.targets,
    };
    let link: Option<&Link> = bus.and_then(|bus| bus.links.get(name));
    Hearing {
        nodes: region.nodes.iter().map(node).collect(),
        latency: link.and_then(|link| link.round_trip_ms),
        trouble: link.and_then(|link| link.trouble.as_deref()),
        cut_off: world.cut_off.contains(name),
        leader: bus.and_then(|bus| leader(bus.homes.get(name)?, now)),
    }
}

fn leader(home: &Membership, now: Instant) -> Option<&NodeName> {
    match &home.lease {
        Lease::Other(node) => Some(node),
        Lease::Mine { .. } if leads(home, now) => Some(&home.me),
        Lease::Mine { .. } | Lease::Free => None,
    }
}

/// Whether this node leads a region's alert stage now.
pub(super) fn leads(home: &Membership, now: Instant) -> bool {
    matches!(home.lease, Lease::Mine { until, .. } if now < until)
}

#[cfg(test)]
mod tests;
