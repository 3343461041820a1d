//! What applications tell of the pools inside them: `POST /v1/metrics`, as OpenTelemetry's exporters and collectors speak it.
//!
//! ```text
//!  SDK, collector ──► intake: bounded body ──► book: points become pools ──► Told ──► the region's supervisor, or by the bus
//!                                               │ names   which metric says what        the node that watches the target
//!                                               └ joining whose database it is
//! ```
//! The handler reads no more than is allowed and knows the protocol; everything that decides is pure. The book remembers what is needed to
//! make means out of sums, and nothing that a target's own node must know: that merges what it is told, from whichever node it came.
//! A point of another metric is left out without a word, so an application may send all it has.

mod book;
mod held;
pub(super) mod intake;
mod joining;
mod names;
mod points;
mod shown;

pub(super) use book::{Book, Taken};

#[cfg(test)]
mod tests;
