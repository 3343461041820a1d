//! `isobar_tinybird_*`: how sending rows to Tinybird goes.

use super::{Exposition, Kind, flag};
use crate::model::uploads::Uploads;

pub(super) fn families(page: &mut Exposition, uploads: &Uploads) {
    if !uploads.wanted {
        return;
    }
    let (requests, dropped) = (uploads.requests, uploads.dropped);
    let mut family = page.family("isobar_tinybird_requests_total", Kind::Counter, "Requests to Tinybird by how they ended.");
    for (outcome, count) in [("taken", requests.taken), ("later", requests.later), ("refused", requests.refused)] {
        family.sample(&[("outcome", outcome)], count as f64);
    }
    page.family("isobar_tinybird_rows_total", Kind::Counter, "Rows that Tinybird took.").sample(&[], uploads.sent as f64);
    let help = "Rows that Tinybird put aside because they do not fit the data source.";
    page.family("isobar_tinybird_quarantined_rows_total", Kind::Counter, help).sample(&[], uploads.quarantined as f64);
    let mut family = page.family("isobar_tinybird_dropped_rows_total", Kind::Counter, "Rows that nobody got.");
    for (cause, count) in [("overflow", dropped.overflow), ("refused", dropped.refused), ("damaged", dropped.damaged)] {
        family.sample(&[("cause", cause)], count as f64);
    }
    page.family("isobar_tinybird_waiting_rows", Kind::Gauge, "Rows that wait to be sent.").sample(&[], uploads.waiting as f64);
    page.family("isobar_tinybird_spool_bytes", Kind::Gauge, "What waits, in bytes.").sample(&[], uploads.waiting_bytes as f64);
    page.family("isobar_tinybird_ok", Kind::Gauge, "Whether the newest request was taken whole.")
        .sample(&[], flag(uploads.trouble.is_none()));
    page.family("isobar_tinybird_spool_ok", Kind::Gauge, "Whether what waits is kept on disk.")
        .sample(&[], flag(uploads.not_kept.is_none()));
}
