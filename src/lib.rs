//! Isobar watches the pressure on PostgreSQL connections in every region: pools, queries and the database itself.
//!
//! ```text
//!  PostgreSQL, poolers ──► probe ──► region ──► bus ══Redis══► aggregate ─┬─► alert ──► people
//!                          MEASURE   JUDGE      CARRY          COMBINE    ├─► history ─► a file
//!                                                                         ├─► advise ──► what to change
//!                                                                         └─► web ──► API, metrics, live stream, page
//! ```
//! Data flows one way. Folders are the stages of a sample's journey, and every stage has one shape: its root (a short essay,
//! its settings), pure files (decisions: no clock, no I/O, no actor), adapters (one outside thing each) and an actor (timers
//! and mail around the pure part). `app` is the only file that knows everyone; `tests/architecture` holds the map.

pub mod advise;
pub mod aggregate;
pub mod alert;
pub mod app;
pub mod backoff;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod export;
pub mod history;
pub mod model;
pub mod otlp;
pub mod probe;
pub mod region;
pub mod sandbox;
pub mod trend;
pub mod web;
