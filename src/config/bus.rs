//! `[bus]`: where the nodes of a region meet. In `global.toml` for all regions; a region's own file may name another Redis.
//!
//! Every node must know the bus of every region of the folder, also of those that it does not run. So of their files this much is read,
//! and nothing else that could be wrong with them, or any secret in them, stops this node.

use std::time::Duration;

use secrecy::SecretString;

use super::section::{Findings, Section};
use crate::bus::{Place, Settings};

/// What `global.toml` may say.
const KEYS: [&str; 5] = ["cache", "raw", "redis", "replicas", "wire"];
/// What a region's file may say.
const OWN: [&str; 1] = ["redis"];

/// `[bus]` of `global.toml`; the default is no bus.
#[derive(Clone)]
pub(super) struct Base {
    /// The Redis of regions that name none.
    pub(super) redis: Option<SecretString>,
    raw: Duration,
    cache: Duration,
    wire: u16,
    replicas: u32,
}

impl Default for Base {
    fn default() -> Self {
        let (raw, cache) = (Duration::from_millis(250), Duration::from_secs(10));
        Self { redis: None, raw, cache, wire: crate::bus::wire::NEWEST, replicas: 0 }
    }
}

impl Base {
    /// The whole, for these regions.
    pub(super) fn settings(&self, places: Vec<Place>) -> Option<Settings> {
        let &Self { raw, cache, wire, replicas, .. } = self;
        (!places.is_empty()).then_some(Settings { places, raw, cache, wire, replicas })
    }
}

/// `[bus]` of `global.toml`.
pub(super) fn base(findings: &mut Findings<'_>, root: &Section<'_>) -> Base {
    let usual = Base::default();
    let Some(section) = root.table(findings, "bus") else { return usual };
    section.only(findings, &KEYS, (&[], ""));
    let (milli, second) = (Duration::from_millis(1), Duration::from_secs(1));
    let versions = u32::from(crate::bus::wire::OLDEST)..=u32::from(crate::bus::wire::NEWEST);
    Base {
        redis: redis(findings, &section),
        raw: section.duration(findings, "raw", 100 * milli..=5 * second).unwrap_or(usual.raw),
        cache: section.duration(findings, "cache", second..=30 * second).unwrap_or(usual.cache),
        wire: section.whole(findings, "wire", versions).map_or(usual.wire, |version| version as u16),
        replicas: section.whole(findings, "replicas", 0..=5).unwrap_or(usual.replicas),
    }
}

/// `[bus]` of a region's file.
pub(super) fn own(findings: &mut Findings<'_>, root: &Section<'_>) -> Option<SecretString> {
    let section = root.table(findings, "bus")?;
    section.only(findings, &OWN, (&["cache", "raw", "replicas", "wire"], "[bus] of global.toml"));
    redis(findings, &section)
}

/// A Redis; an empty one counts as none, so that `"${ISOBAR_REDIS:-}"` may stand in the file.
fn redis(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<SecretString> {
    let text = section.given(findings, "redis")?;
    if let Err(wrong) = crate::bus::check_url(&text.value) {
        let fix = "write it like rediss://default:PASSWORD@host:6379, redis+sentinel://h1:26379,h2:26379/NAME or redis+cluster://h1:6379,h2:6379";
        findings.problem(&text.at, wrong.to_string(), fix);
        return None;
    }
    Some(text.value.into())
}
