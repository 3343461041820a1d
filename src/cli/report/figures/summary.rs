//! Three lines for a tired person: what happened, what hurts, what to do next. What is not known is said, never passed over as fine.

use super::{PoolTime, Report};
use crate::cli::report::words::{count, lasting, percent, severities};

/// The three lines.
pub(super) fn of(report: &Report) -> [String; 3] {
    [happened(report), hurts(report), next(report)]
}

fn happened(report: &Report) -> String {
    let incidents = &report.incidents;
    let span = lasting(report.seconds());
    if incidents.total == 0 {
        return format!("No incident on {} in {span}, as far as {}.", count(report.targets, "target"), seen(report));
    }
    let open = match incidents.open {
        0 => "all over".to_owned(),
        open => format!("{open} not over"),
    };
    let longest = incidents.longest.as_ref().map(|one| {
        let still = if one.resolved_at.is_none() { " so far" } else { "" };
        format!(" The longest: {} on {}, {}{still}.", one.rule, one.place, lasting(one.seconds))
    });
    let all = format!("{} in {span} ({}), {open}.", count(incidents.total, "incident"), severities(&incidents.by_severity));
    all + &longest.unwrap_or_default()
}

fn seen(report: &Report) -> String {
    match unseen(report) {
        None => "the node remembers: it tells no history".to_owned(),
        Some(0.0) => "was seen, which was all the time".to_owned(),
        Some(seconds) => format!("was seen: {} of a target's time was not", lasting(seconds)),
    }
}

/// What was not seen of all targets together; none when nobody knows.
fn unseen(report: &Report) -> Option<f64> {
    let known: Vec<f64> = report.sight.iter().filter_map(|sight| sight.unseen_seconds).collect();
    (report.tells.history && !known.is_empty()).then(|| known.iter().sum())
}

fn hurts(report: &Report) -> String {
    let incidents = &report.incidents;
    let told = match (incidents.told.median_seconds, incidents.told.slowest_seconds) {
        (Some(median), Some(slowest)) => format!(
            "People were told of {} of them, within {} (median), {} at worst.",
            incidents.told.incidents,
            lasting(median),
            lasting(slowest)
        ),
        _ if incidents.total == 0 => String::new(),
        _ => "Nobody was told of any of them.".to_owned(),
    };
    let pool = match report.pools.first() {
        Some(pool) => worst(pool),
        None if report.tells.history => "Of no pool anything was kept.".to_owned(),
        None => "How full pools were is not known: the node tells no history.".to_owned(),
    };
    format!("{told} {pool}").trim().to_owned()
}

fn worst(pool: &PoolTime) -> String {
    let waited = pool.client_seconds.filter(|waited| *waited >= 1.0);
    if pool.seconds_above < 1.0 && waited.is_none() {
        let most = percent(pool.utilization_max);
        return format!("No pool was above its threshold while it was seen; the fullest, {}, reached {most}.", pool.place);
    }
    let above = (pool.seconds_above >= 1.0)
        .then(|| format!("above {} for about {}", percent(pool.threshold), lasting(pool.seconds_above)));
    let waited = waited.map(|waited| format!("clients waited {} all together", lasting(waited)));
    let said = [above, waited].into_iter().flatten().collect::<Vec<_>>().join("; ");
    format!("Worst pool: {}, {said}.", pool.place)
}

/// What runs out, what to change, and what was not seen.
fn next(report: &Report) -> String {
    let runs_out = report.forecasts.iter().find(|it| it.runs_out_at.is_some());
    let runs_out = runs_out.map(|it| format!("{}: {}", it.place, sentence(&it.said)));
    let open = report.incidents.all.iter().find(|one| one.resolved_at.is_none());
    let open = open.map(|one| format!("Now: {} on {}.", one.rule, one.place));
    let advice = report.advice.iter().find(|it| it.command.is_some());
    let advice = advice.map(|it| format!("To do on {}: {}", it.place, sentence(&it.title)));
    let dark = match report.sight.first() {
        Some(sight) if sight.is_unseen_now => Some(format!("{} is not seen now.", sight.place)),
        Some(sight) => sight
            .unseen_seconds
            .filter(|seconds| *seconds >= 1.0 && report.incidents.total > 0)
            .map(|seconds| format!("{} was not seen for {}.", sight.place, lasting(seconds))),
        None => Some("No target is known yet.".to_owned()),
    };
    let said: Vec<String> = [open, runs_out, advice, dark].into_iter().flatten().collect();
    match (said.is_empty(), report.tells.advice) {
        (false, _) => said.join(" "),
        (true, true) => "Nothing is known that should be done now.".to_owned(),
        (true, false) => "What should be done is not known: the node does not advise.".to_owned(),
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
