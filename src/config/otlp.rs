//! `[otlp]`: where Isobar's own figures are pushed.

use std::{collections::BTreeMap, time::Duration};

use super::{
    links,
    section::{Findings, Section},
};
use crate::export::Settings;

const KEYS: [&str; 3] = ["endpoint", "every", "headers"];

/// Headers of the protocol, and of HTTP.
const OWN: [&str; 4] = ["content-encoding", "content-length", "content-type", "host"];

/// The settings; none without an endpoint.
pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>) -> Option<Settings> {
    let section = root.table(findings, "otlp")?;
    section.only(findings, &KEYS, (&[], ""));
    let every = section.duration(findings, "every", Duration::from_secs(1)..=Duration::from_mins(10));
    let mut headers = BTreeMap::new();
    if let Some(table) = section.table(findings, "headers") {
        for (name, _) in table.entries() {
            let Some(value) = table.text(findings, name).filter(|value| !value.value.is_empty()) else { continue };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                findings.problem(&value.at, "is not the name of a header", "use letters, digits and `-`");
            } else if OWN.contains(&name.to_ascii_lowercase().as_str()) {
                findings.problem(&value.at, "is a header that isobar sets itself", "remove it");
            } else if !value.value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                findings.problem(&value.at, "holds characters that a header cannot carry", "use visible ASCII characters");
            } else {
                headers.insert(name.to_owned(), value.value.into());
            }
        }
    }
    let endpoint = section.given(findings, "endpoint")?;
    if !links::check(findings, &endpoint) {
        return None;
    }
    links::warn_unless_private(findings, &endpoint.value, &endpoint.at);
    Some(Settings { endpoint: endpoint.value.into(), headers, every: every.unwrap_or(Settings::USUAL) })
}
