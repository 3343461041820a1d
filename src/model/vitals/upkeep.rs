//! What keeps a database fit, and what runs out.

use serde::{Deserialize, Serialize};

/// The health of the database at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Upkeep {
    /// Age of the oldest transaction id of the server's databases.
    pub xid_age: Option<u64>,
    /// Age of the oldest multixact id.
    pub multixact_age: Option<u64>,
    /// At this age the server takes no more writes.
    pub age_limit: Option<u64>,
    /// Until the older of the two reaches the limit at the present rate, seconds; null while nothing is used up.
    pub wraparound_in_seconds: Option<f64>,
}
