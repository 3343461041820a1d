//! What one look at the world shows of each pool: counters as they stand, and what the sessions behind it do. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use crate::model::{
    RegionName, TargetName,
    activity::{Activity, Server},
    queries::Queries,
    sample::{Pool, PoolerKind},
    world::{Target, World},
};

/// One pool of one pooler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolKey {
    pub(super) region: RegionName,
    pub(super) target: TargetName,
    pub(super) pooler: String,
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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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

/// One pool at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) transactions: u64,
    pub(super) queries: u64,
    pub(super) assignments: Option<u64>,
    pub(super) transaction_seconds: f64,
    pub(super) wait_seconds: f64,
    pub(super) size: u32,
    /// Server connections at work.
    pub(super) busy: u32,
    /// All its server connections.
    pub(super) open: u32,
    pub(super) clients: u32,
    pub(super) waiting: u32,
    /// The mean square of the statements' mean times by the square of their mean: 1 when all take equally long.
    pub(super) mix: Option<f64>,
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
                let look = match pooler.kind {
                    _ if report.poolers.is_empty() => continue,
                    PoolerKind::Pgbouncer if pool.mode == "session" => {
                        Err("in session mode a client keeps its server connection, so there is no wait per transaction"
                            .to_owned())
                    }
                    PoolerKind::Pgbouncer if f64::from(others) > (f64::from(clients(pool)) * STRANGERS).max(1.0) => {
                        Err("PgBouncer counts by database, and pools of several users share this one's counters".to_owned())
                    }
                    PoolerKind::Pgbouncer => look(target, nth, pool, work.get(&(region, &*report.server)).copied()),
                    kind => Err(format!("advice on pools of {kind:?} is not made yet; its counters are not tried")),
                };
                all.push((key, look));
            }
        }
    }
    all
}

fn clients(pool: &Pool) -> u32 {
    pool.clients_active.saturating_add(pool.queue())
}

fn look(target: &Arc<Target>, nth: usize, pool: &Pool, work: Option<Work>) -> Result<Look, String> {
    let report = &target.report;
    let detail = report.poolers.get(nth).ok_or("its counters are not read")?;
    let counters = detail.counters.iter().find(|counters| counters.database == pool.database);
    let counters = counters.ok_or("its counters are not read")?;
    Ok(Look {
        at: target.heard,
        transactions: counters.transactions,
        queries: counters.queries,
        assignments: counters.server_assignments,
        transaction_seconds: counters.transaction_seconds,
        wait_seconds: counters.wait_seconds.ok_or("it does not count waits")?,
        size: pool.size.filter(|size| *size > 0).ok_or("its size is not told")?,
        busy: pool.servers_active.unwrap_or_default(),
        open: pool.servers().unwrap_or_default(),
        clients: clients(pool),
        waiting: pool.queue(),
        mix: report.queries.as_deref().and_then(mix),
        work,
        server: report.activity.as_deref().map(|activity| activity.server.clone()),
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

fn mix(queries: &Queries) -> Option<f64> {
    let calls: u64 = queries.statements.iter().map(|statement| statement.calls).sum();
    let over = |weigh: fn(f64) -> f64| {
        let weighed = queries.statements.iter().map(|statement| statement.calls as f64 * weigh(statement.mean_ms));
        weighed.sum::<f64>() / calls as f64
    };
    let (mean, square) = (over(|ms| ms), over(|ms| ms * ms));
    (calls >= FEWEST_CALLS && mean > 0.0).then(|| square / (mean * mean))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::queries::Statement;

    #[test]
    fn a_mix_of_means_varies_as_much_as_the_means_do() {
        let statement = |calls, mean_ms| Statement {
            query_id: String::new(),
            user: String::new(),
            text: None,
            calls,
            mean_ms,
            total_ms: 0.0,
            share: 0.0,
            rows: 0,
            cache_hit_ratio: None,
            slow: false,
            calls_total: 0,
            seconds_total: 0.0,
            rows_total: 0,
        };
        let of = |statements: Vec<Statement>| mix(&Queries { statements, ..Queries::default() });
        assert_eq!(of(vec![statement(19, 5.0)]), None, "too few");
        assert!((of(vec![statement(50, 5.0), statement(50, 5.0)]).unwrap() - 1.0).abs() < 1e-12);
        // 90% of 5 ms and 10% of 100 ms.
        assert!((of(vec![statement(90, 5.0), statement(10, 100.0)]).unwrap() - 1_022.5 / 210.25).abs() < 1e-9);
    }
}
