use super::*;
use crate::alert::{channels::Nature, desk::Way};

fn at(seconds: i64) -> Timestamp {
    Timestamp(chrono::DateTime::from_timestamp(1_795_000_000 + seconds, 0).expect("a moment"))
}

fn ways(names: &[&str]) -> Ways {
    let nature = Nature { keyed: true, edits: true, refresh: None, burst: 1, every: Duration::from_secs(1) };
    names.iter().map(|name| ((*name).to_owned(), Way { nature, recipients: Vec::new() })).collect()
}

fn policy(severity: Severity, steps: &[(u64, &str)], remind: Option<u64>) -> Policy {
    let step = |(after, channels): &(u64, &str)| PolicyStep {
        after: Duration::from_secs(*after),
        channels: channels.split(' ').map(Into::into).collect(),
    };
    let remind_every = remind.map(Duration::from_secs);
    Policy { severity, steps: steps.iter().map(step).collect(), remind_every, ack_expires: None }
}

fn escalation(policies: Vec<Policy>, severity: Severity) -> Escalation {
    let (started, reminded) = (Some(at(0)), None);
    Escalation { policies, started, severity, taken: 0, round: 0, reminded, reminders: 0 }
}

#[test]
fn without_policies_everybody_is_told_at_once_of_everything() {
    let frozen = freeze(&[], &ways(&["chat", "mail"]));
    assert_eq!(frozen, [policy(Severity::Low, &[(0, "chat mail")], None)]);
}

#[test]
fn the_policy_is_the_one_with_the_highest_severity_that_is_not_above() {
    let configured = [policy(Severity::Critical, &[(0, "b")], None), policy(Severity::Medium, &[(9, "z"), (0, "a")], None)];
    let frozen = freeze(&configured, &Ways::new());
    assert_eq!(frozen[0].steps[0].channels, ["a"], "steps are in the order of their delays");
    for (severity, expected) in [
        (Severity::Low, None),
        (Severity::Medium, Some(Severity::Medium)),
        (Severity::High, Some(Severity::Medium)),
        (Severity::Critical, Some(Severity::Critical)),
    ] {
        let escalation = escalation(frozen.clone(), severity);
        assert_eq!(escalation.policy().map(|policy| policy.severity), expected, "{severity:?}");
    }
}

#[test]
fn a_rise_starts_another_policy_and_a_fall_leaves_it() {
    let policies = vec![policy(Severity::Low, &[(0, "a"), (60, "b")], None), policy(Severity::Critical, &[(0, "c")], None)];
    let mut escalation = escalation(policies, Severity::Medium);
    escalation.taken = 2;
    assert!(!escalation.rise(at(10), Severity::High), "the same policy");
    assert_eq!(escalation.taken, 2);
    assert!(escalation.rise(at(20), Severity::Critical));
    assert_eq!((escalation.taken, escalation.started, escalation.level(0)), (0, Some(at(20)), "critical-r0s1".to_owned()));
    assert!(!escalation.rise(at(30), Severity::Medium));
    assert_eq!(escalation.severity, Severity::Critical);
}

#[test]
fn what_is_due_is_due_once_and_nothing_was_due_while_it_was_held_back() {
    let mut escalation = escalation(vec![policy(Severity::Low, &[(0, "a"), (60, "b"), (90, "c")], Some(100))], Severity::High);
    let step = |index, due| Move::Step { index, due: at(due) };
    assert_eq!(escalation.due(at(0), None), [step(0, 0)]);
    (escalation.taken, escalation.reminded) = (1, Some(at(0)));
    assert_eq!((escalation.due(at(59), None), escalation.next()), (vec![], Some(at(60))));
    assert_eq!(escalation.due(at(95), None), [step(1, 60), step(2, 90)]);
    assert_eq!(escalation.due(at(95), Some(at(70))), [step(1, 70), step(2, 90)]);
    (escalation.taken, escalation.reminded) = (3, Some(at(95)));
    assert_eq!((escalation.due(at(194), None), escalation.next()), (vec![], Some(at(195))));
    assert_eq!(escalation.due(at(200), None), [Move::Remind { due: at(195) }]);
    escalation.started = None;
    assert_eq!((escalation.due(at(500), None), escalation.next()), (vec![], None));
}

#[test]
fn a_step_is_late_beyond_five_seconds() {
    for (due, decided, late) in [(0, 0, None), (0, 5, None), (0, 6, Some(6)), (5, 0, None)] {
        assert_eq!(lateness(at(due), at(decided)).map(|late| late.as_secs()), late, "{due} {decided}");
    }
}

#[test]
fn instead_of_a_channel_the_next_of_the_policy_is_told_else_any_other() {
    let escalation = escalation(vec![policy(Severity::Low, &[(0, "a b"), (60, "c gone")], None)], Severity::High);
    for (failing, told, broken, expected) in [
        ("a", "a", "", Some("b")),
        ("b", "a b", "", Some("c")),
        ("c", "c", "", Some("a")),
        ("a", "a b c", "", Some("other")),
        ("a", "a", "b", Some("c")),
        ("other", "other", "", Some("a")),
        ("a", "a b c other", "", None),
    ] {
        let known = told.split(' ').map(|name| (name.to_owned(), Severity::High)).collect();
        let instead = escalation.instead(failing, &known, |name| name != broken, &ways(&["a", "b", "c", "other"]));
        assert_eq!(instead.as_deref(), expected, "{failing} fails, {told} know, {broken} is broken");
    }
}
