//! Supavisor's pools from its page of metrics, its own or that of a project of Supabase. Pure.
//!
//! | figure | series |
//! | --- | --- |
//! | clients | `supavisor_connections_active`, a series for each node and application |
//! | server connections | `supavisor_pool_connections_{checked_out,idle}`, from 2.9 on |
//! | mean wait | `supavisor_pool_checkout_duration_{local,remote}`, sums and counts, in ms; `..._us` in µs from 2.0.8 to 2.8.0 |
//!
//! It counts no queue and tells no size, and a client logs in there as `user.tenant`, so that is the pool's user.

use super::pgbouncer::Leading;
use crate::{
    model::{
        counters::PoolerDetail,
        sample::{Missing, Pool},
    },
    probe::scrape::text::{Figures, Series},
};

/// What is read of the page.
pub const WANTED: &[&str] = &[
    CLIENTS,
    BUSY,
    IDLE,
    "supavisor_pool_checkout_duration_local_sum",
    "supavisor_pool_checkout_duration_local_count",
    "supavisor_pool_checkout_duration_local_us_sum",
    "supavisor_pool_checkout_duration_local_us_count",
    "supavisor_pool_checkout_duration_remote_sum",
    "supavisor_pool_checkout_duration_remote_count",
    "supavisor_pool_checkout_duration_remote_us_sum",
    "supavisor_pool_checkout_duration_remote_us_count",
];

const CLIENTS: &str = "supavisor_connections_active";
const BUSY: &str = "supavisor_pool_connections_checked_out";
const IDLE: &str = "supavisor_pool_connections_idle";
const CHECKOUTS: &str = "supavisor_pool_checkout_duration";

/// More pools than lead to any one database.
const MOST_POOLS: usize = 1_000;

/// Which series of a page lead to one target.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Those of this tenant; of any when it is not known.
    pub tenant: Option<&'a str>,
    /// Those of this database.
    pub database: &'a str,
    /// What clients add to their user where the page itself names no tenant.
    pub suffix: &'a str,
}

impl Wanted<'_> {
    fn takes(&self, series: &Series) -> bool {
        let is = |label: &str, wanted: &str| series.label(label).is_empty() || series.label(label) == wanted;
        self.tenant.is_none_or(|tenant| is("tenant", tenant)) && is("db_name", self.database)
    }
}

/// What the page says of the pools of one target, and since the page before.
pub fn leading(now: &Figures, before: Option<&Figures>, name: &str, wanted: Wanted<'_>) -> Leading {
    let checkouts = before.and_then(|before| waited(now, before, wanted));
    let pools = pools(now, wanted);
    let mean_wait_ms = checkouts.map(|(wait_ms, count)| if count > 0.0 { wait_ms / count } else { 0.0 });
    let detail = PoolerDetail {
        name: name.to_owned(),
        mean_wait_ms,
        assignments: checkouts.map_or(0, |(_, count)| count as u64),
        used_clients: Some(pools.iter().map(|pool| pool.clients_active).fold(0, u32::saturating_add)),
        ..PoolerDetail::default()
    };
    let missing = missing(&pools, before.is_some(), mean_wait_ms.is_some());
    Leading { pools, detail, mean_wait_ms, missing, ..Leading::default() }
}

/// One for each database and user, over nodes, modes and applications.
fn pools(now: &Figures, wanted: Wanted<'_>) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    let mut add = |series: &Series, count: fn(&mut Pool, u32)| {
        let tenant = Some(series.label("tenant")).filter(|tenant| !tenant.is_empty()).unwrap_or(wanted.suffix);
        let user = if tenant.is_empty() { series.label("user").to_owned() } else { format!("{}.{tenant}", series.label("user")) };
        let (database, mode) = (series.label("db_name"), series.label("mode"));
        let database = if database.is_empty() { wanted.database } else { database };
        let found = pools.iter().position(|pool| pool.user == user && pool.database == database);
        let pool = match found {
            Some(nth) => &mut pools[nth],
            None if pools.len() == MOST_POOLS => return,
            None => {
                pools.push(empty(database, user));
                let last = pools.len() - 1;
                &mut pools[last]
            }
        };
        if !pool.mode.split(", ").any(|known| known == mode) {
            pool.mode = if pool.mode.is_empty() { mode.to_owned() } else { format!("{}, {mode}", pool.mode) };
        }
        if let Some(many) = series.count() {
            count(pool, many);
        }
    };
    for series in now.all(CLIENTS).filter(|series| wanted.takes(series)) {
        add(series, |pool, many| pool.clients_active = pool.clients_active.saturating_add(many));
    }
    for series in now.all(BUSY).filter(|series| wanted.takes(series)) {
        add(series, |pool, many| pool.servers_active = Some(pool.servers_active.unwrap_or_default().saturating_add(many)));
    }
    for series in now.all(IDLE).filter(|series| wanted.takes(series)) {
        add(series, |pool, many| pool.servers_idle = Some(pool.servers_idle.unwrap_or_default().saturating_add(many)));
    }
    pools
}

fn empty(database: &str, user: String) -> Pool {
    Pool {
        database: database.to_owned(),
        user,
        mode: String::new(),
        size: None,
        clients_active: 0,
        clients_waiting: None,
        servers_active: None,
        servers_idle: None,
        servers_other: None,
        max_wait_time: None,
        paused: false,
    }
}

/// Milliseconds waited and connections checked out since the page before; none when the counters began anew.
fn waited(now: &Figures, before: &Figures, wanted: Wanted<'_>) -> Option<(f64, f64)> {
    let of = |series: &Series| wanted.takes(series);
    let mut sum = None;
    for place in ["local", "remote"] {
        for (unit, per_ms) in [("", 1.0), ("_us", 1_000.0)] {
            let series = |part: &str| format!("{CHECKOUTS}_{place}{unit}_{part}");
            if !now.all(&series("count")).any(of) {
                continue;
            }
            let grown = |part: &str| now.grown(before, &series(part), of);
            let known = before.all(&series("count")).any(of);
            match (grown("sum"), grown("count")) {
                (Some(wait), Some(count)) => {
                    let (waits, counts) = sum.unwrap_or((0.0, 0.0));
                    sum = Some((waits + wait / per_ms, counts + count));
                }
                _ if known => return None,
                _ => {}
            }
        }
    }
    sum
}

fn missing(pools: &[Pool], has_before: bool, has_mean: bool) -> Vec<Missing> {
    let missing = |field: &str, cause: &str| Missing { field: field.to_owned(), cause: cause.to_owned(), fix: None };
    let mut all = vec![
        missing("connectionPool.waitingClients", "Supavisor counts no queue"),
        missing("connectionPool.maxWaitTime", "Supavisor does not tell how long clients wait now; a client_url measures one"),
        missing("connectionPool.poolSize", "Supavisor does not tell the size of its pools"),
    ];
    if !has_mean {
        let cause = if has_before {
            "Supavisor told nothing of checkouts in the last interval, or its counters began anew"
        } else {
            "no interval of Supavisor's counters has passed yet"
        };
        all.push(missing("connectionPool.averageWaitTime", cause));
    }
    if pools.is_empty() || pools.iter().any(|pool| pool.servers().is_none()) {
        let cause = "Supavisor tells server connections from 2.9 on, and while it has some; shown are the server's own sessions";
        all.push(missing("poolers.pools.serversActive", cause));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Wanted<'_> = Wanted { tenant: Some("dev"), database: "shop", suffix: "" };

    fn page(text: &str) -> Figures {
        Figures::read(text, WANTED).expect("metrics")
    }

    fn checkouts(unit: &str, sum: u64, count: u64) -> Figures {
        let labels = "{tenant=\"dev\",user=\"app\",mode=\"transaction\",type=\"single\",db_name=\"shop\",search_path=\"a,b\",nodehost=\"n1\"}";
        let name = format!("supavisor_pool_checkout_duration_local{unit}");
        page(&format!(
            "# TYPE {name} histogram\n{name}_bucket{labels} 3\n{name}_sum{labels} {sum}\n{name}_count{labels} {count}\n# EOF\n"
        ))
    }

    #[test]
    fn pools_are_summed_over_nodes_applications_and_modes_of_one_tenant() {
        let read = page(
            "supavisor_connections_active{tenant=\"dev\",user=\"app\",mode=\"transaction\",db_name=\"shop\",app_name=\"a\"} 3\n\
             supavisor_connections_active{tenant=\"dev\",user=\"app\",mode=\"transaction\",db_name=\"shop\",app_name=\"b,tenant=other\"} 4\n\
             supavisor_connections_active{tenant=\"dev\",user=\"app\",mode=\"session\",db_name=\"shop\"} 1\n\
             supavisor_connections_active{tenant=\"other\",user=\"app\",mode=\"transaction\",db_name=\"shop\"} 90\n\
             supavisor_pool_connections_checked_out{tenant=\"dev\",user=\"app\",mode=\"transaction\",db_name=\"shop\"} 2\n\
             supavisor_pool_connections_idle{tenant=\"dev\",user=\"app\",mode=\"transaction\",db_name=\"shop\"} 5\n",
        );
        let found = leading(&read, None, "h:4000", MINE);
        let [pool] = found.pools.as_slice() else { panic!("{:?}", found.pools) };
        assert_eq!((pool.user.as_str(), pool.mode.as_str()), ("app.dev", "transaction, session"));
        assert_eq!((pool.clients_active, pool.servers(), pool.servers_active), (8, Some(7), Some(2)));
        assert_eq!((pool.clients_waiting, pool.max_wait_time, pool.size), (None, None, None), "not told");
        let fields: Vec<_> = found.missing.iter().map(|missing| missing.field.as_str()).collect();
        assert!(
            fields.contains(&"connectionPool.waitingClients") && fields.contains(&"connectionPool.averageWaitTime"),
            "{fields:?}"
        );
    }

    #[test]
    fn the_mean_wait_is_of_the_last_interval_in_milliseconds_whatever_the_version_counts_in() {
        let mean = |unit: &str, [before, after]: [(u64, u64); 2]| {
            let (before, after) = (checkouts(unit, before.0, before.1), checkouts(unit, after.0, after.1));
            leading(&after, Some(&before), "h", MINE).mean_wait_ms
        };
        assert_eq!(mean("", [(100, 10), (400, 25)]), Some(20.0));
        assert_eq!(mean("_us", [(100_000, 10), (400_000, 25)]), Some(20.0), "microseconds");
        assert_eq!(mean("", [(100, 10), (100, 10)]), Some(0.0), "nobody asked");
        assert_eq!(mean("", [(400, 25), (10, 1)]), None, "it was started again");
        assert_eq!(leading(&checkouts("", 9, 9), None, "h", MINE).mean_wait_ms, None, "the first page");
    }
}
