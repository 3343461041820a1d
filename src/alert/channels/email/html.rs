//! A notice as HTML that mail programs of all ages show: tables, inline styles, nothing loaded from elsewhere. Whatever comes from the
//! database is escaped, and isolated, so that a name in another direction turns no line around.

use std::fmt::Write as _;

use crate::{
    alert::{channels::Parcel, message::Notice},
    model::{
        Severity,
        alert::{AlertEvent, AlertState},
    },
};

const SANS: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO: &str = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px";

/// The colour of the bar above the message: how urgent it is at a glance.
pub(super) fn tone(parcel: &Parcel) -> &'static str {
    let order = &parcel.order;
    let state = order.alert().map(|alert| alert.state);
    match (order.event, order.severity) {
        (AlertEvent::Test, _) => "#57606a",
        (AlertEvent::Resolved, _) => "#1a7f37",
        (AlertEvent::Acknowledged, _) => "#0969da",
        (AlertEvent::Update, _) if state == Some(AlertState::Resolved) => "#1a7f37",
        (_, Severity::Critical) => "#b42318",
        (_, Severity::High) => "#c2410c",
        (_, Severity::Medium) => "#9a6700",
        (_, Severity::Low) => "#57606a",
    }
}

/// The whole page; the picture by its content id, caption and range.
pub(super) fn lay_out(notice: &Notice, tone: &str, picture: Option<(&str, &str, &str)>) -> String {
    let mut page = start();
    for note in &notice.notes {
        let _ = writeln!(
            page,
            "<div style=\"margin:0 0 8px;padding:8px 12px;background:#fff8c5;border:1px solid #d4a72c\">{}</div>",
            isolated(note)
        );
    }
    let _ = writeln!(
        page,
        "<div style=\"border-left:6px solid {tone};padding:4px 12px;margin:0 0 12px\">\
         <div style=\"font-size:18px;font-weight:600\">{}</div><div style=\"margin-top:4px\">{}</div></div>",
        isolated(&notice.title),
        isolated(&notice.summary)
    );
    if !notice.fields.is_empty() {
        page.push_str("<table role=\"presentation\" cellspacing=\"0\" cellpadding=\"0\" style=\"margin:0 0 12px\">\n");
        for field in &notice.fields {
            let _ = writeln!(
                page,
                "<tr><td style=\"padding:2px 16px 2px 0;color:#57606a;vertical-align:top\">{}</td><td style=\"padding:2px 0\">{}</td></tr>",
                escape(&field.name),
                isolated(&field.value)
            );
        }
        page.push_str("</table>\n");
    }
    if let Some((id, caption, range)) = picture {
        let _ = writeln!(
            page,
            "<div style=\"margin:0 0 12px\"><img src=\"cid:{id}\" width=\"480\" height=\"120\" alt=\"{caption}: {range}\" \
             style=\"display:block;border:1px solid #d0d7de\"><div style=\"color:#57606a;font-size:12px\">{caption}: {range}</div></div>",
            caption = escape(caption),
            range = escape(range)
        );
    }
    list(&mut page, "Caused by", &notice.causes);
    list(&mut page, "Alerts", &notice.digest);
    if !notice.commands.is_empty() {
        heading(&mut page, "Do first");
        for command in &notice.commands {
            let _ = writeln!(
                page,
                "<div style=\"margin:0 0 8px\"><div>{}</div><pre dir=\"ltr\" style=\"{MONO};margin:2px 0;padding:8px;background:#f6f8fa;\
                 white-space:pre-wrap;word-break:break-word\">{}</pre></div>",
                isolated(&command.purpose),
                escape(&command.command)
            );
        }
    }
    let links = [("Runbook", Some(notice.runbook.as_str())), ("Dashboard", notice.dashboard.as_deref())];
    let links: Vec<_> =
        links.iter().filter_map(|(name, address)| Some(format!("<a href=\"{}\">{name}</a>", link((*address)?)?))).collect();
    if !links.is_empty() {
        let _ = writeln!(page, "<div style=\"margin-top:12px\">{}</div>", links.join(" &middot; "));
    }
    page + END
}

/// A channel's own text, as it stands.
pub(super) fn words(text: &str) -> String {
    format!("{}<div style=\"white-space:pre-wrap\">{}</div>\n{END}", start(), escape(text))
}

fn start() -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         </head>\n<body style=\"margin:0;padding:16px;{SANS};font-size:14px;line-height:1.45;color:#1f2328;background:#ffffff\">\n\
         <div style=\"max-width:680px\">\n"
    )
}

const END: &str = "</div></body></html>\n";

fn heading(page: &mut String, title: &str) {
    let _ = writeln!(page, "<div style=\"font-weight:600;margin:12px 0 4px\">{title}</div>");
}

fn list(page: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        heading(page, title);
        page.push_str("<ul style=\"margin:0 0 12px;padding-left:20px\">\n");
        for line in lines {
            let _ = writeln!(page, "<li>{}</li>", isolated(line));
        }
        page.push_str("</ul>\n");
    }
}

/// An address that may be followed; nothing but HTTP.
fn link(address: &str) -> Option<String> {
    (address.starts_with("https://") || address.starts_with("http://")).then(|| escape(address))
}

fn isolated(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
