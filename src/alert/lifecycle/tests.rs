use super::*;
use crate::model::{Evidence, Rule, Severity};

fn at(seconds: i64) -> Timestamp {
    Timestamp(chrono::DateTime::from_timestamp(1_795_000_000 + seconds, 0).expect("a moment"))
}

fn now(seconds: i64) -> Now {
    Now { steady: at(seconds), wall: at(seconds) }
}

fn reason(severity: Severity) -> Reason {
    let message = "nearly full".to_owned();
    let (value, threshold, evidence) = (Some(0.912_34), Some(0.8), Evidence::default());
    Reason { rule: Rule::PoolSaturated, severity, value, threshold, since: at(0), message, evidence }
}

fn incident() -> Incident {
    let subject = Subject { region: "us".into(), target: Some("app".into()), rule: Rule::PoolSaturated, scope: String::new() };
    Incident::begin("id".to_owned(), subject, reason(Severity::High), now(0))
}

#[test]
fn each_flap_and_each_earlier_episode_doubles_the_hold_up_to_five_minutes() {
    for (base, flaps, episodes, expected) in [
        (15, 0, 0, 15),
        (15, 1, 0, 30),
        (15, 0, 1, 30),
        (15, 1, 1, 60),
        (15, 4, 0, 240),
        (15, 5, 0, 300),
        (15, u32::MAX, u32::MAX, 300),
        (600, 0, 0, 600),
        (600, 3, 0, 600),
    ] {
        let seconds = Duration::from_secs;
        assert_eq!(hold(seconds(base), flaps, episodes), seconds(expected), "{base} {flaps} {episodes}");
    }
}

/// Each letter is five seconds: `+` in breach, `-` seen clear, `?` dark. How long it was clear by the end, and how often it flapped.
#[test]
fn it_recovers_only_by_what_is_seen() {
    for (script, clear_for, flaps) in [
        ("+", None, 0),
        ("+-", Some(0), 0),
        ("+---", Some(10), 0),
        ("+-?-", Some(0), 0),
        ("+--??--", Some(5), 0),
        ("+--+", None, 1),
        ("+--+-", Some(0), 1),
        ("+-?+", None, 1),
        ("+-+-+-+", None, 3),
    ] {
        let mut incident = incident();
        incident.fire(now(0), Vec::new());
        let mut clear = None;
        for (step, letter) in (0..).zip(script.chars()) {
            let now = now(step * 5);
            match letter {
                '-' => clear = Some(incident.clear(now, Duration::from_secs(15)).as_secs()),
                '?' => incident.darken(now),
                _ if incident.in_breach() => {}
                _ => {
                    incident.flap(now);
                    clear = None;
                }
            }
        }
        assert_eq!((clear, incident.flaps), (clear_for, flaps), "{script}");
    }
}

#[test]
fn the_breach_began_when_the_first_one_did_and_the_worst_is_kept() {
    let mut incident = incident();
    incident.fire(now(0), Vec::new());
    let later = |severity, seconds| Reason { since: at(seconds), ..reason(severity) };
    assert!(incident.renew(now(10), &later(Severity::Critical, 10)));
    assert!(!incident.renew(now(11), &later(Severity::Critical, 11)));
    assert!(incident.renew(now(20), &later(Severity::Medium, 20)));
    assert_eq!((incident.reason.since, incident.reason.severity, incident.worst), (at(0), Severity::Medium, Severity::Critical));
    let texts: Vec<_> = incident.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(texts[0], "pool_saturated: nearly full (value 0.912, threshold 0.8)");
    assert_eq!(texts[2], "severity rose from high to critical: nearly full (value 0.912, threshold 0.8)");
}

#[test]
fn of_many_steps_the_first_and_the_newest_are_kept() {
    let mut incident = incident();
    for number in 0..1_000 {
        incident.record(at(number), "step", number.to_string());
    }
    let texts: Vec<_> = incident.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(texts.len(), MOST_STEPS);
    assert_eq!((texts[1], texts[49], texts[50], texts[199]), ("0", "48", "850", "999"));
}
