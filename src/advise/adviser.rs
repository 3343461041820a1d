//! From one look at the world to all advice. Pure: the windows, and what was advised and taken, are its state; the latter is given to it
//! when it begins, and it says when that is worth keeping.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    Settings,
    applications::Busy,
    bound::Bound,
    demand::{Silent, Window},
    findings,
    look::{self, Look, PoolKey},
    memory::Memory,
    pool_size, wording,
};
use crate::model::{
    Rule, TargetId, Timestamp,
    advice::{Advice, Recommendation, Unknown},
    world::{Target, World},
};

/// A pool that is away keeps what is known of it for so long.
const KEPT: Duration = Duration::from_hours(24);
/// Advice that goes on is kept so often.
const KEEP_EVERY: Duration = Duration::from_mins(1);
/// Of `max_connections`, kept free for people and for what comes.
const KEPT_FREE: f64 = 0.05;
/// Older reports are of a target that nobody sees now.
const STALE: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(super) struct Adviser {
    settings: Settings,
    pools: BTreeMap<PoolKey, Window>,
    memory: Memory,
    busy: BTreeMap<TargetId, Busy>,
    /// Whether it holds something that a restart must not forget, and when it was kept last.
    is_news: bool,
    kept: Option<Instant>,
}

impl Adviser {
    /// `kept` is what the one before it had to keep.
    pub(super) fn new(settings: Settings, kept: Option<&str>) -> Self {
        let memory = kept.map(Memory::read).unwrap_or_default();
        Self { settings, pools: BTreeMap::new(), memory, busy: BTreeMap::new(), is_news: false, kept: None }
    }

    /// What is to be kept, when it is time.
    pub(super) fn worth_keeping(&mut self, now: Instant) -> Option<String> {
        let is_due = self.is_news || self.kept.is_none_or(|kept| now.saturating_duration_since(kept) >= KEEP_EVERY);
        if !is_due || self.memory == Memory::default() {
            return None;
        }
        (self.is_news, self.kept) = (false, Some(now));
        Some(self.memory.text())
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings
    }

    /// Other settings begin the windows anew.
    pub(super) fn change(&mut self, settings: Settings) {
        if settings != self.settings {
            (self.settings, self.pools) = (settings, BTreeMap::new());
        }
    }

    /// Looks at the world.
    pub(super) fn step(&mut self, now: Instant, wall: Timestamp, world: &World) -> Advice {
        let mut advice = Advice::default();
        let seen = look::pools(world);
        let watched: BTreeSet<_> = seen.iter().map(|(key, _)| key.clone()).collect();
        // A pool that is away for a moment keeps what is known of it.
        self.pools.retain(|key, pool| {
            watched.contains(key) || pool.newest().is_some_and(|look| now.saturating_duration_since(look.at) < KEPT)
        });
        for (key, look) in seen {
            let said = look.map_err(Silent::Unknown).and_then(|look| {
                if is_away(world, &key) {
                    self.pools.entry(key.clone()).or_default().interrupt();
                    return Err(Silent::Unknown("its server or its pooler is away, or was a moment ago".into()));
                }
                self.pool(&key, look, now, wall)
            });
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
        self.add_outcomes(&mut advice);
        advice.recommendations.extend(findings(world, now));
        advice.recommendations.extend(self.first_to_fix(world, now));
        advice.recommendations.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.id.cmp(&b.id)));
        advice
    }

    /// Looks in between at what works and waits, where only that tells.
    pub(super) fn peek(&mut self, world: &World) {
        if !self.pools.values().any(Window::wants_peeks) {
            return;
        }
        for (key, look) in look::pools(world) {
            if let (Some(window), Ok(look)) = (self.pools.get_mut(&key).filter(|window| window.wants_peeks()), look) {
                window.peek(&look);
            }
        }
    }

    fn pool(&mut self, key: &PoolKey, look: Look, now: Instant, wall: Timestamp) -> Result<Option<Recommendation>, Silent> {
        let length = self.settings.window;
        if now.saturating_duration_since(look.at) > STALE.max(self.settings.every * 3) {
            return Err(Silent::Unknown("nothing was heard of it lately".into()));
        }
        self.is_news |= self.memory.see(key, look.size, wall);
        let headroom = headroom(&look);
        let window = self.pools.entry(key.clone()).or_default();
        window.take(look, length);
        let mut demand = window.demand(length)?;
        self.is_news |= self.memory.measure(key, &demand);
        if let (Bound::Neither(_) | Bound::Unseen, Some(contention)) = (demand.bound, self.memory.contention(key)) {
            (demand.bound, demand.scaling) = (Bound::Shared(contention), None);
        }
        let Some(proposal) = pool_size::advise(&demand, headroom) else { return Ok(None) };
        let recommendation = wording::pool_size(key, &demand, proposal);
        if recommendation.change.to.is_some() {
            self.memory.give(key, recommendation.clone(), demand, wall);
        }
        Ok(Some(recommendation))
    }

    /// Which application of each target to fix first.
    fn first_to_fix(&mut self, world: &World, now: Instant) -> Vec<Recommendation> {
        let keeps = (1.0 - self.settings.every.as_secs_f64() / self.settings.window.as_secs_f64()).max(0.0);
        let seen: BTreeMap<TargetId, &Target> = fresh(world, now).map(|target| (target.report.id(), target)).collect();
        self.busy.retain(|id, _| seen.contains_key(id));
        let mut all = Vec::new();
        for (id, target) in seen {
            let busy = self.busy.entry(id).or_default();
            busy.see(&target.report, keeps);
            all.extend(busy.first(&target.report));
        }
        all
    }

    fn add_outcomes(&self, advice: &mut Advice) {
        advice.past = self.memory.past();
        // The same advice again, for the next size, is read with what came of the last.
        for given in &mut advice.recommendations {
            given.outcome = advice.past.iter().find(|past| past.id == given.id).and_then(|past| past.outcome.clone());
        }
    }
}

/// Whether a pool's clients wait since nobody could serve them.
fn is_away(world: &World, key: &PoolKey) -> bool {
    let region = world.regions.get(&key.region);
    let target = region.and_then(|region| region.targets.get(&key.target));
    let is_away = |rule: Rule| rule.is_server_away() || rule == Rule::PoolerDown;
    target.is_some_and(|target| target.report.sample.reasons.iter().any(|reason| is_away(reason.rule)))
}

/// How many connections the server could take beyond those it has.
fn headroom(look: &Look) -> Option<u32> {
    let server = look.server.as_ref().filter(|server| server.max_connections > 0)?;
    let kept = (f64::from(server.max_connections) * KEPT_FREE).ceil() as u32;
    let used = server.reserved_connections.saturating_add(server.client_backends).saturating_add(kept);
    Some(server.max_connections.saturating_sub(used))
}

fn fresh(world: &World, now: Instant) -> impl Iterator<Item = &Target> {
    let targets = world.regions.values().flat_map(|region| region.targets.values()).map(|target| &**target);
    targets.filter(move |target| now.saturating_duration_since(target.heard) <= STALE)
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
