//! What the past of each target says: the answer of `.../trends`, and the regressions of `.../queries`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{TargetId, Timestamp};

/// All that is known of the past now, target by target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Insights {
    /// Each replaced as a whole.
    pub targets: BTreeMap<TargetId, Arc<Insight>>,
}

/// What the past of one target says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Insight {
    /// The most of it in one sentence, with figures.
    pub sentence: String,
    /// When it was looked at; null before.
    pub looked_at: Option<Timestamp>,
    /// How often it was unhealthy in the last two hours; null when it never was.
    #[serde(default)]
    pub episodes: Option<Episodes>,
    /// Figures that are other than they were, newest first, over the last hours.
    pub changes: Vec<Change>,
    /// Figures that rise or fall for sure.
    pub slopes: Vec<Slope>,
    /// Between what figures are usual at this hour.
    pub bands: Vec<Band>,
    /// Figures that follow the day or the week.
    pub seasons: Vec<Season>,
    /// Growth of the database as a fraction of its size per day; null until there is enough history.
    pub growth_per_day: Option<f64>,
    /// What runs out, soonest first.
    pub forecasts: Vec<Forecast>,
    /// Statements that are other than they were, largest share of the load first.
    pub regressions: Vec<Regression>,
}

impl Default for Insight {
    /// That of a target whose past was not looked at.
    fn default() -> Self {
        Self {
            sentence: "Its past was not looked at yet.".into(),
            looked_at: None,
            episodes: None,
            changes: Vec::new(),
            slopes: Vec::new(),
            bands: Vec::new(),
            seasons: Vec::new(),
            growth_per_day: None,
            forecasts: Vec::new(),
            regressions: Vec::new(),
        }
    }
}

/// The times at which a target was unhealthy, and the worst of its figures then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Episodes {
    /// How many.
    pub count: usize,
    /// How long they lasted all together, seconds.
    pub seconds: f64,
    /// When the last of them began.
    pub last_at: Timestamp,
    /// Of so long a past, seconds.
    pub over_seconds: f64,
    /// The most clients that waited for a connection at once.
    pub most_waiting: Option<f64>,
    /// For how long the oldest of them did at most, milliseconds.
    pub longest_wait_ms: Option<f64>,
    /// The most connections that were idle in a transaction at once.
    pub most_idle_in_transaction: Option<f64>,
    /// The longest average query time, milliseconds.
    pub slowest_query_ms: Option<f64>,
}

/// A figure that is another than it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The figure's path in the sample, or beside it.
    pub metric: String,
    /// Since when.
    pub since: Timestamp,
    /// Its median over the twenty minutes before.
    pub before: f64,
    /// Its median since, until the next change or now.
    pub after: f64,
    /// `after` over `before`; null where that was 0.
    pub factor: Option<f64>,
    /// How sure it is that it changed, 0..1.
    pub confidence: f64,
    /// Whether it is so still: no later change of the figure is listed.
    pub holds: bool,
    /// In words.
    pub sentence: String,
}

/// A figure that rises or falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slope {
    /// The figure's path.
    pub metric: String,
    /// The time that the slope is of: `hour` or `day`.
    pub per: Per,
    /// By so much, in the figure's unit.
    pub slope: f64,
    /// 19 times of 20 by no less.
    pub low: f64,
    /// 19 times of 20 by no more.
    pub high: f64,
    /// From so long a past, seconds.
    pub over_seconds: f64,
}

/// A time that slopes are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

/// Between what a figure is usual at this hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Band {
    /// The figure's path.
    pub metric: String,
    /// Less is unusual.
    pub low: f64,
    /// Its median at this hour.
    pub middle: f64,
    /// More is unusual.
    pub high: f64,
    /// From so many days.
    pub days: usize,
    /// Its mean over the last five minutes that are known.
    pub now: f64,
    /// Since when it has been outside; null while it is not, or not for a quarter of an hour.
    pub unusual_since: Option<Timestamp>,
}

/// A figure that follows the clock; hours are those of UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Season {
    /// The figure's path.
    pub metric: String,
    /// The share of its movement within days that the hour explains, 0..1.
    pub daily: f64,
    /// The share of its movement between days that the weekday explains, 0..1.
    pub weekly: f64,
    /// The hour at which it is highest.
    pub highest_at: usize,
    /// The hour at which it is lowest.
    pub lowest_at: usize,
}

/// What runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The disk of the data.
    Disk,
    /// Connections of the server or of its fullest pool.
    Connections,
    /// A sequence, or what its column can hold.
    Sequence,
    /// Transaction ids.
    TransactionIds,
}

/// When something runs out, if it goes on as it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// What.
    pub what: Resource,
    /// Which: a sequence's name; null where there is but one.
    pub subject: Option<String>,
    /// Most likely then.
    pub runs_out_at: Timestamp,
    /// Hardly sooner.
    pub earliest: Timestamp,
    /// Hardly later.
    pub latest: Timestamp,
    /// In words.
    pub sentence: String,
}

/// What happened to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegressionKind {
    /// It was not among those that cost anything.
    New,
    /// Each call takes longer.
    Slower,
    /// It is called far more often.
    Storm,
}

/// A statement that is other than it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Regression {
    /// How.
    pub kind: RegressionKind,
    /// Query id as text.
    pub query_id: String,
    /// Role name.
    pub user: String,
    /// Since when.
    pub since: Timestamp,
    /// Its usual mean time before, milliseconds; null of a new one.
    pub before_mean_ms: Option<f64>,
    /// Its mean time since, milliseconds.
    pub after_mean_ms: f64,
    /// Its usual calls per second before; null of a new one.
    pub before_calls_per_second: Option<f64>,
    /// Its calls per second since.
    pub after_calls_per_second: f64,
    /// Its share of the execution time of the last hour's costliest statements, 0..1.
    pub share: f64,
    /// In words.
    pub sentence: String,
}
