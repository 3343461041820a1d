//! The machine below a database, from its provider's page of metrics (node_exporter's names). Pure.

use std::time::Duration;

use crate::{
    model::{
        sample::Missing,
        vitals::{Follows, Host},
    },
    probe::scrape::text::{Figures, Series},
};

/// What is read of the page.
pub const WANTED: &[&str] = &[CPU, FREE, SIZE, MEMORY_FREE, MEMORY, RECOVERY, LAG[0], LAG[1], CONNECTED, PAUSED];

const CPU: &str = "node_cpu_seconds_total";
const FREE: &str = "node_filesystem_avail_bytes";
const SIZE: &str = "node_filesystem_size_bytes";
const MEMORY_FREE: &str = "node_memory_MemAvailable_bytes";
const MEMORY: &str = "node_memory_MemTotal_bytes";
const RECOVERY: &str = "pg_status_in_recovery";
/// As the exporter writes it, and as the provider's documentation does.
const LAG: [&str; 2] =
    ["physical_replication_lag_physical_replication_lag_seconds", "physical_replication_lag_physical_replica_lag_seconds"];
const CONNECTED: &str = "physical_replication_lag_is_connected_to_primary";
const PAUSED: &str = "physical_replication_lag_is_wal_replay_paused";

/// Where the data is; a machine with a single disk has it at the root.
const DISKS: [&str; 2] = ["/data", "/"];
/// Neither works for anybody.
const RESTING: [&str; 2] = ["idle", "iowait"];
/// A page that has not changed for so long is not written any more.
const OLDEST: Duration = Duration::from_mins(5);

/// The machine, from a page that has said the same for `age`, and the page before it.
pub fn host(now: &Figures, before: Option<&Figures>, age: Duration) -> Result<Host, Missing> {
    let missing = |cause: String| Missing { field: "vitals.host".into(), cause, fix: None };
    if age > OLDEST {
        return Err(missing(format!("the provider's figures have not changed for {} s", age.as_secs())));
    }
    let bytes = |value: f64| (value >= 0.0).then_some(value as u64);
    let disk = |name: &str| DISKS.iter().find_map(|at| now.all(name).find(|series| series.label("mountpoint") == *at));
    let host = Host {
        age_seconds: age.as_secs_f64(),
        disk_free_bytes: disk(FREE).and_then(|series| bytes(series.value)),
        disk_size_bytes: disk(SIZE).and_then(|series| bytes(series.value)),
        cpu_busy: before.and_then(|before| busy(now, before)),
        memory_available_bytes: now.one(MEMORY_FREE).and_then(bytes),
        memory_bytes: now.one(MEMORY).and_then(bytes),
        follows: follows(now),
    };
    let known = [host.disk_free_bytes, host.disk_size_bytes, host.memory_available_bytes, host.memory_bytes];
    if known.iter().all(Option::is_none) && now.one(CPU).is_none() && host.follows.is_none() {
        return Err(missing("the provider's metrics tell nothing of the machine".to_owned()));
    }
    Ok(host)
}

/// Share of the processors' time that was work.
fn busy(now: &Figures, before: &Figures) -> Option<f64> {
    let all = now.grown(before, CPU, |_| true).filter(|all| *all > 0.0)?;
    let resting = now.grown(before, CPU, |series: &Series| RESTING.contains(&series.label("mode")))?;
    Some((1.0 - resting / all).clamp(0.0, 1.0))
}

/// Of a replica; a primary has the series too, and they mean nothing there.
fn follows(now: &Figures) -> Option<Follows> {
    let lag = LAG.iter().find_map(|name| now.one(name)).filter(|lag| *lag >= 0.0);
    let is_replica = now.one(RECOVERY).is_some_and(|flag| flag > 0.0);
    let flag = |name: &str| now.one(name).map(|flag| flag > 0.0);
    is_replica.then(|| Follows { lag_seconds: lag, connected: flag(CONNECTED), paused: flag(PAUSED) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Supabase has it, shortened.
    fn page(idle: f64, user: f64, more: &str) -> Figures {
        let text = format!(
            "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n# TYPE node_cpu_seconds_total counter\n\
             node_cpu_seconds_total{{supabase_project_ref=\"x\",service_type=\"db\",cpu=\"0\",mode=\"idle\"}} {idle}\n\
             node_cpu_seconds_total{{supabase_project_ref=\"x\",service_type=\"db\",cpu=\"0\",mode=\"iowait\"}} 10\n\
             node_cpu_seconds_total{{supabase_project_ref=\"x\",service_type=\"db\",cpu=\"0\",mode=\"user\"}} {user}\n\
             node_filesystem_avail_bytes{{mountpoint=\"/\"}} 1e+09\nnode_filesystem_avail_bytes{{mountpoint=\"/data\"}} 5e+09\n\
             node_filesystem_size_bytes{{mountpoint=\"/data\"}} 8e+09\nnode_memory_MemAvailable_bytes 4e+08\nnode_memory_MemTotal_bytes NaN\n{more}"
        );
        Figures::read(&text, WANTED).expect("metrics")
    }

    fn at(now: &Figures, before: Option<&Figures>) -> Host {
        host(now, before, Duration::from_secs(42)).expect("known")
    }

    #[test]
    fn a_machine_is_read_and_what_is_not_told_is_not_known() {
        let read = at(&page(100.0, 50.0, ""), None);
        assert_eq!((read.disk_free_bytes, read.disk_size_bytes), (Some(5_000_000_000), Some(8_000_000_000)), "the data's disk");
        assert_eq!((read.memory_available_bytes, read.memory_bytes), (Some(400_000_000), None), "NaN");
        assert_eq!((read.cpu_busy, read.age_seconds, read.follows), (None, 42.0, None));
    }

    #[test]
    fn processors_are_busy_by_what_their_counters_grew() {
        let (before, after) = (page(100.0, 50.0, ""), page(145.0, 65.0, ""));
        assert_eq!(at(&after, Some(&before)).cpu_busy, Some(0.25));
        assert_eq!(at(&before, Some(&after)).cpu_busy, None, "backwards");
        assert_eq!(at(&before, Some(&before)).cpu_busy, None, "nothing passed");
    }

    #[test]
    fn a_replica_lags_by_either_spelling_and_a_primary_does_not() {
        for name in LAG {
            let replica = page(1.0, 1.0, &format!("pg_status_in_recovery 1\n{name} 7.5\n{CONNECTED} 1\n{PAUSED} 0\n"));
            let follows = at(&replica, None).follows.expect("a replica");
            assert_eq!((follows.lag_seconds, follows.connected, follows.paused), (Some(7.5), Some(true), Some(false)));
        }
        let nan = page(1.0, 1.0, &format!("pg_status_in_recovery 1\n{} NaN\n", LAG[0]));
        assert_eq!(at(&nan, None).follows.and_then(|follows| follows.lag_seconds), None);
        assert_eq!(at(&page(1.0, 1.0, &format!("pg_status_in_recovery 0\n{} 7.5\n", LAG[0])), None).follows, None);
    }

    #[test]
    fn a_page_that_is_not_written_any_more_or_is_anothers_tells_nothing() {
        assert!(host(&page(1.0, 1.0, ""), None, Duration::from_mins(6)).is_err());
        assert!(host(&Figures::default(), None, Duration::ZERO).is_err());
    }
}
