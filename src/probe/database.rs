//! The database itself: counters, settings, size.

pub mod counters;
pub mod size;
