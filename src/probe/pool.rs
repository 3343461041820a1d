//! Pools and sessions: what holds connections, who waits, who gets in.

pub mod activity;
mod actor;
mod check;
pub mod client_check;
pub mod console;
pub mod pgbouncer;
pub mod supabase;
pub mod supavisor;

pub use actor::{Metrics, PoolProbe};
