//! The database itself: counters, settings, size, replication, and what keeps it fit.

mod actor;
mod columns;
pub mod counters;
pub mod machine;
pub mod own;
pub mod replication;
pub mod size;
pub mod upkeep;

pub use actor::DatabaseProbe;
