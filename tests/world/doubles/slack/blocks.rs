//! Block Kit's limits, as Slack holds to them.

use serde_json::Value;

const ALL: usize = 13_000;

/// Whether Slack would take this message; its word for why not.
pub(super) fn check(body: &Value) -> Result<(), &'static str> {
    let none = Vec::new();
    let blocks = body["blocks"].as_array().unwrap_or(&none);
    let text = body["text"].as_str().unwrap_or_default();
    if text.is_empty() && blocks.is_empty() {
        return Err("no_text");
    }
    if text.chars().count() > 40_000 {
        return Err("msg_too_long");
    }
    if blocks.len() > 50 || !blocks.iter().all(is_block) {
        return Err("invalid_blocks");
    }
    if blocks.iter().map(|block| block.to_string().chars().count()).sum::<usize>() > ALL + 200 * blocks.len() {
        return Err("msg_blocks_too_long");
    }
    Ok(())
}

fn is_block(block: &Value) -> bool {
    if block["block_id"].as_str().is_some_and(|id| id.len() > 255) {
        return false;
    }
    let elements = block["elements"].as_array();
    match block["type"].as_str() {
        Some("header") => block["text"]["type"] == "plain_text" && is_text(&block["text"], 150),
        Some("section") => match block["fields"].as_array() {
            Some(fields) => (1..=10).contains(&fields.len()) && fields.iter().all(|field| is_text(field, 2_000)),
            None => is_text(&block["text"], 3_000),
        },
        Some("context") => {
            elements.is_some_and(|all| (1..=10).contains(&all.len()) && all.iter().all(|text| is_text(text, 3_000)))
        }
        Some("actions") => elements.is_some_and(|all| (1..=25).contains(&all.len()) && all.iter().all(is_button)),
        Some("divider") => true,
        _ => false,
    }
}

fn is_button(element: &Value) -> bool {
    let is_within = |key: &str, most: usize| element[key].as_str().is_some_and(|text| (1..=most).contains(&text.len()));
    element["type"] == "button"
        && element["text"]["type"] == "plain_text"
        && is_text(&element["text"], 75)
        && is_within("value", 2_000)
        && is_within("action_id", 255)
}

fn is_text(text: &Value, most: usize) -> bool {
    let is_kind = text["type"] == "plain_text" || text["type"] == "mrkdwn";
    let is_known = text.as_object().is_some_and(|object| {
        object.keys().all(|key| match key.as_str() {
            "type" | "text" => true,
            "emoji" => text["type"] == "plain_text",
            "verbatim" => text["type"] == "mrkdwn",
            _ => false,
        })
    });
    is_kind && is_known && text["text"].as_str().is_some_and(|text| (1..=most).contains(&text.encode_utf16().count()))
}
