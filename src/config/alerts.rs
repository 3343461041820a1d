//! `[alerts]` and the sections about whom to tell: `[[channel]]`, `[[escalation]]`, `[[silence]]`, `[[maintenance]]`.

use std::time::Duration;

use super::{
    channels, escalations,
    global::Around,
    links,
    section::{Findings, Section},
    silences,
};
use crate::alert::Settings;

pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, around: &Around<'_>) -> Settings {
    let mut settings = match root.table(findings, "alerts") {
        Some(section) => alerts(findings, &section, around),
        None => Settings::default(),
    };
    let channels = channels::read(findings, root, around.folder);
    settings.escalations = escalations::read(findings, root, &channels);
    settings.channels = channels.into_iter().filter_map(|channel| channel.settings).collect();
    settings.planned = silences::read(findings, root, around.regions);
    settings
}

fn alerts(findings: &mut Findings<'_>, section: &Section<'_>, around: &Around<'_>) -> Settings {
    let known = [
        "dashboard_url",
        "digest_above",
        "flap_window",
        "give_up_after",
        "heartbeat_every",
        "heartbeat_url",
        "path",
        "resolve_after",
        "runbook_url",
    ];
    section.only(findings, &known, (&[], ""));
    let usual = Settings::default();
    let (minute, hour, day) = (Duration::from_mins(1), Duration::from_hours(1), Duration::from_hours(24));
    let mut link = |key: &str| {
        let text = section.given(findings, key)?;
        links::check(findings, &text).then_some(text)
    };
    let (dashboard, runbook, heartbeat) = (link("dashboard_url"), link("runbook_url"), link("heartbeat_url"));
    if let Some(heartbeat) = &heartbeat {
        links::warn_unless_private(findings, &heartbeat.value, &heartbeat.at);
    }
    // The names of rules follow.
    let as_folder = |url: String| if url.ends_with(['/', '=', '#']) { url } else { format!("{url}/") };
    Settings {
        path: section.given(findings, "path").map(|path| around.folder.join(path.value)),
        resolve_after: section.duration(findings, "resolve_after", Duration::from_secs(1)..=hour).unwrap_or(usual.resolve_after),
        flap_window: section.duration(findings, "flap_window", Duration::ZERO..=day).unwrap_or(usual.flap_window),
        give_up_after: section.duration(findings, "give_up_after", minute / 6..=day).unwrap_or(usual.give_up_after),
        digest_above: section.whole(findings, "digest_above", 1..=1_000).unwrap_or(usual.digest_above),
        dashboard_url: dashboard.map(|url| url.value.trim_end_matches('/').to_owned()),
        runbook_url: runbook.map_or(usual.runbook_url, |url| as_folder(url.value)),
        heartbeat_url: heartbeat.map(|url| url.value.into()),
        heartbeat_every: section.duration(findings, "heartbeat_every", minute / 6..=hour).unwrap_or(usual.heartbeat_every),
        ..usual
    }
}
