use super::*;
use crate::{
    alert::message::tests::{alert, assert_golden, at, parcel},
    model::{
        Rule,
        alert::{Alert, AlertState},
    },
};

fn letter_with(parcel: &Parcel, title: Option<&str>, body: Option<&str>) -> String {
    let from = "Isobar <isobar@example.com>".parse().unwrap();
    let templates = Templates::new(title, body).unwrap();
    let letter = write(parcel, &from, &["ada@example.com".into(), "bob@example.com".into()], &templates).unwrap();
    String::from_utf8(letter.message.formatted()).unwrap()
}

fn letter(parcel: &Parcel) -> String {
    letter_with(parcel, None, None)
}

fn header<'a>(letter: &'a str, name: &str) -> Option<&'a str> {
    letter.split("\r\n\r\n").next()?.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_first_mail_begins_a_thread_and_later_ones_belong_to_it() {
    let mut parcel = parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)]);
    let first = letter(&parcel);
    let id = format!("<{}@example.com>", parcel.key);
    assert_eq!(header(&first, "Message-ID"), Some(id.as_str()));
    assert_eq!(header(&first, "References"), None);
    parcel.key = "0123456789abcdef0123456789abcdef".into();
    parcel.order.event = AlertEvent::Reminder;
    parcel.reference = Some(id.clone());
    let later = letter(&parcel);
    for name in ["In-Reply-To", "References"] {
        assert_eq!(header(&later, name), Some(id.as_str()));
    }
    assert_ne!(header(&later, "Message-ID"), Some(id.as_str()));
    let plain = |letter: &str| header(letter, "Subject").unwrap().split_once("] ").unwrap().1.to_owned();
    assert_eq!(plain(&first), plain(&later));
}

#[test]
fn machines_are_told_that_no_person_wrote_it_and_how_urgent_it_is() {
    let table = [
        (AlertEvent::Firing, Severity::Critical, Some("1 (Highest)")),
        (AlertEvent::Firing, Severity::High, None),
        (AlertEvent::Resolved, Severity::Critical, None),
        (AlertEvent::Test, Severity::Critical, None),
    ];
    for (event, severity, priority) in table {
        let mut parcel = parcel(event, vec![alert(Rule::DatabaseDown)]);
        parcel.order.severity = severity;
        let letter = letter(&parcel);
        assert_eq!(header(&letter, "X-Priority"), priority, "{event:?} {severity:?}");
        assert_eq!(header(&letter, "Auto-Submitted"), Some("auto-generated"));
        assert_eq!(header(&letter, "Date"), Some("Mon, 23 Nov 2026 08:46:30 +0000"));
    }
}

#[test]
fn each_recipient_gets_a_mail_of_their_own() {
    let letter = letter(&parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)]));
    assert_eq!(header(&letter, "To"), Some("ada@example.com"));
    assert!(!letter.contains("bob@example.com"));
}

#[test]
fn names_make_no_headers_and_no_markup() {
    let evil: Alert = Alert {
        target: Some("x\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>".into()),
        message: "<img src=x onerror=\"alert('1')\"> \u{202e}& more".into(),
        dashboard: Some("javascript:alert(1)".into()),
        ..alert(Rule::PoolWaiting)
    };
    let mut parcel = parcel(AlertEvent::Firing, vec![evil]);
    parcel.reference = Some("<a@b>\r\nBcc: all@example.com".into());
    let letter = letter(&parcel);
    assert_eq!((header(&letter, "Bcc"), header(&letter, "References")), (None, None));
    assert!(header(&letter, "Subject").is_some_and(|subject| subject.contains("Bcc: all@example.com")), "{letter}");
    let html = html::lay_out(&message::compose(&parcel), html::tone(&parcel), None);
    for raw in ["<script", "<img", "onerror=\"", "\u{202e}", "javascript:"] {
        assert!(!html.contains(raw), "{raw} in {html}");
    }
    assert!(html.contains("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; \u{fffd}&amp; more"), "{html}");
}

#[test]
fn a_channel_s_own_text_stands_in_both_parts() {
    let parcel = parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)]);
    let letter = letter_with(&parcel, Some("PAGE {{ title }}"), Some("<b>{{ summary }}</b>"));
    assert!(header(&letter, "Subject").unwrap().starts_with("PAGE FIRING"), "{letter}");
    assert!(letter.contains("<b>12 clients") && letter.contains("&lt;b&gt;12 clients"), "{letter}");
    assert!(!letter.contains("image/png"));
}

#[test]
fn a_template_that_fails_later_is_named_in_the_mail_that_goes_out_without_it() {
    let parcel = parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)]);
    let letter = letter_with(&parcel, Some("PAGE {{ title }}"), Some("{{ digest[0] }}"));
    assert!(header(&letter, "Subject").unwrap().starts_with("PAGE FIRING"), "{letter}");
    assert!(letter.contains("NOTE: This channel's own words were passed over: body: line 1: "), "{letter}");
    assert!(letter.contains("\r\nPAGE FIRING critical: pool_waiting"), "{letter}");
}

#[test]
fn the_pages_are_the_golden_ones() {
    let mut over = alert(Rule::DatabaseDown);
    (over.state, over.resolved, over.resolved_at) = (AlertState::Resolved, true, Some(at(180)));
    let table = [
        ("firing", parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)])),
        ("resolved", parcel(AlertEvent::Resolved, vec![over])),
        ("digest", parcel(AlertEvent::Digest, Rule::ALL.iter().map(|rule| alert(*rule)).collect())),
    ];
    for (name, parcel) in table {
        let notice = message::compose(&parcel);
        let picture = chart::draw(&parcel.order.alerts[0]).filter(|_| name == "firing");
        assert_golden(&format!("email/{name}.html"), &page(&parcel, &notice, None, picture.as_ref()));
        assert_golden(&format!("email/{name}.txt"), &text::lay_out(&notice));
    }
}
