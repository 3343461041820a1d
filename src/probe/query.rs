//! Statements: what runs, how long, how often.

pub mod redact;
pub mod statements;
