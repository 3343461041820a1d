//! From what another node found.

use super::*;
use crate::model::Evidence;

fn reason(severity: Severity, since: Timestamp) -> Reason {
    Reason {
        rule: Rule::PoolSaturated,
        severity,
        value: Some(0.9),
        threshold: Some(0.8),
        since,
        message: String::new(),
        evidence: Evidence::default(),
    }
}

/// As [`fullness`], from a breach that another node found; its severity.
fn resumed(severity: Severity, script: &str) -> String {
    let since = Timestamp("2026-11-23T12:00:00Z".parse().expect("a moment"));
    let found = reason(severity, since);
    let mut evaluator = Evaluator::new(Thresholds::default());
    let start = clock::now();
    evaluator.resume(start, &[found.clone(), Reason { rule: Rule::RegionBlind, ..found }]);
    letters(script.chars().enumerate().map(|(step, letter)| {
        let judged = evaluator.step(start + Duration::from_secs(step as u64), clock::wall(), &full(letter));
        assert!(judged.reasons.iter().all(|it| it.rule == Rule::PoolSaturated && it.since == since), "the same incident");
        judged
    }))
}

#[test]
fn what_another_node_found_goes_on_without_a_word_and_clears_by_the_usual_rules() {
    for (severity, script, expected, why) in [
        (Severity::High, "++++", "....", "it fires already"),
        (Severity::High, "==++", "....", "between the levels nothing clears"),
        (Severity::High, "--", ".C", "it clears after a second of calm"),
        (Severity::High, "????--", ".....C", "what is not seen clears nothing"),
        (Severity::High, "!!!!", "...S", "it rises when critical has held for three seconds"),
        (Severity::Critical, "!!!!", "....", "it is critical already"),
        (Severity::Critical, "!++", "..S", "it falls after a second below"),
    ] {
        assert_eq!(resumed(severity, script), expected, "{why}: {script}");
    }
}

#[test]
fn what_another_node_found_does_not_clear_for_want_of_a_first_reading() {
    let reason = |rule| Reason { rule, ..reason(Severity::Critical, clock::wall()) };
    let mut evaluator = Evaluator::new(Thresholds::default());
    let start = clock::now();
    evaluator.resume(start, &[reason(Rule::PoolerDown), reason(Rule::QuerySlow)]);
    let mut unread = pooler(3, 0, 0.0);
    unread.poolers[0].console = Signal::Absent;
    let fires = |evaluator: &mut Evaluator, second: u64, seen: &Seen| {
        let judged = evaluator.step(start + Duration::from_secs(second), clock::wall(), seen);
        judged.reasons.iter().map(|it| it.rule).collect::<Vec<_>>()
    };
    assert_eq!(fires(&mut evaluator, 0, &unread).len(), 2);
    assert_eq!(fires(&mut evaluator, 20, &unread).len(), 2, "nobody looked yet");
    let slow = Seen { queries: Signal::Fresh(Arc::default()), ..unread.clone() };
    fires(&mut evaluator, 21, &slow);
    assert_eq!(fires(&mut evaluator, 27, &slow), [Rule::PoolerDown], "statements were read, and are fast");
    fires(&mut evaluator, 31, &unread);
    assert!(fires(&mut evaluator, 40, &unread).is_empty(), "it is not there at all, it seems");
}
