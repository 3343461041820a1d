//! The JSON shapes behind the API, as functions of the world: what is selected, which is the worst, what is not ready.

use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use crate::model::{
    Reason, RegionName, Sample, Status, TargetName, Timestamp,
    activity::Activity,
    advice::{Advice, Recommendation, Score, Unknown},
    cluster::BusState,
    counters::{DatabaseCounters, PoolerDetail},
    insight::{Insight, Insights, Regression},
    queries::Queries,
    report::RosterState,
    sample::Missing,
    vitals::Vitals,
    world::{Region, Target, Trend, World},
};

use super::{
    answer::Refusal,
    cluster::{self, Hearing},
    places::{self, Location, Places},
};

/// What a question is about: everything, a region, a target of a region, or that name in every region.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Deserialize)]
pub(super) struct Filter {
    /// Only this region.
    pub region: Option<RegionName>,
    /// Only targets of this name.
    pub target: Option<TargetName>,
}

impl Filter {
    /// Whether a region is asked about.
    pub(super) fn takes_region(&self, region: &RegionName) -> bool {
        self.region.as_ref().is_none_or(|only| only == region)
    }

    /// Whether a target is asked about.
    pub(super) fn takes(&self, region: &RegionName, target: &TargetName) -> bool {
        self.takes_region(region) && self.target.as_ref().is_none_or(|only| only == target)
    }

    /// What it selects, by name; refused when it names what is not watched.
    pub(super) fn select<'a>(&self, world: &'a World) -> Result<Vec<&'a Arc<Target>>, Refusal> {
        if let Some(region) = &self.region
            && !world.regions.contains_key(region)
        {
            return Err(Refusal::NoSuchRegion(region.to_string()));
        }
        let selected: Vec<_> = self.targets(world).collect();
        match &self.target {
            Some(target) if selected.is_empty() => Err(no_such_target(self.region.as_ref(), target)),
            _ => Ok(selected),
        }
    }

    /// What it selects now, by name.
    pub(super) fn targets<'a>(&self, world: &'a World) -> impl Iterator<Item = &'a Arc<Target>> {
        let regions = world.regions.iter().filter(|(name, _)| self.takes_region(name));
        regions
            .flat_map(|(_, region)| region.targets.iter())
            .filter_map(|(name, target)| self.target.as_ref().is_none_or(|only| only == name).then_some(target))
    }
}

fn no_such_target(region: Option<&RegionName>, target: &TargetName) -> Refusal {
    Refusal::NoSuchTarget {
        region: region.map_or_else(|| "any region".to_owned(), ToString::to_string),
        target: target.to_string(),
    }
}

/// One target by its path; refused when it is not watched.
pub(super) fn target<'a>(world: &'a World, region: &str, target: &str) -> Result<&'a Arc<Target>, Refusal> {
    let filter = Filter { region: Some(region.into()), target: Some(target.into()) };
    filter.select(world)?.first().copied().ok_or_else(|| no_such_target(filter.region.as_ref(), &target.into()))
}

/// `/api/health/database`.
#[derive(Serialize)]
pub(super) struct DatabaseHealth<'a> {
    status: &'static str,
    data: &'a Sample,
    databases: Vec<&'a Sample>,
}

/// The worst of the selected, and all of them; none when nothing is selected.
pub(super) fn database_health<'a>(selected: &[&'a Arc<Target>]) -> Option<DatabaseHealth<'a>> {
    let databases = samples(selected);
    let data = databases.iter().copied().reduce(|worst, next| if next.badness() > worst.badness() { next } else { worst })?;
    Some(DatabaseHealth { status: "ok", data, databases })
}

/// The samples of targets.
pub(super) fn samples<'a>(targets: &[&'a Arc<Target>]) -> Vec<&'a Sample> {
    targets.iter().map(|target| &*target.report.sample).collect()
}

/// One region of `/api/regions`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegionView<'a> {
    region: &'a RegionName,
    status: Status,
    reasons: &'a [Reason],
    heard_at: Option<Timestamp>,
    targets: Tally,
    roster: &'a RosterState,
    location: Option<Location<'a>>,
    #[serde(flatten)]
    hearing: Hearing<'a>,
}

/// Targets by status.
#[derive(Serialize, Default)]
struct Tally {
    total: u32,
    healthy: u32,
    degraded: u32,
    unhealthy: u32,
    unknown: u32,
}

/// `/api/regions`.
pub(super) fn regions<'a>(
    world: &'a World,
    bus: Option<&'a Arc<BusState>>,
    places: &Places,
    now: Instant,
) -> Vec<RegionView<'a>> {
    let view = |(name, region): (&'a RegionName, &'a Arc<Region>)| {
        let hearing = cluster::hearing(world, name, region, bus, now);
        region_view(name, region, places::location(places, name), hearing)
    };
    world.regions.iter().map(view).collect()
}

fn region_view<'a>(
    name: &'a RegionName,
    region: &'a Region,
    location: Option<Location<'a>>,
    hearing: Hearing<'a>,
) -> RegionView<'a> {
    let mut tally = Tally::default();
    for target in region.targets.values() {
        tally.total += 1;
        *match target.report.sample.status {
            Status::Healthy => &mut tally.healthy,
            Status::Degraded => &mut tally.degraded,
            Status::Unhealthy => &mut tally.unhealthy,
            Status::Unknown => &mut tally.unknown,
        } += 1;
    }
    RegionView {
        region: name,
        status: region.status,
        reasons: &region.reasons,
        heard_at: region.heard_at,
        targets: tally,
        roster: &region.roster,
        location,
        hearing,
    }
}

/// One target with all that is behind its sample.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details<'a> {
    #[serde(flatten)]
    sample: &'a Sample,
    critical: bool,
    activity: Option<&'a Activity>,
    queries: Option<&'a Queries>,
    counters: Option<&'a DatabaseCounters>,
    #[serde(rename = "poolerDetails")]
    poolers_behind: &'a [Arc<PoolerDetail>],
    vitals: &'a Vitals,
    trends: &'a [Trend],
}

/// `/api/databases/{region}/{target}`.
pub(super) fn details(target: &Target) -> Details<'_> {
    let report = &target.report;
    Details {
        sample: &report.sample,
        critical: report.critical,
        activity: report.activity.as_deref(),
        queries: report.queries.as_deref(),
        counters: report.counters.as_deref(),
        poolers_behind: &report.poolers,
        vitals: &target.vitals,
        trends: &target.trends,
    }
}

/// One part of a target, with what could not be seen of it.
#[derive(Serialize)]
pub(super) struct Part<'a, T> {
    timestamp: Timestamp,
    region: &'a RegionName,
    target: &'a TargetName,
    #[serde(flatten)]
    body: T,
    missing: &'a [Missing],
}

/// `.../activity`: null when sessions cannot be seen.
#[derive(Serialize)]
pub(super) struct ActivityPart<'a> {
    activity: Option<&'a Activity>,
}

/// `.../queries`: null when statements cannot be read.
#[derive(Serialize)]
pub(super) struct QueriesPart<'a> {
    queries: Option<&'a Queries>,
    regressions: &'a [Regression],
}

/// `.../trends`: what the past says, and the trends of the last minutes.
#[derive(Serialize)]
pub(super) struct TrendsPart<'a> {
    #[serde(flatten)]
    insight: &'a Insight,
    trends: &'a [Trend],
}

fn part<T>(of: &Target, body: T) -> Part<'_, T> {
    let sample = &of.report.sample;
    Part { timestamp: sample.timestamp, region: &sample.region, target: &sample.target, body, missing: &sample.probe.missing }
}

/// `/api/databases/{region}/{target}/activity`.
pub(super) fn activity(of: &Target) -> Part<'_, ActivityPart<'_>> {
    part(of, ActivityPart { activity: of.report.activity.as_deref() })
}

/// `/api/databases/{region}/{target}/queries`.
pub(super) fn queries<'a>(of: &'a Target, insight: &'a Insight) -> Part<'a, QueriesPart<'a>> {
    part(of, QueriesPart { queries: of.report.queries.as_deref(), regressions: &insight.regressions })
}

/// `/api/databases/{region}/{target}/trends`.
pub(super) fn trends<'a>(of: &'a Target, insight: &'a Insight) -> Part<'a, TrendsPart<'a>> {
    part(of, TrendsPart { insight, trends: &of.trends })
}

/// What the past of a target says, as far as it was looked at.
pub(super) fn insight(insights: &Insights, of: &Target) -> Arc<Insight> {
    insights.targets.get(&of.report.id()).cloned().unwrap_or_default()
}

/// `/api/recommendations`, and those of one target.
#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the API's own names
pub(super) struct Recommendations<'a> {
    recommendations: Vec<&'a Recommendation>,
    unknown: Vec<&'a Unknown>,
    past: Vec<&'a Recommendation>,
    score: Score,
}

/// What is advised about what is asked about.
pub(super) fn recommendations<'a>(advice: &'a Advice, filter: &Filter) -> Recommendations<'a> {
    let past: Vec<_> = advice.past.iter().filter(|one| filter.takes(&one.region, &one.target)).collect();
    Recommendations {
        score: Score::of(past.iter().copied()),
        past,
        recommendations: advice.recommendations.iter().filter(|one| filter.takes(&one.region, &one.target)).collect(),
        unknown: advice.unknown.iter().filter(|one| filter.takes(&one.region, &one.target)).collect(),
    }
}
