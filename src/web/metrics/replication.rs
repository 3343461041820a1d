//! Replication: postgres_exporter's names for what it shows too, those of its collectors and of the queries that dashboards were made with.

use super::{Kind, Page, flag};
use crate::model::{
    vitals::{Conflicts, Replica, Replication, Role, Slot, Upstream},
    world::Target,
};

pub(super) fn families(page: &mut Page<'_>) {
    let help = "How old the newest replayed change is; 0 when all is replayed, and on a primary.";
    page.each("pg_replication_lag_seconds", Kind::Gauge, help, |target| {
        let replication = replication(target)?;
        replication.upstream.as_ref().map_or(Some(0.0), |upstream| upstream.lag_seconds)
    });
    upstream(page);
    followers(page);
    slots(page);
    conflicts(page);
    page.each("isobar_replication_timeline", Kind::Gauge, "The timeline; each promotion adds one.", |target| {
        replication(target)?.timeline.map(f64::from)
    });
    let help = "When another role, timeline or system was seen last.";
    page.each("isobar_replication_change_timestamp_seconds", Kind::Gauge, help, |target| {
        replication(target)?.change.as_ref().map(|change| change.at.unix_ms() as f64 / 1_000.0)
    });
}

/// Whether the server is a standby: as read last, or as it was when a lane connected.
pub(super) fn is_replica(target: &Target) -> Option<f64> {
    let told = replication(target).map(|it| it.role == Role::Replica);
    told.or_else(|| target.report.activity.as_ref().map(|activity| activity.server.in_recovery)).map(flag)
}

fn replication(target: &Target) -> Option<&Replication> {
    target.vitals.replication.as_deref()
}

fn upstream(page: &mut Page<'_>) {
    let mut each = |name, help, value: fn(&Upstream) -> Option<f64>| {
        page.each(name, Kind::Gauge, help, move |target| value(replication(target)?.upstream.as_ref()?));
    };
    each("isobar_replication_streaming", "Whether the replica receives.", |it| Some(flag(it.streaming)));
    each("isobar_replication_paused", "Whether replay is paused.", |it| Some(flag(it.paused)));
    each("isobar_replication_lag_bytes", "Received and not replayed yet.", |it| it.lag_bytes.map(|bytes| bytes as f64));
}

fn followers(page: &mut Page<'_>) {
    let mut each = |name, help, value: fn(&Replica) -> Option<f64>| {
        page.many(name, Kind::Gauge, help, move |target, sample| {
            for replica in replication(target).into_iter().flat_map(|it| &it.replicas) {
                let Some(value) = value(replica) else { continue };
                let address = replica.address.as_deref().unwrap_or_default();
                let labels =
                    [("application_name", replica.application.as_str()), ("client_addr", address), ("state", &replica.state)];
                sample(&labels, value);
            }
        });
    };
    let bytes = "WAL that the follower has not replayed yet, bytes.";
    each("pg_stat_replication_pg_wal_lsn_diff", bytes, |it| it.replay_lag_bytes.map(|bytes| bytes as f64));
    let unsent = "WAL not sent to the follower yet.";
    each("isobar_replica_unsent_bytes", unsent, |it| it.send_lag_bytes.map(|bytes| bytes as f64));
    each("isobar_replica_write_lag_seconds", "Until the follower writes WAL.", |it| it.write_lag_seconds);
    each("isobar_replica_flush_lag_seconds", "Until the follower has WAL on disk.", |it| it.flush_lag_seconds);
    each("isobar_replica_replay_lag_seconds", "Until the follower shows a change.", |it| it.replay_lag_seconds);
}

fn slots(page: &mut Page<'_>) {
    // The older families of postgres_exporter name the database too.
    let mut each = |name, help, labels: usize, value: fn(&Slot) -> Option<f64>| {
        page.many(name, Kind::Gauge, help, move |target, sample| {
            for slot in replication(target).into_iter().flat_map(|it| &it.slots) {
                let Some(value) = value(slot) else { continue };
                let database = slot.database.as_deref().unwrap_or_default();
                let all = [("slot_name", slot.name.as_str()), ("slot_type", &slot.kind), ("database", database)];
                sample(&all[..labels], value);
            }
        });
    };
    each("pg_replication_slots_active", "Whether somebody reads the slot.", 3, |it| Some(flag(it.active)));
    let retained = "WAL that the slot retains, bytes.";
    each("pg_replication_slots_pg_wal_lsn_diff", retained, 3, |it| it.retained_bytes.map(|bytes| bytes as f64));
    each("pg_replication_slot_slot_is_active", "Whether somebody reads the slot.", 2, |it| Some(flag(it.active)));
    let safe = "WAL that may be written before the slot is in danger.";
    each("pg_replication_slot_safe_wal_size_bytes", safe, 2, |it| it.safe_bytes.map(|bytes| bytes as f64));
    page.many("pg_replication_slot_wal_status", Kind::Gauge, "How safe the slot's WAL is.", |target, sample| {
        for slot in replication(target).into_iter().flat_map(|it| &it.slots) {
            let Some(status) = slot.wal_status.as_deref() else { continue };
            sample(&[("slot_name", &slot.name), ("slot_type", &slot.kind), ("wal_status", status)], 1.0);
        }
    });
    let limit = "What a slot may retain before it is lost.";
    page.each("isobar_replication_slot_limit_bytes", Kind::Gauge, limit, |target| {
        replication(target)?.slot_limit_bytes.map(|bytes| bytes as f64)
    });
}

fn conflicts(page: &mut Page<'_>) {
    let mut each = |name, help, value: fn(&Conflicts) -> Option<u64>| {
        page.many(name, Kind::Counter, help, move |target, sample| {
            let causes = replication(target).and_then(|it| it.conflict_causes.as_ref());
            if let (Some(count), Some(row)) = (causes.and_then(value), &target.report.counters) {
                sample(&[("datid", &row.datid.to_string()), ("datname", &row.datname)], count as f64);
            }
        });
    };
    let help = "Queries that recovery cancelled since their tablespace was dropped.";
    each("pg_stat_database_conflicts_confl_tablespace", help, |it| Some(it.tablespace));
    each("pg_stat_database_conflicts_confl_lock", "Queries that recovery cancelled for a lock.", |it| Some(it.lock));
    let help = "Queries that recovery cancelled since they still saw old rows.";
    each("pg_stat_database_conflicts_confl_snapshot", help, |it| Some(it.snapshot));
    each("pg_stat_database_conflicts_confl_bufferpin", "Queries that recovery cancelled for a pinned page.", |it| {
        Some(it.bufferpin)
    });
    each("pg_stat_database_conflicts_confl_deadlock", "Queries that recovery cancelled for a deadlock.", |it| Some(it.deadlock));
    let help = "Logical slots' readers that recovery cancelled; PostgreSQL 16 on.";
    each("pg_stat_database_conflicts_confl_active_logicalslot", help, |it| it.logical_slot);
}

#[cfg(test)]
mod tests;
