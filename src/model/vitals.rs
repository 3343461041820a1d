//! What is known of a target beyond its connections, statements and counters: slow signals, each read on its own schedule. Every part is
//! whole and replaces the last one of its kind; a part that is `None` was never read or cannot be, with its cause among what is missing.

mod application;
mod errors;
mod host;
mod replication;
mod upkeep;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use application::{Address, ApplicationPool, Told};
pub use errors::{ConnectionErrors, Errors, Failures};
pub use host::{Follows, Host, Service};
pub use replication::{Change, Conflicts, Replica, Replication, Role, Slot, Upstream};
pub use upkeep::{Checkpoints, Holder, InvalidIndex, Io, Locks, Prepared, Sequence, Table, Tables, Upkeep};

/// The slow signals of one target. The API shows them beside the sample.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vitals {
    /// Who copies from whom, and how far behind.
    pub replication: Option<Arc<Replication>>,
    /// What keeps the database fit: ages, vacuum, checkpoints, what runs out.
    pub upkeep: Option<Arc<Upkeep>>,
    /// The machine below, where it can be known.
    pub host: Option<Arc<Host>>,
    /// What a provider says of its services.
    pub services: Vec<Service>,
    /// The pools inside applications.
    pub applications: Vec<ApplicationPool>,
    /// What fails, by cause.
    pub errors: Option<Errors>,
}
