//! Copies of a region's alert state that went apart, as while its Redis was gone, become one again. Pure; the order does not matter.

use std::collections::BTreeMap;

use super::{incident::Incident, outbox::Row};
use crate::model::alert::Silence;

/// One node's, or Redis's, copy; times of the steady clock already brought to this node's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copy {
    /// Incidents by id.
    pub incidents: BTreeMap<String, Incident>,
    /// Rows by key.
    pub rows: BTreeMap<String, Row>,
    /// Silences made by API, by id.
    pub silences: BTreeMap<String, Silence>,
}

/// Takes another copy in: of each incident and row what is further along, of those who were told all.
pub fn merge(_into: &mut Copy, _from: Copy) {
    todo!()
}
