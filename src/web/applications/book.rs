//! What is remembered of applications' pools between two tellings: sums, to make means of what came since, and what was said of other
//! metrics, since a collector may split one telling over several requests. Bounded in pools; who falls silent is forgotten. Pure.
//!
//! A sum that starts anew or goes backward is an application that started anew: all that it holds came since. The first sum of a pool makes no
//! mean, since it may hold days. **A pool that stands still shows no waits**: nobody gets a connection, so no wait has ended. While
//! requests wait, none is served and none gives up, the time since that began is the wait, and it is one of those who wait now.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    joining,
    names::{self, Says},
    points::{Grown, Point, points, whole},
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
const SAME_TELLING: Duration = Duration::from_millis(500);

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

#[derive(Debug)]
struct Held {
    pool: ApplicationPool,
    heard: Instant,
    /// The newest cumulative sums, by what they say.
    sums: BTreeMap<u8, Grown>,
    /// Since when requests wait and none is served.
    stuck: Option<Instant>,
}

/// What one request says of one pool.
#[derive(Debug, Default)]
struct Draft {
    numbers: BTreeMap<u8, u64>,
    used: Option<u64>,
    idle: Option<u64>,
    /// Timeouts that came since the last telling.
    gave_up: Option<u64>,
    cumulative: BTreeMap<u8, Grown>,
    delta: BTreeMap<u8, Grown>,
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
                    let pool = names::pool(point.attributes()).unwrap_or_else(|| service.clone());
                    let targets = joining::targets(addresses, &is_known, attributes, point.attributes(), &pool);
                    let keys = targets.map(|targets| {
                        let key = |target| (target, service.clone(), instance.clone(), cut(shown(&pool)));
                        targets.into_iter().map(key).collect::<Vec<_>>()
                    });
                    let keys = match keys {
                        Ok(keys) => keys,
                        Err(why) => {
                            taken.reject(cut(format!("{service}, pool {}: {why}", shown(&pool))));
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
        let held = self.pools.entry(key).or_insert_with(|| Held {
            pool: ApplicationPool {
                service,
                instance,
                pool: name,
                told_at: wall,
                interval_ms: USUAL_INTERVAL.as_millis() as u64,
                used: None,
                idle: None,
                max: None,
                idle_max: None,
                pending: None,
                timeouts: None,
                mean_wait_ms: None,
                mean_use_ms: None,
                mean_create_ms: None,
            },
            heard: now,
            sums: BTreeMap::new(),
            stuck: None,
        });
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

impl Held {
    fn take(&mut self, draft: &Draft, now: Instant) {
        let small = |number: Option<u64>| number.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let number = |says: Says| draft.numbers.get(&(says as u8)).copied();
        let pool = &mut self.pool;
        pool.used = small(draft.used).or(pool.used);
        pool.idle = small(draft.idle).or(pool.idle);
        pool.max = small(number(Says::Max)).or(pool.max);
        pool.idle_max = small(number(Says::IdleMax)).or(pool.idle_max);
        pool.pending = small(number(Says::Pending)).or(pool.pending);
        let before = pool.timeouts;
        pool.timeouts = match draft.gave_up {
            Some(more) => Some(before.unwrap_or_default().saturating_add(more)),
            None => number(Says::Timeouts).or(before),
        };
        let gave_up = before.is_some_and(|before| pool.timeouts.is_some_and(|now| now != before));
        let wait = self.mean(draft, Says::Wait);
        self.pool.mean_use_ms = self.mean(draft, Says::Use).after(self.pool.mean_use_ms);
        self.pool.mean_create_ms = self.mean(draft, Says::Create).after(self.pool.mean_create_ms);
        let waits = self.pool.pending.is_some_and(|pending| pending > 0);
        if !waits || gave_up {
            self.stuck = None;
        } else if draft.numbers.contains_key(&(Says::Pending as u8)) && (self.stuck.is_none() || matches!(wait, Mean::Of(_))) {
            self.stuck = Some(now);
        }
        match wait {
            Mean::Of(mean) => self.pool.mean_wait_ms = Some(mean),
            Mean::OfNone => {
                let since = self.stuck.map(|since| now.saturating_duration_since(since).as_secs_f64() * 1_000.0);
                self.pool.mean_wait_ms = since.filter(|since| *since > 0.0);
            }
            Mean::Unsaid => {}
        }
    }

    /// The mean over what came since the last telling, milliseconds.
    fn mean(&mut self, draft: &Draft, says: Says) -> Mean {
        let says = says as u8;
        let came = match (draft.delta.get(&says), draft.cumulative.get(&says)) {
            (Some(came), _) => *came,
            (None, Some(all)) => match self.sums.insert(says, *all) {
                None => return Mean::Unsaid,
                Some(before) if before.start != all.start || before.count > all.count || before.sum > all.sum => *all,
                Some(before) => Grown { start: 0, count: all.count - before.count, sum: all.sum - before.sum },
            },
            (None, None) => return Mean::Unsaid,
        };
        if came.count > 0 { Mean::Of(came.sum / came.count as f64) } else { Mean::OfNone }
    }
}

/// A mean since the last telling.
enum Mean {
    /// Nothing was said of it, or for the first time.
    Unsaid,
    /// Nothing happened.
    OfNone,
    Of(f64),
}

impl Mean {
    /// What stands now when this stood before.
    fn after(self, before: Option<f64>) -> Option<f64> {
        match self {
            Self::Unsaid => before,
            Self::OfNone => None,
            Self::Of(mean) => Some(mean),
        }
    }
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

/// A pool's name as people may see it: one that is a URL may hold a password.
fn shown(pool: &str) -> String {
    let rest = pool.rsplit_once('@').map_or(pool, |(_, rest)| rest);
    rest.split('?').next().unwrap_or_default().to_owned()
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST_NAME {
        let end = (0..=LONGEST_NAME).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
}
