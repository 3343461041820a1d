//! `[history]`: where the past is kept, and for how long.

use std::{path::Path, time::Duration};

use super::{
    Config,
    global::Around,
    section::{Findings, Section},
    state::file_name,
};
use crate::history::Settings;

const KEYS: [&str; 5] = ["keep_10s", "keep_1h", "keep_5m", "keep_raw", "path"];
/// Beside the configuration, unless it is told.
const FILE: &str = "isobar.db";
const DAY: Duration = Duration::from_hours(24);

/// Those of a folder that says nothing of it.
pub(super) fn usual(folder: &Path) -> Settings {
    Settings { path: Some(folder.join(FILE)), ..Settings::default() }
}

/// The settings; an empty path is none.
pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, around: &Around<'_>) -> Settings {
    let usual = usual(around.folder);
    let Some(section) = root.table(findings, "history") else { return usual };
    section.only(findings, &KEYS, (&[], ""));
    let path =
        if section.has("path") { section.given(findings, "path").map(|path| around.folder.join(path.value)) } else { usual.path };
    let mut keep =
        |key: &str, least: Duration, usual: Duration| section.duration(findings, key, least..=DAY * 3_660).unwrap_or(usual);
    // What is kept coarsely is made from what is finer, so that must be there for as long as it takes.
    let settings = Settings {
        path,
        keep_raw: keep("keep_raw", Duration::from_mins(10), usual.keep_raw),
        keep_10s: keep("keep_10s", Duration::from_hours(2), usual.keep_10s),
        keep_5m: keep("keep_5m", DAY, usual.keep_5m),
        keep_1h: keep("keep_1h", DAY * 7, usual.keep_1h),
    };
    let kept = [
        ("keep_raw", settings.keep_raw),
        ("keep_10s", settings.keep_10s),
        ("keep_5m", settings.keep_5m),
        ("keep_1h", settings.keep_1h),
    ];
    for pair in kept.windows(2) {
        let [(fine, long), (coarse, short)] = [pair[0], pair[1]];
        if short < long && section.has(coarse) {
            let message = format!("is shorter than {fine}, so that the past ends before it is coarse");
            findings.warn(&section.at(coarse), message, format!("make {coarse} at least as long as {fine}"));
        }
    }
    settings
}

impl Config {
    /// Names the file after the node where several may share a folder: with a bus, unless a path is given.
    pub fn keep_history(&mut self, dir: &Path, node: &str) {
        if self.bus.is_some() && self.history.path.as_deref() == Some(&*dir.join(FILE)) {
            self.history.path = Some(dir.join(format!("isobar-{}.db", file_name(node))));
        }
    }
}
