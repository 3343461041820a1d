//! The buses' part of `isobar check`: whether the nodes of each region could meet.

use std::fmt::Write as _;

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::{AT_ONCE, mark};
use crate::{
    bus::{self, Checked},
    model::RegionName,
    probe::preflight::Level,
};

/// One region's bus, checked.
#[derive(Debug, Serialize)]
pub(super) struct Bus {
    region: RegionName,
    pub(super) status: Level,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    detail: String,
    fix: Option<&'static str>,
}

/// Checks them, many at a time.
pub(super) async fn check(settings: Option<bus::Settings>) -> Vec<Bus> {
    let places = settings.into_iter().flat_map(|settings| settings.places);
    let checks = places.map(|place| async move {
        let findings: Vec<Finding> = bus::check(&place).await.into_iter().map(finding).collect();
        let status = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
        Bus { region: place.region, status, findings }
    });
    stream::iter(checks).buffered(AT_ONCE).collect().await
}

fn finding(checked: Checked) -> Finding {
    let level = match (&checked.result, checked.fatal) {
        (Ok(_), _) => Level::Good,
        (Err(_), false) => Level::Degraded,
        (Err(_), true) => Level::Broken,
    };
    let fix = checked.result.is_err().then_some(checked.fix);
    Finding { check: checked.what, level, detail: checked.result.unwrap_or_else(|why| why), fix }
}

/// The same for people.
pub(super) fn report(buses: &[Bus], text: &mut String) {
    for bus in buses {
        let _ = writeln!(text, "bus of {}", bus.region);
        for finding in &bus.findings {
            let _ = writeln!(text, "  {} {}: {}", mark(finding.level), finding.check, finding.detail);
            if let Some(fix) = finding.fix {
                let _ = writeln!(text, "           fix: {fix}");
            }
        }
    }
}
