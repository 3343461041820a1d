//! Tells the bus which regions somebody looks at: whole samples of another region are read only for those.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use actix::Recipient;
use arc_swap::ArcSwapOption;

use crate::model::{RegionName, cluster::Interest};

/// A region is told of this often, however many look: interest lasts for half a minute.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Interests {
    door: Arc<ArcSwapOption<Recipient<Interest>>>,
    told: Mutex<BTreeMap<RegionName, Instant>>,
}

impl Interests {
    pub(super) fn new(door: Arc<ArcSwapOption<Recipient<Interest>>>) -> Self {
        Self { door, told: Mutex::default() }
    }

    /// Somebody looks at a region that is known.
    pub(super) fn tell(&self, now: Instant, region: &RegionName) {
        let door = self.door.load();
        let Some(door) = door.as_deref() else { return };
        let Ok(mut told) = self.told.lock() else { return };
        if told.get(region).is_none_or(|at| now.saturating_duration_since(*at) >= TELL_EVERY)
            && door.try_send(Interest(region.clone())).is_ok()
        {
            told.insert(region.clone(), now);
        }
    }
}
