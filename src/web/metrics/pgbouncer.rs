//! The names of pgbouncer_exporter; a target may have several poolers.

use std::cmp::Reverse;

use super::{Kind, Page};
use crate::model::{
    counters::{PoolerCounters, PoolerDatabase, PoolerDetail},
    sample::{Pool, PoolerKind},
    world::Target,
};

/// Pools and databases of a pooler in a scrape, the pools that most clients use: a pooler with a pool for each of a thousand roles would
/// be the bulk of every scrape.
const MOST_ROWS: usize = 100;

type Column<T> = (&'static str, Kind, &'static str, fn(&T) -> Option<f64>);

const POOLS: &[Column<Pool>] = &[
    ("pgbouncer_pools_client_active_connections", Kind::Gauge, "Clients linked to a server connection, or idle.", |pool| {
        Some(pool.clients_active.into())
    }),
    ("pgbouncer_pools_client_waiting_connections", Kind::Gauge, "Clients waiting for a server connection.", |pool| {
        pool.clients_waiting.map(f64::from)
    }),
    ("pgbouncer_pools_client_maxwait_seconds", Kind::Gauge, "Age of the oldest waiting client, microseconds included.", |pool| {
        pool.max_wait_time.map(super::seconds)
    }),
    ("pgbouncer_pools_server_active_connections", Kind::Gauge, "Server connections working for a client.", |pool| {
        pool.servers_active.map(f64::from)
    }),
    ("pgbouncer_pools_server_idle_connections", Kind::Gauge, "Server connections free at once.", |pool| {
        pool.servers_idle.map(f64::from)
    }),
    ("isobar_pooler_server_other_connections", Kind::Gauge, "Server connections used, tested or logging in.", |pool| {
        pool.servers_other.map(f64::from)
    }),
    ("isobar_pooler_pool_size", Kind::Gauge, "Configured size of the pool.", |pool| pool.size.map(f64::from)),
];

const TOTALS: &[Column<PoolerCounters>] = &[
    ("pgbouncer_stats_totals_server_assignments_total", Kind::Counter, "Server connections assigned to clients.", |row| {
        row.server_assignments.map(|n| n as f64)
    }),
    ("pgbouncer_stats_totals_sql_transactions_pooled_total", Kind::Counter, "Transactions pooled.", |row| {
        Some(row.transactions as f64)
    }),
    ("pgbouncer_stats_totals_queries_pooled_total", Kind::Counter, "Queries pooled.", |row| Some(row.queries as f64)),
    ("pgbouncer_stats_totals_received_bytes_total", Kind::Counter, "Bytes received.", |row| Some(row.received_bytes as f64)),
    ("pgbouncer_stats_totals_sent_bytes_total", Kind::Counter, "Bytes sent.", |row| Some(row.sent_bytes as f64)),
    (
        "pgbouncer_stats_totals_server_in_transaction_seconds_total",
        Kind::Counter,
        "Time in transactions, waiting included.",
        |row| Some(row.transaction_seconds),
    ),
    ("pgbouncer_stats_totals_queries_duration_seconds_total", Kind::Counter, "Time in queries, waiting included.", |row| {
        Some(row.query_seconds)
    }),
    ("pgbouncer_stats_totals_client_wait_seconds_total", Kind::Counter, "Time clients waited for a server.", |row| {
        row.wait_seconds
    }),
    // The names before pgbouncer_exporter 0.11, which most dashboards still ask for.
    ("pgbouncer_stats_queries_pooled_total", Kind::Counter, "Queries pooled.", |row| Some(row.queries as f64)),
    ("pgbouncer_stats_queries_duration_seconds_total", Kind::Counter, "Time in queries, waiting included.", |row| {
        Some(row.query_seconds)
    }),
    ("pgbouncer_stats_client_wait_seconds_total", Kind::Counter, "Time clients waited for a server.", |row| row.wait_seconds),
    ("pgbouncer_stats_sql_transactions_pooled_total", Kind::Counter, "Transactions pooled.", |row| Some(row.transactions as f64)),
    ("pgbouncer_stats_server_in_transaction_seconds_total", Kind::Counter, "Time in transactions, waiting included.", |row| {
        Some(row.transaction_seconds)
    }),
    ("pgbouncer_stats_received_bytes_total", Kind::Counter, "Bytes received.", |row| Some(row.received_bytes as f64)),
    ("pgbouncer_stats_sent_bytes_total", Kind::Counter, "Bytes sent.", |row| Some(row.sent_bytes as f64)),
];

const DATABASES: &[Column<PoolerDatabase>] = &[
    ("pgbouncer_databases_pool_size", Kind::Gauge, "Most server connections.", |row| Some(row.pool_size.into())),
    ("pgbouncer_databases_reserve_pool", Kind::Gauge, "Extra server connections when clients wait long.", |row| {
        Some(row.reserve_pool.into())
    }),
    ("pgbouncer_databases_max_connections", Kind::Gauge, "Most server connections of the database; 0 is no limit.", |row| {
        Some(row.max_connections.into())
    }),
    ("pgbouncer_databases_current_connections", Kind::Gauge, "Server connections now.", |row| {
        Some(row.current_connections.into())
    }),
    ("pgbouncer_databases_paused", Kind::Gauge, "Whether it is paused.", |row| Some(super::flag(row.paused))),
    ("pgbouncer_databases_disabled", Kind::Gauge, "Whether it is disabled.", |row| Some(super::flag(row.disabled))),
];

pub(super) fn families(page: &mut Page<'_>) {
    page.poolers("pgbouncer_up", Kind::Gauge, "Whether PgBouncer's console answers and clients get in.", |target, sample| {
        for pooler in target.report.sample.poolers.iter().filter(|pooler| pooler.kind == PoolerKind::Pgbouncer) {
            if let Some(up) = pooler.up {
                sample(&pooler.name, &[], super::flag(up));
            }
        }
    });
    for (name, kind, help, value) in POOLS {
        page.poolers(name, *kind, help, |target, sample| {
            for pooler in &target.report.sample.poolers {
                for pool in busiest(&pooler.pools) {
                    if let Some(value) = value(pool) {
                        sample(&pooler.name, &[("database", &pool.database), ("user", &pool.user)], value);
                    }
                }
            }
        });
    }
    for (name, kind, help, value) in TOTALS {
        page.poolers(name, *kind, help, |target, sample| {
            for (pooler, row) in rows(target, |detail| &detail.counters) {
                if let Some(value) = value(row) {
                    sample(pooler, &[("database", &row.database)], value);
                }
            }
        });
    }
    for (name, kind, help, value) in DATABASES {
        page.poolers(name, *kind, help, |target, sample| {
            for (pooler, row) in rows(target, |detail| &detail.databases) {
                if let Some(value) = value(row) {
                    let (port, user) = (row.port.to_string(), row.force_user.as_deref().unwrap_or_default());
                    let which = [("name", row.name.as_str()), ("host", &row.host), ("port", &port)];
                    sample(pooler, &[&which[..], &[("database", &row.database), ("force_user", user)]].concat(), value);
                }
            }
        });
    }
    each(page, "pgbouncer_config_max_client_connections", "Most clients.", |detail| detail.max_client_connections.map(f64::from));
    each(page, "pgbouncer_used_clients", "Clients in use now.", |detail| detail.used_clients.map(f64::from));
    page.poolers("pgbouncer_version_info", Kind::Info, "PgBouncer's version.", |target, sample| {
        for detail in &target.report.poolers {
            if let Some(version) = &detail.version {
                sample(&detail.name, &[("version", version)], 1.0);
            }
        }
    });
}

fn each(page: &mut Page<'_>, name: &'static str, help: &'static str, value: fn(&PoolerDetail) -> Option<f64>) {
    page.poolers(name, Kind::Gauge, help, |target, sample| {
        for detail in &target.report.poolers {
            if let Some(value) = value(detail) {
                sample(&detail.name, &[], value);
            }
        }
    });
}

fn busiest(pools: &[Pool]) -> Vec<&Pool> {
    let mut pools: Vec<_> = pools.iter().collect();
    if pools.len() > MOST_ROWS {
        pools.sort_by_key(|pool| Reverse((pool.clients_waiting, pool.clients_active)));
        pools.truncate(MOST_ROWS);
    }
    pools
}

fn rows<'a, T: 'a>(target: &'a Target, of: fn(&PoolerDetail) -> &Vec<T>) -> impl Iterator<Item = (&'a str, &'a T)> {
    target.report.poolers.iter().flat_map(move |detail| of(detail).iter().take(MOST_ROWS).map(|row| (detail.name.as_str(), row)))
}
