//! What only a cluster has: how well the buses are heard, who lives, who leads. Nothing of it without a bus.

use std::time::Instant;

use super::{Exposition, Kind, flag, seconds};
use crate::{
    model::{
        RegionName,
        cluster::{BusState, Link},
    },
    web::cluster,
};

type Column = (&'static str, Kind, &'static str, fn(&Link) -> Option<f64>);

const LINKS: &[Column] = &[
    ("isobar_bus_up", Kind::Gauge, "Whether the region's bus answers this node.", |link| {
        Some(flag(link.trouble.is_none() && link.answered.is_some()))
    }),
    ("isobar_bus_round_trip_seconds", Kind::Gauge, "The way to the region's bus and back.", |link| {
        link.round_trip_ms.map(seconds)
    }),
    ("isobar_bus_lag_seconds", Kind::Gauge, "How old the newest message was when it was read.", |link| link.lag_ms.map(seconds)),
    ("isobar_bus_missed_total", Kind::Counter, "Messages never seen, by the gaps in their numbers.", |link| {
        Some(link.missed as f64)
    }),
    ("isobar_bus_skipped_total", Kind::Counter, "Messages that could not be read.", |link| Some(link.skipped as f64)),
];

pub(super) fn families(page: &mut Exposition, bus: &BusState, now: Instant) {
    let read: u64 = bus.links.values().map(|link| link.read).sum();
    let mut family = page.family("isobar_bus_messages_total", Kind::Counter, "Messages on the buses.");
    family.sample(&[("direction", "read")], read as f64);
    family.sample(&[("direction", "written")], bus.written as f64);
    for (name, kind, help, value) in LINKS {
        let mut family = page.family(name, *kind, help);
        for (region, link) in &bus.links {
            if let Some(value) = value(link) {
                family.sample(&[("region", region.as_str())], value);
            }
        }
    }
    page.family("isobar_bus_dropped_total", Kind::Counter, "Messages that a reader on this node was too busy to take.")
        .sample(&[], bus.dropped as f64);
    page.family("isobar_bus_overtaken_total", Kind::Counter, "Reports that a newer one replaced before they were written.")
        .sample(&[], bus.overtaken as f64);
    page.family("isobar_wire_version", Kind::Gauge, "The version of the wire that is written.").sample(&[], bus.wire.into());
    let mut homes = |name, help, value: &dyn Fn(&RegionName) -> f64| {
        let mut family = page.family(name, Kind::Gauge, help);
        for region in bus.homes.keys() {
            family.sample(&[("region", region.as_str())], value(region));
        }
    };
    homes("isobar_members", "Live nodes of a region of this node.", &|region| bus.homes[region].members.len() as f64);
    homes("isobar_lease", "Whether this node leads the region's alert stage.", &|region| {
        flag(cluster::leads(&bus.homes[region], now))
    });
}
