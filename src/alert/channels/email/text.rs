//! A notice as plain text, for programs and people that show no HTML.

use std::fmt::Write as _;

use crate::alert::message::Notice;

/// The whole text.
pub(super) fn lay_out(notice: &Notice) -> String {
    let mut text = String::new();
    for note in &notice.notes {
        let _ = writeln!(text, "NOTE: {note}");
    }
    let _ = writeln!(text, "{}\n\n{}", notice.title, notice.summary);
    if !notice.fields.is_empty() {
        text.push('\n');
        let width = notice.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or_default() + 1;
        for field in &notice.fields {
            let name = format!("{}:", field.name);
            let _ = writeln!(text, "{name:width$} {}", field.value);
        }
    }
    if !notice.sparkline.is_empty() {
        let _ = writeln!(text, "\n{}", notice.sparkline);
    }
    list(&mut text, "Caused by", &notice.causes);
    list(&mut text, "Alerts", &notice.digest);
    if !notice.commands.is_empty() {
        text.push_str("\nDo first\n");
        for command in &notice.commands {
            let _ = writeln!(text, "  {}:\n      {}", command.purpose, command.command);
        }
    }
    text.push('\n');
    if !notice.runbook.is_empty() {
        let _ = writeln!(text, "Runbook:   {}", notice.runbook);
    }
    if let Some(dashboard) = &notice.dashboard {
        let _ = writeln!(text, "Dashboard: {dashboard}");
    }
    text
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{title}");
        for line in lines {
            let _ = writeln!(text, "  - {line}");
        }
    }
}
