//! Pools and sessions: what holds connections, who waits, who gets in.

pub mod activity;
mod actor;
mod check;
pub mod client_check;
pub mod console;
pub mod pgbouncer;

pub use actor::PoolProbe;
