//! The report for a terminal: three lines first, then the rest in the order in which it is asked about. No colours: it is read in mails and
//! tickets too.

use std::fmt::Write as _;

use super::{
    figures::{Advised, Incident, Incidents, PoolTime, Report, Sight},
    words::{count, lasting, minute, ms, percent, severities},
};
use crate::cli::terminal::{clean, table, wrapped};

/// Pools, sentences and places shown of each.
const SHOWN: usize = 5;

/// Sentences shown.
const SENTENCES: usize = 12;

/// The whole report, in lines of at most this many characters where words allow it.
pub(super) fn text(report: &Report, width: usize) -> String {
    let mut page = Page { text: String::new(), width };
    let scope = [report.region.as_deref(), report.target.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/");
    let of = if scope.is_empty() { String::new() } else { format!(" of {}", clean(&scope)) };
    let _ = writeln!(page.text, "{} to {}{of}\n", minute(report.from), minute(report.to));
    for line in &report.summary {
        page.say(line);
    }
    page.incidents(&report.incidents);
    page.pools(report);
    page.queries(report);
    page.ahead(report);
    page.advice(report);
    page.sight(report);
    page.cost(report);
    if !report.lacks.is_empty() {
        page.head("What this node does not tell");
        report.lacks.iter().for_each(|lack| page.item(lack));
    }
    page.text
}

struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn head(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{}", title.to_uppercase());
    }

    fn say(&mut self, text: &str) {
        self.text += &wrapped(&clean(text), "", self.width);
    }

    fn plain(&mut self, text: &str) {
        self.text += &wrapped(&clean(text), "  ", self.width);
    }

    fn item(&mut self, text: &str) {
        self.behind("- ", text);
    }

    /// Lines behind a mark, those that follow below the first.
    fn behind(&mut self, mark: &str, text: &str) {
        let indent = " ".repeat(mark.len() + 2);
        let lines = wrapped(&clean(text), &indent, self.width);
        self.text += &lines.replacen(&indent, &format!("  {mark}"), 1);
    }

    /// A command on a line of its own, never broken: it is copied.
    fn command(&mut self, what: &str, command: &str) {
        for line in command.lines() {
            let _ = writeln!(self.text, "      {what}{}", clean(line));
        }
    }

    fn rows(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        for line in table(head, rows).lines() {
            let _ = writeln!(self.text, "  {}", cut(line, self.width.saturating_sub(2)));
        }
    }

    fn rest(&mut self, all: usize, shown: usize, what: &str) {
        if all > shown {
            let _ = writeln!(self.text, "  and {} more {what}; --json has them all", all - shown);
        }
    }

    fn incidents(&mut self, incidents: &Incidents) {
        self.head("Incidents");
        if incidents.total == 0 {
            self.plain("none that the node remembers");
            return;
        }
        let rule = |it: &super::figures::ByRule| {
            let (all, longest) = (lasting(it.seconds), lasting(it.longest_seconds));
            vec![it.rule.clone(), it.total.to_string(), severities(&it.by_severity), all, longest, it.noise.to_string()]
        };
        let rows = incidents.by_rule.iter().map(rule).collect();
        self.rows(&["RULE", "COUNT", "SEVERITY", "TIME IN ALL", "LONGEST", "UNDER 1M"], rows);
        self.text.push('\n');
        self.item(&noise(incidents));
        if let Some(often) = &incidents.most_frequent {
            self.item(&format!("most often: {} on {}, {} times", often.rule, often.place, often.times));
        }
        for channel in &incidents.told.channels {
            self.item(&told(channel));
        }
        if incidents.told.channels.is_empty() {
            self.item("nobody was told: no message about them was ever to be sent");
        }
        self.text.push('\n');
        let shown: Vec<Vec<String>> = incidents.worst.iter().map(one).collect();
        let listed = shown.len();
        self.rows(&["BEGAN", "LASTED", "SEVERITY", "RULE", "WHERE", "TOLD AFTER"], shown);
        self.rest(incidents.total, listed, "incidents");
    }

    fn pools(&mut self, report: &Report) {
        self.head("Worst pools");
        if report.pools.is_empty() {
            self.plain(no_past(report));
            return;
        }
        let rows = report.pools.iter().take(SHOWN).map(pool).collect();
        self.rows(&["WHERE", "ABOVE", "FOR ABOUT", "MEAN", "MOST", "WAITING", "CLIENTS WAITED", "P95 WAIT"], rows);
        self.rest(report.pools.len(), SHOWN, "pools");
        self.text.push('\n');
        for note in pool_notes(report) {
            self.item(&note);
        }
    }

    fn queries(&mut self, report: &Report) {
        self.head("Queries that are not as they were");
        for it in report.regressions.iter().take(SHOWN) {
            self.item(&format!("{}: {}", it.place, it.said));
            if let Some(text) = &it.text {
                self.command("", &cut(&clean(text), self.width.saturating_sub(6)));
            }
        }
        if report.regressions.is_empty() {
            self.plain(nothing(report.tells.regressions, "none that the node names"));
        }
        self.rest(report.regressions.len(), SHOWN, "queries");
    }

    fn ahead(&mut self, report: &Report) {
        self.head("What runs out, and when");
        for it in report.forecasts.iter().take(SHOWN) {
            self.item(&format!("{}: {}", it.place, it.said));
        }
        if report.forecasts.is_empty() {
            self.plain(nothing(report.tells.trends, "nothing, as far as can be foreseen"));
        }
        self.rest(report.forecasts.len(), SHOWN, "forecasts");
        if !report.trends.is_empty() {
            self.head("How things move");
            for it in report.trends.iter().take(SENTENCES) {
                self.item(&format!("{}: {}", it.place, it.text));
            }
            self.rest(report.trends.len(), SENTENCES, "sentences");
        }
    }

    fn advice(&mut self, report: &Report) {
        self.head("What to change");
        for it in &report.advice {
            let subject = if it.title.contains(&it.subject) { String::new() } else { format!(" ({})", it.subject) };
            self.item(&format!("{}: {}{subject}", it.place, it.title));
            for line in advice_lines(it) {
                self.behind("  ", &line);
            }
            if let Some(command) = &it.command {
                self.command("$ ", command);
            }
            if let Some(undo) = &it.undo {
                self.command("undo: ", undo);
            }
        }
        if report.advice.is_empty() {
            self.plain(nothing(report.tells.advice, "nothing is advised now"));
        }
        for it in report.taken.iter().take(SHOWN) {
            self.item(&taken(it));
        }
        self.rest(report.taken.len(), SHOWN, "that were done");
        if let Some(score) = &report.score {
            self.item(&format!("how good advice has been: {score}"));
        }
        for it in report.without_advice.iter().take(SHOWN) {
            self.item(&format!("{}: nothing can be said of {}", it.place, it.text));
        }
        self.rest(report.without_advice.len(), SHOWN, "of which nothing can be said");
    }

    fn sight(&mut self, report: &Report) {
        self.head("Not seen");
        for line in sight_lines(report) {
            self.item(&line);
        }
    }

    fn cost(&mut self, report: &Report) {
        self.head("What Isobar cost the servers");
        let cost = |it: &super::figures::Cost| {
            let slow = it.throttled.as_ref().map(|why| format!("slows down: {why}")).unwrap_or_default();
            vec![clean(&it.place), percent(it.mean), percent(it.max), clean(&slow)]
        };
        if report.cost.is_empty() {
            self.plain("not known");
            return;
        }
        self.rows(&["WHERE", "OF A CORE", "AT MOST", ""], report.cost.iter().take(SHOWN).map(cost).collect());
        self.rest(report.cost.len(), SHOWN, "targets, which cost less");
        if !report.tells.history {
            self.item("as it is now: the node tells no history");
        }
    }
}

/// One line of at most so many characters.
fn cut(line: &str, most: usize) -> String {
    if line.chars().count() <= most {
        line.to_owned()
    } else {
        line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

/// How many were over at once, or hidden.
pub(super) fn noise(incidents: &Incidents) -> String {
    let hidden = match incidents.hidden {
        0 => String::new(),
        hidden => format!("; {hidden} told to nobody, hidden by a cause, a silence or maintenance"),
    };
    format!("noise: {} of {} were over within a minute{hidden}", incidents.noise, incidents.total)
}

/// How fast a channel was.
pub(super) fn told(channel: &super::figures::ByChannel) -> String {
    let failed = match channel.failed {
        0 => String::new(),
        failed => format!("; {} given up", count(failed, "message")),
    };
    let speed = match (channel.median_seconds, channel.slowest_seconds) {
        (Some(median), Some(slowest)) => format!(", after {} (median), {} at worst", lasting(median), lasting(slowest)),
        _ => String::new(),
    };
    format!("{} was told of {}{speed}{failed}", channel.channel, count(channel.incidents, "incident"))
}

/// One incident as a row.
pub(super) fn one(incident: &Incident) -> Vec<String> {
    let still = if incident.resolved_at.is_none() { " so far" } else { "" };
    let told = match (incident.told_after_seconds, &incident.hidden_by) {
        (Some(seconds), _) => lasting(seconds),
        (None, Some(by)) => format!("nobody: hidden by {by}"),
        (None, None) => "nobody".to_owned(),
    };
    let lasted = format!("{}{still}", lasting(incident.seconds));
    [
        minute(incident.started_at),
        lasted,
        incident.severity.as_str().to_owned(),
        incident.rule.clone(),
        incident.place.clone(),
        told,
    ]
    .map(|cell| clean(&cell))
    .to_vec()
}

/// One pool as a row.
pub(super) fn pool(pool: &PoolTime) -> Vec<String> {
    let unknown = || "not known".to_owned();
    vec![
        clean(&pool.place),
        percent(pool.threshold),
        if pool.seconds_above < 1.0 { "never".to_owned() } else { lasting(pool.seconds_above) },
        percent(pool.utilization_mean),
        percent(pool.utilization_max),
        pool.most_waiting.map_or_else(unknown, |most| format!("{most:.0}")),
        pool.client_seconds.map_or_else(unknown, lasting),
        pool.wait_p95_ms.map_or_else(unknown, ms),
    ]
}

/// What the columns mean.
pub(super) fn pool_notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.pools.iter().any(|pool| pool.threshold_is_default) {
        notes.push("above: the usual threshold, where no incident tells another; for about: buckets that were partly above it are estimated".to_owned());
    }
    if let Some(bucket) = report.pools.iter().find_map(|pool| pool.bucket_seconds) {
        notes.push(format!("p95 wait: 95 of 100 waits were not longer, in the worst {}", lasting(bucket)));
    }
    notes
}

/// Prediction, caution and outcome of advice.
pub(super) fn advice_lines(it: &Advised) -> Vec<String> {
    let sure = it.confidence.map(|sure| format!(" ({} sure)", percent(sure))).unwrap_or_default();
    let predicted = it.predicted.as_ref().map(|predicted| format!("would bring {predicted}{sure}"));
    let caution = Some(it.caution.clone()).filter(|caution| !caution.is_empty());
    [predicted, caution, it.outcome.clone()].into_iter().flatten().collect()
}

/// What came of advice that was taken.
pub(super) fn taken(it: &Advised) -> String {
    let came = it.outcome.as_deref().unwrap_or("being measured");
    format!("done: {}: {} ({}): {came}", it.place, it.title, it.subject)
}

/// When which target was not seen.
pub(super) fn sight_lines(report: &Report) -> Vec<String> {
    let unseen = |sight: &&Sight| sight.is_unseen_now || sight.unseen_seconds.is_none_or(|seconds| seconds >= 1.0);
    let dark: Vec<&Sight> = report.sight.iter().filter(unseen).collect();
    let mut lines = Vec::new();
    if !report.tells.history {
        lines.push("how long targets were not seen is not known: the node tells no history".to_owned());
    }
    for sight in dark.iter().filter(|sight| report.tells.history || sight.is_unseen_now).take(SHOWN) {
        let now = if sight.is_unseen_now { ", and is not seen now" } else { "" };
        let when = match (sight.unseen_seconds, sight.gaps.as_slice()) {
            (None, _) => "how long it was not seen is not known".to_owned(),
            (Some(seconds), []) => format!("not seen for {}", lasting(seconds)),
            (Some(seconds), gaps) => {
                let within = |gap: &super::figures::Gap| format!("{} to {}", minute(gap.from), minute(gap.to));
                format!("not seen for {}, within {}", lasting(seconds), gaps.iter().map(within).collect::<Vec<_>>().join("; "))
            }
        };
        lines.push(format!("{}: {when}{now}", sight.place));
    }
    if dark.is_empty() && report.tells.history {
        lines.push("every target was seen all the time".to_owned());
    } else if dark.len() > SHOWN && report.tells.history {
        lines.push(format!("and {} more targets", dark.len() - SHOWN));
    }
    lines
}

/// What is said where nothing is listed: what a node does not tell is not known.
pub(super) const fn nothing(is_told: bool, said: &'static str) -> &'static str {
    if is_told { said } else { "not known: this node does not tell" }
}

/// Why something of the past is not there.
pub(super) const fn no_past(report: &Report) -> &'static str {
    if report.tells.history { "nothing was kept of them" } else { "not known: the node tells no history" }
}
