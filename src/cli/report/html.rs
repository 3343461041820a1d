//! The report as one page: its style inside, no script, nothing from elsewhere. Whatever came from outside is text there, never markup; what
//! would turn the direction of writing is shown, and each name stands for itself.

use std::fmt::Write as _;

use super::{
    figures::{Advised, Report},
    plot::{self, Plot},
    plots::Drawn,
    text::{advice_lines, no_past, noise, nothing, one, pool, pool_notes, sight_lines, taken, told},
    words::{lasting, minute, percent, severities},
};
use crate::cli::terminal::{clean, is_unsafe};

const STYLE: &str = include_str!("html/style.css");

/// Nothing but the style inside may be used, whatever a name says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn page(report: &Report, drawn: &[Drawn]) -> String {
    let mut page = Page(String::new());
    let scope = [report.region.as_deref(), report.target.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/");
    let of = if scope.is_empty() { String::new() } else { format!(" of {}", escaped(&scope)) };
    let (from, to) = (minute(report.from), minute(report.to));
    let _ = write!(
        page.0,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <title>Isobar: {from} to {to}{of}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Pressure on PostgreSQL connections{of}</h1>\n<p class=\"when\">{from} to {to}. All times are UTC.</p>\n<div class=\"summary\">\n"
    );
    report.summary.iter().for_each(|line| page.say(line));
    page.0 += "</div>\n";
    page.incidents(report);
    page.pools(report, drawn);
    page.list("Queries that are not as they were", nothing(report.tells.regressions, "none that the node names"), |page| {
        for it in &report.regressions {
            let text = it.text.as_ref().map(|text| format!("<pre>{}</pre>", escaped(text))).unwrap_or_default();
            page.item(&format!("{}: {}{text}", name(&it.place), escaped(&it.said)));
        }
    });
    page.list("What runs out, and when", nothing(report.tells.trends, "nothing, as far as can be foreseen"), |page| {
        report.forecasts.iter().for_each(|it| page.item(&format!("{}: {}", name(&it.place), escaped(&it.said))));
    });
    page.list("How things move", nothing(report.tells.trends, "nothing moves, as far as is known"), |page| {
        report.trends.iter().for_each(|it| page.item(&format!("{}: {}", name(&it.place), escaped(&it.text))));
    });
    page.advice(report);
    page.list("Not seen", "", |page| sight_lines(report).iter().for_each(|line| page.item(&escaped(line))));
    page.cost(report);
    if !report.lacks.is_empty() {
        page.list("What this node does not tell", "", |page| report.lacks.iter().for_each(|lack| page.item(&escaped(lack))));
    }
    let _ = write!(page.0, "</main>\n<footer>Made by isobar {} {to}.</footer>\n</body>\n</html>\n", env!("CARGO_PKG_VERSION"));
    page.0
}

/// Text in a page, also within quotes: nothing of it is markup, and nothing turns what stands beside it.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '\n' | '\t' => safe.push(c),
            c if is_unsafe(c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A name that is written from right to left leaves the sentence around it as it is.
fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(&clean(text)))
}

struct Page(String);

impl Page {
    fn head(&mut self, title: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", escaped(title));
    }

    fn say(&mut self, text: &str) {
        let _ = writeln!(self.0, "<p>{}</p>", escaped(text));
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(self.0, "<p class=\"note\">{}</p>", escaped(text));
    }

    fn item(&mut self, markup: &str) {
        let _ = writeln!(self.0, "<li>{markup}</li>");
    }

    fn list(&mut self, title: &str, nothing: &str, items: impl FnOnce(&mut Self)) {
        self.head(title);
        let before = self.0.len();
        items(self);
        if self.0.len() == before {
            self.note(nothing);
        } else {
            self.0.insert_str(before, "<ul>\n");
            self.0 += "</ul>\n";
        }
    }

    fn table(&mut self, caption: &str, head: &[&str], rows: &[Vec<String>]) {
        let _ = write!(self.0, "<div class=\"wide\">\n<table>\n<caption>{}</caption>\n<thead><tr>", escaped(caption));
        for title in head {
            let _ = write!(self.0, "<th scope=\"col\">{}</th>", escaped(title));
        }
        self.0 += "</tr></thead>\n<tbody>\n";
        for row in rows {
            self.0 += "<tr>";
            for cell in row {
                let class = match cell.as_str() {
                    severity @ ("critical" | "high" | "medium") => format!(" class=\"{severity}\""),
                    _ => String::new(),
                };
                let _ = write!(self.0, "<td{class}>{}</td>", name(cell));
            }
            self.0 += "</tr>\n";
        }
        self.0 += "</tbody>\n</table>\n</div>\n";
    }

    fn incidents(&mut self, report: &Report) {
        let incidents = &report.incidents;
        self.head("Incidents");
        if incidents.total == 0 {
            self.note("none that the node remembers");
            return;
        }
        let rule = |it: &super::figures::ByRule| {
            let (all, longest) = (lasting(it.seconds), lasting(it.longest_seconds));
            vec![it.rule.clone(), it.total.to_string(), severities(&it.by_severity), all, longest, it.noise.to_string()]
        };
        let rows: Vec<Vec<String>> = incidents.by_rule.iter().map(rule).collect();
        self.table("By rule", &["Rule", "Count", "Severity", "Time in all", "Longest", "Under a minute"], &rows);
        self.0 += "<ul>\n";
        self.item(&escaped(&noise(incidents)));
        if let Some(often) = &incidents.most_frequent {
            self.item(&format!("most often: {} on {}, {} times", escaped(&often.rule), name(&often.place), often.times));
        }
        incidents.told.channels.iter().for_each(|channel| self.item(&escaped(&told(channel))));
        if incidents.told.channels.is_empty() {
            self.item("nobody was told: no message about them was ever to be sent");
        }
        self.0 += "</ul>\n";
        let rows: Vec<Vec<String>> = incidents.worst.iter().map(one).collect();
        let caption = if rows.len() < incidents.total {
            format!("The worst {} of {}", rows.len(), incidents.total)
        } else {
            "One by one, the worst first".to_owned()
        };
        self.table(&caption, &["Began", "Lasted", "Severity", "Rule", "Where", "Told after"], &rows);
    }

    fn pools(&mut self, report: &Report, drawn: &[Drawn]) {
        self.head("Worst pools");
        if report.pools.is_empty() {
            self.note(no_past(report));
        } else {
            let rows: Vec<Vec<String>> = report.pools.iter().take(SHOWN).map(pool).collect();
            let head = ["Where", "Above", "For about", "Mean", "Most", "Waiting", "Clients waited", "p95 wait"];
            self.table("The worst first", &head, &rows);
            for note in pool_notes(report) {
                self.note(&note);
            }
        }
        for drawn in drawn {
            let _ = write!(self.0, "<h3>{}</h3>\n<div class=\"plots\">\n", name(&drawn.place));
            drawn.plots.iter().for_each(|plot| self.plot(plot));
            self.0 += "</div>\n";
        }
    }

    fn plot(&mut self, plot: &Plot) {
        let Some(picture) = plot::svg(plot) else { return };
        let title = plot.title.split(": ").next().unwrap_or_default();
        let _ = write!(self.0, "<figure>\n<b>{}</b>\n{picture}<figcaption>", escaped(title));
        let mut key = |class: &str, said: &str| {
            let _ = write!(self.0, "<span class=\"says\"><span class=\"key {class}\"></span>{}</span> ", escaped(said));
        };
        key("first", plot.first.name);
        if let Some(second) = &plot.second {
            key("second", second.name);
        }
        if let Some(level) = plot.level {
            key("level", &format!("threshold {}", percent(level)));
        }
        for (class, said, is_there) in [
            ("expected", "expected", plot.ahead.is_some()),
            ("breach", "incident", !plot.breaches.is_empty()),
            ("unseen", "not seen", !plot.dark.is_empty()),
        ] {
            if is_there {
                key(class, said);
            }
        }
        self.0 += "</figcaption>\n</figure>\n";
    }

    fn advice(&mut self, report: &Report) {
        self.head("What to change");
        for it in &report.advice {
            self.advised(it);
        }
        if report.advice.is_empty() {
            self.note(nothing(report.tells.advice, "nothing is advised now"));
        }
        report.taken.iter().for_each(|it| self.say(&taken(it)));
        if let Some(score) = &report.score {
            self.say(&format!("How good advice has been: {score}"));
        }
        for it in &report.without_advice {
            self.note(&format!("{}: nothing can be said of {}", it.place, it.text));
        }
    }

    fn advised(&mut self, it: &Advised) {
        let _ = writeln!(
            self.0,
            "<div class=\"advice\">\n<p><b>{}</b>: {} ({})</p>",
            name(&it.place),
            escaped(&it.title),
            name(&it.subject)
        );
        if let Some(command) = &it.command {
            let _ = writeln!(self.0, "<pre>{}</pre>", escaped(command));
        }
        for line in advice_lines(it) {
            self.note(&line);
        }
        if let Some(undo) = &it.undo {
            let _ = writeln!(self.0, "<p class=\"note\">To undo it:</p>\n<pre>{}</pre>", escaped(undo));
        }
        self.0 += "</div>\n";
    }

    fn cost(&mut self, report: &Report) {
        self.head("What Isobar cost the servers");
        let cost = |it: &super::figures::Cost| {
            let slow = it.throttled.as_ref().map(|why| format!("slows down: {why}")).unwrap_or_default();
            vec![it.place.clone(), percent(it.mean), percent(it.max), slow]
        };
        if report.cost.is_empty() {
            self.note("not known");
            return;
        }
        let rows: Vec<Vec<String>> = report.cost.iter().take(SHOWN).map(cost).collect();
        let caption = if report.tells.history {
            "Share of one core, the dearest first"
        } else {
            "Share of one core as it is now: the node tells no history"
        };
        self.table(caption, &["Where", "Mean", "At most", ""], &rows);
    }
}

/// Pools and costs shown.
const SHOWN: usize = 20;
