//! `isobar_application_pool_*`: the pools inside applications, all instances of a service together, since instances come and go and would
//! leave series behind. A target shows so many pools and no more.

use std::collections::BTreeMap;

use super::{Kind, Page, seconds};
use crate::model::{vitals::ApplicationPool, world::Target};

/// Pools of one target that have series, by name; an application that makes names up must not flood a scraper.
const MOST_POOLS: usize = 50;

type Column = (&'static str, Kind, &'static str, fn(&[&ApplicationPool]) -> Option<f64>);

const COLUMNS: &[Column] = &[
    ("isobar_application_pool_instances", Kind::Gauge, "Instances that told lately.", |pools| Some(pools.len() as f64)),
    ("isobar_application_pool_max_connections", Kind::Gauge, "The most connections there may be.", |pools| {
        sum(pools, |pool| pool.max.map(f64::from))
    }),
    ("isobar_application_pool_pending_requests", Kind::Gauge, "Requests that wait for a connection now.", |pools| {
        sum(pools, |pool| pool.pending.map(f64::from))
    }),
    (
        "isobar_application_pool_queued_seconds",
        Kind::Gauge,
        "For how long an instance has shown a queue and nothing free.",
        |pools| most(pools, |pool| pool.queued_ms),
    ),
    // The sum over the instances that are there falls when one ends, so it is no counter.
    ("isobar_application_pool_timeouts", Kind::Gauge, "Requests that gave up waiting in instances that are there.", |pools| {
        sum(pools, |pool| pool.timeouts.map(|timeouts| timeouts as f64))
    }),
    (
        "isobar_application_pool_wait_seconds",
        Kind::Gauge,
        "The longest mean wait of an instance over its last interval.",
        |pools| most(pools, |pool| pool.mean_wait_ms),
    ),
    (
        "isobar_application_pool_use_seconds",
        Kind::Gauge,
        "The longest mean time of an instance that connections were held.",
        |pools| most(pools, |pool| pool.mean_use_ms),
    ),
    (
        "isobar_application_pool_create_seconds",
        Kind::Gauge,
        "The longest mean time of an instance to make a connection.",
        |pools| most(pools, |pool| pool.mean_create_ms),
    ),
];

pub(super) fn families(page: &mut Page<'_>, points: [u64; 2]) {
    page.many(
        "isobar_application_pool_connections",
        Kind::Gauge,
        "Connections of applications' pools by state.",
        |target, sample| {
            for ((service, pool), all) in pools(target) {
                let states =
                    [("used", sum(&all, |pool| pool.used.map(f64::from))), ("idle", sum(&all, |pool| pool.idle.map(f64::from)))];
                for (state, value) in states {
                    if let Some(value) = value {
                        sample(&[("service", service), ("pool", pool), ("state", state)], value);
                    }
                }
            }
        },
    );
    for (name, kind, help, value) in COLUMNS {
        page.many(name, *kind, help, |target, sample| {
            for ((service, pool), all) in pools(target) {
                if let Some(value) = value(&all) {
                    sample(&[("service", service), ("pool", pool)], value);
                }
            }
        });
    }
    let help = "Points that applications told of their pools.";
    let mut family = page.text.family("isobar_application_points_total", Kind::Counter, help);
    for (outcome, value) in ["accepted", "rejected"].into_iter().zip(points) {
        family.sample(&[("outcome", outcome)], value as f64);
    }
}

fn pools(target: &Target) -> BTreeMap<(&str, &str), Vec<&ApplicationPool>> {
    let mut found: BTreeMap<(&str, &str), Vec<&ApplicationPool>> = BTreeMap::new();
    for pool in &target.vitals.applications {
        let key = (pool.service.as_str(), pool.pool.as_str());
        if found.len() < MOST_POOLS || found.contains_key(&key) {
            found.entry(key).or_default().push(pool);
        }
    }
    found
}

fn sum(pools: &[&ApplicationPool], of: impl Fn(&ApplicationPool) -> Option<f64>) -> Option<f64> {
    pools.iter().filter_map(|pool| of(pool)).reduce(|a, b| a + b)
}

fn most(pools: &[&ApplicationPool], of: impl Fn(&ApplicationPool) -> Option<f64>) -> Option<f64> {
    pools.iter().filter_map(|pool| of(pool)).reduce(f64::max).map(seconds)
}
