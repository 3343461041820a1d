//! What the past of a target says of its present: from whoever reads the history to whoever judges.

use std::time::Duration;

use super::TargetId;

/// Of one target. It counts for a few minutes, since it is said anew each minute or so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlook {
    /// Figures that are unusual for the time of day, the most unusual first.
    pub unusual: Vec<Unusual>,
    /// How the database grows, as a fraction per day; none while that is not known.
    pub growth_per_day: Option<f64>,
    /// How its disk fills; none while that is not known.
    pub disk: Option<Filling>,
}

/// How a disk fills, by its history: bytes a day, 19 times of 20 between the bounds. When it is full is for whoever knows what is free now: a disk
/// that was enlarged, or lost half of its room at once, is another one before its history says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filling {
    /// Most likely.
    pub per_day: f64,
    /// Hardly less; not above nothing while it may not fill at all.
    pub at_least: f64,
    /// Hardly more.
    pub at_most: f64,
    /// From so long a history.
    pub over: Duration,
}

/// A figure outside the band that it usually keeps to at this time.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusual {
    /// Its path.
    pub metric: String,
    /// What it is.
    pub now: f64,
    /// The edge of the band that it passed.
    pub edge: f64,
    /// In a sentence, with units.
    pub message: String,
}

/// What whoever judges these targets is told.
#[derive(Debug, Clone, Default)]
pub struct Outlooks(pub Vec<(TargetId, Outlook)>);

impl actix::Message for Outlooks {
    type Result = ();
}
