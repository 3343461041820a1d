//! What runs out: a disk, and transaction ids; and what the past says of the present.

use std::sync::Arc;

use super::{Figure, Scene, map};
use crate::{
    model::{
        outlook::{Outlook, Unusual},
        vitals::{Host, Upkeep},
    },
    region::seen::Signal,
};

/// What a database grows by each day while the series is about its disk only.
const GROWTH: f64 = 0.01;
/// How large it is: a tebibyte, so that shares of it are exact.
pub(super) const SIZE: f64 = 1_099_511_627_776.0;
/// Transaction ids there are.
const IDS: f64 = 2_144_483_647.0;

impl Scene<'_> {
    /// How fast it grows, and the machine that has room for so many days of that; the machine only when a series is about it.
    pub(super) fn growth(&self, step: usize) -> (Option<f64>, Signal<Arc<Host>>) {
        let told = self.series.together([(Figure::SizeGrowthPerDay, GROWTH), (Figure::DiskFullDays, f64::INFINITY)], step);
        let Some(&[per_day, days]) = told.fresh() else { return (None, Signal::Absent) };
        let host = || Host { disk_free_bytes: Some((per_day * SIZE * days).round() as u64), ..Host::default() };
        (Some(per_day), if days.is_finite() { Signal::Fresh(Arc::new(host())) } else { Signal::Absent })
    }

    pub(super) fn outlook(&self, step: usize) -> Signal<Arc<Outlook>> {
        map(self.series.together([(Figure::UnusualFigures, 0.0)], step), |[figures]| {
            let unusual = Unusual { metric: String::new(), now: figures, edge: 0.0, message: "A figure is unusual.".to_owned() };
            Arc::new(Outlook { unusual: vec![unusual; figures as usize], ..Outlook::default() })
        })
    }

    pub(super) fn upkeep(&self, step: usize) -> Signal<Arc<Upkeep>> {
        map(self.series.together([(Figure::XidAge, 0.0)], step), |[share]| {
            let (age, limit) = ((share * IDS).round() as u64, IDS as u64);
            Arc::new(Upkeep { xid_age: Some(age), age_limit: Some(limit), ..Upkeep::default() })
        })
    }
}
