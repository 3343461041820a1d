//! `isobar_history_*`: how keeping the past goes.

use super::{Exposition, Kind, flag};
use crate::model::history::Keeping;

pub(super) fn families(page: &mut Exposition, keeping: &Keeping) {
    if !keeping.is_on {
        return;
    }
    let mut one = |name, kind, help, value| page.family(name, kind, help).sample(&[], value);
    let counter = Kind::Counter;
    one("isobar_history_writes_total", counter, "Seconds of all targets that are on disk.", keeping.writes as f64);
    one("isobar_history_errors_total", counter, "Attempts to write or open the file that failed.", keeping.errors as f64);
    one("isobar_history_lost_rows_total", counter, "Blocks given up since too many waited.", keeping.rows_lost as f64);
    one("isobar_history_busy_seconds_total", counter, "Time spent writing.", keeping.busy_us as f64 / 1e6);
    one("isobar_history_file_bytes", Kind::Gauge, "Size of the file and its log.", keeping.file_bytes as f64);
    one("isobar_history_pending_rows", Kind::Gauge, "Blocks that wait to be written.", keeping.rows_pending as f64);
    one("isobar_history_ok", Kind::Gauge, "Whether what is seen is kept on disk.", flag(keeping.trouble.is_none()));
}
