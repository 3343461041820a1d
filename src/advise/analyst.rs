//! What the past of each target says, from one look at the store to an insight. Pure but for asking the [`Past`].
//!
//! ```text
//!  every minute    the last two hours, ten seconds each ──► changes, slopes per hour ─┐
//!  every quarter   four weeks, five minutes each ──► usual moves, bands, seasons,     ├─► Insight ──► web
//!  of an hour                                        slopes per day, forecasts ───────┤
//!  every 5 minutes the statements of the last day ──► regressions ────────────────────┘
//! ```
//! One target at a time, the one that was looked at longest ago, so that many targets make looks rarer and never dearer. A figure that never
//! moves costs one question and no arithmetic. The methods are in the room `trend`, the rates at which they err in docs/trends.md.

pub mod actor;
mod episodes;
mod figures;
mod outlook;
mod regressions;
mod sentence;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    model::{
        TargetId, Timestamp,
        history::{Past, Point, Question, Series, StatementBucket, figure_at},
        insight::{Band, Change, Insight, Insights, Per, Season, Slope},
        outlook::Outlook,
        world::{Target, World},
    },
    trend::{
        baseline::{self, unusual_since},
        change::{Least, changes, usual_move},
        quantile::median,
        season::season,
        slope::slope,
    },
};
use figures::{FOLLOWED, Followed};
use outlook::Sequences;

/// How the analyst looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How often each target is looked at, when there is time for it.
    pub every: Duration,
    /// Of the time of one core, it takes no larger share; with many targets looks become rarer instead.
    pub duty: f64,
}

impl Default for Settings {
    /// A change is found within five minutes of data: a minute more does no harm.
    fn default() -> Self {
        Self { every: Duration::from_mins(1), duty: 0.03 }
    }
}

impl Settings {
    /// How long it pauses after a look that took so long, so that looks take no larger share of a core than they may.
    pub fn pause(&self, spent: Duration) -> Duration {
        BREATH.max(spent.mul_f64(1.0 / self.duty.clamp(0.001, 1.0) - 1.0))
    }
}

/// Between two looks at least, so that many targets come evenly.
const BREATH: Duration = Duration::from_millis(5);
/// Changes are sought in so much of the past.
const RECENT: Duration = Duration::from_hours(2);
const STEP: Duration = Duration::from_secs(10);
/// A shorter past says nothing of what changes: a change is against the twenty minutes before it, and seen after some.
const COMPARABLE: f64 = 25.0 * 60.0;
/// What is usual is learned from so much.
const LONG: Duration = Duration::from_hours(28 * 24);
const LONG_STEP: Duration = Duration::from_mins(5);
/// So many figures of weeks are in memory at a time, some ten megabytes.
const AT_ONCE: usize = 8;
/// What was learned from weeks is good for so long.
const LEARN_EVERY: Duration = Duration::from_mins(15);
/// Statements come in buckets of five minutes.
const STATEMENTS_EVERY: Duration = Duration::from_mins(5);
/// A day, and the same hour of the day before with what is around it.
const STATEMENTS: Duration = Duration::from_hours(26);
/// A change is by this share at least.
const SHARE: f64 = 0.15;
/// Bounds hold 19 times of 20.
const CONFIDENCE: f64 = 0.95;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// Values in order of time: seconds since 1970, and the value.
type Points = Vec<(f64, f64)>;

/// See the module.
#[derive(Debug, Default)]
pub struct Analyst {
    settings: Settings,
    targets: BTreeMap<TargetId, Known>,
}

/// What is known of one target.
#[derive(Debug, Default)]
struct Known {
    looked: Option<Instant>,
    learned: Option<(Instant, Learned)>,
    statements: Option<(Instant, Statements)>,
    sequences: Sequences,
    insight: Arc<Insight>,
}

/// What weeks say.
#[derive(Debug, Default)]
struct Learned {
    figures: Vec<Background>,
    slopes: Vec<Slope>,
    pace: outlook::Paces,
}

/// What weeks say of one figure, in the order of [`FOLLOWED`].
#[derive(Debug, Default, Clone)]
struct Background {
    usual_move: Option<f64>,
    /// By the hours since 1970: of those around now.
    bands: Vec<(i64, baseline::Band)>,
    season: Option<Season>,
}

#[derive(Debug, Default)]
struct Statements {
    buckets: Vec<StatementBucket>,
    regressions: Vec<crate::model::insight::Regression>,
}

impl Analyst {
    /// One that has looked at nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, targets: BTreeMap::new() }
    }

    /// Whose turn it is, and in how long; none while there is no target.
    pub(super) fn next(&mut self, now: Instant, world: &World) -> Option<(TargetId, Duration)> {
        let watched = || world.regions.values().flat_map(|region| region.targets.values().map(|target| target.report.id()));
        let all: BTreeSet<TargetId> = watched().collect();
        self.targets.retain(|id, _| all.contains(id));
        let looked = |id: &TargetId| self.targets.get(id).and_then(|known| known.looked);
        let oldest = all.iter().min_by_key(|id| looked(id))?;
        let due = looked(oldest).map_or(Duration::ZERO, |at| (at + self.settings.every).saturating_duration_since(now));
        Some((oldest.clone(), due))
    }

    /// Looks at one target's past.
    ///
    /// # Errors
    /// What is wrong with the store; what was found before stays.
    pub fn look(&mut self, target: &Target, past: &dyn Past, now: Instant, wall: Timestamp) -> Result<(), String> {
        let id = target.report.id();
        let known = self.targets.entry(id.clone()).or_default();
        known.looked = Some(now);
        let asked = Asked { past, id: &id, wall };
        let is_old = |at: Instant, every: Duration| now.saturating_duration_since(at) >= every;
        known.sequences.add(target, wall);
        if known.learned.as_ref().is_none_or(|(at, _)| is_old(*at, LEARN_EVERY)) {
            known.learned = Some((now, learn(&asked, target)?));
        }
        if known.statements.as_ref().is_none_or(|(at, _)| is_old(*at, STATEMENTS_EVERY)) {
            let buckets = past.statements(&id, wall.before(STATEMENTS), wall)?;
            let regressions = regressions::regressions(&buckets, wall);
            // Whoever explains a change of the last hours needs only those.
            let recent = wall.before(RECENT + Duration::from_hours(1));
            let buckets = buckets.into_iter().filter(|bucket| bucket.at >= recent).collect();
            known.statements = Some((now, Statements { buckets, regressions }));
        }
        let (learned, statements) = (known.learned.as_ref(), known.statements.as_ref());
        let (Some((_, learned)), Some((_, statements))) = (learned, statements) else { return Ok(()) };
        let mut insight = Insight { sentence: String::new(), looked_at: Some(wall), ..Insight::default() };
        let mut levels = sentence::Levels::default();
        let seen = asked.about(FOLLOWED.iter().map(|followed| followed.path).chain(episodes::FIGURES), RECENT, STEP)?;
        for (followed, background) in FOLLOWED.iter().zip(&learned.figures) {
            let points = seen.means(followed.path);
            // What comes and goes leaves the middle as it was.
            levels.usual.push(median(&mut points.iter().map(|point| point.1).collect::<Vec<_>>()));
            levels.over = levels.over.max(lasts(&points));
            if points.len() > 1 {
                recent(followed, background, &points, &mut insight);
            }
        }
        insight.changes.sort_by_key(|change| std::cmp::Reverse(change.since));
        insight.slopes.extend(learned.slopes.iter().cloned());
        insight.seasons = learned.figures.iter().filter_map(|background| background.season.clone()).collect();
        insight.growth_per_day = learned.pace.growth_per_day(target);
        insight.forecasts = outlook::forecasts(&learned.pace, &known.sequences, target, wall);
        insight.regressions.clone_from(&statements.regressions);
        insight.episodes = episodes::episodes(&seen);
        insight.sentence = sentence::sentence(&insight, &levels, &statements.buckets, wall);
        known.insight = Arc::new(insight);
        Ok(())
    }

    /// What the past of one says of its present.
    fn outlook(&self, id: &TargetId) -> Option<Outlook> {
        let known = self.targets.get(id)?;
        let disk = known.learned.as_ref().and_then(|(_, learned)| learned.pace.filling());
        Some(Outlook { disk, ..sentence::told(&known.insight) })
    }

    /// All that is known now.
    pub fn insights(&self) -> Insights {
        let looked = self.targets.iter().filter(|(_, known)| known.insight.looked_at.is_some());
        Insights { targets: looked.map(|(id, known)| (id.clone(), Arc::clone(&known.insight))).collect() }
    }
}

/// The store, about one target, at one moment.
struct Asked<'a> {
    past: &'a dyn Past,
    id: &'a TargetId,
    wall: Timestamp,
}

impl Asked<'_> {
    /// All of them in one question: whoever asks one by one unpacks the same rows as often.
    fn about(&self, paths: impl IntoIterator<Item = &'static str>, back: Duration, step: Duration) -> Result<Seen, String> {
        let figures: BTreeSet<usize> = paths.into_iter().filter_map(figure_at).collect();
        let (from, to, figures) = (self.wall.before(back), self.wall, figures.into_iter().collect());
        let question = Question { target: self.id.clone(), figures, from, to, step: Some(step), percentiles: false };
        let mut series = self.past.series(&question)?;
        for one in &mut series {
            // A bucket that still fills is not like the others.
            one.points.retain(|point| point.count > 0 && point.at.after(step) <= to);
        }
        Ok(Seen(series))
    }
}

/// What the store told of some figures.
struct Seen(Vec<Series>);

impl Seen {
    fn points(&self, path: &str) -> &[Point] {
        self.0.iter().find(|series| series.metric == path).map_or(&[], |series| &series.points)
    }

    fn means(&self, path: &str) -> Points {
        self.points(path).iter().map(|point| (regressions::seconds(point.at), point.mean)).collect()
    }
}

/// From the first to the last, seconds.
fn lasts(points: &[(f64, f64)]) -> f64 {
    points.first().zip(points.last()).map_or(0.0, |(first, last)| last.0 - first.0)
}

fn is_constant(points: &[(f64, f64)]) -> bool {
    points.windows(2).all(|pair| pair[0].1.total_cmp(&pair[1].1).is_eq())
}

fn learn(asked: &Asked<'_>, target: &Target) -> Result<Learned, String> {
    let mut learned = Learned { pace: outlook::Paces::learn(asked, target)?, ..Learned::default() };
    let now = regressions::seconds(asked.wall);
    for some in FOLLOWED.chunks(AT_ONCE) {
        let seen = asked.about(some.iter().map(|followed| followed.path), LONG, LONG_STEP)?;
        for followed in some {
            let points = seen.means(followed.path);
            if is_constant(&points) {
                learned.figures.push(Background::default());
                continue;
            }
            learned.figures.push(background(followed, &points, now));
            if lasts(&points) >= 2.0 * DAY
                && let Some(found) = slope(&points, CONFIDENCE)
            {
                learned.slopes.extend(told(followed, Per::Day, &found));
            }
        }
    }
    Ok(learned)
}

fn background(followed: &Followed, points: &[(f64, f64)], now: f64) -> Background {
    let season = season(points);
    let by_weekday = season.as_ref().is_some_and(|season| season.weekdays.is_some());
    // Until it is learned again, and as far back as a run outside is followed.
    let hour = (now / HOUR).floor() as i64;
    let around = hour - 2..=hour + 1;
    let band = |hour: i64| Some((hour, baseline::band(points, (hour as f64 + 0.5) * HOUR, by_weekday)?));
    let season = season.map(|season| {
        let (highest_at, lowest_at) = season.extremes();
        Season { metric: followed.path.into(), daily: season.daily, weekly: season.weekly, highest_at, lowest_at }
    });
    Background { usual_move: usual_move(points), bands: around.filter_map(band).collect(), season }
}

/// A slope that is sure and matters.
fn told(followed: &Followed, per: Per, found: &crate::trend::slope::Slope) -> Option<Slope> {
    let seconds = if per == Per::Hour { HOUR } else { DAY };
    let moved = (found.per_second * found.span).abs();
    (found.is_sure() && moved >= followed.matters && moved >= SHARE * found.level.abs()).then(|| Slope {
        metric: followed.path.into(),
        per,
        slope: found.per_second * seconds,
        low: found.low * seconds,
        high: found.high * seconds,
        over_seconds: found.span,
    })
}

/// What the last two hours say of one figure.
fn recent(followed: &Followed, background: &Background, points: &[(f64, f64)], insight: &mut Insight) {
    if !is_constant(points) {
        let absolute = background.usual_move.map_or(followed.matters, |usual| usual.max(followed.matters));
        let found = changes(points, STEP.as_secs_f64(), Least { share: SHARE, absolute });
        let last = found.len();
        insight.changes.extend(found.iter().enumerate().map(|(nth, change)| Change {
            metric: followed.path.into(),
            since: words::timestamp(change.at),
            before: change.before,
            after: change.after,
            factor: (change.before.abs() > 0.0).then(|| change.after / change.before),
            confidence: change.confidence,
            holds: nth + 1 == last,
            sentence: sentence::change(followed, change),
        }));
        // A step is no slope: only where none was.
        if found.is_empty()
            && lasts(points) >= COMPARABLE
            && let Some(found) = slope(points, CONFIDENCE)
        {
            insight.slopes.extend(told(followed, Per::Hour, &found));
        }
    }
    let at = |at: f64| background.bands.iter().find(|(hour, _)| *hour == (at / HOUR).floor() as i64).map(|(_, band)| *band);
    let Some(last) = points.last() else { return };
    let (Some(band), five) = (at(last.0), means(points)) else { return };
    let Some(now) = five.last() else { return };
    // Less than what matters is nothing unusual, however narrow the band.
    let outside = |at_time: f64| {
        at(at_time).map(|band| baseline::Band { low: band.low - followed.matters, high: band.high + followed.matters, ..band })
    };
    insight.bands.push(Band {
        metric: followed.path.into(),
        low: band.low,
        middle: band.middle,
        high: band.high,
        days: band.days,
        now: now.1,
        unusual_since: unusual_since(&five, outside).map(words::timestamp),
    });
}

/// The means of each five minutes up to the last point.
fn means(points: &[(f64, f64)]) -> Points {
    let Some(end) = points.last().map(|last| last.0 + STEP.as_secs_f64()) else { return Vec::new() };
    let of = |at: f64| ((end - at) / LONG_STEP.as_secs_f64()).ceil();
    let mean = |chunk: &[(f64, f64)]| (chunk[0].0, chunk.iter().map(|point| point.1).sum::<f64>() / chunk.len() as f64);
    points.chunk_by(|a, b| of(a.0).total_cmp(&of(b.0)).is_eq()).map(mean).collect()
}

#[cfg(test)]
mod tests;
