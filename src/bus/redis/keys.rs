//! Names of keys. The braces keep all of one region in one slot of a cluster, so that a script may touch them together.

use crate::{
    bus::transport::Stream,
    model::{RegionName, cluster::Shelf},
};

/// The shelves in the order in which the scripts number them, from 1.
pub(super) const SHELVES: [Shelf; 4] = [Shelf::Incidents, Shelf::Rows, Shelf::Silences, Shelf::Marks];

pub(super) fn key(region: &RegionName, name: &str) -> String {
    format!("isobar:{{{region}}}:{name}")
}

pub(super) fn stream(region: &RegionName, stream: Stream) -> String {
    let name = match stream {
        Stream::Raw => "raw",
        Stream::World => "world",
        Stream::Shelf => "shelf",
    };
    key(region, name)
}

pub(super) fn shelf(region: &RegionName, shelf: Shelf) -> String {
    let name = match shelf {
        Shelf::Incidents => "incidents",
        Shelf::Rows => "rows",
        Shelf::Silences => "silences",
        Shelf::Marks => "marks",
    };
    key(region, name)
}
