//! The transports of all regions: one per distinct URL, so that regions that share a Redis share its connections.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use secrecy::ExposeSecret;
use tokio::runtime::Handle;

use super::Error;
use crate::{
    bus::{
        Place, Settings,
        memory::Memory,
        transport::{Stream, Transport},
    },
    model::{RegionName, cluster::Keeper},
};

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub struct Places {
    transports: BTreeMap<RegionName, Arc<dyn Transport>>,
    /// The numbers of this node's messages go on when its bus actor is started anew: readers know them by node and boot.
    numbers: Arc<BTreeMap<(RegionName, Stream), AtomicU64>>,
}

impl Places {
    /// Of all regions in the settings; nothing is connected yet.
    pub fn open(settings: &Settings, io: &Handle) -> Result<Self, Error> {
        let mut distinct: BTreeMap<&str, Arc<dyn Transport>> = BTreeMap::new();
        let mut transports = BTreeMap::new();
        for place in &settings.places {
            let url = place.url.expose_secret();
            let transport = match distinct.get(url) {
                Some(known) => Arc::clone(known),
                None => open(place, io)?,
            };
            distinct.insert(url, Arc::clone(&transport));
            transports.insert(place.region.clone(), transport);
        }
        Ok(Self::of(transports))
    }

    /// Of transports that stand already.
    pub fn of(transports: BTreeMap<RegionName, Arc<dyn Transport>>) -> Self {
        let streams = transports.keys().flat_map(|region| [(region.clone(), Stream::Raw), (region.clone(), Stream::World)]);
        let numbers = streams.map(|stream| (stream, AtomicU64::new(0))).collect();
        Self { transports, numbers: Arc::new(numbers) }
    }

    /// That of a region.
    pub fn of_region(&self, region: &RegionName) -> Result<&Arc<dyn Transport>, Error> {
        self.transports.get(region).ok_or_else(|| Error::NoPlace(region.clone()))
    }

    /// Who keeps that region's shelves.
    pub fn keeper(&self, region: &RegionName, replicas: u32) -> Result<Arc<dyn Keeper>, Error> {
        Ok(self.of_region(region)?.keeper(region.clone(), replicas))
    }

    /// Each transport once, with its regions.
    pub(super) fn distinct(&self) -> Vec<(Arc<dyn Transport>, Vec<RegionName>)> {
        let mut distinct: Vec<(Arc<dyn Transport>, Vec<RegionName>)> = Vec::new();
        for (region, transport) in &self.transports {
            match distinct.iter_mut().find(|(known, _)| Arc::ptr_eq(known, transport)) {
                Some((_, regions)) => regions.push(region.clone()),
                None => distinct.push((Arc::clone(transport), vec![region.clone()])),
            }
        }
        distinct
    }

    /// The regions.
    pub(super) fn regions(&self) -> impl Iterator<Item = &RegionName> {
        self.transports.keys()
    }

    /// Lets somebody write on a stream, from the number of the last message on it; tells the number after it.
    pub(super) fn number(&self, region: &RegionName, stream: Stream, write: impl FnOnce(u64) -> u64) {
        if let Some(number) = self.numbers.get(&(region.clone(), stream)) {
            // Each stream has one writer.
            number.store(write(number.load(Ordering::Relaxed)), Ordering::Relaxed);
        }
    }
}

/// The adapter for a URL's scheme.
fn open(place: &Place, _io: &Handle) -> Result<Arc<dyn Transport>, Error> {
    let url = place.url.expose_secret();
    match url.strip_prefix("memory:") {
        Some(name) => Ok(Arc::new(Memory::named(name))),
        None => Err(Error::Place { region: place.region.clone(), why: "its scheme is not known".to_owned() }),
    }
}
