//! Sections that belong to the configuration but not yet to this version: their keys are checked, and a warning says that they
//! have no effect, so that nobody relies on what is not done.

use super::section::{Findings, Place, Section};

/// Their names and keys.
const LATER: [(&str, &[&str]); 1] = [("history", &["keep_10s", "keep_5m", "keep_raw", "path"])];

/// Checks those of them that stand in this file.
pub(super) fn look(findings: &mut Findings<'_>, root: &Section<'_>) {
    for (name, keys) in LATER {
        if let Some(section) = root.table(findings, name) {
            section.only(findings, keys, (&[], ""));
            warn(findings, &section.place());
        }
    }
}

/// Says that what stands here has no effect yet.
fn warn(findings: &mut Findings<'_>, at: &Place<'_>) {
    let fix = "nothing to do: it may stay for a later version, which will follow it";
    findings.warn(at, "read, but not acted upon by this version", fix);
}
