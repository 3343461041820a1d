//! **2 JUDGE.** What the readings of a target mean: one sample, one status, and the reasons.
//!
//! ```text
//!  Reading ──► RegionSupervisor ──► Joined ──► Seen ──► Evaluator ──► Report ──► Batch
//!  (probes)    who lives (Roster)   newest, fresh       rules, time    sample, transitions
//! ```
//! Rules look at one moment and remember nothing; time is the evaluator's matter; freshness is the join's; life and death are the
//! roster's. All of them are pure, the supervisor is the actor around them. Cold start: a target is unknown until it is seen or
//! two attempts failed. Recovery: readings are whole state, so the next ones bring everything back.

pub mod attempts;
pub mod evaluator;
pub mod join;
pub mod replay;
pub mod roster;
pub mod rules;
pub mod seen;
pub mod supervisor;
pub mod thresholds;
pub mod window;
