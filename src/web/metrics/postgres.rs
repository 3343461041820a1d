//! The names of postgres_exporter.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Page, flag, replication, seconds};
use crate::model::{
    Outcome,
    activity::{Activity, States},
    counters::DatabaseCounters,
    world::Target,
};

/// Statements per target in a scrape: those that take the most time now. All hundred of a report would be the bulk of every scrape.
const MOST_STATEMENTS: usize = 20;

type Column = (&'static str, &'static str, fn(&DatabaseCounters) -> Option<f64>);

const COUNTERS: &[Column] = &[
    ("pg_stat_database_xact_commit", "Transactions committed.", |row| Some(row.xact_commit as f64)),
    ("pg_stat_database_xact_rollback", "Transactions rolled back.", |row| Some(row.xact_rollback as f64)),
    ("pg_stat_database_blks_read", "Blocks read from outside the buffer cache.", |row| Some(row.blks_read as f64)),
    ("pg_stat_database_blks_hit", "Blocks found in the buffer cache.", |row| Some(row.blks_hit as f64)),
    ("pg_stat_database_tup_returned", "Rows returned by scans.", |row| Some(row.tup_returned as f64)),
    ("pg_stat_database_tup_fetched", "Rows fetched by index scans.", |row| Some(row.tup_fetched as f64)),
    ("pg_stat_database_tup_inserted", "Rows inserted.", |row| Some(row.tup_inserted as f64)),
    ("pg_stat_database_tup_updated", "Rows updated.", |row| Some(row.tup_updated as f64)),
    ("pg_stat_database_tup_deleted", "Rows deleted.", |row| Some(row.tup_deleted as f64)),
    ("pg_stat_database_conflicts", "Queries cancelled by conflicts with recovery.", |row| Some(row.conflicts as f64)),
    ("pg_stat_database_temp_files", "Temporary files written.", |row| Some(row.temp_files as f64)),
    ("pg_stat_database_temp_bytes", "Bytes written to temporary files.", |row| Some(row.temp_bytes as f64)),
    ("pg_stat_database_deadlocks", "Deadlocks.", |row| Some(row.deadlocks as f64)),
    ("pg_stat_database_blk_read_time", "Time reading blocks, milliseconds as PostgreSQL counts it.", |row| {
        Some(row.blk_read_time)
    }),
    ("pg_stat_database_blk_write_time", "Time writing blocks, milliseconds as PostgreSQL counts it.", |row| {
        Some(row.blk_write_time)
    }),
    ("pg_stat_database_active_time_seconds_total", "Time sessions spent active.", |row| row.active_time.map(seconds)),
    ("isobar_database_idle_in_transaction_seconds_total", "Time sessions spent idle in transaction.", |row| {
        row.idle_in_transaction_time.map(seconds)
    }),
    ("isobar_database_sessions_total", "Sessions begun.", |row| row.sessions.map(|n| n as f64)),
    ("isobar_database_sessions_abandoned_total", "Sessions whose client vanished.", |row| {
        row.sessions_abandoned.map(|n| n as f64)
    }),
    ("isobar_database_sessions_fatal_total", "Sessions ended by a fatal error.", |row| row.sessions_fatal.map(|n| n as f64)),
    ("isobar_database_sessions_killed_total", "Sessions ended by an administrator.", |row| row.sessions_killed.map(|n| n as f64)),
];

pub(super) fn families(page: &mut Page<'_>) {
    let activity = |target: &Target| target.report.activity.clone();
    page.each("pg_up", Kind::Gauge, "Whether a session answers and the newest fresh connection got in.", |target| {
        let gets_in = target.report.sample.reachability.outcome.is_none_or(|outcome| outcome == Outcome::Ok);
        Some(flag(gets_in && target.report.activity.is_some()))
    });
    page.each("pg_exporter_last_scrape_error", Kind::Gauge, "Whether something could not be measured.", |target| {
        Some(flag(!target.report.sample.probe.missing.is_empty()))
    });
    page.many("pg_scrape_collector_success", Kind::Gauge, "Whether a part can be read.", |target, sample| {
        let report = &target.report;
        let parts = [
            ("database", report.sample.database.size_bytes.is_some()),
            ("stat_activity", report.activity.is_some()),
            ("stat_database", report.counters.is_some()),
            ("stat_statements", report.queries.is_some()),
        ];
        for (collector, success) in parts {
            sample(&[("collector", collector)], flag(success));
        }
    });
    page.many("pg_static", Kind::Gauge, "The server's version.", |target, sample| {
        if let Some(version) = &target.report.sample.probe.server_version {
            let (short, full) = (semantic(version), format!("PostgreSQL {version}"));
            sample(&[("short_version", &short), ("version", &full)], 1.0);
        }
    });
    page.each("pg_settings_max_connections", Kind::Gauge, "Connection slots of the server.", |target| {
        activity(target).map(|activity| f64::from(activity.server.max_connections))
    });
    page.each(
        "pg_settings_superuser_reserved_connections",
        Kind::Gauge,
        "Slots that ordinary roles cannot use, reserved_connections included.",
        |target| activity(target).map(|activity| f64::from(activity.server.reserved_connections)),
    );
    page.each("pg_replication_is_replica", Kind::Gauge, "Whether the server is a standby.", replication::is_replica);
    sessions(page);
    page.many("pg_database_size_bytes", Kind::Gauge, "Size of the database.", |target, sample| {
        if let (Some(bytes), Some(datname)) = (target.report.sample.database.size_bytes, datname(target)) {
            sample(&[("datname", datname)], bytes as f64);
        }
    });
    database(page, "pg_stat_database_numbackends", Kind::Gauge, "Backends connected to the database.", |row| {
        Some(f64::from(row.numbackends))
    });
    for (name, help, value) in COUNTERS {
        database(page, name, Kind::Counter, help, *value);
    }
    database(page, "pg_stat_database_stats_reset", Kind::Gauge, "When the counters last began anew.", |row| {
        row.stats_reset.map(|at| seconds(at.unix_ms() as f64))
    });
    statements(page, "pg_stat_statements_calls_total", "Calls of the statement.", |sums| sums.0);
    statements(page, "pg_stat_statements_seconds_total", "Time spent in the statement.", |sums| sums.1);
    statements(page, "pg_stat_statements_rows_total", "Rows of the statement.", |sums| sums.2);
}

/// As the exporter has it, in three parts.
fn semantic(version: &str) -> String {
    let number: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    if number.matches('.').count() == 1 { number + ".0" } else { version.to_owned() }
}

fn datname(target: &Target) -> Option<&str> {
    target.report.counters.as_ref().map(|row| row.datname.as_str())
}

fn database(
    page: &mut Page<'_>,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    value: fn(&DatabaseCounters) -> Option<f64>,
) {
    page.many(name, kind, help, |target, sample| {
        if let Some(row) = &target.report.counters
            && let Some(value) = value(row)
        {
            sample(&[("datid", &row.datid.to_string()), ("datname", &row.datname)], value);
        }
    });
}

/// The states postgres_exporter shows, and how many of some sessions are in each.
fn by_state(states: &States) -> [(&'static str, u32); 3] {
    [("active", states.active), ("idle", states.idle), ("idle in transaction", states.idle_in_transaction)]
}

fn sessions(page: &mut Page<'_>) {
    let help = "Sessions by state, role and application; the rest, beyond those named, without either.";
    page.many("pg_stat_activity_count", Kind::Gauge, help, |target, sample| {
        let Some(activity) = &target.report.activity else { return };
        let datname = datname(target).unwrap_or_default();
        let mut rest = by_state(&activity.states);
        for holder in &activity.holders {
            for (index, (state, count)) in by_state(&holder.states).into_iter().enumerate() {
                rest[index].1 = rest[index].1.saturating_sub(count);
                if count > 0 {
                    let labels = [
                        ("datname", datname),
                        ("state", state),
                        ("usename", &holder.user),
                        ("application_name", &holder.application),
                    ];
                    sample(&[&labels[..], &BACKEND].concat(), f64::from(count));
                }
            }
        }
        for (state, count) in rest {
            let labels = [("datname", datname), ("state", state), ("usename", ""), ("application_name", "")];
            sample(&[&labels[..], &BACKEND].concat(), f64::from(count));
        }
    });
    let help = "Age of the oldest transaction, seconds, by state, role and application.";
    page.many("pg_stat_activity_max_tx_duration", Kind::Gauge, help, |target, sample| {
        let Some(activity) = &target.report.activity else { return };
        let datname = datname(target).unwrap_or_default();
        for ((state, user, application), age) in oldest(activity) {
            let labels = [("datname", datname), ("state", state), ("usename", user), ("application_name", application)];
            sample(&[&labels[..], &BACKEND].concat(), seconds(age));
        }
    });
}

/// Background processes are not among a target's sessions.
const BACKEND: [(&str, &str); 1] = [("backend_type", "client backend")];

/// By state, role and application, where those are of a large holder: else sessions of a thousand names would be as many series.
fn oldest(activity: &Activity) -> BTreeMap<(&str, &str, &str), f64> {
    let mut oldest = BTreeMap::new();
    let large: BTreeSet<_> = activity.holders.iter().map(|holder| (holder.user.as_str(), holder.application.as_str())).collect();
    for session in &activity.sessions {
        if let Some(age) = session.transaction_ms {
            let holder = (session.user.as_str(), session.application.as_str());
            let (user, application) = if large.contains(&holder) { holder } else { ("", "") };
            let key = (session.state.as_str(), user, application);
            oldest.entry(key).and_modify(|most: &mut f64| *most = most.max(age)).or_insert(age);
        }
    }
    oldest
}

/// Calls, seconds and rows of one statement and role; top-level and nested calls are entries of their own and are added up.
type Sums = (f64, f64, f64);

fn statements(page: &mut Page<'_>, name: &'static str, help: &'static str, value: fn(Sums) -> f64) {
    page.many(name, Kind::Counter, help, |target, sample| {
        let (Some(queries), Some(datname)) = (&target.report.queries, datname(target)) else { return };
        let mut sums: BTreeMap<(&str, &str), Sums> = BTreeMap::new();
        for statement in queries.statements.iter().take(MOST_STATEMENTS) {
            let sum = sums.entry((&statement.user, &statement.query_id)).or_default();
            sum.0 += statement.calls_total as f64;
            sum.1 += statement.seconds_total;
            sum.2 += statement.rows_total as f64;
        }
        for ((user, query), sum) in sums {
            sample(&[("user", user), ("datname", datname), ("queryid", query)], value(sum));
        }
    });
}
