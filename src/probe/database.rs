//! The database itself: counters, settings, size, replication.

mod actor;
pub mod counters;
pub mod own;
pub mod replication;
pub mod size;

pub use actor::DatabaseProbe;
