//! A notice as Slack's Block Kit, within its limits: what is too long ends in an ellipsis, what matters least is left out first. What
//! comes from databases is text and stays text: no mention, no link, no markup that breaks out of its place.
//!
//! The state is a shape and a word, never a colour alone.

use serde_json::{Value, json};

use super::super::callback::ACKNOWLEDGE;
use crate::{
    alert::{
        channels::Parcel,
        message::{Notice, Worded},
    },
    model::{
        Severity,
        alert::{AlertEvent, AlertState},
    },
};

const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELDS: usize = 10;
const FIELD: usize = 2_000;
const BLOCK_ID: usize = 255;
const VALUE: usize = 2_000;

/// Slack refuses some 13,000 characters in all, without saying so in its documentation.
const ALL: usize = 12_000;

/// Kept for what stands at the end: links and the button.
const END: usize = 2_000;

/// Notes, causes, commands and lines of a digest; the rest is a number.
const NOTES: usize = 5;
const CAUSES: usize = 8;
const COMMANDS: usize = 4;

struct Sheet {
    blocks: Vec<Value>,
    left: usize,
}

impl Sheet {
    /// Takes so much of what is left.
    fn take(&mut self, text: &str) {
        self.left = self.left.saturating_sub(length(text));
    }

    fn section(&mut self, text: &str) {
        let text = cut(text, SECTION.min(self.left));
        if !text.is_empty() {
            self.take(&text);
            self.blocks.push(json!({ "type": "section", "text": mrkdwn(&text) }));
        }
    }
}

/// The blocks of a notice.
pub(super) fn lay_out(notice: &Notice, worded: &Worded, parcel: &Parcel, with_button: bool) -> Vec<Value> {
    let mut sheet = Sheet { blocks: Vec::new(), left: ALL - END };
    let (shape, word) = look(parcel);
    let says_state = worded.title.to_uppercase().contains(&word.to_uppercase());
    let title = if says_state { format!("{shape} {}", worded.title) } else { format!("{shape} {word}: {}", worded.title) };
    let title = cut(&one_line(&title), HEADER);
    sheet.take(&title);
    sheet.blocks.push(json!({ "type": "header", "text": { "type": "plain_text", "text": title, "emoji": false } }));

    let notes = notice.notes.iter().take(NOTES).map(|note| format!("⚠ _{}_", escaped(&one_line(note), 500)));
    sheet.section(&notes.collect::<Vec<_>>().join("\n"));
    match &worded.body {
        Some(body) => sheet.section(&cut(&entities(body), SECTION)), // its author may use fences
        None => details(&mut sheet, notice),
    }
    sheet.left += END;
    let links = [("Runbook", Some(&notice.runbook)), ("Dashboard", notice.dashboard.as_ref())];
    let links = links.into_iter().filter_map(|(name, url)| link(name, url?)).collect::<Vec<_>>();
    if !links.is_empty() {
        sheet.blocks.push(json!({ "type": "context", "elements": [mrkdwn(&links.join("  ·  "))] }));
    }
    if with_button && let Some(button) = button(parcel) {
        sheet.blocks.push(button);
    }
    sheet.blocks
}

fn details(sheet: &mut Sheet, notice: &Notice) {
    sheet.section(&escaped(&notice.summary, SECTION));
    let mut fields = Vec::new();
    for field in notice.fields.iter().take(FIELDS) {
        let text = format!("*{}*\n{}", escaped(&one_line(&field.name), 80), escaped(&field.value, 600));
        let text = cut(&text, FIELD.min(sheet.left));
        if !text.is_empty() {
            sheet.take(&text);
            fields.push(mrkdwn(&text));
        }
    }
    if !fields.is_empty() {
        sheet.blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if !notice.sparkline.is_empty() {
        sheet.section(&format!("`{}`", unquoted(&escaped(&one_line(&notice.sparkline), 300))));
    }
    let mut causes = lines(&notice.causes, CAUSES);
    if !causes.is_empty() {
        causes.insert(0, "*Cause*".into());
        sheet.section(&causes.join("\n"));
    }
    for (at, command) in notice.commands.iter().take(COMMANDS).enumerate() {
        let purpose = escaped(&one_line(&command.purpose), 300);
        let code = unquoted(&escaped(&command.command, 1_500));
        let text = format!("{}{purpose}\n```{code}```", if at == 0 { "*First*\n" } else { "" });
        if length(&text) <= sheet.left.min(SECTION) {
            sheet.section(&text); // half a command would be worse than none
        }
    }
    sheet.section(&lines(&notice.digest, 40).join("\n"));
}

/// Bullets, and how many more there are.
fn lines(all: &[String], most: usize) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(most).map(|line| format!("• {}", escaped(&one_line(line), 300))).collect();
    if all.len() > most {
        lines.push(format!("… and {} more", all.len() - most));
    }
    lines
}

/// The text of a notification: escaped, on one line for each part.
pub(super) fn fallback(parts: &[&str]) -> String {
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.map(|part| escaped(&one_line(part), 1_000)).collect::<Vec<_>>().join("\n")
}

/// A shape and a word for how it stands.
fn look(parcel: &Parcel) -> (&'static str, &'static str) {
    let state = parcel.order.alert().map(|alert| alert.state);
    match (parcel.order.event, state) {
        (AlertEvent::Test, _) => ("🧪", "TEST"),
        (AlertEvent::Digest, _) => ("🗂", "DIGEST"),
        _ if parcel.fired_and_recovered => ("✅", "RECOVERED"),
        (_, Some(AlertState::Recovering)) => ("⏳", "RECOVERING"),
        (AlertEvent::Resolved, _) | (_, Some(AlertState::Resolved)) => ("✅", "RESOLVED"),
        (AlertEvent::Acknowledged, _) | (_, Some(AlertState::Acknowledged)) => ("👀", "ACKNOWLEDGED"),
        _ => match parcel.order.severity {
            Severity::Critical => ("🛑", "FIRING"),
            Severity::High => ("🔶", "FIRING"),
            Severity::Medium => ("⚠️", "FIRING"),
            Severity::Low => ("🔹", "FIRING"),
        },
    }
}

/// While somebody is wanted.
fn button(parcel: &Parcel) -> Option<Value> {
    let alert = parcel.order.alert().filter(|alert| alert.state == AlertState::Firing && alert.id.len() <= VALUE)?;
    if matches!(parcel.order.event, AlertEvent::Test | AlertEvent::Digest | AlertEvent::Resolved | AlertEvent::Acknowledged) {
        return None;
    }
    let id = cut(&format!("ack-{}", alert.id), BLOCK_ID);
    Some(json!({ "type": "actions", "block_id": id, "elements": [{
        "type": "button",
        "action_id": ACKNOWLEDGE,
        "text": { "type": "plain_text", "text": "Acknowledge", "emoji": false },
        "value": alert.id,
    }] }))
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn link(name: &str, url: &str) -> Option<String> {
    let is_plain = url.starts_with("http") && url.len() < 800 && !url.contains(['|', '>', '<', ' ', '\n']);
    is_plain.then(|| format!("<{}|{name}>", url.replace('&', "&amp;")))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// No code fence ends early.
fn unquoted(code: &str) -> String {
    code.replace('`', "'")
}

/// Slack counts as JavaScript does.
fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// At most so long, whole characters and entities, with an ellipsis where something is missing.
fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    if let Some(start) = kept.rfind('&').filter(|start| !kept[*start..].contains(';') && kept.len() - start < 5) {
        kept.truncate(start);
    }
    if kept.matches("```").count() % 2 == 1 {
        kept.truncate(kept.rfind("```").unwrap_or_default());
    }
    if most > 0 { format!("{}…", kept.trim_end()) } else { String::new() }
}

/// Text that stays text, at most so long.
fn escaped(text: &str, most: usize) -> String {
    cut(&entities(&text.replace("```", "'''")), most)
}

/// `&`, `<` and `>` as entities, and no `@here` that anything could take for a mention.
fn entities(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '@' => {
                let rest = &text[at + 1..];
                let pings = ["here", "channel", "everyone", "group"].iter().any(|name| rest.starts_with(name));
                safe.push_str(if pings { "@\u{200b}" } else { "@" });
            }
            '\n' | '\t' => safe.push(c),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
