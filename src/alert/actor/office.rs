//! What the actor works with, made from the settings: the journal is opened, the channels are built, and desk and outbox go on from
//! what was kept. All that can fail at a start fails here.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::carrier::Carrier;
use crate::{
    alert::{
        Now, Settings,
        channels::{self, Shared},
        desk::{Desk, Way, Ways},
        journal::{self, Journal},
        outbox::{Outbox, Route},
        settings::ChannelKind,
    },
    clock::{self, Steady},
    model::{RegionName, world::World},
};

/// What should have been told this long ago, and is not, is trouble.
const OVERDUE: Duration = Duration::from_mins(1);

/// Why nobody can be told; the operator's to fix.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// A channel.
    #[error("[[channel]] {name}: {why}")]
    Channel {
        /// Its name.
        name: String,
        /// What is wrong with it, without secrets.
        why: String,
    },
}

/// See the module.
pub struct Office {
    pub(super) settings: Arc<Settings>,
    pub(super) desk: Desk,
    pub(super) carrier: Carrier,
    /// The version of the region's shelves that the journal holds.
    pub(super) version: u64,
}

impl Office {
    /// Opens it; that of a region in a cluster has a journal of its own beside the others, `alerts.db` becoming `alerts.REGION.db`;
    /// a new one goes on from what the node kept without a bus.
    pub fn open(settings: &Settings, steady: Steady, home: Option<&RegionName>) -> Result<Self, Error> {
        let mut settings = settings.clone();
        if let (Some(path), Some(home)) = (&mut settings.path, home) {
            let end = path.extension().map_or_else(|| "db".to_owned(), |end| end.to_string_lossy().into_owned());
            let all = path.clone();
            path.set_extension(format!("{home}.{end}"));
            let taken = journal::adopt(path, &all, home, Now { steady: steady.now(), wall: clock::wall() })?;
            if taken > 0 {
                tracing::info!(region = %home, incidents = taken, from = %all.display(), "goes on from the journal of the time without a bus");
            }
        }
        let mut built = BTreeMap::new();
        for channel in &settings.channels {
            let shared = channels::build(channel).map_err(|why| Error::Channel { name: channel.name.clone(), why })?;
            built.insert(channel.name.clone(), shared);
        }
        Self::with(&settings, built, steady)
    }

    /// The same with these channels.
    pub(super) fn with(settings: &Settings, built: BTreeMap<String, Shared>, steady: Steady) -> Result<Self, Error> {
        let now = Now { steady: steady.now(), wall: clock::wall() };
        let (journal, loaded) = Journal::open(settings.path.as_deref(), now)?;
        for remark in &loaded.remarks {
            tracing::error!("{remark}");
        }
        let settings = Arc::new(settings.clone());
        let mut outbox = Outbox::new(routes(&settings, &built), settings.give_up_after);
        outbox.restore(loaded.rows, now);
        let mut carrier = Carrier::new(outbox, journal, built, now);
        let version = loaded.version;
        carrier.loaded(loaded.kept.incidents.iter().map(|incident| incident.id.clone()), loaded.behind);
        let desk = Desk::new(Arc::clone(&settings), ways(carrier.channels()), loaded.kept, now);
        Ok(Self { settings, desk, carrier, version })
    }
}

/// The channels of new settings. One that cannot be built stays as it was, and is missing when it is new; the configuration has been
/// checked, so that is rare.
pub(super) fn rewired(settings: &Settings, before: &BTreeMap<String, Shared>) -> (BTreeMap<String, Shared>, Vec<Route>, Ways) {
    let mut built = BTreeMap::new();
    for channel in &settings.channels {
        match channels::build(channel) {
            Ok(shared) => {
                built.insert(channel.name.clone(), shared);
            }
            Err(why) => {
                tracing::error!(channel = channel.name, why, "a channel cannot be used");
                built.extend(before.get(&channel.name).map(|old| (channel.name.clone(), Arc::clone(old))));
            }
        }
    }
    let (routes, ways) = (routes(settings, &built), ways(&built));
    (built, routes, ways)
}

/// What an outbox and a desk must know of the channels.
pub(super) fn wiring(settings: &Settings, built: &BTreeMap<String, Shared>) -> (Vec<Route>, Ways) {
    (routes(settings, built), ways(built))
}

fn routes(settings: &Settings, built: &BTreeMap<String, Shared>) -> Vec<Route> {
    let kind = |name: &str| settings.channels.iter().find(|channel| channel.name == name).map(|channel| &channel.kind);
    let confirms = |kind: &ChannelKind| matches!(kind, ChannelKind::Qstash { callback_url: Some(_), .. });
    let route = |(name, channel): (&String, &Shared)| Route {
        name: name.clone(),
        kind: kind(name).map_or("", ChannelKind::as_str),
        nature: channel.nature(),
        confirms: kind(name).is_some_and(confirms),
    };
    built.iter().map(route).collect()
}

fn ways(built: &BTreeMap<String, Shared>) -> Ways {
    let way =
        |(name, channel): (&String, &Shared)| (name.clone(), Way { nature: channel.nature(), recipients: channel.recipients() });
    built.iter().map(way).collect()
}

/// Why not all is well, when it is not.
pub(super) fn trouble(world: &World, carrier: &Carrier, moment: Instant, now: Now) -> Option<String> {
    if !world.is_kept(moment) {
        return Some("nobody keeps the picture of the world".to_owned());
    }
    if let Some((region, _)) = world.regions.iter().find(|(_, region)| !region.reasons.is_empty()) {
        return Some(format!("region {region} is blind"));
    }
    if carrier.outbox.is_overdue(OVERDUE, now) {
        return Some("a message is more than a minute late".to_owned());
    }
    carrier.not_kept().map(|why| format!("alerts are not kept on disk: {why}"))
}
