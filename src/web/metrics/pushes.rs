//! `isobar_otlp_*`: how pushing figures to a collector goes.

use super::{Exposition, Kind, flag};
use crate::model::world::Pushes;

pub(super) fn families(page: &mut Exposition, pushes: &Pushes) {
    if *pushes == Pushes::default() {
        return;
    }
    let mut family = page.family("isobar_otlp_pushes_total", Kind::Counter, "Pushes to the collector by how they ended.");
    for (outcome, count) in [("taken", pushes.taken), ("failed", pushes.failed)] {
        family.sample(&[("outcome", outcome)], count as f64);
    }
    page.family("isobar_otlp_rejected_points_total", Kind::Counter, "Points that the collector did not take.")
        .sample(&[], pushes.rejected_points as f64);
    page.family("isobar_otlp_ok", Kind::Gauge, "Whether the newest push was taken whole.")
        .sample(&[], flag(pushes.trouble.is_none()));
}
