use chrono::DateTime;

use super::*;
use crate::{
    alert::{
        message::{Command, Field},
        order::{Lane, Order},
    },
    model::Timestamp,
};

fn parcel(event: AlertEvent) -> Parcel {
    let now = Timestamp(DateTime::UNIX_EPOCH);
    let lane = Lane { about: "a".into(), channel: "slack-ops".into(), recipient: None };
    let (alerts, notes) = (Vec::new(), Vec::new());
    let order = Order { lane, event, level: "0".into(), severity: Severity::Critical, due: now, decided: now, alerts, notes };
    Parcel { order, key: "k".into(), reference: None, possible_repeat: false, fired_and_recovered: false, now }
}

fn notice(text: &str, count: usize) -> (Notice, Worded) {
    let texts = || vec![text.to_owned(); count];
    let notice = Notice {
        title: text.to_owned(),
        summary: text.to_owned(),
        notes: texts(),
        fields: vec![Field { name: text.to_owned(), value: text.to_owned() }; count],
        causes: texts(),
        commands: vec![Command { purpose: text.to_owned(), command: text.to_owned() }; count],
        sparkline: "▁▂▃".into(),
        runbook: "https://example.com/a?b=c&d=e".into(),
        dashboard: Some("https://isobar.example.com/".into()),
        digest: texts(),
    };
    let worded = Worded { title: notice.title.clone(), body: None, problem: None };
    (notice, worded)
}

/// Every text of the blocks.
fn texts(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(object) => match (object.get("type").and_then(Value::as_str), object.get("text").and_then(Value::as_str)) {
            (Some(kind), Some(text)) => vec![(kind.to_owned(), text.to_owned())],
            _ => object.values().flat_map(texts).collect(),
        },
        _ => Vec::new(),
    }
}

#[test]
fn whatever_comes_in_stays_within_the_limits() {
    let long = ["x", "&", "<!channel>", "🛑", "word ", "`", "```", "@here ", "\u{0}", "\n"].map(|part| part.repeat(5_000));
    for (text, count) in long.iter().map(String::as_str).flat_map(|text| [(text, 1), (text, 100)]).chain([("", 0), ("", 3)]) {
        for body in [None, Some(text.to_owned())] {
            let (notice, mut worded) = notice(text, count);
            worded.body = body;
            let blocks = lay_out(&notice, &worded, &parcel(AlertEvent::Firing), true);
            let start: String = text.chars().take(12).collect();
            assert!(blocks.len() <= 50, "{start}: {} blocks", blocks.len());
            let all = texts(&Value::from(blocks.clone()));
            assert!(all.iter().map(|(_, text)| length(text)).sum::<usize>() <= ALL, "{start}: too long in all");
            for (kind, text) in &all {
                let most = if kind == "plain_text" { HEADER } else { SECTION };
                assert!((1..=most).contains(&length(text)), "{start}: {kind} of {}", length(text));
            }
            for block in &blocks {
                for field in block["fields"].as_array().into_iter().flatten() {
                    assert!(length(field["text"].as_str().expect("text")) <= FIELD);
                }
                assert!(block["fields"].as_array().is_none_or(|fields| (1..=FIELDS).contains(&fields.len())));
            }
            assert!(Value::from(blocks).to_string().contains("|Runbook>"), "{start}: the links are always there");
        }
    }
}

#[test]
fn nothing_in_the_data_pings_or_links() {
    let (notice, worded) = notice("<!channel> <@U1> @here @everyone <https://evil.example|ok> a&b `x` ``` *b*", 2);
    let blocks = lay_out(&notice, &worded, &parcel(AlertEvent::Firing), false);
    let mut links = 0;
    for block in &blocks {
        for text in block.pointer("/text").into_iter().chain(block["fields"].as_array().into_iter().flatten()) {
            let said = text["text"].as_str().expect("text");
            if text["type"] == "mrkdwn" {
                assert_eq!(text["verbatim"], true, "Slack looks for no links or mentions of its own");
                assert!(!said.contains('<') && !said.contains('>') && !said.contains("@here"), "{said}");
                assert_eq!(said.matches("```").count() % 2, 0, "no fence is left open: {said}");
            }
        }
        links += usize::from(block["type"] == "context");
    }
    assert_eq!(links, 1);
    assert!(!fallback(&["<!here> @channel"]).contains("<!here>"));
}

#[test]
fn a_cut_leaves_whole_characters_entities_and_fences() {
    for (text, most, expected) in [
        ("short", 10, "short"),
        ("exactly", 7, "exactly"),
        ("too long", 5, "too…"),
        ("🛑🛑🛑", 4, "🛑…"),
        ("ab&amp;cd", 6, "ab…"),
        ("a ```code code```", 10, "a…"),
        ("anything", 0, ""),
    ] {
        assert_eq!(cut(text, most), expected, "{text} in {most}");
    }
}

#[test]
fn the_state_is_said_in_words_whatever_the_template_says() {
    for (event, title, expected) in [
        (AlertEvent::Firing, "Call the plumber", "🛑 FIRING: Call the plumber"),
        (AlertEvent::Firing, "FIRING critical: x", "🛑 FIRING critical: x"),
        (AlertEvent::Resolved, "Dry again", "✅ RESOLVED: Dry again"),
        (AlertEvent::Acknowledged, "Plumber on his way", "👀 ACKNOWLEDGED: Plumber on his way"),
        (AlertEvent::Test, "x", "🧪 TEST: x"),
    ] {
        let (notice, _) = notice("x", 1);
        let worded = Worded { title: title.into(), body: None, problem: None };
        let blocks = lay_out(&notice, &worded, &parcel(event), false);
        assert_eq!(blocks[0]["text"]["text"], expected);
    }
}
