//! The words that all stages share. A sample's journey is measure, judge, combine, show; these are the shapes it takes on
//! the way. Nothing here decides, waits or talks to anything.
//!
//! - [`ids`]: which region, which target
//! - [`health`]: status, severity, rule, reason, transition
//! - [`outcome`]: what became of an attempt to connect, by phase and cause
//! - [`reading`]: what one probe saw of one target (probe -> region)
//! - [`sample`]: all that is known of a target at one moment, as the API shows it
//! - [`activity`], [`queries`], [`counters`]: the details behind a sample
//! - [`vitals`]: slow signals: replication, upkeep, the machine, applications' pools
//! - [`report`]: a sample with its details and transitions (region -> aggregate -> everyone)
//! - [`world`]: the picture over all regions that readers share
//! - [`uploads`]: how sending rows to Tinybird goes
//! - [`advice`]: what to change, and what that would bring
//! - [`insight`]: what the past of a target says
//! - [`alert`]: incidents as people see them, and what people may do with them
//! - [`cluster`]: the nodes of a region, what they say to each other, and what they keep together

pub mod activity;
pub mod advice;
pub mod alert;
pub mod cluster;
pub mod counters;
pub mod health;
pub mod history;
pub mod ids;
pub mod insight;
pub mod outcome;
pub mod outlook;
pub mod queries;
pub mod reading;
pub mod report;
pub mod sample;
pub mod time;
pub mod uploads;
pub mod vitals;
pub mod world;

pub use health::{AlertType, Evidence, Reason, Rule, Severity, Status, Transition};
pub use ids::{NodeName, RegionName, TargetId, TargetName};
pub use outcome::{Outcome, Phase, Phases};
pub use report::Report;
pub use sample::Sample;
pub use time::Timestamp;
