//! What the past of a target says of its present: from whoever reads the history to whoever judges.

use super::TargetId;

/// Of one target. It counts for a few minutes, since it is said anew each minute or so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlook {
    /// Figures that are unusual for the time of day, the most unusual first.
    pub unusual: Vec<Unusual>,
    /// How the database grows, as a fraction per day; none while that is not known.
    pub growth_per_day: Option<f64>,
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
