//! What is remembered of applications' pools between two tellings: sums, to make means of what came since, and what was said of other
//! metrics, since a collector may split one telling over several requests. Bounded in pools; who falls silent is forgotten. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    held::Held,
    joining,
    names::{self, Says},
    points::{Grown, Point, points, whole},
    shown::shown,
};
use crate::{
    model::{
        TargetId, Timestamp,
        vitals::{Address, ApplicationPool, Told},
    },
    otlp::{self, CUMULATIVE, DELTA, Export, Metric},
};

/// More pools than a node's targets could ever serve; what is beyond is refused.
const MOST_POOLS: usize = 2_000;

/// No name that people give is longer; the rest is cut.
const LONGEST_NAME: usize = 200;

/// OpenTelemetry's exporters tell once a minute unless they are told otherwise.
const USUAL_INTERVAL: Duration = Duration::from_mins(1);

/// What comes sooner than this after another telling is the rest of it.
pub(super) const SAME_TELLING: Duration = Duration::from_millis(500);

/// Nobody waits longer for a word; a pool that is asked more rarely than this counts as gone in between.
const LONGEST_INTERVAL: Duration = Duration::from_mins(5);

/// After so many of its intervals in silence an instance is gone.
pub(super) const INTERVALS: u32 = 3;

/// Causes that are told in the log in a process's life; more are somebody's flood.
const MOST_TOLD: usize = 100;

/// Kinds of refusals that one answer names.
const MOST_WHYS: usize = 3;

/// One pool of one instance.
type Key = (TargetId, String, Option<String>, String);

/// What one request says of one pool.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) numbers: BTreeMap<u8, u64>,
    pub(super) used: Option<u64>,
    pub(super) idle: Option<u64>,
    /// Timeouts that came since the last telling.
    pub(super) gave_up: Option<u64>,
    pub(super) cumulative: BTreeMap<u8, Grown>,
    pub(super) delta: BTreeMap<u8, Grown>,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(in crate::web) struct Taken {
    /// What is to be told on.
    pub told: Vec<Told>,
    /// Points that were taken.
    pub accepted: u64,
    /// Points about pools that were not.
    pub rejected: u64,
    /// Why, the first few causes.
    pub whys: Vec<String>,
    /// Those of them that are new, for the log.
    pub news: Vec<String>,
}

impl Taken {
    fn reject(&mut self, why: String) {
        self.rejected += 1;
        if self.whys.len() < MOST_WHYS && !self.whys.contains(&why) {
            self.whys.push(why);
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::web) struct Book {
    pools: BTreeMap<Key, Held>,
    known: BTreeSet<String>,
}

impl Book {
    /// Takes a request. `addresses` and `is_known` say which targets there are.
    pub(in crate::web) fn take(
        &mut self,
        export: &Export,
        now: Instant,
        wall: Timestamp,
        addresses: &[Address],
        is_known: impl Fn(&TargetId) -> bool,
    ) -> Taken {
        self.pools.retain(|_, held| now.saturating_duration_since(held.heard) <= interval(&held.pool) * INTERVALS);
        let mut taken = Taken::default();
        let mut drafts: BTreeMap<Key, Draft> = BTreeMap::new();
        for resource in &export.resource_metrics {
            let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
            let service = otlp::text(attributes, "service.name").map_or_else(|| "unknown_service".to_owned(), cut);
            let instance = names::instance(attributes).map(cut);
            for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                let Some(says) = Says::of(&metric.name) else { continue };
                for point in points(metric) {
                    let pool = names::pool(point.attributes()).map_or_else(|| service.clone(), |pool| shown(&pool));
                    let targets = joining::targets(addresses, &is_known, attributes, point.attributes(), &pool);
                    let keys = targets.map(|targets| {
                        let key = |target| (target, service.clone(), instance.clone(), cut(pool.clone()));
                        targets.into_iter().map(key).collect::<Vec<_>>()
                    });
                    let keys = match keys {
                        Ok(keys) => keys,
                        Err(why) => {
                            taken.reject(cut(format!("{service}, pool {pool}: {why}")));
                            continue;
                        }
                    };
                    let mut noted = Ok(());
                    for key in keys {
                        if !drafts.contains_key(&key) && self.is_full(&key, drafts.len()) {
                            noted = Err("too many pools are told of".to_owned());
                            break;
                        }
                        noted = note(drafts.entry(key).or_default(), says, metric, &point);
                        if noted.is_err() {
                            break;
                        }
                    }
                    match noted {
                        Ok(()) => taken.accepted += 1,
                        Err(why) => taken.reject(cut(format!("{}: {why}", metric.name))),
                    }
                }
            }
        }
        drafts.retain(|_, draft| !draft.is_empty());
        let news = taken.whys.iter().filter(|why| self.known.len() < MOST_TOLD && self.known.insert((*why).clone()));
        taken.news = news.cloned().collect();
        let mut told: BTreeMap<TargetId, Vec<ApplicationPool>> = BTreeMap::new();
        for (key, draft) in drafts {
            let target = key.0.clone();
            told.entry(target).or_default().push(self.merge(key, &draft, now, wall));
        }
        taken.told = told.into_iter().map(|(target, pools)| Told { target, pools }).collect();
        taken
    }

    fn is_full(&self, key: &Key, new: usize) -> bool {
        !self.pools.contains_key(key) && self.pools.len() + new >= MOST_POOLS
    }

    fn merge(&mut self, key: Key, draft: &Draft, now: Instant, wall: Timestamp) -> ApplicationPool {
        let known = self.pools.contains_key(&key);
        let (service, instance, name) = (key.1.clone(), key.2.clone(), key.3.clone());
        let new = || Held::new(service, instance, name, USUAL_INTERVAL, now, wall);
        let held = self.pools.entry(key).or_insert_with(new);
        let gap = now.saturating_duration_since(held.heard);
        if known && gap > SAME_TELLING {
            held.pool.interval_ms = gap.clamp(Duration::from_secs(1), LONGEST_INTERVAL).as_millis() as u64;
        }
        (held.heard, held.pool.told_at) = (now, wall);
        held.take(draft, now);
        held.pool.clone()
    }
}

fn interval(pool: &ApplicationPool) -> Duration {
    Duration::from_millis(pool.interval_ms)
}

impl Draft {
    fn is_empty(&self) -> bool {
        let Self { numbers, used, idle, gave_up, cumulative, delta } = self;
        numbers.is_empty() && cumulative.is_empty() && delta.is_empty() && used.is_none() && idle.is_none() && gave_up.is_none()
    }
}

/// Notes a point in its pool's draft; otherwise why it cannot be used. What has several points, as one per user, adds up.
fn note(draft: &mut Draft, says: Says, metric: &Metric, point: &Point<'_>) -> Result<(), String> {
    match (says, point) {
        (Says::Create | Says::Wait | Says::Use, Point::Spread { grown, has_sum, temporality, .. }) => {
            let scale = names::milliseconds(&metric.unit, &metric.name);
            let scale = scale.ok_or_else(|| "its unit is no time".to_owned())?;
            let sum = grown.sum * scale;
            if !has_sum || !sum.is_finite() || sum < 0.0 {
                return Err("it has no sum, or one that is no length of time".to_owned());
            }
            let kind = match *temporality {
                DELTA => &mut draft.delta,
                CUMULATIVE => &mut draft.cumulative,
                _ => return Err("its temporality is neither delta nor cumulative".to_owned()),
            };
            let all = kind.entry(says as u8).or_insert(Grown { start: grown.start, ..Grown::default() });
            all.start = all.start.max(grown.start);
            all.count = all.count.saturating_add(grown.count);
            all.sum += sum;
        }
        (Says::Create | Says::Wait | Says::Use, Point::Number(..)) => return Err("it is no histogram".to_owned()),
        (_, Point::Spread { .. }) => return Err("it is a histogram, not a number".to_owned()),
        (Says::Timeouts, Point::Number(point, temporality, true)) => {
            let number = whole(point)?;
            let all = match *temporality {
                DELTA => draft.gave_up.get_or_insert(0),
                _ => draft.numbers.entry(says as u8).or_default(),
            };
            *all = all.saturating_add(number);
        }
        (_, Point::Number(_, DELTA, _)) => return Err("a delta of what goes up and down says nothing of now".to_owned()),
        (Says::Count, Point::Number(point, ..)) => {
            let number = whole(point)?;
            let all = match names::state(&point.attributes).as_deref() {
                Some("used") => draft.used.get_or_insert(0),
                Some("idle") => draft.idle.get_or_insert(0),
                _ => return Err("its state is neither used nor idle".to_owned()),
            };
            *all = all.saturating_add(number);
        }
        (_, Point::Number(point, ..)) => {
            let all = draft.numbers.entry(says as u8).or_default();
            *all = all.saturating_add(whole(point)?);
        }
    }
    Ok(())
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST_NAME {
        let end = (0..=LONGEST_NAME).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
}
