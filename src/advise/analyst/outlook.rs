//! What runs out, and when: the disk, connections, sequences, transaction ids. Pure.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Asked, DAY, LONG, LONG_STEP, Points,
    figures::{moved, said},
    lasts,
    regressions::seconds,
    words,
};
use crate::{
    model::{
        Timestamp,
        history::Point,
        insight::{Forecast, Resource},
        outlook::Filling,
        world::Target,
    },
    trend::{
        forecast::{self, meets, pace, reaches},
        slope::Slope,
    },
};

/// What is used up, as the history keeps it.
const SIZE: &str = "database.sizeBytes";
const FREE: &str = "vitals.host.diskFreeBytes";
const USED: &str = "connectionPool.utilization";
const AGE: &str = "vitals.upkeep.xidAge";
/// Autovacuum takes ids back from this age on where nobody told it otherwise, and a tenth late: below, their age says nothing.
const FREEZES_AT: f64 = 220e6;
/// Sizes of so few seconds say nothing about a day.
const SHORTEST: f64 = 6.0 * 3_600.0;
/// What is judged looks a week ahead, and a line carries 20 times its own length.
const JUDGED: f64 = 10.0 * 3_600.0;
/// A sequence's share is kept so often.
const SEQUENCES: usize = 240;
/// The peaks of so many days make a line.
const DAYS: usize = 10;
/// Nobody acts on what is farther ahead.
const AHEAD: f64 = 180.0 * DAY;

/// What weeks say of what is used up.
#[derive(Debug, Default)]
pub(super) struct Paces {
    growth: Option<f64>,
    /// That of what is free, turned round: full is 0.
    disk: Option<Slope>,
    connections: Option<forecast::Forecast>,
    ids: Option<forecast::Forecast>,
}

impl Paces {
    pub(super) fn learn(asked: &Asked<'_>, target: &Target) -> Result<Self, String> {
        let seen = asked.about([SIZE, FREE, USED, AGE], LONG, LONG_STEP)?;
        let sizes = seen.means(SIZE);
        let is_long = |points: &Points| lasts(points) >= SHORTEST;
        // What is free falls towards nothing.
        let free = seen.means(FREE);
        let taken: Points = free.iter().map(|(at, free)| (*at, -free)).collect();
        let peaks = peaks(seen.points(USED), seconds(asked.wall));
        let ages = seen.means(AGE);
        let limit = target.vitals.upkeep.as_ref().and_then(|upkeep| upkeep.age_limit).map(|limit| limit as f64);
        Ok(Self {
            growth: Some(&sizes).filter(|sizes| is_long(sizes)).and_then(|sizes| pace(sizes)).map(|pace| pace.per_second * DAY),
            disk: Some(&taken).filter(|taken| is_long(taken)).and_then(|taken| pace(taken)),
            connections: reaches(&peaks, 1.0),
            ids: limit.filter(|_| is_long(&ages) && is_running_out(&ages)).and_then(|limit| reaches(&ages, limit)),
        })
    }

    /// Growth of the database as a fraction of its size per day.
    pub(super) fn growth_per_day(&self, target: &Target) -> Option<f64> {
        let size = target.report.sample.database.size_bytes.filter(|size| *size > 0)?;
        self.growth.map(|growth| growth / size as f64)
    }

    /// How the disk fills, once its history is long enough to be judged by.
    pub(super) fn filling(&self) -> Option<Filling> {
        let pace = self.disk.filter(|pace| pace.span >= JUDGED)?;
        let [per_day, at_least, at_most] = [pace.per_second, pace.low, pace.high].map(|per_second| per_second * DAY);
        Some(Filling { per_day, at_least, at_most, over: Duration::from_secs_f64(pace.span) })
    }
}

/// Whether ids grow older than vacuum usually lets them.
fn is_running_out(ages: &Points) -> bool {
    let Some(last) = ages.last().map(|last| last.1).filter(|last| *last > FREEZES_AT) else { return false };
    // Where it took some back, it did so from that age.
    let took_back = ages.windows(2).filter(|pair| pair[1].1 < 0.9 * pair[0].1).map(|pair| pair[0].1);
    took_back.fold(0.0, f64::max) * 1.2 < last
}

/// The highest use of the connections in each day before now: what is full at noon is full, whatever the night is like.
fn peaks(points: &[Point], now: f64) -> Points {
    let day = |at: f64| ((now - at) / DAY).floor();
    let peak = |chunk: &[Point]| {
        let at = seconds(chunk[0].at);
        // Half a day has half of the peaks.
        (chunk.len() >= 200).then(|| (now - day(at) * DAY, chunk.iter().map(|point| point.max).fold(0.0, f64::max)))
    };
    let days = points.chunk_by(|a, b| day(seconds(a.at)).total_cmp(&day(seconds(b.at))).is_eq());
    let peaks: Points = days.filter_map(peak).collect();
    if peaks.len() >= DAYS { peaks } else { Vec::new() }
}

/// The used shares of sequences, as they were seen: no store keeps them.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    looked: Option<Timestamp>,
    used: BTreeMap<String, Points>,
}

impl Sequences {
    /// Takes what is known of them now.
    pub(super) fn add(&mut self, target: &Target, wall: Timestamp) {
        let Some(tables) = target.vitals.upkeep.as_ref().and_then(|upkeep| upkeep.tables.as_ref()) else { return };
        if tables.looked_at == self.looked {
            return;
        }
        self.looked = tables.looked_at;
        let at = seconds(tables.looked_at.unwrap_or(wall));
        let name = |of: &crate::model::vitals::Sequence| format!("{}.{}", of.schema, of.name);
        self.used.retain(|known, _| tables.sequences.iter().any(|sequence| name(sequence) == *known));
        for sequence in &tables.sequences {
            let points = self.used.entry(name(sequence)).or_default();
            // One that began anew has no past.
            if points.last().is_some_and(|last| sequence.used < last.1) {
                points.clear();
            }
            points.push((at, sequence.used));
            if points.len() > SEQUENCES {
                let mut nth = 0;
                points.retain(|_| {
                    nth += 1;
                    nth % 2 == 0
                });
            }
        }
    }
}

/// What runs out, soonest first.
pub(super) fn forecasts(paces: &Paces, sequences: &Sequences, target: &Target, wall: Timestamp) -> Vec<Forecast> {
    let now = seconds(wall);
    let free = target.vitals.host.as_ref().and_then(|host| host.disk_free_bytes);
    let used = target.report.sample.connection_pool.utilization;
    let age = target.vitals.upkeep.as_ref().and_then(|upkeep| upkeep.xid_age);
    let mut found = Vec::new();
    let mut add = |what: Resource, subject: Option<&str>, found_one: Option<forecast::Forecast>, evidence: String| {
        if let Some(one) = found_one.filter(|one| one.at - now <= AHEAD) {
            found.push(told(what, subject, one, now, &evidence));
        }
    };
    if let Some(disk) = paces.disk.and_then(|pace| meets(pace, 0.0)) {
        let free = free.map_or_else(String::new, |free| format!("{} are free, and ", said(free as f64, "bytes")));
        let pace = said(disk.pace.per_second * DAY, "bytes");
        add(Resource::Disk, None, Some(disk), format!("{free}{pace} more are used each day"));
    }
    if let Some(connections) = paces.connections {
        let used = used.map_or_else(String::new, |used| format!("{} are used now, and ", said(used, "share")));
        let pace = moved(connections.pace.per_second * DAY, "share");
        add(Resource::Connections, None, Some(connections), format!("{used}each day's peak is {pace} higher"));
    }
    if let Some(ids) = paces.ids {
        let age = age.map_or_else(String::new, |age| format!("the oldest is {} old, and ", said(age as f64, "age")));
        let pace = said(ids.pace.per_second * DAY, "age");
        add(Resource::TransactionIds, None, Some(ids), format!("{age}{pace} more are used each day than vacuum takes back"));
    }
    for (name, points) in &sequences.used {
        let Some(used) = points.last().map(|last| last.1) else { continue };
        let found = Some(points).filter(|points| lasts(points) >= SHORTEST).and_then(|points| reaches(points, 1.0));
        add(Resource::Sequence, Some(name), found, format!("{} of it are used", said(used, "share")));
    }
    found.sort_by_key(|forecast| forecast.runs_out_at);
    found
}

fn told(what: Resource, subject: Option<&str>, one: forecast::Forecast, now: f64, evidence: &str) -> Forecast {
    let name = match (what, subject) {
        (Resource::Disk, _) => "The disk is full".to_owned(),
        (Resource::Connections, _) => "All connections are used".to_owned(),
        (Resource::TransactionIds, _) => "Transaction ids run out".to_owned(),
        (Resource::Sequence, name) => format!("The sequence {} is used up", name.unwrap_or("?")),
    };
    let at = words::timestamp(one.at);
    let [soon, likely, late] = [one.earliest, one.at, one.latest].map(|at| words::span((at - now).max(0.0)));
    Forecast {
        what,
        subject: subject.map(Into::into),
        runs_out_at: at,
        earliest: words::timestamp(one.earliest),
        latest: words::timestamp(one.latest),
        sentence: format!("{name} in about {likely}, on {} ({soon} to {late}), if it goes on so: {evidence}.", words::day(at)),
    }
}
