//! Which plots a page has: of the worst pools how full they were, how long clients waited and queries took, and how databases grow.

use std::time::Duration;

use super::{
    figures::{Gap, Report},
    gather::{Gathered, Past, QUERY_TIME, SIZE, UTILIZATION, WAIT},
    plot::{Ahead, Line, Plot, Unit},
    words::minute,
};
use crate::model::{
    TargetId, Timestamp,
    history::{Point, Series},
};

/// Pools that are drawn.
const POOLS: usize = 3;

/// Databases of which the growth is drawn.
const SIZES: usize = 6;

/// All plots of one target.
#[derive(Debug)]
pub(super) struct Drawn {
    /// Region and target.
    pub place: String,
    /// In the order in which they are read.
    pub plots: Vec<Plot>,
}

/// Of the worst pools, then of what grows towards something.
pub(super) fn of(gathered: &Gathered, report: &Report) -> Vec<Drawn> {
    let worst: Vec<&str> = report.pools.iter().take(POOLS).map(|pool| pool.place.as_str()).collect();
    let growing = growing(gathered);
    let growing: Vec<&str> = growing.iter().map(String::as_str).filter(|place| !worst.contains(place)).take(SIZES).collect();
    let mut number = 0;
    let mut drawn = Vec::new();
    for (place, is_worst) in worst.into_iter().map(|place| (place, true)).chain(growing.into_iter().map(|place| (place, false))) {
        let Some((id, past)) = gathered.pasts.iter().find(|(id, _)| id.to_string() == place) else { continue };
        let scene = Scene::of(id, past, report);
        let plots = if is_worst { scene.pool() } else { scene.size().into_iter().collect() };
        let numbered = plots.into_iter().map(|plot| {
            number += 1;
            Plot { id: format!("plot-{number}"), ..plot }
        });
        drawn.push(Drawn { place: place.to_owned(), plots: numbered.collect() });
    }
    drawn.retain(|drawn| !drawn.plots.is_empty());
    drawn
}

/// The targets whose databases grow for sure, the fastest first.
fn growing(gathered: &Gathered) -> Vec<String> {
    let pace = |past: &Past| size_pace(past).map(|(pace, ..)| pace).filter(|pace| *pace > 0.0);
    let mut growing: Vec<(f64, String)> =
        gathered.pasts.iter().filter_map(|(id, past)| Some((pace(past)?, id.to_string()))).collect();
    growing.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    growing.into_iter().map(|(_, place)| place).collect()
}

/// How fast the size goes up or down, bytes per second: most likely, hardly less, hardly more.
fn size_pace(past: &Past) -> Option<(f64, f64, f64)> {
    let slope = past.trends.slopes.iter().find(|slope| slope.metric == SIZE)?;
    let seconds = match slope.per.as_str() {
        "hour" => 3_600.0,
        "day" => 86_400.0,
        _ => return None,
    };
    let all = [slope.pace, slope.low, slope.high].map(|by| by / seconds);
    all.iter().all(|by| by.is_finite()).then_some((all[0], all[1], all[2]))
}

struct Scene<'a> {
    place: String,
    past: &'a Past,
    report: &'a Report,
    breaches: Vec<(Timestamp, Timestamp)>,
    dark: Vec<(Timestamp, Timestamp)>,
}

impl<'a> Scene<'a> {
    fn of(id: &TargetId, past: &'a Past, report: &'a Report) -> Self {
        let place = id.to_string();
        let incidents = report.incidents.all.iter().filter(|one| one.places.contains(&place));
        let breaches = incidents.map(|one| (one.started_at, one.resolved_at.unwrap_or(report.to))).collect();
        let sight = report.sight.iter().find(|sight| sight.place == place);
        let gap = |gap: &Gap| (gap.from, gap.to);
        let dark = sight.map(|sight| sight.all_gaps.iter().map(gap).collect()).unwrap_or_default();
        Self { place, past, report, breaches, dark }
    }

    fn pool(&self) -> Vec<Plot> {
        let level = self.report.pools.iter().find(|pool| pool.place == self.place).map(|pool| pool.threshold);
        let most = |point: &Point| Some(point.max);
        let p95 = |point: &Point| Some(point.percentiles?.p95);
        let fullness = self.plot(UTILIZATION, "Pool in use", "in use", Unit::Share, ("largest", most));
        let wait = self.plot(WAIT, "Wait for a connection", "wait", Unit::Time, ("95 of 100 within", p95));
        let queries = self.plot(QUERY_TIME, "Average query time", "query time", Unit::Time, ("95 of 100 within", p95));
        let fullness = fullness.map(|plot| Plot { level, ..plot });
        fullness.into_iter().chain(wait).chain(queries).chain(self.size()).collect()
    }

    fn size(&self) -> Option<Plot> {
        let plot = self.plot(SIZE, "Size of the database", "size", Unit::Bytes, ("", |_| None))?;
        match ahead(&plot, size_pace(self.past)) {
            Some((ahead, to)) => {
                Some(Plot { ahead: Some(ahead), to, desc: format!("{} Dashed: what is expected.", plot.desc), ..plot })
            }
            None => Some(plot),
        }
    }

    fn plot(
        &self,
        figure: &'static str,
        title: &str,
        axis: &'static str,
        unit: Unit,
        (beside, value): (&'static str, fn(&Point) -> Option<f64>),
    ) -> Option<Plot> {
        let series = self.past.series.get(figure).filter(|series| !series.points.is_empty())?;
        let first = line("mean", series, |point| Some(point.mean));
        // Percentiles are kept of buckets of some minutes; of finer ones there is the largest value.
        let second = [line(beside, series, value), line("largest", series, |point| Some(point.max))];
        let second = second.into_iter().find(|line| !line.points.is_empty()).filter(|_| !beside.is_empty());
        let report = self.report;
        let most = series.points.iter().max_by(|one, other| one.max.total_cmp(&other.max))?;
        let desc = format!(
            "{title} of {} from {} to {}; the largest value, {}, was seen about {}. Marked: {}, {}.",
            self.place,
            minute(report.from),
            minute(report.to),
            said(unit, most.max),
            minute(most.at),
            super::words::count(self.breaches.len(), "incident"),
            super::words::count(self.dark.len(), "time") + " without sight",
        );
        Some(Plot {
            id: String::new(),
            title: format!("{title}: {}", self.place),
            desc,
            unit,
            axis,
            from: report.from,
            to: report.to,
            first,
            second,
            level: None,
            breaches: self.breaches.clone(),
            dark: self.dark.clone(),
            ahead: None,
        })
    }
}

fn line(name: &'static str, series: &Series, value: impl Fn(&Point) -> Option<f64>) -> Line {
    let points = series.points.iter().filter(|point| point.count > 0).filter_map(|point| Some((point.at, value(point)?)));
    Line { name, points: points.collect(), step: Duration::from_millis(series.step_ms.max(1)) }
}

fn said(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => super::words::percent(value),
        Unit::Time => super::words::ms(value),
        Unit::Bytes => super::words::bytes(value),
    }
}

/// Where it goes if it goes on so, for half as long again as the plot is.
fn ahead(plot: &Plot, pace: Option<(f64, f64, f64)>) -> Option<(Ahead, Timestamp)> {
    let (pace, low, high) = pace?;
    let (start, value) = *plot.first.points.last()?;
    let start = start.after(plot.first.step).min(plot.to);
    let to = plot.to.after(plot.to.since(plot.from) / 2);
    let then = |pace: f64| pace.mul_add(to.since(start).as_secs_f64(), value).max(0.0);
    Some((Ahead { from: (start, value), expected: then(pace), low: then(low), high: then(high) }, to))
}
