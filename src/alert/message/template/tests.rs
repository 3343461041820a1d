use super::*;
use crate::{
    alert::message::{
        compose,
        tests::{alert, parcel},
    },
    model::{Rule, alert::AlertEvent},
};

fn notice() -> Notice {
    compose(&parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)]))
}

#[test]
fn a_channel_has_words_of_its_own() {
    let title = "[{{ fields[0].value }}] {{ title|upper }}";
    let body = "{% for it in commands %}\n{{ it.purpose }}\n{% endfor %}\n";
    let worded = Templates::new(Some(title), Some(body)).unwrap().apply(&notice());
    assert_eq!(worded.title, "[us-east-1 / marketing] FIRING CRITICAL: POOL_WAITING ON US-EAST-1/MARKETING");
    assert_eq!(worded.body.as_deref().map(|body| body.lines().count()), Some(3));
    assert_eq!(worded.problem, None);
}

#[test]
fn without_templates_the_words_are_the_default_ones() {
    let worded = Templates::new(None, None).unwrap().apply(&notice());
    assert_eq!((worded.title, worded.body, worded.problem), (notice().title, None, None));
}

#[test]
fn a_template_that_cannot_be_read_is_refused_with_its_line() {
    let table =
        [("{% if x %}\n", "title: line "), ("one\n{{ title | shout }}", "unknown filter"), ("{{ title ", "title: line 1: ")];
    for (source, expected) in table {
        let refusal = Templates::new(Some(source), None).map(|_| ()).unwrap_err();
        assert!(refusal.contains(expected), "{source:?}: {refusal}");
    }
}

#[test]
fn a_template_that_fails_leaves_the_default_words_and_says_why() {
    let table = [
        ("a\n{{ notes[0] }}", "title: line 2: "),
        ("{% if dashboard %}{{ digest[0] }}{% endif %}", "title: line 1: "),
        ("{{ notes|join }}", "came out empty"),
        ("{{ commands }}{{ commands }}", "longer than 250"),
    ];
    for (source, expected) in table {
        let worded = Templates::new(Some(source), None).unwrap().apply(&notice());
        let problem = worded.problem.unwrap_or_default();
        assert!(problem.contains(expected), "{source:?}: {problem:?}");
        assert_eq!(worded.title, notice().title);
    }
}

#[test]
fn a_title_stays_one_line() {
    let worded = Templates::new(Some("{{ title }}\r\nBcc: all@example.com"), None).unwrap().apply(&notice());
    assert!(!worded.title.contains(['\r', '\n']), "{:?}", worded.title);
}
