//! `[advice]`: how far back what is advised looks.

use std::time::Duration;

use super::section::{Findings, Section};
use crate::advise::Settings;

const KEYS: [&str; 2] = ["every", "window"];

/// The settings.
pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>) -> Settings {
    let usual = Settings::default();
    let Some(section) = root.table(findings, "advice") else { return usual };
    section.only(findings, &KEYS, (&[], ""));
    Settings {
        window: section.duration(findings, "window", Duration::from_secs(10)..=Duration::from_hours(1)).unwrap_or(usual.window),
        every: section.duration(findings, "every", Duration::from_secs(1)..=Duration::from_mins(1)).unwrap_or(usual.every),
    }
}
