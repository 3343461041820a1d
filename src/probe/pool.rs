//! Pools and sessions: what holds connections, who waits, who gets in.

pub mod activity;
pub mod client_check;
pub mod pgbouncer;
