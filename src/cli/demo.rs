//! The demo's world and its script: everything of `isobar demo` but Isobar itself.
//!
//! ```text
//!  us-east-1        eu-west-1        ap-southeast-1       each: clients (load) ─► PgBouncer ─► PostgreSQL, three databases
//!      ▲                ▲                  ▲
//!      └────────────── script ─────────────┘              calm, an incident somewhere, calm, the next one elsewhere, ...
//! ```
//! All of it is real: the figures on the page are those of real sessions, and an incident is done, not told. Servers and load
//! live as long as the [`World`](world::World); the script only ever adds trouble, and takes it away again.

pub mod load;
pub mod script;
pub mod world;

#[cfg(test)]
mod tests;
