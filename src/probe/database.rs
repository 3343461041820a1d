//! The database itself: counters, settings, size.

mod actor;
pub mod counters;
pub mod own;
pub mod size;

pub use actor::DatabaseProbe;
