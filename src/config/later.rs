//! Sections that belong to the configuration but not yet to this version: their keys are checked, and a warning says that they
//! have no effect, so that nobody waits for an alert that is never sent.

use super::section::{Findings, Place, Section};

struct Later {
    name: &'static str,
    /// Written as `[[name]]`.
    list: bool,
    /// Its keys; none where they depend on the kind.
    keys: Option<&'static [&'static str]>,
}

const LATER: [Later; 7] = [
    Later { name: "bus", list: false, keys: Some(&["redis"]) },
    Later { name: "history", list: false, keys: Some(&["keep_10s", "keep_5m", "keep_raw", "path"]) },
    Later { name: "tinybird", list: false, keys: Some(&["datasource", "token", "url"]) },
    Later { name: "channel", list: true, keys: None },
    Later { name: "escalation", list: true, keys: Some(&["severity", "steps"]) },
    Later { name: "silence", list: true, keys: Some(&["ends", "matchers", "schedule", "starts"]) },
    Later { name: "maintenance", list: true, keys: Some(&["ends", "matchers", "schedule", "starts"]) },
];

/// Checks those of them that stand in this file.
pub(super) fn look(findings: &mut Findings<'_>, root: &Section<'_>) {
    for later in LATER.iter().filter(|later| root.has(later.name)) {
        let sections =
            if later.list { root.tables(findings, later.name) } else { root.table(findings, later.name).into_iter().collect() };
        for section in &sections {
            if let Some(keys) = later.keys {
                section.only(findings, keys, (&[], ""));
            }
            if later.name == "escalation" {
                for step in section.tables(findings, "steps") {
                    step.only(findings, &["after", "channels"], (&[], ""));
                }
            }
        }
        if let Some(first) = sections.first() {
            warn(findings, &first.place());
        }
    }
}

/// Says that what stands here has no effect yet.
pub(super) fn warn(findings: &mut Findings<'_>, at: &Place<'_>) {
    let fix = "nothing to do: it may stay for a later version, which will follow it";
    findings.warn(at, "read, but not acted upon by this version", fix);
}
