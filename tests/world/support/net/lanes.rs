//! What a test has done to the lanes between places; a lane leads one way.

use std::{collections::BTreeMap, time::Duration};

use super::Place;

/// One lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) cut: bool,
    pub(crate) delay: Duration,
    /// Of a hundred packets.
    pub(crate) loss: u8,
    /// How many bytes a second get through, where not all do.
    pub(crate) rate: Option<u32>,
}

impl Lane {
    /// For how long so many bytes keep it busy.
    pub(crate) fn takes(&self, bytes: usize) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes as f64 / f64::from(rate)))
    }
}

/// Those that are not as at first, by where they begin and end.
pub(crate) type Lanes = BTreeMap<(Place, Place), Lane>;
