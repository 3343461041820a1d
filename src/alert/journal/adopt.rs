//! The journal of a node that gets a bus: until then it kept one file for all regions, from now on one for each of its own. What is open
//! goes on, so that nobody is paged anew for it.

use std::path::Path;

use super::{Batch, Error, Journal};
use crate::{
    alert::{Now, incident::Incident, outbox::Row, scope},
    model::RegionName,
};

/// The version of what was adopted: more than of nothing, and less than any that a region's nodes agreed on.
pub const ADOPTED: u64 = 1;

/// Takes what the file of all regions knows of this one into the region's own, when that is new. The other file stays as it is; tells how
/// many incidents were taken.
pub fn adopt(own: &Path, all: &Path, home: &RegionName, now: Now) -> Result<usize, Error> {
    if !all.exists() {
        return Ok(0);
    }
    let (mut journal, known) = Journal::open(Some(own), now)?;
    if known.version > 0 || !known.kept.incidents.is_empty() || !known.rows.is_empty() {
        return Ok(0);
    }
    let (_before, found) = Journal::open(Some(all), now)?;
    let is_ours = |incident: &&Incident| incident.subject.region == *home || incident.subject.region.as_str() == scope::ITSELF;
    let incidents: Vec<&Incident> = found.kept.incidents.iter().filter(is_ours).collect();
    let tells = |row: &&Row| row.members.iter().any(|id| incidents.iter().any(|incident| incident.id == *id));
    let rows: Vec<&Row> = found.rows.iter().filter(tells).collect();
    let (silences, version) = (Some(found.kept.silences.clone()), Some(ADOPTED));
    let taken = incidents.len();
    journal.replace(&Batch { incidents, silences, rows, version, ..Batch::default() }, now)?;
    Ok(taken)
}
