//! The most of an insight in one sentence: what changed most, what it is made of, and what runs out soon. Pure.

use super::{
    COMPARABLE,
    figures::{FOLLOWED, Followed},
    regressions::{Sum, cause, seconds},
    words,
};
use crate::model::{
    Timestamp,
    history::StatementBucket,
    insight::{Band, Change, Episodes, Forecast, Insight},
    outlook::{Outlook, Unusual},
};

/// What runs out within this is worth a word beside what is now.
const SOON: f64 = 7.0 * 86_400.0;
/// What runs out within this is worth a sentence when nothing else is.
const LATER: f64 = 30.0 * 86_400.0;
/// Connections idle in a transaction come and go; so many are worth a word.
const WORTH_A_WORD: f64 = 3.0;
/// As long an average is worth a word.
const SLOW_MS: f64 = 1_000.0;
/// A share of the load that is worth a sentence when no figure changed.
const LARGE: f64 = 0.1;

/// One change in words, as a sentence of its own.
pub(super) fn change(followed: &Followed, found: &crate::trend::change::Change) -> String {
    let text = moved(followed, found.before, found.after, words::timestamp(found.at));
    format!("{}.", capital(&text))
}

fn moved(followed: &Followed, before: f64, after: f64, since: Timestamp) -> String {
    let (by, at) = (words::moved(before, after), words::clock(since));
    format!("{} {by} since {at}, from {} to {}", followed.name, followed.said(before), followed.said(after))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn followed(metric: &str) -> Option<&'static Followed> {
    FOLLOWED.iter().find(|followed| followed.path == metric)
}

/// The usual values in the order of [`FOLLOWED`], and of how long a past, seconds.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) usual: Vec<Option<f64>>,
    pub(super) over: f64,
}

/// The sentence.
pub(super) fn sentence(insight: &Insight, levels: &Levels, statements: &[StatementBucket], wall: Timestamp) -> String {
    let main = largest(insight)
        .map(|change| explained(change, statements))
        .or_else(|| unusual(insight))
        .or_else(|| regression(insight))
        .or_else(|| slope(insight));
    let within = |limit: f64| {
        let is_within = |forecast: &&Forecast| seconds(forecast.runs_out_at) - seconds(wall) <= limit;
        insight.forecasts.first().filter(is_within)
    };
    let lasting = match (main, within(SOON), within(LATER)) {
        (Some(main), Some(soon), _) => format!("{main}; {}", uncapital(&soon.sentence)),
        (Some(main), None, _) => format!("{main}."),
        (None, _, Some(later)) => later.sentence.clone(),
        (None, _, None) => nothing(levels, insight.episodes.is_some()),
    };
    match &insight.episodes {
        Some(episodes) => format!("{} {lasting}", came_and_went(episodes)),
        None => lasting,
    }
}

/// What was bad for a while, however things are now.
fn came_and_went(seen: &Episodes) -> String {
    let times = match seen.count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let (over, all) = (words::span((seen.over_seconds / 60.0).round() * 60.0), words::lasting(seen.seconds));
    let waited = seen.most_waiting.map(|most| {
        let oldest = seen.longest_wait_ms.map(|ms| format!(", the oldest for {}", words::lasting(ms / 1_000.0)));
        let clients = if most < 1.5 { "1 client".to_owned() } else { format!("{most:.0} clients") };
        format!("up to {clients} waited for a connection{}", oldest.unwrap_or_default())
    });
    let idle = seen.most_idle_in_transaction.filter(|most| *most >= WORTH_A_WORD);
    let idle = idle.map(|most| format!("up to {most:.0} connections idle in a transaction"));
    let slow = seen.slowest_query_ms.filter(|ms| *ms >= SLOW_MS);
    let slow = slow.map(|ms| format!("queries of {} on average", words::lasting(ms / 1_000.0)));
    let worst: Vec<String> = [waited, idle, slow].into_iter().flatten().collect();
    let worst = if worst.is_empty() { String::new() } else { format!(": {}", worst.join("; ")) };
    format!("Unhealthy {times} in the last {over}, for {all} in all, last at {}{worst}.", words::clock(seen.last_at))
}

fn uncapital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Of the changes that hold, the one that people feel most.
fn largest(insight: &Insight) -> Option<&Change> {
    let weight = |change: &Change| {
        let large = match change.factor {
            Some(factor) if factor > 0.0 => factor.ln().abs().min(3.0),
            _ => 3.0,
        };
        followed(&change.metric).map_or(0.0, |followed| followed.weight) * (0.5 + large)
    };
    insight.changes.iter().filter(|change| change.holds).max_by(|a, b| weight(a).total_cmp(&weight(b)))
}

fn explained(change: &Change, statements: &[StatementBucket]) -> String {
    let Some(followed) = followed(&change.metric) else { return String::new() };
    let text = capital(&moved(followed, change.before, change.after, change.since));
    let sum = match change.metric.as_str() {
        "queryPerformance.averageQueryTime" => Some(Sum::MeanTime),
        "queryPerformance.queriesPerSecond" => Some(Sum::Calls),
        "queryPerformance.averageActiveSessions" | "connectionPool.utilization" | "connectionPool.waitingClients" => {
            Some(Sum::Time)
        }
        _ => None,
    };
    match sum.and_then(|sum| cause(statements, change.since, sum)) {
        Some(part) => format!("{text}; query {} is {:.0}% of it", part.query_id, part.share * 100.0),
        None => text,
    }
}

/// What of a target's past matters to whoever judges it now.
pub(super) fn told(insight: &Insight) -> Outlook {
    let mut outside: Vec<_> = outside(insight).collect();
    outside.sort_by(|a, b| b.2.weight.total_cmp(&a.2.weight));
    let said = |(band, since, followed): (&Band, Timestamp, &Followed)| Unusual {
        metric: band.metric.clone(),
        now: band.now,
        edge: if band.now > band.high { band.high } else { band.low },
        message: format!("{}.", outside_its_band(band, since, followed)),
    };
    Outlook { unusual: outside.into_iter().map(said).collect(), growth_per_day: insight.growth_per_day, disk: None }
}

fn outside_its_band(band: &Band, since: Timestamp, followed: &Followed) -> String {
    let [now, low, high] = [band.now, band.low, band.high].map(|value| followed.said(value));
    format!("{} {now} since {}, usually {low} to {high} at this hour", capital(followed.name), words::clock(since))
}

/// Figures outside their bands, and since when.
fn outside(insight: &Insight) -> impl Iterator<Item = (&Band, Timestamp, &'static Followed)> {
    insight.bands.iter().filter_map(|band| Some((band, band.unusual_since?, followed(&band.metric)?)))
}

fn unusual(insight: &Insight) -> Option<String> {
    let (band, since, followed) = outside(insight).max_by(|a, b| a.2.weight.total_cmp(&b.2.weight))?;
    Some(outside_its_band(band, since, followed))
}

fn regression(insight: &Insight) -> Option<String> {
    let first = insight.regressions.first().filter(|regression| regression.share >= LARGE)?;
    Some(format!("Query {}: {}", first.query_id, uncapital(first.sentence.trim_end_matches('.'))))
}

fn slope(insight: &Insight) -> Option<String> {
    let known = insight.slopes.iter().filter_map(|slope| Some((slope, followed(&slope.metric)?)));
    let (slope, followed) = known.max_by(|a, b| a.1.weight.total_cmp(&b.1.weight))?;
    let verb = if slope.slope > 0.0 { "rises" } else { "falls" };
    let per = if slope.per == crate::model::insight::Per::Hour { "an hour" } else { "a day" };
    let [by, one, other] = [slope.slope, slope.low, slope.high].map(|value| followed.moved(value.abs()));
    let (low, high) = if slope.slope > 0.0 { (one, other) } else { (other, one) };
    let over = words::span(slope.over_seconds);
    Some(format!("{} {verb} by {by} {per} (by {low} to {high}), over the last {over}", capital(followed.name)))
}

fn nothing(levels: &Levels, but_for_episodes: bool) -> String {
    let known = FOLLOWED.iter().zip(&levels.usual).filter_map(|(followed, level)| Some((followed, (*level)?)));
    let of = ["queryPerformance.averageQueryTime", "queryPerformance.queriesPerSecond", "connectionPool.utilization"];
    let named: Vec<String> = known
        .filter(|(followed, _)| of.contains(&followed.path))
        .map(|(followed, level)| format!("{} {}", followed.name, followed.said(level)))
        .collect();
    if named.is_empty() {
        "Nothing of its past is known yet.".into()
    } else {
        let (over, named) = (words::span((levels.over / 60.0).round() * 60.0), named.join(", "));
        if levels.over < COMPARABLE {
            format!("Its past is known for {over}, too short to compare: {named}.")
        } else {
            let nothing = if but_for_episodes { "Otherwise nothing" } else { "Nothing" };
            format!("{nothing} changed in the last {over}: {named}.")
        }
    }
}
