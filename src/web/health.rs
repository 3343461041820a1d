//! `/api/health`, for load balancers: the bytes of every answer are made once per world and then only handed out, so that twenty
//! thousand questions a second cost next to nothing. The first to ask after a change makes them.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use serde_json::json;

use crate::model::{RegionName, Status, Timestamp, world::World};

/// One answer in both its forms.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether traffic may go on: healthy and degraded.
    pub serving: bool,
    /// `application/json`.
    pub json: Bytes,
    /// `application/health+json`.
    pub health_json: &'static str,
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
        let statuses: BTreeMap<_, _> = world.regions.iter().map(|(name, region)| (name.clone(), region.status)).collect();
        let whole = answer(world.status, &statuses, world.updated_at);
        let regions = statuses
            .iter()
            .map(|(name, status)| (name.clone(), answer(*status, &BTreeMap::from([(name.clone(), *status)]), world.updated_at)))
            .collect();
        Self { world, whole, regions }
    }
}

fn answer(status: Status, regions: &BTreeMap<RegionName, Status>, updated_at: Timestamp) -> Answer {
    let (serving, health_json) = match status {
        Status::Healthy => (true, r#"{"status":"pass"}"#),
        Status::Degraded => (true, r#"{"status":"warn"}"#),
        Status::Unhealthy | Status::Unknown => (false, r#"{"status":"fail"}"#),
    };
    let json = json!({ "status": status, "regions": regions, "updatedAt": updated_at }).to_string().into();
    Answer { serving, json, health_json }
}
