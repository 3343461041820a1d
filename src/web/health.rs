//! `/api/health`, for load balancers: the bytes of every answer are made once per world and then only handed out, so that twenty
//! thousand questions a second cost next to nothing. The first to ask after a change makes them.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use serde_json::json;

use super::cluster;
use crate::model::{RegionName, Status, world::World};

/// One answer in both its forms.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether traffic may go on: healthy and degraded.
    pub serving: bool,
    /// `application/json`.
    pub json: Bytes,
    /// `application/health+json`.
    pub health_json: Bytes,
}

/// All answers about one world.
#[derive(Debug)]
pub(super) struct Prepared {
    world: Arc<World>,
    /// About all regions.
    pub whole: Answer,
    /// About one.
    pub regions: BTreeMap<RegionName, Answer>,
}

/// The answers about the newest world that was asked about.
#[derive(Debug, Default)]
pub(super) struct Cache(ArcSwapOption<Prepared>);

impl Cache {
    /// The answers about the world as it is now.
    pub(super) fn of(&self, world: &ArcSwap<World>) -> Arc<Prepared> {
        let newest = world.load();
        if let Some(prepared) = self.0.load_full()
            && Arc::ptr_eq(&prepared.world, &newest)
        {
            return prepared;
        }
        let prepared = Arc::new(Prepared::of(Arc::clone(&newest)));
        self.0.store(Some(prepared.clone()));
        prepared
    }
}

impl Prepared {
    fn of(world: Arc<World>) -> Self {
        let regions = world.regions.iter().map(|(name, region)| {
            let statuses = BTreeMap::from([(name, region.status)]);
            (name.clone(), answer(region.status, &statuses, &world))
        });
        let regions = regions.collect();
        let statuses = world.regions.iter().map(|(name, region)| (name, region.status)).collect();
        let whole = answer(world.status, &statuses, &world);
        Self { world, whole, regions }
    }
}

fn answer(status: Status, regions: &BTreeMap<&RegionName, Status>, world: &World) -> Answer {
    let (serving, passes) = match status {
        Status::Healthy => (true, "pass"),
        Status::Degraded => (true, "warn"),
        Status::Unhealthy | Status::Unknown => (false, "fail"),
    };
    let mut json = json!({ "status": status, "regions": regions, "updatedAt": world.updated_at });
    let mut health_json = json!({ "status": passes });
    // Said only when there is something to say: what cannot be seen from here may be well.
    let cut_off: Vec<&RegionName> = world.cut_off.iter().filter(|region| regions.contains_key(region)).collect();
    if !cut_off.is_empty() {
        health_json["notes"] = cut_off.iter().map(|region| cluster::cut_off(region)).collect();
        json["cutOff"] = json!(cut_off);
    }
    Answer { serving, json: json.to_string().into(), health_json: health_json.to_string().into() }
}
