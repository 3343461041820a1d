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
}

/// Those that are not as at first, by where they begin and end.
pub(crate) type Lanes = BTreeMap<(Place, Place), Lane>;
