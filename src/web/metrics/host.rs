//! The machine below a database, as its provider tells.

use super::{Kind, Page};
use crate::model::vitals::Host;

type Figure = (&'static str, &'static str, fn(&Host) -> Option<f64>);

const GAUGES: &[Figure] = &[
    ("isobar_host_age_seconds", "For how long the provider's figures have been the same.", |it| Some(it.age_seconds)),
    ("isobar_host_disk_free_bytes", "Free bytes of the data's disk.", |it| it.disk_free_bytes.map(|it| it as f64)),
    ("isobar_host_disk_size_bytes", "Size of the data's disk.", |it| it.disk_size_bytes.map(|it| it as f64)),
    ("isobar_host_cpu_busy_ratio", "Share of the processors at work over the provider's last interval.", |it| it.cpu_busy),
    ("isobar_host_memory_available_bytes", "Memory that programs could have.", |it| {
        it.memory_available_bytes.map(|it| it as f64)
    }),
    ("isobar_host_memory_bytes", "All memory.", |it| it.memory_bytes.map(|it| it as f64)),
];

pub(super) fn families(page: &mut Page<'_>) {
    for (name, help, value) in GAUGES {
        page.each(name, Kind::Gauge, help, |target| value(target.vitals.host.as_deref()?));
    }
}
