//! **4 TELL.** From breach to the right person, once, and to its end.
//!
//! ```text
//!  WorldChange ──► Desk: lifecycle ─► inhibit ─► silence ─► escalate ─► group ──► Orders ──► Outbox ──► channels ──► people
//!                  DECIDE: what is an incident, what hides it, whom to tell          │  CARRY: order, retries, deadlines
//!                                                                                    ▼
//!  Ack, silence, button ──► AlertActor ◄──────────── AlertBook, AlertChange     journal (SQLite): written before a call, and after
//! ```
//! The **desk** is pure: it turns what is seen into incidents and orders ("tell slack-ops that this fires"), and never waits. The
//! **outbox** is pure too: which order may be sent now, what a failure means, when to give up. The **journal** keeps both on
//! disk; an order is written before its call is made and its result after. The **actor** holds the three together, lends
//! orders to tasks that call the **channels**, and publishes the [`AlertBook`](crate::model::alert::AlertBook).
//!
//! Two clocks: `steady` goes on evenly whatever happens to the wall clock, so a jump neither fires, resolves nor skips anything;
//! `wall` is for people, and for silences that people set by the clock on the wall. Both are arguments ([`Now`]).
//!
//! Cold start: incidents come back from the journal as they were; one that is not in breach any more gets time to be seen before it
//! counts as over. Recovery after a crash in the middle of a call: the order is in doubt; keyed channels get it again with the same
//! key, Slack and email get criticals again, marked as a possible repeat.

pub mod actor;
mod books;
pub mod bucket;
pub mod channels;
pub mod desk;
mod escalate;
mod figures;
mod group;
pub mod heartbeat;
pub mod incident;
mod inhibit;
pub mod journal;
pub mod lead;
mod ledger;
mod lifecycle;
pub mod merge;
pub mod message;
pub mod order;
pub mod outbox;
pub mod scope;
pub mod settings;
mod silence;
mod turn;

use crate::model::Timestamp;

pub use settings::Settings;

/// The two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Goes on evenly; near the wall clock when the process started. For everything that lasts or is due.
    pub steady: Timestamp,
    /// The clock on the wall, for people and for silences.
    pub wall: Timestamp,
}
