//! What keeps a database fit, under the names of postgres_exporter where that has them. Every target shows its server's figures, of tables only
//! the ten worst, of locks all nine modes: a target has at most some two hundred of these series.

use super::{Kind, Page, flag, seconds};
use crate::model::{
    vitals::{Checkpoints, Io, Table, Upkeep},
    world::Target,
};

/// As postgres_exporter shows them: each mode, whether it is held or not.
const MODES: [&str; 9] = [
    "accesssharelock",
    "rowsharelock",
    "rowexclusivelock",
    "shareupdateexclusivelock",
    "sharelock",
    "sharerowexclusivelock",
    "exclusivelock",
    "accessexclusivelock",
    "sireadlock",
];

type Count = (&'static str, &'static str, fn(&Checkpoints) -> Option<f64>);

/// Before 17.
const BGWRITER: &[Count] = &[
    ("pg_stat_bgwriter_checkpoints_timed_total", "Checkpoints because it was time.", |it| Some(it.timed as f64)),
    ("pg_stat_bgwriter_checkpoints_req_total", "Checkpoints that were asked for.", |it| Some(it.requested as f64)),
    ("pg_stat_bgwriter_checkpoint_write_time_total", "Milliseconds that checkpoints wrote.", |it| Some(it.write_ms)),
    ("pg_stat_bgwriter_checkpoint_sync_time_total", "Milliseconds that checkpoints synced.", |it| Some(it.sync_ms)),
    ("pg_stat_bgwriter_buffers_checkpoint_total", "Buffers that checkpoints wrote.", |it| Some(it.buffers as f64)),
    ("pg_stat_bgwriter_buffers_backend_total", "Buffers that backends wrote.", |it| it.buffers_backend.map(|it| it as f64)),
    ("pg_stat_bgwriter_buffers_backend_fsync_total", "Times a backend had to sync.", |it| {
        it.buffers_backend_fsync.map(|it| it as f64)
    }),
];

/// From 17 on.
const CHECKPOINTER: &[Count] = &[
    ("pg_stat_checkpointer_num_timed_total", "Checkpoints because it was time.", |it| Some(it.timed as f64)),
    ("pg_stat_checkpointer_num_requested_total", "Checkpoints that were asked for.", |it| Some(it.requested as f64)),
    ("pg_stat_checkpointer_restartpoints_timed_total", "Restartpoints because it was time.", |it| {
        it.restartpoints.map(|[timed, ..]| timed as f64)
    }),
    ("pg_stat_checkpointer_restartpoints_req_total", "Restartpoints that were asked for.", |it| {
        it.restartpoints.map(|[_, requested, _]| requested as f64)
    }),
    ("pg_stat_checkpointer_restartpoints_done_total", "Restartpoints made.", |it| it.restartpoints.map(|[.., done]| done as f64)),
    ("pg_stat_checkpointer_write_time_total", "Milliseconds that checkpoints wrote.", |it| Some(it.write_ms)),
    ("pg_stat_checkpointer_sync_time_total", "Milliseconds that checkpoints synced.", |it| Some(it.sync_ms)),
    ("pg_stat_checkpointer_buffers_written_total", "Buffers that checkpoints wrote.", |it| Some(it.buffers as f64)),
];

/// In every version.
const WRITER: &[Count] = &[
    ("pg_stat_bgwriter_buffers_clean_total", "Buffers that the background writer wrote.", |it| Some(it.buffers_clean as f64)),
    ("pg_stat_bgwriter_maxwritten_clean_total", "Times the background writer had written enough.", |it| {
        Some(it.maxwritten_clean as f64)
    }),
    ("pg_stat_bgwriter_buffers_alloc_total", "Buffers allocated.", |it| Some(it.buffers_alloc as f64)),
];

type Figure = (&'static str, &'static str, fn(&Upkeep) -> Option<f64>);

const GAUGES: &[Figure] = &[
    ("isobar_xid_age", "Age of the server's oldest transaction id.", |it| it.xid_age.map(|it| it as f64)),
    ("isobar_multixact_age", "Age of the server's oldest multixact id.", |it| it.multixact_age.map(|it| it as f64)),
    ("isobar_xid_age_limit", "At this age the server takes no more writes.", |it| it.age_limit.map(|it| it as f64)),
    ("isobar_wraparound_in_seconds", "Until the limit at the present rate.", |it| it.wraparound_in_seconds),
    ("isobar_xids_per_second", "Transaction ids used, over ten minutes.", |it| it.xids_per_second),
    ("isobar_autovacuum_workers", "Autovacuum workers at work.", |it| it.autovacuum_workers.map(f64::from)),
    ("isobar_autovacuum_max_workers", "Autovacuum workers there may be.", |it| it.autovacuum_max_workers.map(f64::from)),
    ("isobar_wal_bytes_per_second", "WAL written, or received on a replica.", |it| it.wal_bytes_per_second),
    ("isobar_temp_bytes_per_second", "Spilled to temporary files by this database.", |it| it.temp_bytes_per_second),
    ("isobar_prepared_transactions", "Prepared transactions of the server.", |it| it.prepared.as_ref().map(|it| it.count as f64)),
    ("isobar_oldest_prepared_transaction_seconds", "Age of the oldest of them.", |it| it.prepared.as_ref()?.oldest_seconds),
    ("isobar_invalid_indexes", "Indexes that are not valid, at most 20.", |it| {
        it.tables.as_ref().map(|it| it.invalid_indexes.len() as f64)
    }),
];

type IoFigure = (&'static str, &'static str, fn(&Io) -> f64);

const IO: &[IoFigure] = &[
    ("isobar_io_read_bytes_total", "Bytes read.", |it| it.read_bytes as f64),
    ("isobar_io_write_bytes_total", "Bytes written.", |it| it.write_bytes as f64),
    ("isobar_io_extend_bytes_total", "Bytes that files grew by.", |it| it.extend_bytes as f64),
    ("isobar_io_read_seconds_total", "Time reading, with track_io_timing.", |it| seconds(it.read_ms)),
    ("isobar_io_write_seconds_total", "Time writing, with track_io_timing.", |it| seconds(it.write_ms)),
    ("isobar_io_fsyncs_total", "Calls of fsync.", |it| it.fsyncs as f64),
];

pub(super) fn families(page: &mut Page<'_>) {
    for (name, help, value) in GAUGES {
        page.each(name, Kind::Gauge, help, |target| value(upkeep(target)?));
    }
    ages(page);
    for (list, own_view) in [(BGWRITER, Some(false)), (CHECKPOINTER, Some(true)), (WRITER, None)] {
        for (name, help, value) in list {
            page.each(name, Kind::Counter, help, |target| {
                let checkpoints = upkeep(target)?.checkpoints.as_ref();
                value(checkpoints.filter(|it| own_view.is_none_or(|own_view| it.own_view == own_view))?)
            });
        }
    }
    locks(page);
    for (name, help, value) in IO {
        page.many(name, Kind::Counter, help, |target, sample| {
            for it in upkeep(target).into_iter().flat_map(|upkeep| &upkeep.io) {
                sample(&[("backend_type", &it.backend), ("object", &it.object)], value(it));
            }
        });
    }
    tables(page);
}

fn upkeep(target: &Target) -> Option<&Upkeep> {
    target.vitals.upkeep.as_deref()
}

fn ages(page: &mut Page<'_>) {
    let all: [Figure; 2] = [
        (
            "pg_database_wraparound_age_datfrozenxid_seconds",
            "Age of the database's oldest transaction id, in transactions in spite of the name.",
            |it| it.own_xid_age.map(|it| it as f64),
        ),
        (
            "pg_database_wraparound_age_datminmxid_seconds",
            "Age of the database's oldest multixact id, in ids in spite of the name.",
            |it| it.own_multixact_age.map(|it| it as f64),
        ),
    ];
    for (name, help, value) in all {
        page.many(name, Kind::Gauge, help, |target, sample| {
            if let Some((upkeep, value)) = upkeep(target).and_then(|upkeep| Some((upkeep, value(upkeep)?))) {
                sample(&[("datname", &upkeep.database)], value);
            }
        });
    }
    let help = "How many transactions ago that of the oldest holder of dead rows was, by its kind.";
    page.many("isobar_vacuum_held_back_age", Kind::Gauge, help, |target, sample| {
        for holder in upkeep(target).into_iter().flat_map(|upkeep| &upkeep.holders) {
            sample(&[("kind", &holder.kind)], holder.age as f64);
        }
    });
}

fn locks(page: &mut Page<'_>) {
    page.many("pg_locks_count", Kind::Gauge, "Locks, waited for or held.", |target, sample| {
        let Some(upkeep) = upkeep(target) else { return };
        if upkeep.missing.iter().any(|missing| missing.field == "upkeep.locks") {
            return;
        }
        for mode in MODES {
            let count = upkeep.locks.iter().find(|it| it.mode == mode).map_or(0, |it| it.granted + it.waiting);
            sample(&[("datname", &upkeep.database), ("mode", mode)], count as f64);
        }
    });
    page.many("isobar_locks_waiting", Kind::Gauge, "Locks waited for.", |target, sample| {
        for it in upkeep(target).into_iter().flat_map(|upkeep| &upkeep.locks).filter(|it| MODES.contains(&it.mode.as_str())) {
            sample(&[("mode", &it.mode)], it.waiting as f64);
        }
    });
}

fn tables(page: &mut Page<'_>) {
    let rows: [(&'static str, &'static str, fn(&Table) -> f64); 2] = [
        ("pg_stat_user_tables_n_dead_tup", "Dead rows of the ten tables that have most.", |it| it.dead as f64),
        ("pg_stat_user_tables_n_live_tup", "Rows of the same tables.", |it| it.live as f64),
    ];
    for (name, help, value) in rows {
        page.many(name, Kind::Gauge, help, |target, sample| {
            let Some(upkeep) = upkeep(target) else { return };
            for it in upkeep.tables.iter().flat_map(|tables| &tables.dead) {
                sample(&[("datname", &upkeep.database), ("schemaname", &it.schema), ("relname", &it.name)], value(it));
            }
        });
    }
    let help = "Used share of the ten fullest sequences that are used by more than half.";
    page.many("isobar_sequence_used_ratio", Kind::Gauge, help, |target, sample| {
        let Some(upkeep) = upkeep(target) else { return };
        for it in upkeep.tables.iter().flat_map(|tables| &tables.sequences) {
            sample(&[("datname", &upkeep.database), ("schemaname", &it.schema), ("relname", &it.name)], it.used);
        }
    });
    page.many("isobar_upkeep_complete", Kind::Gauge, "Whether all of it can be read.", |target, sample| {
        if let Some(upkeep) = upkeep(target) {
            sample(&[], flag(upkeep.missing.is_empty()));
        }
    });
}
