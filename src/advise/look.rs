//! What one look at the world shows of each pool: counters as they stand, and what the sessions behind it do. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use super::mix::Mix;
use crate::model::{
    RegionName, TargetName,
    activity::{Activity, Server},
    queries::{Queries, Statement},
    sample::{Pool, PoolerKind},
    world::{Target, World},
};

/// One pool of one pooler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PoolKey {
    pub(super) region: RegionName,
    pub(super) target: TargetName,
    pub(super) pooler: String,
    pub(super) kind: PoolerKind,
    pub(super) database: String,
    pub(super) user: String,
}

impl PoolKey {
    /// As people read it.
    pub(super) fn subject(&self) -> String {
        format!("{} ({}) at {}", self.database, self.user, self.pooler)
    }
}

/// Sessions of a whole server that are active, by what they wait for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Work {
    /// All.
    pub(super) active: f64,
    /// For nothing: they compute.
    pub(super) cpu: f64,
    /// For a lock.
    pub(super) lock: f64,
    /// Share of the processors at work, where it is told.
    pub(super) cpu_busy: Option<f64>,
}

/// How much statements differ: mean squares of their times by the square of the mean; 1 when all take equally long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// Of the means of different statements.
    pub(super) means: f64,
    /// Of single executions, where the server tells how they spread.
    pub(super) singles: Option<f64>,
}

/// What a pool's counters tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Counts {
    /// How long transactions held a connection, their wait included.
    Transactions,
    /// A client holds its connection as long as it stays, so only who is there tells.
    Sessions,
    /// Not that, or something else by that name: how many connections work is looked at.
    Looks,
}

/// What of a database's counters is one user's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    /// Share of the calls.
    pub(super) calls: f64,
    /// Share of their time.
    pub(super) time: f64,
    /// Clients of all users that wait.
    pub(super) waiting: u32,
}

/// One pool at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) transactions: u64,
    pub(super) queries: u64,
    pub(super) assignments: Option<u64>,
    pub(super) transaction_seconds: f64,
    /// None: it does not count waits.
    pub(super) wait_seconds: Option<f64>,
    pub(super) size: u32,
    /// Server connections at work.
    pub(super) busy: u32,
    /// All its server connections.
    pub(super) open: u32,
    pub(super) clients: u32,
    pub(super) waiting: u32,
    pub(super) times: Option<Times>,
    pub(super) counts: Counts,
    /// Whether it is from a page that its provider makes anew now and then, and stands still in between.
    pub(super) is_scraped: bool,
    /// Of several users on one database, this one's part.
    pub(super) part: Option<Part>,
    /// Which statements ran on the database.
    pub(super) mix: Option<Mix>,
    pub(super) work: Option<Work>,
    pub(super) server: Option<Server>,
}

/// Clients of other users that do not spoil a database's counters: one, as Isobar's own check, or one in ten.
const STRANGERS: f64 = 0.1;

/// All pools of the targets whose whole report this node has; why not, where a pool's counters do not tell of it alone.
pub(super) fn pools(world: &World) -> Vec<(PoolKey, Result<Look, String>)> {
    let work = work(world);
    let targets = world.regions.iter().flat_map(|(name, region)| region.targets.values().map(move |target| (name, target)));
    let mut all = Vec::new();
    for (region, target) in targets {
        let report = &target.report;
        for (nth, pooler) in report.sample.poolers.iter().enumerate() {
            for pool in &pooler.pools {
                let key = PoolKey {
                    region: region.clone(),
                    target: report.sample.target.clone(),
                    pooler: pooler.name.clone(),
                    kind: pooler.kind,
                    database: pool.database.clone(),
                    user: pool.user.clone(),
                };
                let others = pooler.pools.iter().filter(|other| other.database == pool.database && other.user != pool.user);
                let others: u32 = others.map(clients).sum();
                // The small ones beside a large one are not worth a word.
                let small = clients(pool) < others && f64::from(clients(pool)) <= (f64::from(others) * STRANGERS).max(1.0);
                if small || pool.paused {
                    continue;
                }
                if report.poolers.is_empty() {
                    continue;
                }
                let part = if f64::from(others) > (f64::from(clients(pool)) * STRANGERS).max(1.0) {
                    let mates = pooler.pools.iter().filter(|mate| mate.database == pool.database);
                    let waiting = mates.map(Pool::queue).sum();
                    match report.queries.as_deref().and_then(|queries| part(queries, &pool.user, waiting)) {
                        None => Err(SHARED.to_owned()),
                        part => Ok(part),
                    }
                } else {
                    Ok(None)
                };
                let work = work.get(&(region, &*report.server)).copied();
                let look = part.and_then(|part| look(target, nth, pool, part, work));
                all.push((key, look));
            }
        }
    }
    all
}

fn clients(pool: &Pool) -> u32 {
    pool.clients_active.saturating_add(pool.queue())
}

/// Of several users' pools.
const SHARED: &str =
    "the pooler counts by database, pools of several users share this one's counters, and no statements tell which part is whose";

fn look(target: &Arc<Target>, nth: usize, pool: &Pool, part: Option<Part>, work: Option<Work>) -> Result<Look, String> {
    let report = &target.report;
    let kind = report.sample.poolers.get(nth).map(|pooler| pooler.kind);
    let detail = report.poolers.get(nth).ok_or("its counters are not read")?;
    let counters = detail.counters.iter().find(|counters| counters.database == pool.database);
    let counters = counters.ok_or(match kind {
        Some(PoolerKind::Supavisor | PoolerKind::Supabase) => "Supavisor tells neither its queue nor a pool's size",
        _ => "its counters are not read",
    })?;
    let counts = match kind {
        _ if pool.mode == "session" => Counts::Sessions,
        Some(PoolerKind::Pgbouncer | PoolerKind::Supabase) => Counts::Transactions,
        _ => Counts::Looks,
    };
    Ok(Look {
        at: target.heard,
        transactions: counters.transactions,
        queries: counters.queries,
        assignments: counters.server_assignments,
        transaction_seconds: counters.transaction_seconds,
        wait_seconds: match counters.wait_seconds {
            None if counts == Counts::Transactions => Err("it does not count waits"),
            waits => Ok(waits),
        }?,
        size: pool.size.filter(|size| *size > 0).ok_or("its size is not told")?,
        busy: match pool.servers_active {
            None if counts != Counts::Transactions => Err("its server connections are not told"),
            busy => Ok(busy.unwrap_or_default()),
        }?,
        open: pool.servers().unwrap_or_default(),
        clients: clients(pool),
        waiting: pool.queue(),
        times: report.queries.as_deref().and_then(|queries| times(queries, part.map(|_| pool.user.as_str()))),
        counts,
        is_scraped: kind == Some(PoolerKind::Supabase),
        part,
        mix: report.queries.as_deref().and_then(Mix::of),
        work,
        server: report.activity.as_deref().map(|activity| activity.server.clone()),
    })
}

/// What of the statements is this user's; none while too few ran.
fn part(queries: &Queries, user: &str, waiting: u32) -> Option<Part> {
    let sum = |of: fn(&Statement) -> f64, whose: Option<&str>| -> f64 {
        queries.statements.iter().filter(|one| whose.is_none_or(|user| one.user == user)).map(of).sum()
    };
    let (calls, time): (fn(&Statement) -> f64, fn(&Statement) -> f64) = (|one| one.calls as f64, |one| one.total_ms);
    let all = (sum(calls, None), sum(time, None));
    (all.0 >= FEWEST_CALLS as f64 && all.1 > 0.0).then(|| Part {
        calls: sum(calls, Some(user)) / all.0,
        time: sum(time, Some(user)) / all.1,
        waiting,
    })
}

/// What the sessions of each server do, over all of its targets.
fn work(world: &World) -> BTreeMap<(&RegionName, &str), Work> {
    let mut all: BTreeMap<_, Work> = BTreeMap::new();
    for (name, region) in &world.regions {
        for target in region.targets.values() {
            let Some(activity) = target.report.activity.as_deref() else { continue };
            let work = all.entry((name, &*target.report.server)).or_default();
            add(work, activity);
            work.cpu_busy = work.cpu_busy.or_else(|| target.vitals.host.as_ref()?.cpu_busy);
        }
    }
    all
}

fn add(work: &mut Work, activity: &Activity) {
    for wait in &activity.waits {
        work.active += wait.sessions;
        match wait.wait_event_type.as_str() {
            "CPU" => work.cpu += wait.sessions,
            "Lock" => work.lock += wait.sessions,
            _ => {}
        }
    }
}

/// Fewer calls say nothing about a mix.
const FEWEST_CALLS: u64 = 20;

fn times(queries: &Queries, user: Option<&str>) -> Option<Times> {
    let own = || queries.statements.iter().filter(|one| user.is_none_or(|user| one.user == user));
    let calls: u64 = own().map(|statement| statement.calls).sum();
    let over = |weigh: &dyn Fn(&Statement) -> Option<f64>| -> Option<f64> {
        own().map(|statement| Some(statement.calls as f64 * weigh(statement)?)).sum::<Option<f64>>().map(|sum| sum / calls as f64)
    };
    let mean = over(&|one| Some(one.mean_ms)).filter(|mean| calls >= FEWEST_CALLS && *mean > 0.0)?;
    let square = |of: Option<f64>| of.map(|square| square / (mean * mean));
    Some(Times {
        means: square(over(&|one| Some(one.mean_ms * one.mean_ms)))?,
        singles: square(over(&|one| one.stddev_ms.map(|spread| one.mean_ms * one.mean_ms + spread * spread))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_of_means_varies_as_much_as_the_means_do() {
        let statement = |calls: u64, mean_ms, stddev_ms| Statement { calls, mean_ms, stddev_ms, ..Statement::default() };
        let of = |statements: Vec<Statement>| times(&Queries { statements, ..Queries::default() }, None);
        assert_eq!(of(vec![statement(19, 5.0, None)]), None, "too few");
        let alike = of(vec![statement(50, 5.0, Some(5.0)), statement(50, 5.0, Some(5.0))]).unwrap();
        assert!((alike.means - 1.0).abs() < 1e-12 && (alike.singles.unwrap() - 2.0).abs() < 1e-12, "{alike:?}");
        // 90% of 5 ms and 10% of 100 ms.
        let mixed = of(vec![statement(90, 5.0, Some(0.0)), statement(10, 100.0, None)]).unwrap();
        assert!((mixed.means - 1_022.5 / 210.25).abs() < 1e-9 && mixed.singles.is_none(), "{mixed:?}");
    }

    #[test]
    fn a_users_part_is_by_the_statements_of_its_role() {
        let statement = |user: &str, calls: u64, mean_ms: f64| Statement {
            user: user.into(),
            calls,
            mean_ms,
            total_ms: calls as f64 * mean_ms,
            ..Statement::default()
        };
        let queries = Queries { statements: vec![statement("web", 90, 10.0), statement("jobs", 10, 90.0)], ..Queries::default() };
        let web = part(&queries, "web", 3).unwrap();
        assert!((web.calls - 0.9).abs() < 1e-9 && (web.time - 0.5).abs() < 1e-9 && web.waiting == 3, "{web:?}");
    }
}
