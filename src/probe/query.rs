//! Statements: what runs, how long, how often.

mod actor;
pub mod redact;
pub mod statements;

pub use actor::QueryProbe;
