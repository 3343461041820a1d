//! The poolers of a project of Supabase from its page of metrics: its PgBouncer, under the names of pgbouncer_exporter, and Supavisor. Pure.

use super::{
    pgbouncer::Leading,
    supavisor::{self, Wanted},
};
use crate::{
    model::{
        counters::{PoolerCounters, PoolerDatabase},
        sample::{Missing, Pool},
    },
    probe::scrape::text::{Figures, Series},
};

/// What is read of the page, beside Supavisor's.
pub const WANTED: &[&str] = &[
    "pgbouncer_pools_client_active_connections",
    "pgbouncer_pools_client_waiting_connections",
    "pgbouncer_pools_client_maxwait_seconds",
    "pgbouncer_pools_server_active_connections",
    "pgbouncer_pools_server_idle_connections",
    "pgbouncer_pools_server_used_connections",
    "pgbouncer_pools_server_testing_connections",
    "pgbouncer_pools_server_login_connections",
    "pgbouncer_databases_pool_size",
    "pgbouncer_databases_reserve_pool",
    "pgbouncer_databases_max_connections",
    "pgbouncer_databases_current_connections",
    "pgbouncer_databases_paused",
    "pgbouncer_databases_disabled",
    "pgbouncer_stats_client_wait_seconds_total",
    "pgbouncer_stats_queries_duration_seconds_total",
    "pgbouncer_stats_queries_pooled_total",
    "pgbouncer_stats_received_bytes_total",
    "pgbouncer_stats_sent_bytes_total",
    "pgbouncer_stats_server_in_transaction_seconds_total",
    "pgbouncer_stats_sql_transactions_pooled_total",
    "pgbouncer_used_clients",
    "pgbouncer_config_max_client_connections",
];

const CLIENTS: &str = "pgbouncer_pools_client_active_connections";
/// Supabase's PgBouncer knows no other, and the page does not tell it.
const MODE: &str = "transaction";

/// What the page says of both poolers' pools of one database, and since the page before.
pub fn leading(now: &Figures, before: Option<&Figures>, name: &str, wanted: Wanted<'_>) -> Leading {
    let database = wanted.database;
    let bouncer: Vec<Pool> =
        now.all(CLIENTS).filter(|series| series.label("database") == database).map(|series| pool(now, series)).collect();
    let front = supavisor::leading(now, before, name, wanted);
    if bouncer.is_empty() {
        return front;
    }
    let of = |series: &Series| series.label("database") == database;
    let grown = |part: &str| now.grown(before?, &format!("pgbouncer_stats_{part}_total"), of);
    let checkouts = grown("client_wait_seconds").zip(grown("sql_transactions_pooled"));
    let own = checkouts.map(|(wait, count)| (wait * 1_000.0, count));
    let others = front.mean_wait_ms.map(|mean| (mean * front.detail.assignments as f64, front.detail.assignments as f64));
    let sum = [own, others].into_iter().flatten().reduce(|(wait, count), (more, counts)| (wait + more, count + counts));
    let queue = bouncer.iter().filter(|pool| pool.queue() > 0).filter_map(|pool| pool.max_wait_time).reduce(f64::max);
    let mean = sum.filter(|(_, count)| *count > 0.0).map(|(wait, count)| wait / count);
    let mean_wait_ms = mean.or(queue).or(sum.map(|_| 0.0));

    let count = |name: &str| now.all(name).next().and_then(Series::count);
    let mut detail = front.detail;
    (detail.mean_wait_ms, detail.assignments) =
        (mean_wait_ms, sum.filter(|_| mean.is_some()).map_or(0, |(_, count)| count as u64));
    detail.max_client_connections = count("pgbouncer_config_max_client_connections");
    detail.used_clients = count("pgbouncer_used_clients");
    detail.counters = counters(now, database).into_iter().collect();
    detail.databases = databases(now, database);
    let paused = detail.databases.iter().any(|row| row.paused || row.disabled);
    let mut missing = Vec::new();
    if !front.pools.is_empty() {
        missing.extend(front.missing.into_iter().filter(|lack| lack.field != "connectionPool.averageWaitTime"));
    }
    if mean_wait_ms.is_none() {
        let cause = if before.is_some() {
            "the pooler's counters began anew"
        } else {
            "no interval of the pooler's counters has passed yet"
        };
        missing.push(Missing { field: "connectionPool.averageWaitTime".into(), cause: cause.into(), fix: None });
    }
    Leading { pools: [bouncer, front.pools].concat(), detail, mean_wait_ms, paused, missing, ..Leading::default() }
}

fn pool(now: &Figures, clients: &Series) -> Pool {
    let (database, user) = (clients.label("database"), clients.label("user"));
    let value = |what: &str| {
        let name = format!("pgbouncer_pools_{what}");
        now.all(&name).find(|series| series.label("database") == database && series.label("user") == user)
    };
    let count = |what: &str| value(&format!("{what}_connections")).and_then(Series::count);
    let others = ["server_used", "server_testing", "server_login"].into_iter().filter_map(count);
    let row = now.all("pgbouncer_databases_pool_size").find(|series| is_row(series, database));
    let stopped = |what: &str| {
        let name = format!("pgbouncer_databases_{what}");
        now.all(&name).any(|series| is_row(series, database) && series.value > 0.0)
    };
    Pool {
        database: database.to_owned(),
        user: user.to_owned(),
        mode: row.map(|row| row.label("pool_mode")).filter(|mode| !mode.is_empty()).unwrap_or(MODE).to_owned(),
        size: row.and_then(Series::count),
        clients_active: clients.count().unwrap_or_default(),
        clients_waiting: count("client_waiting"),
        servers_active: count("server_active"),
        servers_idle: count("server_idle"),
        servers_other: others.reduce(u32::saturating_add),
        max_wait_time: value("client_maxwait_seconds").map(|series| series.value * 1_000.0),
        paused: stopped("paused") || stopped("disabled"),
    }
}

/// The database that clients ask for is `name` there; some exporters leave that away.
fn is_row(series: &Series, database: &str) -> bool {
    let name = series.label("name");
    if name.is_empty() { series.label("database") == database } else { name == database }
}

/// All or nothing: half a row would be a row of zeros.
fn counters(now: &Figures, database: &str) -> Option<PoolerCounters> {
    let value = |part: &str| {
        let name = format!("pgbouncer_stats_{part}_total");
        now.all(&name).find(|series| series.label("database") == database).map(|series| series.value)
    };
    let count = |part: &str| value(part).filter(|value| *value >= 0.0).map(|value| value as u64);
    Some(PoolerCounters {
        database: database.to_owned(),
        server_assignments: None,
        transactions: count("sql_transactions_pooled")?,
        queries: count("queries_pooled")?,
        received_bytes: count("received_bytes")?,
        sent_bytes: count("sent_bytes")?,
        transaction_seconds: value("server_in_transaction_seconds")?,
        query_seconds: value("queries_duration_seconds")?,
        wait_seconds: value("client_wait_seconds"),
    })
}

fn databases(now: &Figures, database: &str) -> Vec<PoolerDatabase> {
    let rows = now.all("pgbouncer_databases_pool_size").filter(|series| is_row(series, database));
    let row = |size: &Series| {
        let value = |what: &str| {
            let name = format!("pgbouncer_databases_{what}");
            now.all(&name)
                .find(|series| is_row(series, database) && series.label("host") == size.label("host"))
                .and_then(Series::count)
        };
        Some(PoolerDatabase {
            name: database.to_owned(),
            host: size.label("host").to_owned(),
            port: size.label("port").parse().unwrap_or_default(),
            database: size.label("database").to_owned(),
            force_user: Some(size.label("force_user").to_owned()).filter(|user| !user.is_empty()),
            pool_size: size.count()?,
            reserve_pool: value("reserve_pool")?,
            max_connections: value("max_connections")?,
            current_connections: value("current_connections")?,
            paused: value("paused")? > 0,
            disabled: value("disabled")? > 0,
        })
    };
    rows.filter_map(row).take(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Wanted<'_> = Wanted { tenant: None, database: "postgres", suffix: "ref" };

    /// As Supabase has it, shortened.
    fn page(waited: &str, transactions: u64, more: &str) -> Figures {
        let pool = "{supabase_project_ref=\"ref\",service_type=\"db\",database=\"postgres\",user=\"app\"}";
        let of = "{supabase_project_ref=\"ref\",service_type=\"db\",database=\"postgres\"}";
        let row = "{name=\"postgres\",host=\"127.0.0.1\",port=\"5432\",database=\"postgres\",force_user=\"\"}";
        let text = format!(
            "pgbouncer_pools_client_active_connections{pool} 9\npgbouncer_pools_client_waiting_connections{pool} 2\n\
             pgbouncer_pools_client_maxwait_seconds{pool} 1.5\npgbouncer_pools_server_active_connections{pool} 4\n\
             pgbouncer_pools_server_idle_connections{pool} 1\npgbouncer_pools_server_used_connections{pool} 3\n\
             pgbouncer_pools_client_active_connections{{database=\"pgbouncer\",user=\"pgbouncer\"}} 1\n\
             pgbouncer_databases_pool_size{row} 15\npgbouncer_databases_reserve_pool{row} 0\npgbouncer_databases_max_connections{row} 0\n\
             pgbouncer_databases_current_connections{row} 8\npgbouncer_databases_paused{row} 0\npgbouncer_databases_disabled{row} 0\n\
             pgbouncer_stats_client_wait_seconds_total{of} {waited}\npgbouncer_stats_sql_transactions_pooled_total{of} {transactions}\n\
             pgbouncer_stats_queries_pooled_total{of} 7\npgbouncer_stats_received_bytes_total{of} 7\npgbouncer_stats_sent_bytes_total{of} 7\n\
             pgbouncer_stats_queries_duration_seconds_total{of} 7\npgbouncer_stats_server_in_transaction_seconds_total{of} 7\n{more}"
        );
        Figures::read(&text, &[WANTED, supavisor::WANTED].concat()).expect("metrics")
    }

    #[test]
    fn pgbouncers_pools_are_read_under_the_exporters_names() {
        let (before, after) = (page("10", 100, ""), page("10.5", 150, ""));
        let found = leading(&after, Some(&before), "h", MINE);
        let [pool] = found.pools.as_slice() else { panic!("{:?}", found.pools) };
        assert_eq!((pool.clients_active, pool.clients_waiting, pool.max_wait_time), (9, Some(2), Some(1_500.0)));
        assert_eq!((pool.servers(), pool.size, pool.mode.as_str(), pool.paused), (Some(8), Some(15), "transaction", false));
        assert_eq!((found.mean_wait_ms, found.detail.assignments), (Some(10.0), 50));
        assert_eq!((found.detail.counters.len(), found.detail.databases.len(), found.missing.len()), (1, 1, 0));
    }

    #[test]
    fn what_began_anew_or_is_no_number_is_not_known() {
        let (before, after) = (page("10", 100, ""), page("0.1", 3, ""));
        let found = leading(&after, Some(&before), "h", MINE);
        assert_eq!(found.mean_wait_ms, Some(1_500.0), "the queue's age remains");
        assert!(leading(&page("NaN", 3, ""), None, "h", MINE).detail.counters[0].wait_seconds.is_none());
    }

    #[test]
    fn supavisors_pools_stand_beside_by_the_name_that_its_clients_log_in_with() {
        let more =
            "supavisor_connections_active{service_type=\"pooler\",db_name=\"postgres\",user=\"app\",mode=\"transaction\"} 30\n";
        let found = leading(&page("1", 1, more), None, "h", MINE);
        let users: Vec<_> = found.pools.iter().map(|pool| (pool.user.as_str(), pool.clients_active)).collect();
        assert_eq!(users, [("app", 9), ("app.ref", 30)]);
    }
}
