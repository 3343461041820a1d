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
        Settings, open,
        transport::{Holder, Stream, Transport},
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
                None => open(&place.url, io.clone())
                    .map_err(|why| Error::Place { region: place.region.clone(), why: why.to_string() })?,
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

    /// Who keeps that region's shelves, for a node that may lead.
    pub fn keeper(&self, region: &RegionName, holder: Holder, replicas: u32) -> Result<Arc<dyn Keeper>, Error> {
        Ok(self.of_region(region)?.keeper(region.clone(), holder, replicas))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::Place;

    fn settings(places: &[(&str, &str)]) -> Settings {
        let place = |(region, url): &(&str, &str)| Place { region: (*region).into(), url: (*url).into() };
        let (raw, cache) = (Duration::from_millis(250), Duration::from_secs(10));
        Settings { places: places.iter().map(place).collect(), raw, cache, wire: 2, replicas: 0 }
    }

    #[tokio::test]
    async fn regions_that_share_a_redis_share_its_connections() {
        let (shared, own) = ("redis://one:6379", "redis://two:6379");
        let places =
            Places::open(&settings(&[("eu", shared), ("sa", own), ("us", shared)]), &Handle::current()).expect("good URLs");
        let distinct: Vec<Vec<RegionName>> = places.distinct().into_iter().map(|(_, regions)| regions).collect();
        assert_eq!(distinct, [vec!["eu".into(), "us".into()], vec![RegionName::from("sa")]]);
        assert_eq!(places.of_region(&"ap".into()).err(), Some(Error::NoPlace("ap".into())));
    }

    #[tokio::test]
    async fn a_wrong_url_is_told_without_its_password() {
        let error = Places::open(&settings(&[("eu", "http://user:hunter2@one:6379")]), &Handle::current()).expect_err("no Redis");
        let error = error.to_string();
        assert!(error.starts_with("the bus of region eu: ") && !error.contains("hunter2"), "{error}");
    }
}
