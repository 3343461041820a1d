//! From one look at the world to all advice. Pure: the windows, and what was advised and taken, are its state.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    Settings,
    demand::{Demand, Silent, Window},
    findings,
    look::{self, Look, PoolKey},
    outcome::Taken,
    pool_size, wording,
};
use crate::model::{
    Timestamp,
    advice::{Advice, Recommendation, Unknown},
    world::{Target, World},
};

/// What came of advice is shown for so long.
const SHOWN: Duration = Duration::from_hours(24);
/// A change this long after the advice is not because of it.
const FRESH: Duration = Duration::from_hours(24);
/// Of `max_connections`, kept free for people and for what comes.
const KEPT_FREE: f64 = 0.05;
/// Older reports are of a target that nobody sees now.
const STALE: Duration = Duration::from_secs(30);

/// One pool as it is followed.
#[derive(Debug, Default)]
struct Followed {
    window: Window,
    /// What was advised about its size last, by which demand.
    given: Option<(Recommendation, Demand, Instant)>,
    taken: Option<Taken>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Adviser {
    settings: Settings,
    pools: BTreeMap<PoolKey, Followed>,
}

impl Adviser {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, pools: BTreeMap::new() }
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings
    }

    /// Other settings begin everything anew.
    pub(super) fn change(&mut self, settings: Settings) {
        if settings != self.settings {
            *self = Self::new(settings);
        }
    }

    /// Looks at the world.
    pub(super) fn step(&mut self, now: Instant, wall: Timestamp, world: &World) -> Advice {
        let mut advice = Advice::default();
        let seen = look::pools(world);
        let watched: BTreeSet<_> = seen.iter().map(|(key, _)| key.clone()).collect();
        // A pool that is away for a moment keeps what is known of it.
        self.pools.retain(|key, pool| {
            watched.contains(key) || pool.window.newest().is_some_and(|look| now.saturating_duration_since(look.at) < SHOWN)
        });
        for (key, look) in seen {
            let said = look.map_err(Silent::Unknown).and_then(|look| self.pool(&key, look, now, wall));
            match said {
                Ok(recommendation) => advice.recommendations.extend(recommendation),
                Err(Silent::Idle) => {}
                Err(Silent::Unknown(cause)) => advice.unknown.push(Unknown {
                    region: key.region.clone(),
                    target: key.target.clone(),
                    subject: key.subject(),
                    cause,
                }),
            }
        }
        self.add_outcomes(&mut advice, now);
        advice.recommendations.extend(findings(world, now));
        advice.recommendations.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.id.cmp(&b.id)));
        advice
    }

    fn pool(&mut self, key: &PoolKey, look: Look, now: Instant, wall: Timestamp) -> Result<Option<Recommendation>, Silent> {
        let length = self.settings.window;
        if now.saturating_duration_since(look.at) > STALE.max(self.settings.every * 3) {
            return Err(Silent::Unknown("nothing was heard of it lately".into()));
        }
        let pool = self.pools.entry(key.clone()).or_default();
        if pool.window.size().is_some_and(|size| size != look.size)
            && let Some((recommendation, before, at)) = pool.given.take()
            && now.saturating_duration_since(at) <= FRESH
        {
            pool.taken = Some(Taken::new(recommendation, before, look.size, now, wall));
        }
        let headroom = headroom(&look);
        pool.window.take(look, length);
        let demand = pool.window.demand(length)?;
        if let Some(taken) = &mut pool.taken {
            taken.measure(&demand);
        }
        let Some(proposal) = pool_size::advise(&demand, headroom) else { return Ok(None) };
        let recommendation = wording::pool_size(key, &demand, proposal);
        if recommendation.change.to.is_some() {
            pool.given = Some((recommendation.clone(), demand, now));
        }
        Ok(Some(recommendation))
    }

    fn add_outcomes(&self, advice: &mut Advice, now: Instant) {
        for taken in self.pools.values().filter_map(|pool| pool.taken.as_ref()) {
            if now.saturating_duration_since(taken.at) > SHOWN {
                continue;
            }
            let outcome = Some(taken.outcome());
            match advice.recommendations.iter_mut().find(|given| given.id == taken.recommendation.id) {
                // The same advice again, for the next size, is read with what came of the last.
                Some(given) => given.outcome = outcome,
                // What was taken asks nothing of anybody: it comes last.
                None => advice.recommendations.push(Recommendation { outcome, value: 0.0, ..taken.recommendation.clone() }),
            }
        }
    }
}

/// How many connections the server could take beyond those it has.
fn headroom(look: &Look) -> Option<u32> {
    let server = look.server.as_ref().filter(|server| server.max_connections > 0)?;
    let kept = (f64::from(server.max_connections) * KEPT_FREE).ceil() as u32;
    let used = server.reserved_connections.saturating_add(server.client_backends).saturating_add(kept);
    Some(server.max_connections.saturating_sub(used))
}

fn findings(world: &World, now: Instant) -> Vec<Recommendation> {
    let fresh = |target: &Target| now.saturating_duration_since(target.heard) <= STALE;
    let mut all = Vec::new();
    for region in world.regions.values() {
        let targets = || region.targets.values().filter(|target| fresh(target));
        all.extend(targets().flat_map(|target| findings::of(&target.report)));
        // Of each server, the target that has most sessions there.
        let mut servers: BTreeMap<&str, (u32, &Target)> = BTreeMap::new();
        for target in targets() {
            let sessions = target.report.activity.as_ref().map_or(0, |activity| activity.states.total);
            let largest = servers.entry(&target.report.server).or_insert((sessions, target));
            if sessions > largest.0 {
                *largest = (sessions, target);
            }
        }
        all.extend(servers.values().filter_map(|(_, target)| findings::nearly_full(&target.report)));
    }
    all
}

#[cfg(test)]
pub(super) mod tests;
